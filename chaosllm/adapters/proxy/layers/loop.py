"""The event loop of the proxy: uvloop where it is installed, asyncio's own elsewhere (Windows)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

try:
    import uvloop
except ImportError:  # there is none for Windows
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:

    class _Loop(uvloop.Loop):
        """uvloop that takes the eager task factory, which mitmproxy sets.

        uvloop 0.23 hands `eager_start` to every factory, and that of Python 3.12 and 3.13.0 does not know it.
        """

        def set_task_factory(self, factory: Any) -> None:
            """Set a factory; None is the default one."""
            super().set_task_factory(factory and _without_eager_start(factory))

    def _without_eager_start(factory: Any) -> Any:
        def make(loop: asyncio.AbstractEventLoop, work: Any, **named: Any) -> Any:
            named.pop("eager_start", None)
            return factory(loop, work, **named)

        return make

    new_loop = _Loop

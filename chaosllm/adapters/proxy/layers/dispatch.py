# mypy: untyped-calls-exclude=mitmproxy
"""Runs HTTP hooks at once: their handlers are looked up once, not for each call and each addon."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy.addonmanager import AddonManager, traverse
from mitmproxy.exceptions import AddonHalt
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.commands import StartHook

#: mitmproxy's own logger, because a handler that breaks is reported like any crash of the proxy.
_log = logging.getLogger("mitmproxy.addonmanager")

type Handler = Callable[[HTTPFlow], Awaitable[object] | None]


class Dispatch:
    """The addons' handlers of HTTP hooks. No addon may be added once the first hook has run.

    Left out of what mitmproxy does: `update` hooks and waiting for a resume, which serve its user interfaces.
    """

    def __init__(self, addons: AddonManager) -> None:
        self._addons = addons
        self._handlers: dict[str, tuple[Handler, ...]] = {}

    def run(self, hook: StartHook) -> Awaitable[object] | None:
        """Run a hook's handlers in order; what is left to wait for, None when nothing is."""
        handlers = self._handlers.get(hook.name)
        if handlers is None:
            handlers = self._handlers[hook.name] = self._of(hook.name)
        flow: HTTPFlow = hook.flow  # type: ignore[attr-defined]  # every HTTP hook is about one
        for at, handler in enumerate(handlers):
            try:
                waiting = handler(flow)
            except AddonHalt:
                return None
            except Exception:  # as mitmproxy does: the flow goes on
                _log.exception("Addon error")
                continue
            if waiting is not None:
                return _rest(waiting, handlers[at + 1 :], flow)
        return None

    def _of(self, name: str) -> tuple[Handler, ...]:
        found: list[Any] = [getattr(addon, name, None) for addon in traverse(self._addons.chain)]
        return tuple(handler for handler in found if callable(handler))


async def _rest(waiting: Awaitable[object] | None, handlers: tuple[Handler, ...], flow: HTTPFlow) -> None:
    """Wait, then go on with the handlers that are left."""
    for handler in (None, *handlers):
        try:
            if handler is not None:
                waiting = handler(flow)
            if waiting is not None:
                await waiting
        except AddonHalt:
            return
        except Exception:  # as mitmproxy does
            _log.exception("Addon error")

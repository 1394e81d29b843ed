"""The simulator served in a thread, at full speed unless a test asks for a pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from chaosllm.registry import member, members
from chaosllm.simulator.app import Simulator
from chaosllm.simulator.profile import Profile
from chaosllm.simulator.serve import Ready, listen_for, share_out

AT_ONCE = Profile(first_token=0.0, tokens=None)


@contextmanager
def simulators(*names: str, **options: Any) -> Iterator[Ready]:
    """The addresses of these providers (of all, without names) while the context lasts."""
    providers = {name: member("providers", name) for name in names or members("providers")}
    app = Simulator(providers, **{"seed": 7, "profile": AT_ONCE, **options})
    listeners = listen_for(app.providers, "127.0.0.1", 0)
    ready = share_out(app, listeners)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=(listeners,), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    try:
        yield ready
    finally:
        server.should_exit = server.force_exit = True


@contextmanager
def simulator(**options: Any) -> Iterator[str]:
    """The URL that all providers share, while the context lasts; `options` are those of Simulator."""
    with simulators(**options) as ready:
        yield ready.url

"""The proxy as a child process: JSON lines with the supervisor over stdio; exits 3 when it cannot start.

Laws:
1. End of file on stdin means that the supervisor is gone: inject nothing more, stop, exit.
2. SIGINT is the supervisor's to answer; SIGTERM stops like `{"do": "stop"}`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from chaosllm.adapters.handover import unpack
from chaosllm.adapters.proxy.lean import without_defaults
from chaosllm.adapters.proxy.workers.control import Message, listen, receive, say
from chaosllm.errors import ChaosError, Exit
from chaosllm.registry import members

without_defaults()
try:
    from chaosllm.adapters.proxy.layers.loop import new_loop
    from chaosllm.adapters.proxy.lifecycle import Proxy, Redis, Settings, Share
    from chaosllm.adapters.proxy.workers.gathering import Place
except (ImportError, AttributeError) as gone:  # a name of mitmproxy's that `contract` cannot even ask for
    say({"type": "error", "what": f"the proxy cannot be loaded: {gone}", "hint": "install it anew: make install"})
    raise SystemExit(Exit.COULD_NOT_RUN) from gone


def build(config: Message) -> Proxy:
    """The proxy that a config asks for. Raises ChaosError, and KeyError, TypeError or ValueError for a bad config."""
    scenario = unpack(config["packed"])
    folder, share, meeting = config.get("folder"), config.get("share"), config.get("redis")
    settings = Settings(
        upstreams=dict(config["upstreams"]),
        confdir=Path(config["confdir"]),
        folder=Path(folder) if folder else None,
        key=bytes.fromhex(config["key"]),
        phase=config.get("phase"),
        ca={name: Path(file) for name, file in (config.get("ca") or {}).items() if file},
        port=int(config.get("port") or 0),
        host=config.get("host") or "127.0.0.1",
        keep=bool(config.get("keep")),
        calibration=config.get("calibration") or "",
        reference=bool(config.get("reference")),
        ports=tuple(config.get("ports") or ()),
        share=Share(Path(share["journal"]), tuple(share["ports"])) if share else None,
        redis=Redis(meeting["url"], Place(**meeting["place"])) if meeting else None,
    )
    return Proxy(scenario, dict(members("providers")), settings, report=say)


#: Seconds without a call after which a proxy that nobody watches over goes.
QUIET = 2.0


class Control:
    """Carries the supervisor's commands out."""

    def __init__(self, proxy: Proxy, lease: float = 0.0) -> None:
        """`lease`: seconds of silence after which nobody is taken to watch over the run; 0 for no such end."""
        self._proxy = proxy
        self._lease = lease
        self._heard = time.monotonic()
        self._leaving: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.over = asyncio.Event()

    def take(self, command: Message) -> None:
        """One command; raises KeyError, TypeError or ValueError for what is none."""
        self._heard = time.monotonic()
        match command["do"]:
            case "start":
                self._proxy.begin(float(command["t0"]))
            case "status":
                self._proxy.ledger.flush()  # so that what is counted can also be read
                say(self._proxy.ledger.status())
            case "steer":
                self._proxy.steer(command["steering"])
                say({"type": "steered", "version": command["version"]})
            case "clean":
                self._proxy.clean(let_go=not command.get("keep"))
                say({"type": "cleaned"})
            case "seal":
                self._proxy.ledger.seal()
                say({"type": "vitals", **self._proxy.ledger.vitals.to_json()})
                say({"type": "sealed", "status": self._proxy.ledger.status()})
            case "yield":
                self._later(self._yield())
            case "take":
                self._later(self._take())
            case "beat":
                pass  # that it came is all it says
            case "leave":
                self.abandoned()
            case "stop":
                self.over.set()
            case other:
                logging.getLogger(__name__).warning("unknown command %r", other)

    async def _yield(self) -> None:
        cut, stayed = 0, False
        try:
            cut = await self._proxy.give_way()
        except Exception as error:  # who waits for it must not wait for ever, nor take the ports for its own
            stayed = True
            self._proxy.ledger.failure(f"the ports could not be left: {type(error).__name__}")
        say({"type": "yielded", "cut": cut, "stayed": stayed})

    async def _take(self) -> None:
        try:
            await self._proxy.take()
        except OSError as error:
            say({"type": "failure", "what": f"the ports cannot be listened on again: {error.strerror}"})
        else:
            say({"type": "taken"})

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self._tasks.discard)

    async def guard(self) -> None:
        """End injection once the supervisor, which lives, was silent for the lease: it may be frozen, or starved.

        Before the run's start nothing is injected, and nobody has anything to say while an app takes its time to start.
        Time in which this process was held up itself is no silence: what was said then lies unread.
        """
        while self._lease:
            asleep = time.monotonic()
            await asyncio.sleep(self._lease / 10)
            now = time.monotonic()
            held_up = max(0.0, now - asleep - self._lease / 5)
            self._heard = min(now, self._heard + held_up)  # a beat that was read in time is as new as can be
            if self._proxy.clock.t0 is None:  # until the run begins nobody beats: a slow app may take a minute to start
                self._heard = time.monotonic()
            if time.monotonic() - self._heard > self._lease:
                self._proxy.clean()
                say({"type": "lapsed", "seconds": self._lease})
                return

    def abandoned(self) -> None:
        """The supervisor is gone."""
        self._proxy.clean()
        self._leaving = asyncio.ensure_future(self._leave())

    async def _leave(self) -> None:
        """Pass on what still comes, clean, and go once nothing does: else our death would cost an app its provider."""
        while self._proxy.ledger.quiet < QUIET:  # noqa: ASYNC110  # the absence of calls is no event
            await asyncio.sleep(QUIET / 10)
        self.over.set()


def collect_rarely() -> None:
    """Look for garbage in steps too short to hold a paced event up.

    What is there now is never looked at again. The youngest are looked at by two thousand, which takes half a
    millisecond; twenty thousand at once took six, while which every stream waited. What outlives that is mostly
    connections, which end by themselves, so it is looked at rarely: a call leaves few cycles.
    """
    gc.freeze()
    gc.set_threshold(2_000, 200, 50)


async def serve(config: Message, pending: bytes) -> int:
    """Run until told to stop; the exit code."""
    try:
        proxy = build(config)
        control = Control(proxy, float(config.get("lease") or 0.0))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, control.over.set)
        listen(pending, control.take, control.abandoned)
        try:
            ready = await proxy.start()
            collect_rarely()
            say(ready)
            guarding = asyncio.create_task(control.guard())
            await control.over.wait()
            guarding.cancel()
        finally:
            await proxy.stop()
        say({"type": "vitals", **proxy.ledger.vitals.to_json()})
    except ChaosError as error:
        say({"type": "error", "what": error.what, "hint": error.hint})
        return Exit.COULD_NOT_RUN
    except (KeyError, TypeError, ValueError) as error:
        say({"type": "error", "what": f"the proxy's config cannot be used: {error!r}", "hint": ""})
        return Exit.COULD_NOT_RUN
    say({"type": "stopped"})
    return Exit.PASS


def main() -> int:
    """Read the config, then serve; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # What mitmproxy logs may quote traffic, its tracebacks too; what matters is counted as a failure.
    quiet = logging.getLogger("mitmproxy")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())  # else Python prints what no handler takes
    try:
        config, pending = receive()
    except ValueError:
        say({"type": "error", "what": "the proxy's config is no JSON", "hint": ""})
        return Exit.COULD_NOT_RUN
    return asyncio.run(serve(config, pending), loop_factory=None if config.get("reference") else new_loop)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Not sys.exit: everything is closed and written, and Python's own end crashed now and then (signal
    # 11 in the garbage collector, 1 in 8 with a TLS upstream) in a thread without a Python frame.
    os._exit(code)

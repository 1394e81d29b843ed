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
from pathlib import Path

from chaosllm.adapters.handover import unpack
from chaosllm.adapters.proxy.lean import without_defaults
from chaosllm.adapters.proxy.workers.control import Message, listen, receive, say
from chaosllm.errors import ChaosError, Exit
from chaosllm.registry import members
from chaosllm.scenario import Scenario

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
    scenario = unpack(config["packed"]) if "packed" in config else _read(config)
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
        share=Share(Path(share["journal"]), tuple(share["ports"])) if share else None,
        redis=Redis(meeting["url"], Place(**meeting["place"])) if meeting else None,
    )
    return Proxy(scenario, dict(members("providers")), settings, report=say)


def _read(config: Message) -> Scenario:
    """The scenario of a file, for those who start the proxy by hand."""
    from chaosllm.adapters.scenario_file import loader  # noqa: PLC0415  # late, because reading loads pydantic
    from chaosllm.reader import read  # noqa: PLC0415  # as above

    path = Path(config["scenario"])
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ChaosError(f"{path} cannot be read: {error.strerror}") from error
    base = Path(config.get("base") or path.parent)
    return read(text, file=str(path), load=loader(base)).unwrap()


class Control:
    """Carries the supervisor's commands out."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.over = asyncio.Event()

    def take(self, command: Message) -> None:
        """One command; raises KeyError, TypeError or ValueError for what is none."""
        match command["do"]:
            case "start":
                self._proxy.begin(float(command["t0"]))
            case "status":
                self._proxy.ledger.flush()  # so that what is counted can also be read
                say(self._proxy.ledger.status())
            case "clean":
                self._proxy.clean()
            case "stop":
                self.over.set()
            case other:
                logging.getLogger(__name__).warning("unknown command %r", other)

    def abandoned(self) -> None:
        """The supervisor is gone."""
        self._proxy.clean()
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
        control = Control(proxy)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, control.over.set)
        listen(pending, control.take, control.abandoned)
        try:
            ready = await proxy.start()
            collect_rarely()
            say(ready)
            await control.over.wait()
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

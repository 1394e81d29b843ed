"""The simulator as a child process: a config line on stdin, a ready line on stdout, ends soon after its stdin."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from chaosllm.errors import ChaosError, Exit
from chaosllm.registry import member, members
from chaosllm.simulator.app import Simulator
from chaosllm.simulator.profile import Profile
from chaosllm.simulator.serve import Ready, listen_for, serve
from chaosllm.units import parse_share
from chaosllm.vitals import Vitals

#: Seconds without a request after which a simulator that nobody watches over goes: longer than the proxy before it,
#: which stays for as long as an app calls through it.
QUIET = 3.0


def build(line: bytes) -> tuple[Simulator, list[socket.socket]]:
    """The simulator that a config line asks for, and its bound sockets; ChaosError when it cannot be had."""
    try:
        config = json.loads(line)
        given = config.get("fail", 0.0)
        fail = parse_share(given) if isinstance(given, str) else float(given)
        if not 0 <= fail <= 1:
            raise ValueError(f"fail: found {given!r}, expected a share of at most 1")
        profile = Profile.read(config.get("latency") or {})
        seed, host, port = int(config.get("seed", 0)), str(config.get("host", "127.0.0.1")), int(config.get("port", 0))
        names = [str(name) for name in config.get("providers") or members("providers")]
        compress = bool(config.get("compress"))
    except (ValueError, TypeError, AttributeError) as error:
        raise ChaosError(f"The simulator's config cannot be used: {error}") from error
    providers = {name: member("providers", name) for name in names}
    simulator = Simulator(providers, seed=seed, profile=profile, fail=fail, compress=compress)
    return simulator, listen_for(simulator.providers, host, port)


def main() -> int:
    """Run; the exit code."""
    try:
        simulator, listeners = build(_first_line())
    except ChaosError as error:
        _say({"type": "error", "what": error.what, "hint": error.hint})
        return Exit.COULD_NOT_RUN
    vitals = Vitals(time.monotonic, time.process_time)

    def started(stop: Callable[[], None]) -> None:
        vitals.run(asyncio.get_running_loop().call_later)
        _watch_stdin(simulator, stop)

    serve(simulator, listeners, ready=_ready, started=started)
    _say({"type": "vitals", **vitals.to_json()})
    return Exit.PASS


def _ready(ready: Ready) -> None:
    _say({"type": "ready", "url": ready.url, "origins": ready.origins})


def _first_line() -> bytes:
    """The config line, read without a buffer, so that the watch can go on with the same descriptor."""
    line = b""
    while not line.endswith(b"\n") and (more := os.read(0, 1)):
        line += more
    return line


def _watch_stdin(simulator: Simulator, stop: Callable[[], None]) -> None:
    """Call `stop` on the command `stop`, or once nobody asks after end of file; in a thread: stdin may be any file."""

    def watch() -> None:
        pending = b""
        while data := os.read(0, 65536):
            *lines, pending = (pending + data).split(b"\n")
            if any(b'"stop"' in line for line in lines):
                break
        else:
            _until_quiet(simulator)
        stop()

    threading.Thread(target=watch, daemon=True).start()


def _until_quiet(simulator: Simulator) -> None:
    """The supervisor is gone: return once nothing was asked for QUIET seconds, and nothing is being answered."""
    came, since = simulator.came, time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(QUIET / 20)
        if simulator.open or simulator.came != came:
            came, since = simulator.came, time.monotonic()


def _say(message: dict[str, Any]) -> None:
    # The supervisor may be gone already; then end of file on stdin ends us too.
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(Exit.COULD_NOT_RUN)


if __name__ == "__main__":
    sys.exit(main())

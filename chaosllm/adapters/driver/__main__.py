"""The driver process: JSON lines with the supervisor over stdio, load through Locust; exits 3 when it cannot start.

Laws:
1. End of file on stdin means that the supervisor is gone: stop at once.
2. SIGINT is the supervisor's to answer; SIGTERM stops like `{"do": "stop"}`.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, process_time
from typing import Any

# Locust patches sockets and threads when it is imported, so it comes before anything that uses them.
import locust  # isort: skip
import gevent
from gevent.event import Event
from gevent.os import make_nonblocking, nb_read
from locust.env import Environment

from chaosllm.adapters.driver.closed import ClosedLoop
from chaosllm.adapters.driver.control import Controls
from chaosllm.adapters.driver.dispatcher import Dispatcher
from chaosllm.adapters.driver.user import OpenLoopUser, build
from chaosllm.adapters.handover import unpack
from chaosllm.adapters.processor import waiting
from chaosllm.errors import ChaosError, Exit
from chaosllm.vitals import Vitals

_STDIN = 0
_STDOUT = os.dup(1)  # ours alone: a locustfile may print, and what it prints is no message
_PROGRESS = 1.0  # seconds between progress messages and flushes


def say(kind: str, **content: Any) -> None:
    """Writes one message; a supervisor that is gone is passed over, end of file on stdin tells."""
    with suppress(BrokenPipeError):
        os.write(_STDOUT, json.dumps({"type": kind, **content}).encode() + b"\n")  # under PIPE_BUF: never torn


def lines() -> Iterator[dict[str, Any]]:
    """Objects that the supervisor sends, until end of file; what is no JSON object is passed over."""
    make_nonblocking(_STDIN)
    pending = b""
    while data := nb_read(_STDIN, 65536):
        *whole, pending = (pending + data).split(b"\n")
        for line in whole:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                yield message


class Users(OpenLoopUser):
    """All users of the scenario's app."""


class OpenLoop:
    """A dispatcher under Locust."""

    def __init__(self, dispatcher: Dispatcher, target: str) -> None:
        self.load = dispatcher
        self._environment = Environment(user_classes=[Users], host=target)
        self._runner = self._environment.create_local_runner()
        Users.dispatcher = dispatcher

    def begin(self, t0: float, over: Callable[[], None]) -> None:
        """Starts the load; `over` is called at its end."""
        Users.t0, Users.over = t0, staticmethod(over)
        self._runner.start(1, spawn_rate=1)

    def quit(self) -> None:
        """Ends what is left of Locust."""
        self._runner.quit()


class Session:
    """One run: commands in, messages out."""

    def __init__(self, loop: OpenLoop | ClosedLoop, controls: Controls) -> None:
        self._loop = loop
        self._controls = controls
        self._load = loop.load
        self._t0: float | None = None
        self._over = Event()
        self._vitals = Vitals(monotonic, process_time, waiting())

    def run(self, commands: Iterator[dict[str, Any]]) -> int:
        """Runs until the load is over or somebody ends it; the exit code."""
        gevent.signal_handler(signal.SIGTERM, self._stop)
        listening = gevent.spawn(self._listen, commands)
        ticking = gevent.spawn(self._tick)
        self._vitals.run(gevent.spawn_later)
        self._over.wait()
        gevent.killall([listening, ticking])
        self._vitals.stop()
        self._loop.quit()
        try:
            self._load.close()
            self._controls.close()
        except OSError as error:
            say("failure", what=f"samples could not be written: {error.strerror}")
        say("vitals", **self._vitals.to_json())
        say("done", **self._load.totals())
        return Exit.PASS

    def _listen(self, commands: Iterator[dict[str, Any]]) -> None:
        for command in commands:
            match command.get("do"):
                case "start" if self._t0 is None and isinstance(command.get("t0"), int | float):
                    self._start(float(command["t0"]))
                case "preflight":
                    gevent.spawn(self._preflight, int(command.get("place", 0)))
                case "enough" if isinstance(self._load, ClosedLoop):
                    self._load.enough()
                case "status":
                    self._progress()
                case "retime":
                    self._retime(command)
                case "finish":
                    self._controls.ask_until(0.0)
                    self._load.finish()
                case "stop":
                    break
                case _:
                    say("failure", what=f"the driver does not know the command {command.get('do')!r}")
        self._stop()

    def _start(self, t0: float) -> None:
        self._t0 = t0
        self._vitals.start(t0)
        gevent.spawn(self._controls.run, t0)
        self._loop.begin(t0, self._over.set)

    def _retime(self, command: dict[str, Any]) -> None:
        """Let phases last as long as a live command says."""
        try:
            self._load.retime([float(one) for one in command["durations"]])
        except (KeyError, TypeError, ValueError) as error:
            say("failure", what=f"the driver cannot let phases last so long: {error}")
            return
        self._controls.ask_until(sum(float(one) for one in command["durations"]))
        say("retimed", version=command.get("version"))

    def _stop(self) -> None:
        self._load.stop()
        self._over.set()

    def _preflight(self, place: int) -> None:
        try:
            say("preflight", **self._load.preflight(place))
        except Exception as error:  # ours: the supervisor waits for this answer and must get one
            say("preflight", outcome="error", status=0, error=f"{type(error).__name__} in the driver itself",
                answer_found=False, json_keys=[], seconds=0.0)  # fmt: skip

    def _tick(self) -> None:
        while True:
            gevent.sleep(_PROGRESS)
            try:
                self._load.flush()
                self._controls.flush()
            except OSError as error:
                say("failure", what=f"samples cannot be written: {error.strerror}")
            if self._t0 is not None:
                self._progress()

    def _progress(self) -> None:
        t = monotonic() - (self._t0 if self._t0 is not None else monotonic())
        say("progress", **self._load.progress(t), **self._vitals.newest)


def main() -> int:
    """Reads the config, builds the load, says ready, serves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    commands = lines()
    config = next(commands, None)
    if config is None:
        return Exit.PASS  # the supervisor ended before it began
    try:
        base = Path(config["base"])
        folder = Path(config["folder"]) if config.get("folder") else None
        scenario = unpack(config["packed"])
        given: dict[str, Any] = {
            "base": base, "target": config.get("target") or scenario.target.url, "key": bytes.fromhex(config["key"]),
            "folder": folder, "failed": lambda what: say("failure", what=what),
        }  # fmt: skip
        loop: OpenLoop | ClosedLoop
        if scenario.load.closed:
            loop = ClosedLoop(scenario, **given)
        else:
            loop = OpenLoop(build(scenario, **given), given["target"])
        controls = Controls(
            scenario.target.control, given["target"], seconds=scenario.duration, deadline=scenario.target.timeout,
            folder=folder, failed=given["failed"],
        )  # fmt: skip
    except ChaosError as error:
        say("error", what=error.what, hint=error.hint, blame=error.blame)
        return Exit.COULD_NOT_RUN
    except OSError as error:
        say("error", what=f"cannot write into {folder}: {error.strerror}", hint="see who owns the folder")
        return Exit.COULD_NOT_RUN
    except (KeyError, TypeError, ValueError) as error:
        say("error", what=f"the driver's config is wrong: {error}", hint="this is a bug in chaosllm")
        return Exit.COULD_NOT_RUN
    say("ready", locust=locust.__version__, warnings=loop.load.warnings)
    return Session(loop, controls).run(commands)


if __name__ == "__main__":
    sys.exit(main())

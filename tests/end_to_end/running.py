"""Runs the real command line on a small scenario, and counts what it leaves behind."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

#: `chaosllm` that draws nothing.
UNDRAWN = Path(__file__).parents[1] / "undrawn.py"

SMALL: dict[str, Any] = {
    "version": 1,
    "name": "small",
    "seed": 7,
    "target": {
        "operation": {
            "path": "/chat",
            "json": {"message": "{prompt}"},
            "answer": "$.answer",
            "degraded": {"header": "x-degraded"},
        },
        "timeout": "5s",
    },
    "upstreams": [{"provider": "openai", "url": "simulator"}, {"provider": "anthropic", "url": "simulator"}],
    "load": {"rate": "20/s"},
    "phases": [
        {"name": "baseline", "duration": "3s"},
        {
            "name": "broken",
            "duration": "3s",
            "rules": [{"fault": "error", "status": 500, "when": {"share": "50%"}, "match": {"provider": "openai"}}],
        },
        {"name": "recovery", "duration": "2s"},
    ],
}


def scenario(folder: Path, **changes: Any) -> Path:
    """The small scenario as a file, with some keys replaced."""
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


#: Ports below those that a kernel gives out by itself (from 32768 on Linux), other ones in each worker of pytest:
#: a run binds six and more before its app has started, and so do the tests beside it, and one that was found free
#: among theirs is now and then gone by then. The zoo has those from 21000, sample apps those from 25000.
_MANY, _ROW = 750, 6  # a proxy takes several in a row
_FIRST = 22_000 + _MANY * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4)
_PLACES = itertools.count(os.getpid())


def free_port() -> int:
    """A port that nothing listens on, and that no other test is given; nor are the five after it."""
    for _ in range(_MANY):
        port = _FIRST + _ROW * next(_PLACES) % _MANY
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port left")


def tiny(folder: Path, *, app: str = "tiny_app.py", **changes: Any) -> tuple[str, ...]:
    """The small scenario and the command of an app that it can test, as arguments of `run`."""
    port = free_port()
    target = SMALL["target"] | {"url": f"http://127.0.0.1:{port}"} | changes.pop("target", {})
    path = scenario(folder, target=target, **changes)
    return (str(path), "--", sys.executable, str(Path(__file__).with_name(app)), str(port))


@dataclass
class Started:
    """`chaosllm ...` as a process in a session of its own; `mark` is in the environment of all that it starts."""

    args: tuple[str, ...]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    drawn: bool = True
    script: Path = UNDRAWN  # what runs where nothing is drawn

    def __post_init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHAOSLLM_RUN")}
        self.process = subprocess.Popen(
            [sys.executable, *(("-m", "chaosllm") if self.drawn else ("-P", str(self.script))), *self.args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.cwd,
            env=inherited | {"CHAOSLLM_TEST_MARK": self.mark} | self.env, start_new_session=True,
        )  # fmt: skip

    def left(self) -> list[str]:
        """Command lines of living processes that carry the mark."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found

    def until(self, text: str, limit: float = 40) -> None:
        """Return once stderr says this text."""
        assert self.process.stderr is not None
        ends = time.monotonic() + limit
        for line in self.process.stderr:
            if text in line:
                return
            assert time.monotonic() < ends, f"{text!r} was not said within {limit:g} s"
        raise AssertionError(f"it ended without saying {text!r}")

    def interrupt(self) -> None:
        """Ctrl-C as a terminal sends it: to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, limit: float = 60) -> tuple[int, str, str]:
        """(exit code, stdout, the rest of stderr)."""
        try:
            out, err = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        return self.process.returncode, out, err


def run(
    *args: str, cwd: Path, env: dict[str, str] | None = None, limit: float = 90, drawn: bool = False
) -> tuple[int, dict[str, Any], str]:
    """(exit code, what --json printed last, stderr) of `chaosllm run ... --json`; nothing may be left running."""
    options, words = (args[: args.index("--")], args[args.index("--") :]) if "--" in args else (args, ())
    started = Started(("run", *options, "--json", "--out", str(cwd / "out"), *words), cwd, env or {}, drawn=drawn)
    code, out, err = started.end(limit)
    assert started.left() == []
    assert "Traceback" not in err
    return code, json.loads(out.splitlines()[-1]) if out else {}, err


#: Checks of a run that speak of the machine and not of the app.
MACHINE = (
    "calibration", "generator", "proxy", "driver", "simulator", "app starved", "injected delays", "steady state",
)  # fmt: skip


def held_up(summary: dict[str, Any]) -> bool:
    """Whether the machine had too much to do for a run, by chaosllm's own checks: it shows the machine, not the app."""
    return any(not check["ok"] and check["name"].startswith(MACHINE) for check in summary["validity"])


def in_peace(
    play: Callable[[Path], tuple[int, dict[str, Any], str]], folder: Path, tries: int = 3
) -> tuple[Path, int, dict[str, Any], str]:
    """(its folder, exit code, summary, stderr) of a run that is played again when the machine held it up.

    The last try is taken as it is, so that a tool that finds fault with every machine is found out.
    """
    for number in range(tries):
        place = folder / f"try-{number}"
        place.mkdir()
        code, summary, err = play(place)
        if not held_up(summary):
            break
    return place, code, summary, err

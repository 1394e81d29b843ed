"""Runs the real command line on a small scenario, and counts what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

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


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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

    def __post_init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHAOSLLM_RUN")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaosllm", *self.args],
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


def run(*args: str, cwd: Path, env: dict[str, str] | None = None, limit: float = 90) -> tuple[int, dict[str, Any], str]:
    """(exit code, what --json printed last, stderr) of `chaosllm run ... --json`; nothing may be left running."""
    options, words = (args[: args.index("--")], args[args.index("--") :]) if "--" in args else (args, ())
    started = Started(("run", *options, "--json", "--out", str(cwd / "out"), *words), cwd, env or {})
    code, out, err = started.end(limit)
    assert started.left() == []
    assert "Traceback" not in err
    return code, json.loads(out.splitlines()[-1]) if out else {}, err

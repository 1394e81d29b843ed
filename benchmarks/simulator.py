"""Small JSON calls a second: our simulator, stock mitmdump in front of the raw upstream, and peers' fake servers."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from benchmarks.connections import Route
from benchmarks.contestants import Contestant
from benchmarks.figures import Figure, Run, Section, median, microseconds
from benchmarks.processes import ask, free_port, running, wait_for

CONNECTIONS = 16
PEERS = ("agentbreak", "errorworks", "llmock")
INSTALL = 240.0  # seconds


def measure(run: Run) -> Section:
    """Closed loop over sixteen kept connections; what is measured has a core of its own."""
    rounds, count = (2, 1000) if run.quick else (5, 4000)
    section = Section(
        "Simulator",
        f"{count} small JSON calls (a fifth of that for stock and peers) over {CONNECTIONS} kept connections in a"
        f" closed loop; medians of {rounds} interleaved rounds. The server is pinned to one core, the client to the"
        " other. Peers run as installed from the package index, with no fault configured; a quick run leaves them out.",
        ("", "calls/s", "CPU us a call", "over stock's calls/s"),
    )
    answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with ExitStack() as stack, TemporaryDirectory(prefix="chaosllm-bench-peers-") as made, run.ground.round():
        starts: list[tuple[str, Callable[[], Contestant]]] = [
            ("stock mitmdump", run.ground.stock),
            ("simulator", partial(_simulator, stack)),
        ]
        if not run.quick and run.tried(section, "peers", partial(_install, run, Path(made))) is not None:
            starts += [(name, partial(_peer, stack, Path(made), name)) for name in PEERS]
        there = [(name, run.tried(section, name, start)) for name, start in starts]
        for number in range(rounds):
            run.say(f"  round {number + 1} of {rounds}")
            for name, one in there:
                if one is None:
                    continue
                job = {
                    "do": "requests", "route": asdict(one.routes["plain"]), "pid": one.pid,
                    "connections": CONNECTIONS, "count": count if name == "simulator" else max(320, count // 5),
                }  # fmt: skip
                if answer := run.tried(section, name, partial(ask, job)):
                    answers[name].append(answer)
        stack.close()
    rate = {name: median(some, "rate") for name, some in answers.items()}
    for name, some in answers.items():
        over = f"{rate[name] / rate['stock mitmdump']:.1f}" if "stock mitmdump" in rate else ""
        section.rows.append((name, f"{rate[name]:.0f}", microseconds(median(some, "cpu")), over))
    if {"simulator", "stock mitmdump"} <= rate.keys():
        ratio = rate["simulator"] / rate["stock mitmdump"]
        section.figures.append(Figure("simulator's calls a second over stock mitmdump's", ratio, least=5.0, digits=1))
    if peers := {name: value for name, value in rate.items() if name in PEERS}:
        quickest = max(peers, key=lambda name: peers[name])
        what = f"simulator's calls a second over the quickest Python peer's ({quickest})"
        section.figures.append(Figure(what, rate["simulator"] / peers[quickest], least=1.0, digits=1))
    return section


def _simulator(stack: ExitStack) -> Contestant:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = stack.enter_context(running([sys.executable, "-m", "chaosllm.simulator"], core=0, **pipes))
    assert process.stdin is not None and process.stdout is not None
    config = {"port": 0, "latency": {"first_token": 0, "tokens": None}, "providers": ["openai"]}
    process.stdin.write(json.dumps(config).encode() + b"\n")
    process.stdin.flush()
    url = json.loads(process.stdout.readline())["origins"]["openai"]
    return Contestant("simulator", process.pid, {"plain": Route(urlsplit(url).port or 0)})


def _install(run: Run, folder: Path) -> bool:
    """The peers in an environment of their own, because their packages bar some of ours. Raises RuntimeError."""
    run.say("  installing peers")
    venv.create(folder / "venv", with_pip=True)
    command = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", *PEERS]
    try:
        done = subprocess.run(command, capture_output=True, timeout=INSTALL, check=False)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"they did not install within {INSTALL:g} s") from error
    if done.returncode:
        raise RuntimeError("they could not be installed")
    return True


def _peer(stack: ExitStack, folder: Path, name: str) -> Contestant:
    port, programs = free_port(), folder / "venv" / "bin"
    work = folder / name
    (work / ".agentbreak").mkdir(parents=True)
    (work / ".agentbreak" / "application.yaml").write_text(
        f"llm: {{enabled: true, mode: mock}}\nmcp: {{enabled: false}}\nserve: {{port: {port}}}\n"
    )
    (work / ".agentbreak" / "scenarios.yaml").write_text("version: 1\nscenarios: []\n")
    command = {
        "agentbreak": [str(programs / "agentbreak"), "serve"],
        # Its program is called chaosllm as well. Into memory, because its database grows with each call.
        "errorworks": [str(programs / "chaosllm"), "serve", "--port", str(port)],
        "llmock": [str(programs / "llmock"), "serve", "--port", str(port)],
    }[name]
    process = stack.enter_context(running(command, core=0, cwd=work))
    wait_for(port, process)
    return Contestant(name, process.pid, {"plain": Route(port)})

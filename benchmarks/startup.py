"""How long a start takes: the proxy until it is ready, over stock's; the command line, over an empty Python."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial

from benchmarks.contestants import NO_RULE, stock_command
from benchmarks.figures import Figure, Run, Section
from benchmarks.processes import end, free_port, start, wait_for

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "chaosllm --help": ["-m", "chaosllm", "--help"],
    "chaosllm validate --help": ["-m", "chaosllm", "validate", "--help"],
    "chaosllm run --help": ["-m", "chaosllm", "run", "--help"],
}


def measure(run: Run) -> Section:
    """Interleaved; the best of several, because only what is in the way makes a start longer."""
    rounds = 3 if run.quick else 7
    section = Section(
        "Start",
        f"Wall time, best and median of {rounds} interleaved rounds. Stock is ready when its port accepts, `chaosllm"
        " proxy --json` when its line is on stdout, after which every listener accepts. Nothing is pinned.",
        ("", "best ms", "median ms", "best over the first of its kind"),
    )
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        run.say(f"  round {number + 1} of {rounds}")
        for name, measured in (("mitmdump ready", _stock), ("chaosllm proxy ready", _ours)):
            if (seconds := run.tried(section, name, partial(measured, run))) is not None:
                times[name].append(seconds)
        for name, arguments in COMMANDS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - begin)
    first = {"mitmdump ready": "mitmdump ready", "chaosllm proxy ready": "mitmdump ready"}
    best = {name: min(taken) for name, taken in times.items()}
    for name, taken in times.items():
        base = best.get(first.get(name, "python -c pass"))
        over = f"{best[name] / base:.2f}" if base else ""
        section.rows.append((name, f"{best[name] * 1e3:.0f}", f"{statistics.median(taken) * 1e3:.0f}", over))
    if first.keys() <= best.keys():
        ratio = best["chaosllm proxy ready"] / best["mitmdump ready"]
        section.figures.append(Figure("time from start to ready over stock's, best of each", ratio, most=1.3))
    return section


def _stock(run: Run) -> float:
    port = free_port()
    begin = time.perf_counter()
    process = start(stock_command(run.ground.folder, port, run.ground.port))
    try:
        wait_for(port, process)
        return time.perf_counter() - begin
    finally:
        end(process)


def _ours(run: Run) -> float:
    begin = time.perf_counter()
    process = start(run.ground.our_command(NO_RULE), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("chaosllm proxy ended before it was ready")
        return time.perf_counter() - begin
    finally:
        end(process)

"""How long a long run takes to judge: every metric with its interval, every finding and the verdict, on one core.

`python -m benchmarks.judging FOLDER` is the child that judges and prints the split; `measure` makes the records.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.figures import Figure, Run, Section

#: What the bars are for.
SAMPLES, EVENTS = 1_000_000, 100_000
SCENARIO = """version: 1
name: judging
seed: 7
target: {operation: {path: /chat, answer: $.answer}, timeout: 10s}
upstreams: [{provider: openai, url: simulator}]
load: {rate: RATE/s, arrivals: constant}
phases:
  - {name: warmup, duration: 100s}
  - {name: baseline, duration: 600s}
  - {name: storm, duration: 600s, rules: [{fault: rate_limit, when: {share: 33%}}]}
  - {name: recovery, duration: 700s}
"""
SECONDS = 2000


def measure(run: Run) -> Section:
    """One run of 2000 s, judged from its records by a process that is bound to one core."""
    samples = SAMPLES // 20 if run.quick else SAMPLES
    events = EVENTS // 20 if run.quick else EVENTS
    section = Section(
        "Judging",
        f"A run of {SECONDS} s with {samples:,} operations and {events:,} calls, a third of those in the storm refused"
        " and half of these retried, read from its run folder and judged by a process on one core; processor time.",
        ("stage", "seconds"),
    )
    folder = run.ground.folder / "judging"
    write(folder, samples, events)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.judging", str(folder)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    section.rows += [(name, f"{seconds:.2f}") for name, seconds in found["stages"].items()]
    section.rows += [(f"slowest: {name}", f"{seconds:.2f}") for name, seconds in found["slowest"]]
    section.figures = [
        Figure("metrics, intervals, findings and verdict of 1e6 operations", found["judged"], " s", most=10),
        Figure("memory at its highest, with the records", found["megabytes"], " MB", most=1024, digits=0),
    ]
    return section


def write(folder: Path, samples: int, events: int) -> None:
    """The records of such a run."""
    import numpy as np

    from chaosllm.adapters import run_folder
    from chaosllm.record import OUTCOMES, Did, Event, Origin, Outcome, RulePart

    folder.mkdir(parents=True, exist_ok=True)
    rate = samples / SECONDS
    (folder / "scenario.yaml").write_text(SCENARIO.replace("RATE", f"{rate:g}"))
    accounts = {"driver": {"lag_p99": 0.001, "due": samples}, "proxy": {"lag_p99": 0.001}}
    (folder / "meta.json").write_text(json.dumps({"schema": 1, "stopped": None, "failures": []} | accounts))
    dice = np.random.default_rng(1)
    due = np.arange(samples) / rate
    took = 0.2 + dice.exponential(0.1, samples)
    bad = (due >= 700) & (due < 1300) & (dice.random(samples) < 0.05)
    numbers = {
        "operation": np.arange(samples, dtype=np.uint64), "t_due": due, "t_sent": due, "t_first": due + took / 2,
        "t_last": due + took, "t_end": due + took, "status": np.where(bad, 500, 200).astype(np.int32),
        "chunks": np.ones(samples, dtype=np.int32), "chars": np.full(samples, 50, dtype=np.int32),
        "gap_max": np.zeros(samples),
        "outcome": np.where(bad, OUTCOMES.index(Outcome.ERROR), 0).astype(np.uint8),
    }  # fmt: skip
    np.savez(folder / run_folder.SAMPLES, **numbers)
    with (folder / run_folder.SAMPLES_TEXT).open("w") as file:
        for number in range(samples):
            file.write(f'{{"operation":{number},"outcome":"good","error":"","marks":["end_seen"],"prints":""}}\n')
    every = max(1, samples // events)
    with (folder / run_folder.EVENTS).open("w") as file:
        for number in range(0, samples, every):
            t, storm = float(due[number]), 700 <= due[number] < 1300
            phase = "warmup" if t < 100 else "baseline" if t < 700 else "storm" if storm else "recovery"
            refused = storm and number // every % 3 == 0
            part = [RulePart("storm.0", "rate_limit", refused, refused, refused)] if storm else []
            event = Event(
                f"op-{number}/call-0", t, number, provider="openai", model="gpt-4o", phase=phase,
                did=Did.INJECTED if refused else Did.PASSED, origin=Origin.INJECTED if refused else Origin.UPSTREAM,
                rules=part, status=429 if refused else 200, reason="rate_limit/requests" if refused else "",
                tokens_in=10, tokens_out=0 if refused else 50, t_end=t + 0.1,
            )  # fmt: skip
            file.write(json.dumps(event.to_json()) + "\n")
            if refused and number // every % 2:
                again = Event(
                    f"op-{number}/call-1", t + 0.1 + float(dice.uniform(0.4, 0.6)), number, attempt=1, ordinal=1,
                    provider="openai", model="gpt-4o", phase=phase, status=200, tokens_in=10, tokens_out=50,
                    t_end=t + 0.9,
                )  # fmt: skip
                file.write(json.dumps(again.to_json()) + "\n")


def judge(folder: Path) -> dict[str, object]:
    """Judge the records, and say where the time went."""
    from chaosllm import registry, verdict
    from chaosllm.adapters import run_folder
    from chaosllm.analysis import measure as measured

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    stages: dict[str, float] = defaultdict(float)
    each: list[tuple[str, float]] = []

    def timed(stage: str, name: str, work: object) -> object:
        begin = time.process_time()
        found = work()
        each.append((f"{stage} {name}", time.process_time() - begin))
        stages[stage] += each[-1][1]
        return found

    run = timed("reading and joining the records", "", lambda: run_folder.load(folder))
    for name, member in registry.members("metrics").items():
        phases = [None] if member.whole_run else [phase.name for phase in run.scenario.phases]
        timed("metric", name, lambda name=name, phases=phases: [measured(run, name, phase) for phase in phases])
    for code, kind in registry.members("findings").items():
        timed("finding", code, lambda kind=kind: kind.find(run))
    summary = timed("verdict", "", lambda: verdict.judge(run))
    assert summary["verdict"] in {"pass", "fail", "inconclusive"}
    judged = sum(seconds for stage, seconds in stages.items() if not stage.startswith("reading"))
    each.sort(key=lambda one: -one[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"stages": stages, "slowest": each[1:6], "judged": judged, "megabytes": peak}


if __name__ == "__main__":
    print(json.dumps(judge(Path(sys.argv[1]))))

"""Snapshots of synthetic runs, for the tests of comparisons and baselines."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.adapters import run_folder
from chaosllm.join import Run
from chaosllm.reader import read
from chaosllm.record import Outcome
from chaosllm.scenario import Role, Scenario
from chaosllm.snapshot import Found, Snapshot, take
from chaosllm.validity import check
from chaosllm.verdict import find, judge


def app(
    seed: int, *, slower: float = 1.0, fails: float = 0.1, tries: int = 1, of: Scenario | None = None, **more: Any
) -> Run:
    """A run of an app with chance in it: of its operations in the storm so many fail, after so many attempts."""
    chance = random.Random(seed)

    def conduct(number: int, due: float, phase: Any) -> Operation:
        took = 0.2 * slower * chance.lognormvariate(0, 0.4)
        if phase.role is not Role.FAULT:
            return Operation(seconds=took)
        refusals = [refused(at=place * 1.1) for place in range(tries)]
        outcome = Outcome.ERROR if chance.random() < fails else Outcome.GOOD
        return Operation(outcome, took + 1.1 * tries, [*refusals, Try(at=1.1 * tries)])

    return made.run(conduct, replace(of or made.scenario(), seed=seed), **more)


def snapshot(run: Run, verdict: str = "") -> Snapshot:
    """As the judge would take it."""
    return take(run, Found(verdict or judge(run)["verdict"], find(run)[0], check(run)))


SCENARIO = """\
version: 1
name: {name}
hypothesis: Users get answers.
seed: {seed}
target:
  url: "http://127.0.0.1:1"
  operation: {{path: /chat, headers: {{authorization: Bearer sk-private}}}}
  timeout: 10s
upstreams: [{{provider: openai, url: simulator}}]
load: {{rate: {rate}, arrivals: constant}}
phases:
  - {{name: warmup, duration: 5s}}
  - {{name: baseline, duration: 20s}}
  - {{name: storm, duration: 20s, rules: [{{fault: rate_limit}}]}}
  - {{name: recovery, duration: 20s}}
objectives: ["success_rate(storm) >= 80%"]
"""


def folder(path: Path, seed: int = 1, *, name: str = "storms", rate: str = "20/s", **conduct: Any) -> Path:
    """A run folder with the records of such an app."""
    text = SCENARIO.format(name=name, seed=seed, rate=rate)
    run = app(seed, of=read(text, "s.yaml").unwrap(), **conduct)
    path.mkdir(mode=0o700, parents=True)
    run_folder.write(path / run_folder.SCENARIO, text)
    run_folder.write_json(path / run_folder.META, META | {"name": name, "seed": seed} | dict(run.meta))
    run_folder.write(path / run_folder.EVENTS, "".join(json.dumps(event.to_json()) + "\n" for event in run.events))
    columns = (name for name, *_ in run_folder._RECORD)
    np.savez(path / run_folder.SAMPLES, **{name: getattr(run.samples, name) for name in columns})
    rows = [{"operation": number, "error": "", "marks": []} for number in run.samples.operation.tolist()]
    run_folder.write(path / run_folder.SAMPLES_TEXT, "".join(json.dumps(row) + "\n" for row in rows))
    return path


#: Of a run as it is when all is well.
META = {
    "version": "0.1.0", "app": "myapp", "started": "2026-11-23T12:00:00+00:00",
    "versions": {"chaosllm": "0.1.0", "python": "3.13.1"}, "machine": {"system": "Linux", "cpus": 2},
    "calibration": {
        "ok": True,
        "delay": {"asked": 0.05, "n": 40, "error_p50": 0.0011, "error_p95": 0.004, "bound": 0.02},
        "share": {"asked": 0.3, "n": 300, "seen": 0.31, "low": 0.22, "high": 0.39},
    },
}  # fmt: skip

"""Snapshots of synthetic runs, for the tests of comparisons and baselines."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.join import Run
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

"""Synthetic runs that fill every chart, for the tests of what people look at."""

from __future__ import annotations

import random

import run_factory as made
from run_factory import Conduct, Operation, Try, refused

from chaosllm import chunk_gaps
from chaosllm.join import Run
from chaosllm.record import Outcome
from chaosllm.scenario import Phase, Role


def streaming() -> Conduct:
    """An app that streams, slower under the fault, which tries again too soon, fails some users, and hangs for some."""
    chance = random.Random(5)

    def conduct(number: int, due: float, phase: Phase) -> Operation:
        fault = phase.role is Role.FAULT
        after = phase.role is Role.RECOVERY and due < phase.start + 3.5
        tries, at = [], 0.0
        while fault and chance.random() < 0.5 and len(tries) < 6:
            tries.append(refused(at=at, retry_after=chance.choice([1.0, 2.0, None])))
            at += chance.uniform(0.4, 2.4)
        took = chance.lognormvariate(-0.5, 0.3) * (3 if fault else 1)
        tries.append(Try(at=at, took=took, provider="anthropic" if len(tries) > 2 else "openai", model="gpt-4o"))
        bad = (fault and chance.random() < 0.4) or (after and chance.random() < 0.6)
        if bad and (outcome := chance.choice([Outcome.ERROR, Outcome.HANG, Outcome.WRONG])) is not Outcome.WRONG:
            return Operation(outcome, 10.0 if outcome is Outcome.HANG else at + 0.1, tries)
        gaps = [chunk_gaps.place(0.04), 12, chunk_gaps.place(took / 4), 1]
        text = {"t_first": due + at + took / 3, "chunks": 14, "gaps": gaps, "gap_max": took / 4}
        return Operation(Outcome.WRONG if bad else Outcome.GOOD, at + took, tries, text)

    return conduct


def plain(number: int, due: float, phase: Phase) -> Operation:
    """An app that does not stream, and fails half of its users under the fault."""
    bad = phase.role is Role.FAULT and number % 2
    return Operation(Outcome.ERROR, 0.3, [refused(retry_after=None)]) if bad else made.calm(number, due, phase)


def many_phases() -> Run:
    faults = [Phase(f"fault-{at}", 4, Role.FAULT, made.scenario().rules, 6.0 + 4 * at) for at in range(11)]
    ends = Phase("baseline", 6, Role.BASELINE), Phase("recovery", 6, Role.RECOVERY, (), 50.0)
    return made.run(plain, made.replace(made.scenario(), phases=(ends[0], *faults, ends[1])))

"""Checks that a run can be judged at all; any that fails makes it INCONCLUSIVE (METHOD section 1).

Laws:
1. A check that fails says what was found and what to change.
2. A check never praises: what could not be checked is left out, and what is missing fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chaosllm import registry
from chaosllm.analysis import injection
from chaosllm.join import Run
from chaosllm.scenario import Objective
from chaosllm.validity import _closed as closed
from chaosllm.validity import _conditions as conditions
from chaosllm.validity import _injection as injected
from chaosllm.validity import _limits as limits
from chaosllm.validity import _records as records
from chaosllm.validity import _sources as sources
from chaosllm.validity._check import ALL, JOINED, TIMING, WAITS, Check

__all__ = ["ALL", "TIMING", "WAITS", "Check", "check", "spoiled_by"]


def check(run: Run) -> list[Check]:
    """Every check that applies to the run, the gravest first."""
    rows = injection(run)
    checks: list[Callable[[Run], Iterable[Check]]] = [
        records.bypass, records.failures, records.app, records.certificates, records.operations, records.kept,
        records.belong, records.traffic, sources.calls, sources.users, sources.log, records.stopped,
        records.something_judged, conditions.calibration,
        lambda run: injected.injected(run, rows), lambda run: injected.delivered(run, rows),
        lambda run: injected.shares(run, rows), injected.hits,
        conditions.steady_state, conditions.upstream, conditions.load, conditions.calls,
        conditions.generator_lag, conditions.proxy_lag,
        limits.starved, limits.lag, limits.cores, limits.delays, limits.pace,
        conditions.clock, records.match, sources.match, closed.tasks, closed.users, closed.elsewhere,
    ]  # fmt: skip
    return [found for each in checks for found in each(run)]


def spoiled_by(checks: list[Check]) -> Callable[[Objective], str | None]:
    """Tells for an objective what spoils it; None when nothing does."""
    failed = [one for one in checks if not one.ok and one.spoils]

    def spoiled(objective: Objective) -> str | None:
        if objective.metric in registry.members("findings"):
            return None  # a finding rests on its own evidence
        names = [objective.metric] + ([objective.reference[0]] if objective.reference else [])
        members = [registry.member("metrics", name) for name in names]
        for one in failed:
            timing = any(member.unit in ("seconds", "per_second") for member in members)
            joined = any(member.joined for member in members)
            if one.spoils in (ALL, WAITS) or (one.spoils == TIMING and timing) or (one.spoils == JOINED and joined):
                return f"spoiled: {one.what}"
        return None

    return spoiled

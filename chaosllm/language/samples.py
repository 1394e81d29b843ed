"""Samples: how many operations an objective needs before a verdict can rest on it, and how many it will get.

The numbers are those with which objectives.py decides, so that what is warned of here is what a run would end in.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from chaosllm.arrivals import Recorded
from chaosllm.mix import Mix
from chaosllm.power import deciding
from chaosllm.recovery import LONGEST_HOLD, PER_WINDOW, hold, longest_seen
from chaosllm.registry import members
from chaosllm.scenario import Comparator, Load, Objective, Phase, Role, Target
from chaosllm.units import format_duration

#: Due times are looked at one by one up to so many, which takes 50 ms; of more their mean is near enough.
_COUNTED = 100_000
#: Poisson arrivals stay above their mean less so many standard deviations in 999 of 1000 runs.
_SLACK = 3.1
#: Lengths of a recovery that are tried, a second apart, from the least that could do.
_TRIED = 300


@dataclass(frozen=True, slots=True)
class Shortage:
    """An objective that a phase is too short to judge; `what` says what lacks, `cure` what would do."""

    objective: Objective
    phase: str
    needs: int  # operations
    has: int
    what: str
    cure: str


@dataclass(frozen=True)
class Samples:
    """The operations that each phase will get."""

    phases: Sequence[Phase]
    load: Load
    seed: int
    target: Target = field(default_factory=Target)  # a user's operations are all taken to be due when the user comes

    @cached_property
    def _counts(self) -> dict[str, int]:
        end = self.phases[-1].end
        if self.load.expected(0.0, end) > _COUNTED:
            return {phase.name: round(self._expected(phase)) for phase in self.phases}
        due = self.load.due_times(self.seed, end)
        borders = [(bisect_left(due, phase.start), bisect_left(due, phase.end)) for phase in self.phases]
        mix = Mix(self.target, self.seed)
        return {
            phase.name: sum(len(mix.session(user).steps) for user in range(first, end))
            if mix.stride > 1
            else end - first
            for phase, (first, end) in zip(self.phases, borders, strict=True)
        }

    def _expected(self, phase: Phase) -> float:
        """Operations due in a phase on average."""
        return self.target.steps * self.load.expected(phase.start, phase.end)

    def of(self, *phases: Phase) -> int:
        """How many operations are due in these phases."""
        return sum(self._counts[phase.name] for phase in phases)

    def shortages(self, objectives: Sequence[Objective]) -> Iterator[Shortage]:
        """The objectives that cannot be decided whatever the app does, or that it cannot fail, in their order."""
        if self.load.closed:
            return  # nobody knows beforehand how often its users ask
        metrics = members("metrics") if objectives else {}
        for objective in objectives:
            if objective.metric == "time_to_recover":
                yield from self._recoveries(objective)
            elif (metric := metrics.get(objective.metric)) is not None:
                yield from self._short(objective, metric, metrics)

    def _short(self, objective: Objective, metric: Any, metrics: Mapping[str, Any]) -> Iterator[Shortage]:
        wanted = {objective.phase: self._needs(objective, metric)}
        if getattr(metric, "over_baseline", False) and (baseline := self._baseline(objective.phase)) is not None:
            wanted.setdefault(baseline, _least(metric, objective.metric))
        if objective.reference is not None:
            name, other = objective.reference
            wanted[other] = max(_least(metrics.get(name), name), wanted.get(other, 0))
        for name in dict.fromkeys(phase.judged_as for phase in self.phases):
            needs, phases = wanted.get(name, 0), self._judged(name)
            if (has := self.of(*phases)) < needs:
                what = f"`{objective.text}` needs {needs:,} operations of {name}, it has {has:,}"
                yield Shortage(objective, name, needs, has, what, self._cure(phases, needs))

    def _judged(self, name: str | None) -> list[Phase]:
        """The phases that are judged together by a name."""
        return [phase for phase in self.phases if phase.judged_as == name]

    def _needs(self, objective: Objective, metric: Any) -> int:
        """The operations below which not even the best sample passes, or not even the worst one fails."""
        least = _least(metric, objective.metric)
        if objective.reference is not None or objective.comparator is Comparator.EQ:
            return least
        bound = objective.bound
        if metric.unit == "per_second":  # goodput is a share of what is offered
            bound /= self._rate(objective.phase)
        elif metric.unit != "share":
            return least
        return max(least, deciding(bound) or 0)

    def _rate(self, name: str | None) -> float:
        """Operations a second that a phase is offered on average."""
        phases = self._judged(name)
        known = sum(self._expected(phase) for phase in phases)
        return known / sum(phase.duration for phase in phases) if known else self.load.rate

    def _baseline(self, name: str | None) -> str | None:
        """The baseline that a phase is held against, as the metrics choose it."""
        baselines = [phase for phase in self.phases if phase.role is Role.BASELINE]
        start = max((phase.start for phase in self._judged(name)), default=0.0)
        before = [phase for phase in baselines if phase.start < start]
        return next((phase.judged_as for phase in reversed(before or baselines)), None)

    def _recoveries(self, objective: Objective) -> Iterator[Shortage]:
        """Each recovery must show that the app is well again; that it never is, one of them must."""
        text, all_pass = f"`{objective.text}`", True
        ends: list[tuple[float, list[Phase], float]] = []  # the longest time that a recovery can show
        for phases in _stretches(self.phases, objective.phase):
            n, seconds = self.of(*phases), sum(phase.duration for phase in phases)
            name, needs = phases[-1].judged_as, max(2 * PER_WINDOW, math.ceil(PER_WINDOW * seconds / hold(seconds)))
            seen = longest_seen(n, seconds)
            ends.append((seen, phases, seconds))
            if n < needs or seen < 0:
                lacks = f"{needs:,} operations of {name}, it has {n:,}" if n < needs else f"a longer {name}"
                yield Shortage(objective, name, needs, n, f"{text} needs {lacks}", self._longer(objective, phases))
                all_pass = False
        if all_pass and ends and not any(_fails(objective, seen) for seen, _, _ in ends):
            seen, phases, seconds = max(ends, key=lambda one: one[0])
            name, n = phases[-1].judged_as, self.of(*phases)
            what = (
                f"{text} can pass, but not fail: {format_duration(seconds)} of {name} show of an app that never "
                f"recovers no more than that it took over {format_duration(seen)}"
            )
            yield Shortage(objective, name, n, n, what, self._longer(objective, phases))

    def _longer(self, objective: Objective, phases: list[Phase]) -> str:
        """The least recovery, at the load there is, in which the objective can pass and fail."""
        seconds = sum(phase.duration for phase in phases)
        least = max(seconds, min(1.5 * objective.bound, objective.bound + LONGEST_HOLD))
        for longer in range(math.ceil(least), math.ceil(least) + _TRIED):
            mean = self._rate(phases[-1].name) * longer
            few, many = max(0, math.floor(mean - self._slack(mean))), math.ceil(mean + self._slack(mean))
            # each number that may come, because windows are whole and so more operations may show a little less
            if few >= 2 * PER_WINDOW and all(
                _fails(objective, longest_seen(n, longer)) for n in range(few, many, math.ceil(mean / 500))
            ):
                return f"make {phases[-1].judged_as} {format_duration(longer - seconds + phases[-1].duration)}"
        return f"raise {self.load.lever}, or ask for a shorter time"

    def _cure(self, phases: Sequence[Phase], needs: int) -> str:
        """A length, or a load, at which a phase in all its rounds has enough operations for almost every seed."""
        enough, name = needs + self._slack(needs), phases[0].judged_as
        longer = format_duration(_round_up(enough / self._rate(name) / len(phases)))
        rate = _round_up(enough / sum(phase.duration for phase in phases) / self.target.steps)
        return f"make {name} {longer}" + (f", or load.rate {rate:g}/s" if self.load.shape is None else "")

    def _slack(self, n: float) -> float:
        """By how much fewer than `n` may come by chance."""
        if self.load.arrivals == "constant" or isinstance(self.load.shape, Recorded):
            return 1.0
        spread = self.load.cv if self.load.arrivals == "gamma" else 1.0  # of the gaps, over their mean
        return _SLACK * spread * math.sqrt(n) + (_SLACK * spread) ** 2


def _fails(objective: Objective, seen: float) -> bool:
    """Whether an app that is known not to have recovered after `seen` seconds fails it."""
    if objective.comparator in (Comparator.LE, Comparator.EQ):
        return seen > objective.bound
    return seen >= objective.bound if objective.comparator is Comparator.LT else seen >= 0


def _least(metric: Any, name: str) -> int:
    needs = getattr(metric, "needs", {})
    return int(needs.get(name, 0)) if hasattr(needs, "get") else 0


def _stretches(phases: Sequence[Phase], name: str | None) -> Iterator[list[Phase]]:
    """The recovery phases after each fault, neighbours together; only `name` if that is given."""
    found: list[list[Phase]] = []
    before = None
    for phase in phases:
        if phase.role is Role.RECOVERY and name in (None, phase.judged_as):
            if before is Role.RECOVERY and found:
                found[-1].append(phase)
            elif before is Role.FAULT:
                found.append([phase])
        before = phase.role
    yield from found


def _round_up(number: float) -> float:
    """A number that an author would write: two digits, the second a 0 or a 5 from 100 on."""
    size = 10.0 ** math.floor(math.log10(number)) if number > 0 else 1.0
    step = max(size / 10, 0.1) if number < 100 else size / 20
    return round(math.ceil(number / step - 1e-9) * step, 3)

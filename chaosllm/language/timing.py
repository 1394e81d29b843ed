"""Rules that can never fire, or not as their author thinks, because of their phase, their load or another rule."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from chaosllm.arrivals import Recorded
from chaosllm.distribution import Empirical, Fixed
from chaosllm.errors import Level
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.scenario import Load, Match, Phase, Rule
from chaosllm.schedule import Firing, firings
from chaosllm.spelling import cut, suggest
from chaosllm.trigger import Outage
from chaosllm.units import format_duration

#: Spells of one outage in a phase; more is a typing mistake, and each must be drawn.
_SPELLS_AT_MOST = 50_000
#: Arrivals at random differ from their mean by more than so many deviations once in 30 000 phases.
_DEVIATIONS = 4.0
#: Faults that answer or break a call, so that no later rule meets it.
_ENDING = ("rate_limit", "quota", "overload", "error", "hang", "reset")


def check_timing(document: Document, problems: Problems, phases: list[Phase], load: Load | None, seed: int) -> None:
    """Note what is wrong with the triggers of all rules; `load`: by which operations can be counted beforehand."""
    for at, phase in enumerate(phases):
        if not all(_follows(document, problems, at, phase, rule) for rule in phase.rules):
            continue
        bound = firings(seed, phase)
        for number, rule in enumerate(phase.rules):
            path: Path = ("phases", at, "rules", number, "when")
            checks = _Timing(document, problems, path, phase, bound[rule.name])
            if checks.clocks() and load is not None:
                checks.counts(load)
            checks.followed(phase)


def _follows(document: Document, problems: Problems, at: int, phase: Phase, rule: Rule) -> bool:
    """Whether the rules that a rule follows are there, have a trigger, and do not lead back to it."""
    rules = {one.name: one for one in phase.rules}
    where = document.where(("phases", at, "rules", phase.rules.index(rule), "when", "correlated"))
    seen = [rule.name]
    while (follows := rules[seen[-1]].when.correlated) is not None:
        leader = rules.get(follows.leader)
        if len(seen) == 1 and leader is None:
            hint = suggest(follows.leader, [name for name in rules if name != rule.name])
            problems.add(where, f"there is no rule `{cut(follows.leader)}` in phase `{phase.name}`", hint)
        elif follows.leader in seen:
            if follows.leader == rule.name:  # else that is told where the circle begins
                what = (
                    "a rule that follows itself" if len(seen) == 1 else f"a circle: {' -> '.join([*seen, rule.name])}"
                )
                problems.add(where, f"found {what}", "one of them needs a trigger of its own")
        elif leader is not None and leader.fault.live:
            hint = "follow a rule with a trigger"
            problems.add(where, f"`{leader.name}` has live limits, which decide for themselves when they fire", hint)
        elif leader is not None:
            seen.append(leader.name)
            continue
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Timing:
    document: Document
    problems: Problems
    path: Path
    phase: Phase
    firing: Firing

    def add(self, key: str, what: str, hint: str, level: Level = Level.ERROR) -> bool:
        where = self.document.where((*self.path, key) if key else self.path)
        self.problems.add(where, what, hint, level)
        return False

    def clocks(self) -> bool:
        """Whether the clock lets the rule fire in its phase."""
        when, lasts = self.firing.when, self.phase.duration
        after = f"after the phase of {format_duration(lasts)} is over"
        if when.window is not None and when.window.from_ >= lasts:
            begins = format_duration(when.window.from_)
            what = f"the window begins at {begins}, {after}: the rule can never fire"
            return self.add("window", what, "begin it earlier, or make the phase longer")
        if when.trace is not None:
            if when.trace.stretches is None:  # its file is not at hand
                return True
            if when.trace.stretches[0].start >= lasts:
                begins = format_duration(when.trace.stretches[0].start)
                what = f"the trace begins at {begins}, {after}: the rule can never fire"
                return self.add("trace", what, "raise `speed`, or make the phase longer")
        if when.outage is not None and not self.outage(when.outage, lasts):
            return False
        if when.correlated is not None and when.correlated.delay >= lasts:
            what = f"a delay of {format_duration(when.correlated.delay)} ends {after}: the rule can never fire"
            return self.add("correlated", what, "shorten it, or make the phase longer")
        if not _unread(self.firing) and self.firing.on(0.0, lasts) is None:
            drawn = _drawn(self.firing)
            what = "its times have none in common" + (" with this seed" if drawn else "") + ": the rule can never fire"
            return self.add("", what, "leave one of them out", Level.WARNING if drawn else Level.ERROR)
        return True

    def outage(self, outage: Outage, lasts: float) -> bool:
        if _unread(self.firing):
            return True
        chain = self.firing.chain
        if lasts > _SPELLS_AT_MOST * (outage.up.sample(0.5) + outage.down.sample(0.5)) / 2:
            what = f"the phase of {format_duration(lasts)} holds over {_SPELLS_AT_MOST:,} spells of this outage"
            return self.add("outage", what, "make `up` and `down` longer")
        down = chain.first_down() if chain is not None else 0.0
        if down < lasts:
            return True
        begins = f"it first goes down at {format_duration(down)}, after the phase of {format_duration(lasts)} is over"
        if _fixed(outage):
            return self.add("outage", f"{begins}: the rule can never go down", "shorten `up`, or make the phase longer")
        hint = "take another seed, shorten `up`, or make the phase longer"
        return self.add("outage", f"with this seed {begins}", hint, Level.WARNING)

    def counts(self, load: Load) -> bool:
        """Whether the phase has the operations that the counts ask for."""
        when, phase = self.firing.when, self.phase
        mean = load.expected(phase.start, phase.end)
        if mean == 0:  # recorded times whose file is not at hand
            return True
        most = mean + _deviation(load, mean)
        key = "after" if when.after is not None and when.counts_in == "phase" else "every"
        needed = when.after if key == "after" else when.every
        if needed is not None and (needed >= most if key == "after" else needed > most):
            many = f"`{key}: {needed}` and the phase has about {mean:,.0f} operations"
            return self.add(key, f"{many}: the rule can never fire", "lower it, or make the phase longer")
        if when.first is None or when.counts_in != "phase" or _unread(self.firing):
            return True
        found = self.firing.on(0.0, phase.duration)
        start = found.start if found is not None else 0.0
        before = load.expected(phase.start, phase.start + start)
        if (when.after or 0) + when.first < before - _deviation(load, before):
            what = f"about {before:,.0f} operations are over when its time begins, at {format_duration(start)}"
            return self.add("first", f"{what}: the rule can never fire", "raise `first`, or use `every`")
        return True

    def followed(self, phase: Phase) -> None:
        """A leader that answers the very calls on which its follower would fire."""
        rule, leader = self.firing.rule, self.firing.leader
        if leader is None or rule.when.correlated is None or rule.when.correlated.delay > 0:
            return
        before = phase.rules.index(leader.rule) < phase.rules.index(rule)
        if before and leader.rule.fault.name in _ENDING and _covers(leader.rule.match, rule.match):
            what = f"`{leader.rule.name}` answers the calls on which this rule would fire, so no call meets both"
            self.add("correlated", what, "give the two rules a `match` each, or write this one first", Level.WARNING)


def _deviation(load: Load, mean: float) -> float:
    """How far the number of operations may be from its mean."""
    if load.arrivals == "constant" or isinstance(load.shape, Recorded):
        return 0.0
    return _DEVIATIONS * (load.cv if load.arrivals == "gamma" else 1.0) * math.sqrt(mean)


def _unread(firing: Firing) -> bool:
    """Whether the times of a rule, or of one that it follows, are in a file that is not at hand."""
    when = firing.when
    trace = when.trace is not None and when.trace.stretches is None
    outage = when.outage is not None and any(
        isinstance(one, Empirical) and not one.values for one in when.outage.lengths()
    )
    return trace or outage or (firing.leader is not None and _unread(firing.leader))


def _drawn(firing: Firing) -> bool:
    """Whether the times of a rule, or of one that it follows, hang on the seed."""
    outage = firing.when.outage
    return (outage is not None and not _fixed(outage)) or (firing.leader is not None and _drawn(firing.leader))


def _fixed(outage: Outage) -> bool:
    return all(isinstance(length, Fixed) for length in outage.lengths())


def _covers(leader: Match, follower: Match) -> bool:
    """Whether the first fits each call that the second fits, as far as their words say."""
    return all(
        getattr(leader, one.name) in (getattr(Match(), one.name), getattr(follower, one.name)) for one in fields(Match)
    )

"""Rules that can never fire, or not as their author thinks, because of their phase, their load or another rule."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, fields
from typing import Any

from chaosllm.arrivals import Recorded
from chaosllm.distribution import Empirical, Fixed
from chaosllm.errors import Level
from chaosllm.faults import Selective
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.scenario import Load, Match, Phase, Rule
from chaosllm.schedule import SHORTEST, Firing, firings
from chaosllm.script import Position
from chaosllm.spelling import cut, suggest
from chaosllm.trigger import Outage, Trigger
from chaosllm.units import format_duration

#: Spells up to which one is looked for that meets the rule's other times; among more there nearly always is one.
_SPELLS_LOOKED_AT = 200
#: Rules of which each follows the one before; nobody can think through more.
_HOPS_AT_MOST = 10
#: Arrivals at random differ from their mean by more than so many deviations once in 30 000 phases.
_DEVIATIONS = 4.0
#: Faults that answer or break a call, so that no later rule meets it.
_ENDING = ("rate_limit", "quota", "overload", "error", "hang", "reset")


def check_timing(document: Document, problems: Problems, phases: list[Phase], load: Load | None, seed: int) -> None:
    """Note what is wrong with the triggers of all rules; `load`: by which operations can be counted beforehand."""
    limits = document.data.get("limits")
    capped = isinstance(limits, dict) and "max_active_faults" in limits  # what it holds back meets the next rule
    for at, phase in enumerate(phases):
        rules = {rule.name: rule for rule in phase.rules}
        if not all(_follows(document, problems, ("phases", at), number, rules) for number in range(len(rules))):
            continue
        bound = firings(seed, phase)
        for number, rule in enumerate(phase.rules):
            path: Path = ("phases", at, "rules", number, "when")
            checks = _Timing(document, problems, path, phase, bound[rule.name])
            if checks.clocks() and load is not None:
                checks.counts(load)
                checks.numbers(load, seed)
            if capped or checks.reached(phase):
                checks.followed(phase)


def _follows(document: Document, problems: Problems, phase: Path, number: int, rules: dict[str, Rule]) -> bool:
    """Whether the rules that one follows are there, have a trigger, and do not lead back to it."""
    seen = [list(rules)[number]]
    while (follows := rules[seen[-1]].when.correlated) is not None:
        leader = rules.get(follows.leader)
        if leader is not None and leader.name not in seen and not leader.fault.live and len(seen) <= _HOPS_AT_MOST:
            seen.append(leader.name)
            continue
        if found := _astray(seen, follows.leader, leader, rules):
            problems.add(document.where((*phase, "rules", number, "when", "correlated")), *found)
        return False
    return True


def _astray(seen: list[str], name: str, leader: Rule | None, rules: dict[str, Rule]) -> tuple[str, str] | None:
    """(what, hint) of a rule that cannot be followed; None where that is told of another rule."""
    if name == seen[0]:
        what = "a rule that follows itself" if len(seen) == 1 else f"a circle: {' -> '.join([*seen, name])}"
        return f"found {what}", "one of them needs a trigger of its own"
    if leader is not None and len(seen) > _HOPS_AT_MOST:
        return f"found over {_HOPS_AT_MOST} rules that follow one another", "let them follow the first one"
    if len(seen) > 1 or name in seen:
        return None
    if leader is None:
        hint = suggest(name, [other for other in rules if other != seen[0]])
        return f"there is no rule `{cut(name)}` in this phase", hint
    return f"`{name}` has live limits, which decide for themselves when they fire", "follow a rule with a trigger"


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
        if self.looked_at() and self.firing.on(0.0, lasts) is None:
            drawn = _drawn(self.firing)
            what = "its times have none in common" + (" with this seed" if drawn else "") + ": the rule can never fire"
            return self.add("", what, "leave one of them out", Level.WARNING if drawn else Level.ERROR)
        return True

    def looked_at(self) -> bool:
        """Whether its times are known, and few enough to be looked through."""
        return not _unread(self.firing) and _spells(self.firing, self.phase.duration) <= _SPELLS_LOOKED_AT

    def outage(self, outage: Outage, lasts: float) -> bool:
        if _unread(self.firing):
            return True
        chain = self.firing.chain
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
        if when.first is None or when.counts_in != "phase" or not self.looked_at():
            return True
        found = self.firing.on(0.0, phase.duration)
        start = found.start if found is not None else 0.0
        before = load.expected(phase.start, phase.start + start)
        if (when.after or 0) + when.first < before - _deviation(load, before):
            what = f"about {before:,.0f} operations are over when its time begins, at {format_duration(start)}"
            return self.add("first", f"{what}: the rule can never fire", "raise `first`, or use `every`")
        return True

    def numbers(self, load: Load, seed: int) -> None:
        """Operations, named by number, that are all due in other phases."""
        wanted = self.firing.rule.match.operation
        numbers = [one for one in wanted if isinstance(one, int)]
        if not numbers or len(numbers) < len(wanted) or self.sessions():
            return
        due = load.due_times(seed, self.phase.end)
        first = bisect_left(due, self.phase.start)
        if first < len(due) and not any(first <= one < len(due) for one in numbers):
            what = f"operations are counted over the whole run, and those of `{self.phase.name}` are {first:,} to"
            where = self.document.where((*self.path[:-1], "match", "operation"))
            what = f"{what} {len(due) - 1:,}: the rule can never fire"
            hint = "take numbers of these, or `when: {first: 5, of: phase}` for the first of the phase"
            self.problems.add(where, what, hint, Level.WARNING)

    def sessions(self) -> bool:
        """Whether a user may ask more than one operation, whose numbers then leave some out."""
        target = self.document.data.get("target")
        listed = target.get("operations") if isinstance(target, dict) else None
        return any("steps" in one or "turns" in one for one in listed or () if isinstance(one, dict))

    def reached(self, phase: Phase) -> bool:
        """Whether no earlier rule always answers every call that this one may touch."""
        rule = self.firing.rule
        if getattr(rule.fault, "at_accept", False):
            return True
        for earlier in phase.rules[: phase.rules.index(rule)]:
            if earlier.when == Trigger() and _answers(earlier.fault) and _covers(earlier.match, rule.match):
                what = f"`{earlier.name}` answers every call that this rule may touch: the rule can never fire"
                where = self.document.where((*self.path[:-1], "fault"))
                self.problems.add(where, what, "write this one first, or give the other a `when`", Level.WARNING)
                return False
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


def _spells(firing: Firing, seconds: float) -> float:
    """How many spells the outages of a rule, and of those that it follows, have, by their medians."""
    outage = firing.when.outage
    cycle = outage.up.sample(0.5) + outage.down.sample(0.5) if outage is not None else 0.0
    own = 2 * seconds / max(cycle, SHORTEST) if outage is not None else 0.0
    return own + (_spells(firing.leader, seconds) if firing.leader is not None else 0.0)


def _drawn(firing: Firing) -> bool:
    """Whether the times of a rule, or of one that it follows, hang on the seed."""
    outage = firing.when.outage
    return (outage is not None and not _fixed(outage)) or (firing.leader is not None and _drawn(firing.leader))


def _fixed(outage: Outage) -> bool:
    return all(isinstance(length, Fixed) for length in outage.lengths())


def _answers(fault: Any) -> bool:
    """Whether a fault surely leaves nothing of a call to a later rule."""
    if fault.live or isinstance(fault, Selective) or getattr(fault, "at_accept", False):
        return False
    inside = isinstance(getattr(fault, "at", None), Position) or getattr(fault, "shape", "") == "stream"
    return fault.name in _ENDING and not inside


def _covers(leader: Match, follower: Match) -> bool:
    """Whether the first fits each call that the second fits, as far as their words say."""
    return all(
        getattr(leader, one.name) in (getattr(Match(), one.name), getattr(follower, one.name)) for one in fields(Match)
    )

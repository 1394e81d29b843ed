"""What live commands have made of a run: paused or not, each rule's switch and share, how long each phase lasts.

Laws:
1. A Steering is a value: a command makes another one, or is refused and changes nothing.
2. What has been cannot be changed: a phase that is over keeps its length.
3. The proxy is told the whole state each time, never a difference, so that a message that comes twice does no harm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chaosllm.faults import Connecting
from chaosllm.live.commands import Command, refusal
from chaosllm.scenario import Phase, Rule, Scenario
from chaosllm.spelling import cut, suggest
from chaosllm.trigger import Trigger
from chaosllm.units import format_duration, format_share
from chaosllm.wording import when_words

#: Seconds after which a phase that is ended is over: until then proxy and driver have been told.
LEAD = 0.3
#: Seconds, and faults by hand, beyond which a record is none: more than anybody lives to command.
_LONGEST = 1e9
_MOST_OWED = 1 << 53


@dataclass(frozen=True, slots=True)
class Switch:
    """How a rule is set. `share` None: as its scenario says; `owed`: faults triggered by hand so far."""

    on: bool = True
    share: float | None = None
    owed: int = 0


#: A rule that nobody touched.
UNTOUCHED = Switch()


@dataclass(frozen=True, slots=True)
class Steering:
    """A run as it is steered; `scenario` is the one as written."""

    scenario: Scenario
    paused: bool = False
    durations: tuple[float, ...] = ()  # of the phases; () while nobody changed one
    switches: Mapping[str, Switch] = field(default_factory=dict)
    hold: str | None = None  # a phase that stays on, by no clock

    @property
    def timed(self) -> Scenario:
        """The scenario with its phases as long as they now last."""
        return self.scenario.retimed(self.durations) if self.durations else self.scenario

    @property
    def touched(self) -> bool:
        """Whether any command changed what the scenario says."""
        return self.paused or bool(self.durations) or any(one != UNTOUCHED for one in self.switches.values())

    def switch(self, rule: str) -> Switch:
        """How a rule is set."""
        return self.switches.get(rule, UNTOUCHED)

    def to_json(self) -> dict[str, Any]:
        """As the proxy and the driver are told."""
        rules = {name: {"on": one.on, "share": one.share, "owed": one.owed} for name, one in self.switches.items()}
        return {"paused": self.paused, "durations": [*self.durations], "rules": rules}

    @classmethod
    def from_json(cls, scenario: Scenario, data: Mapping[str, Any]) -> Steering:
        """What `to_json` told. Raises KeyError or ValueError for what is none."""
        paused, durations, rules = data["paused"], data["durations"], data["rules"]
        if not (isinstance(paused, bool) and isinstance(durations, list) and isinstance(rules, dict)):
            raise ValueError("no steering")  # noqa: TRY004  # whoever reads it takes both for the same
        if durations and not (len(durations) == len(scenario.phases) and all(map(_lasts, durations))):
            raise ValueError("phases do not last so long")
        if unknown := rules.keys() - {rule.name for rule in scenario.rules}:
            raise ValueError(f"there are no rules {sorted(unknown)}")
        return cls(scenario, paused, tuple(map(float, durations)), {name: _switch(one) for name, one in rules.items()})

    def take(self, command: Command, t: float) -> tuple[Steering, str]:
        """The run steered by one more command at second `t`, and what was done in words.

        Raises ChaosError for a command that cannot be carried out; `note`, `stop` and those of a day are others'.
        """
        match command.do:
            case "pause":
                if self.paused:
                    raise refusal("injection is paused already", "`resume` goes on")
                return replace(self, paused=True), "injection is paused; what was held passes"
            case "resume":
                if not self.paused:
                    raise refusal("injection is not paused", "")
                return replace(self, paused=False), "injection goes on"
            case "extend" | "end":
                return self._retimed(command, t)
            case "enable" | "disable" | "share" | "trigger":
                return self._switched(command, t)
        raise refusal(f"`{cut(command.do)}` does not steer a run", "")

    def _switched(self, command: Command, t: float) -> tuple[Steering, str]:
        rule, phase = self._rule(command.rule)
        before = self.switch(rule.name)
        match command.do:
            case "enable":
                if before.on:
                    raise refusal(f"{rule.name} is on already", "")
                now, text = replace(before, on=True), f"{rule.name} ({rule.fault.name}) is on"
            case "disable":
                if not before.on:
                    raise refusal(f"{rule.name} is off already", "")
                now, text = replace(before, on=False), f"{rule.name} ({rule.fault.name}) is off"
            case "share":
                now, text = self._shared(rule, before, command.share)
            case _:
                self._triggerable(rule, phase, before, t)
                calls = "call that matches" if command.count == 1 else f"{command.count} calls that match"
                now = replace(before, owed=before.owed + command.count)
                text = f"{rule.name} ({rule.fault.name}) strikes the next {calls} it"
        return replace(self, switches={**self.switches, rule.name: now}), text + self._when(phase, t)

    def _shared(self, rule: Rule, before: Switch, share: float | None) -> tuple[Switch, str]:
        if not can_share(rule):
            raise refusal(
                f"{rule.name} ({rule.fault.name}) goes by live limits, and so has no share",
                "switch it off and on with disable and enable",
            )
        said = before.share if before.share is not None else rule.when.share
        was = format_share(said) if said is not None else "every call that its `when` chooses"
        if share == (1.0 if said is None else said):  # all of what its `when` chooses is no share of it
            raise refusal(f"{rule.name} strikes {was} already", "")
        return replace(before, share=share), f"{rule.name} ({rule.fault.name}) strikes {format_share(share or 0.0)} " \
            f"of calls, before {was}"  # fmt: skip

    def _triggerable(self, rule: Rule, phase: Phase, before: Switch, t: float) -> None:
        if not can_trigger(rule):
            works = "change its share" if can_share(rule) else "it goes by live limits: use disable and enable"
            raise refusal(f"{rule.name} ({rule.fault.name}) strikes no single calls", works)
        if not before.on:
            raise refusal(f"{rule.name} is off", f"enable {rule.name} first")
        if self.hold is not None:
            if phase.name != self.hold:
                raise refusal(
                    f"{rule.name} belongs to the phase {phase.name}, and {self.hold} is held",
                    f"start the proxy with --phase {phase.name} to hold that one",
                )
        elif not phase.start <= t < phase.end:
            when = f"begins in {format_duration(round(phase.start - t, 1))}" if t < phase.start else "is over"
            raise refusal(
                f"{rule.name} belongs to the phase {phase.name}, which {when}",
                "a fault outside its phase would spoil what is compared with it",
            )

    def _retimed(self, command: Command, t: float) -> tuple[Steering, str]:
        if self.hold is not None:
            raise refusal(
                f"the phase {self.hold} is held, by no clock, so there is nothing to {command.do}",
                "`pause` holds its faults back, `stop` ends them",
            )
        scenario = self.timed
        at, phase = self._phase(command.phase, t)
        durations = [one.duration for one in scenario.phases]
        if command.do == "end":
            if t < phase.start:
                raise refusal(f"the phase {phase.name} has not begun", "end the one before it, or wait")
            durations[at] = max(LEAD, t + LEAD - phase.start)
            if durations[at] >= phase.duration:
                raise refusal(f"the phase {phase.name} is about to end by itself", "")
            text = f"the phase {phase.name} ends, {format_duration(round(phase.end - t, 1))} early"
        else:
            durations[at] += command.by
            most, total = scenario.limits.max_duration, scenario.duration + command.by
            if most is not None and total > most:
                raise refusal(
                    f"the run would last {format_duration(total)}, limits.max_duration is {format_duration(most)}",
                    _left(most - scenario.duration),
                )
            text = (
                f"the phase {phase.name} lasts {format_duration(round(command.by, 1))} longer, until "
                f"{format_duration(round(phase.end + command.by, 1))}"
            )
        return replace(self, durations=tuple(durations)), text

    def _phase(self, name: str | None, t: float) -> tuple[int, Phase]:
        """The phase of that name, or the present one, that is not over yet."""
        phases = self.timed.phases
        if name is None:
            found = next((at for at, one in enumerate(phases) if one.start <= t < one.end), None)
            if found is None:
                raise refusal("no phase is on" if t < phases[-1].end else "the last phase is over", "")
        else:
            found = next((at for at, one in enumerate(phases) if one.name == name), None)
            if found is None:
                raise refusal(f"there is no phase `{cut(name)}`", suggest(name, [one.name for one in phases]))
        if t >= phases[found].end - LEAD:
            state = "is over" if t >= phases[found].end else "is about to end by itself"
            raise refusal(f"the phase {phases[found].name} {state}", "")
        return found, phases[found]

    def _rule(self, name: str) -> tuple[Rule, Phase]:
        for phase in self.timed.phases:
            for rule in phase.rules:
                if rule.name == name:
                    return rule, phase
        names = [rule.name for rule in self.scenario.rules]
        raise refusal(f"there is no rule `{cut(name)}`", suggest(name, names) or f"{self.scenario.name} has no rules")

    def _when(self, phase: Phase, t: float) -> str:
        """A word of warning for a rule whose phase is not on."""
        if self.hold is not None:
            return "" if phase.name == self.hold else f"; but its phase {phase.name} is not the one that is held"
        if t >= phase.end:
            return f"; but its phase {phase.name} is over"
        return f", from {format_duration(round(phase.start, 1))} on" if t < phase.start else ""


def _left(seconds: float) -> str:
    """The most that a run may be extended by."""
    whole = math.floor(seconds * 10) / 10  # rounded up it would be refused, too
    return f"extend by at most {format_duration(whole)}" if whole > 0 else "limits.max_duration leaves no more"


def _lasts(seconds: object) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= _LONGEST


def _switch(said: object) -> Switch:
    """A rule's switch as it was told; raises KeyError or ValueError for what is none."""
    if not isinstance(said, dict):
        raise ValueError("no switch")  # noqa: TRY004  # as above
    on, share, owed = said["on"], said["share"], said["owed"]
    known = share is None or (isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1)
    if not (isinstance(on, bool) and known and type(owed) is int and 0 <= owed < _MOST_OWED):
        raise ValueError("no switch")
    return Switch(on, None if share is None else float(share), owed)


def can_share(rule: Rule) -> bool:
    """Whether a share can be set for a rule: not for one that goes by live limits."""
    return not rule.fault.live


def chosen(rule: Rule) -> str:
    """Which calls a share of a rule is of: its trigger in words without the share; "" for every call that matches."""
    if rule.fault.live:
        return "beyond its live limits"
    others = replace(rule.when, share=None)
    return "" if others == Trigger() else when_words(others)


def capped(rule: Rule) -> bool:
    """Whether a share set for a rule is the most it strikes, because its trigger holds shares of its own."""
    when = rule.when
    return any(one is not None for one in (when.ramp, when.outage, when.trace, when.load))


def can_trigger(rule: Rule) -> bool:
    """Whether a rule can strike a single call by hand: not by live limits, and not before a call is known."""
    return not rule.fault.live and not (isinstance(rule.fault, Connecting) and rule.fault.at_accept)


def steered(steering: Steering) -> Scenario:
    """The scenario with the phases and shares as they now are, for whoever decides on calls."""
    scenario = steering.timed
    phases = tuple(
        replace(phase, rules=tuple(_with_share(rule, steering.switch(rule.name)) for rule in phase.rules))
        for phase in scenario.phases
    )
    return replace(scenario, phases=phases)


def _with_share(rule: Rule, switch: Switch) -> Rule:
    if switch.share is None:
        return rule
    # A ramp and an outage hold shares of their own; the smallest is the chance (trigger law 3).
    return replace(rule, when=replace(rule.when, share=switch.share))

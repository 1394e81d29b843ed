"""When the rules of a phase are on: their spells, and all that their triggers cannot know of themselves.

Laws:
1. Spells are drawn from (seed, rule, state, number), so every process draws the same ones.
2. One definition serves all: what the Plan decides by, what the reader warns by and what `explain` sums are one chance.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import floor, inf

from chaosllm.distribution import Distribution
from chaosllm.scenario import Phase, Rule
from chaosllm.trigger import Outage, Stretch, Tick, Trigger, draw

#: No spell is shorter, because nothing that a user could see changes quicker.
SHORTEST = 0.01
#: Steps of a search for a time at which several clocks agree; beyond it they are taken to agree.
_STEPS = 10_000


class Chain:
    """The spells of an outage, drawn as far as they were asked for."""

    def __init__(self, outage: Outage, seed: int, rule: str) -> None:
        self._seed, self._rule = seed, rule
        degraded = outage.degraded
        states: list[tuple[str, Distribution, float]] = [("up", outage.up, 0.0), ("down", outage.down, 1.0)]
        if degraded is not None:
            states.insert(1, ("degraded", degraded.length, degraded.share))
        self._states = states
        self._ends = array("d")

    def spell(self, t: float) -> Stretch:
        """The spell in which second `t` of the phase lies."""
        while not self._ends or self._ends[-1] <= t:
            self._extend()
        number = bisect_right(self._ends, t)
        return Stretch(
            self._ends[number - 1] if number else 0.0, self._ends[number], self._states[number % len(self._states)][2]
        )

    def first_down(self) -> float:
        """The second of the phase at which it first goes down."""
        while len(self._ends) < len(self._states):
            self._extend()
        return self._ends[len(self._states) - 2]

    def _extend(self) -> None:
        number = len(self._ends)
        cycle, place = divmod(number, len(self._states))
        state, length, _ = self._states[place]
        u = draw(self._seed, self._rule, "outage", state, cycle)
        self._ends.append((self._ends[-1] if number else 0.0) + max(SHORTEST, length.sample(u)))


class Firing:
    """A rule's trigger, bound once to the seed and to the rule that it follows."""

    def __init__(self, seed: int, rule: Rule, leader: Firing | None = None) -> None:
        self.rule = rule
        self.when: Trigger = rule.when
        self.leader = leader
        self._seed = seed
        self.chain = Chain(rule.when.outage, seed, rule.name) if rule.when.outage is not None else None
        self._clocks = tuple(self._all_clocks())

    def at(self, tick: Tick, identity: str, rate_of: Callable[[Firing], float]) -> Tick:
        """The tick of one call with this rule's draw and all that its trigger asks for.

        `rate_of` gives the rate of the calls that met another rule; the rule's own is in the tick.
        """
        u = draw(self._seed, self.rule.name, identity, tick.attempt, "when")
        spell = self.chain.spell(tick.t).share if self.chain is not None else 0.0
        led = 0.0
        if (before := self._before(tick)) is not None and self.leader is not None:
            rate = rate_of(self.leader) if self.leader.when.load is not None else 0.0
            led = float(self.leader.when.fires(self.leader.at(replace(before, rate=rate), identity, rate_of)))
        return replace(tick, u=u, spell=spell, led=led)

    def expected(self, tick: Tick) -> float:
        """The chance before any draw is made; `rate` of the tick is taken for all rules that go by the traffic."""
        return self.when.chance(self._foreseen(tick, Firing.expected))

    def clock(self, tick: Tick) -> float:
        """The largest chance that the time leaves, the time of the rule that it follows included."""
        foreseen = self._foreseen(tick, Firing.clock)
        return self.when.clock(foreseen) * (foreseen.led if self.when.correlated is not None else 1.0)

    def stretches(self, length: float) -> Iterator[Stretch]:
        """The stretches of a phase in which the clock lets it fire; `share` is what an outage or a trace leaves.

        A ramp, which changes all the time, is on throughout.
        """
        t = 0.0
        while (found := self.on(t, length)) is not None:
            yield found
            t = found.end

    def on(self, t: float, until: float) -> Stretch | None:
        """The first stretch at `t` or later, before `until`, in which the clock lets it fire."""
        for _ in range(_STEPS):
            found = [clock(t, until) for clock in self._clocks]
            start = max((t, *(one.start for one in found)))
            if start >= until:
                return None
            if start == t:
                ends, shares = ([one.end for one in found], [one.share for one in found])
                return Stretch(t, min((until, *ends)), min((1.0, *shares)))
            t = start
        return Stretch(t, until)

    def _before(self, tick: Tick) -> Tick | None:
        """The tick by which its leader goes; None without one, or before the phase."""
        follows = self.when.correlated
        if follows is None or self.leader is None or tick.t < follows.delay:
            return None
        return replace(tick, t=tick.t - follows.delay)

    def _foreseen(self, tick: Tick, led_by: Callable[[Firing, Tick], float]) -> Tick:
        before = self._before(tick)
        led = led_by(self.leader, before) if before is not None and self.leader is not None else 0.0
        return replace(tick, spell=self.chain.spell(tick.t).share if self.chain is not None else 0.0, led=led)

    def _all_clocks(self) -> Iterator[Callable[[float, float], Stretch]]:
        """For each condition by the clock: the stretch that is on at `t`, else the next one; at `until` if none."""
        when = self.when
        if (window := when.window) is not None:
            yield lambda t, until: Stretch(window.from_, window.to) if t < window.to else Stretch(until, until)
        if (burst := when.burst) is not None:
            yield lambda t, _: _burst(t, burst.every, burst.length)
        if (trace := when.trace) is not None:
            stretches = trace.stretches or ()
            yield lambda t, until: _recorded(stretches, t, until)
        if (chain := self.chain) is not None:
            yield lambda t, until: _struck(chain, t, until)
        if (follows := when.correlated) is not None:
            yield lambda t, until: self._led(t, until, follows.delay)

    def _led(self, t: float, until: float, delay: float) -> Stretch:
        found = self.leader.on(max(0.0, t - delay), until - delay) if self.leader is not None else None
        return Stretch(found.start + delay, found.end + delay) if found is not None else Stretch(until, until)


def firings(seed: int, phase: Phase) -> dict[str, Firing]:
    """The rules of a phase by name, each bound to the one that it follows; one that follows none there never fires."""
    rules = {rule.name: rule for rule in phase.rules}
    bound: dict[str, Firing] = {}

    def bind(name: str, followers: frozenset[str]) -> Firing | None:
        if name in bound or name not in rules or name in followers:
            return bound.get(name)
        follows = rules[name].when.correlated
        leader = bind(follows.leader, followers | {name}) if follows is not None else None
        return bound.setdefault(name, Firing(seed, rules[name], leader))

    for name in rules:
        bind(name, frozenset())
    return bound


def _end(stretch: Stretch) -> float:
    return stretch.end


def _burst(t: float, every: float, length: float) -> Stretch:
    start = floor(t / every) * every
    start = start if t < start + length else start + every
    return Stretch(start, start + length)


def _recorded(stretches: tuple[Stretch, ...], t: float, until: float) -> Stretch:
    number = bisect_right(stretches, t, key=_end)
    return stretches[number] if number < len(stretches) else Stretch(until, until)


def _struck(chain: Chain, t: float, until: float) -> Stretch:
    while t < until:
        spell = chain.spell(t)
        if spell.share > 0:
            return spell
        t = spell.end
    return Stretch(until, inf)

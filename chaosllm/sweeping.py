"""A sweep: which level of a parameter to run next, and up to which level an objective holds.

Laws:
1. The interval rests on one assumption: that the objective, once it fails, stays failed as the level
   goes on. No curve is fitted for it. A breaking point is excluded when the levels between it and some
   other point are twenty times likelier under a bet that was fixed beforehand than under the best
   curve that breaks there (an e-value; Ville's inequality), so the interval holds at 95 % wherever the
   sweep stops and however its levels were chosen.
2. The bets (a mixture of Wald's tests over logistic curves with plateaus) and the choice of levels cost
   runs when they fit badly, never coverage.
3. Every point excluded means that the assumption is wrong: then there is no number, and it is said.
4. Where verdicts alone are told, a run is taken to be misjudged in a tenth of cases at most. Near the breaking point
   that is not so, and how far "near" reaches is seen in verdicts that contradict each other: the interval is widened
   by as much, and a bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from chaosllm.stats import Floats

type Kind = Literal["unknown", "found", "everywhere", "nowhere", "not_monotone"]

#: How much likelier a bet must be than a breaking point to exclude it: 1 in 20 by chance (Ville).
EXCLUDES = math.log(20)
#: How often the verdict of a whole run is taken to be wrong, at most: twice the error of one decision of ours.
MISJUDGED = 0.1
#: What a verdict that came true pays, and what any other leaves: fair if it comes by mistake in MISJUDGED of runs.
_PAYS, _LEAVES = math.log(5.5), math.log(0.5)
#: By how much an interval is widened, in lengths of the stretch in which verdicts contradict each other: simulated, for
#: verdicts that flip over 1 to 12 % of the range, it then holds in 19 of 20 sweeps (docs/proofs.md).
_CONTRADICTED = 1.25
#: The variance between two runs of the same thing, in units of that inside one: they differ by a point or two
#: however long they are, so 1000 operations of one run count for 500.
BETWEEN_RUNS = 0.001
#: Curves to bet on: how steep they are (in logits over the range), how far their plateaus lie from the bound,
#: and where they break, within the range and as far again on both sides.
_STEEP = np.array([1.5, 3.0, 6.0, 12.0, 25.0, 60.0, 400.0])
_PLATEAUS = np.array([0.4, 1.0, 4.0])
_INSIDE, _OUTSIDE = 81, 12
#: The share of the bets on breaking points on each side of the range.
_BEYOND = 0.1
#: The share of the bets on single levels, the sooner run the more: no monotone curve bets on one that is not.
_ALONE = 0.1
#: How near to the likeliest breaking point a level may lie, in tolerances: two such levels just meet the tolerance.
_BESIDE = 0.475


@dataclass(frozen=True, slots=True)
class Told:
    """What one run at a level showed: `good` of `of` operations, or the verdict on the objective.

    `at` is the place in the range, 0 to 1. `good` counts towards the objective, whichever way it is written.
    `worth` is how many independent operations those are worth (`stats.effective_n`).
    """

    at: float
    good: float = 0.0
    of: float = 0.0
    worth: float = 0.0
    verdict: Literal["pass", "fail", "inconclusive"] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known: the objective holds up to somewhere between `low` and `high`, places in the range.

    `low` is None while it may fail already at the lowest level, `high` while it may hold at all. `down`: the
    objective fails below, and holds above. `next` is the place to look at, None when nothing is left to find.
    """

    kind: Kind
    low: float | None
    high: float | None
    point: float
    down: bool = False
    next: float | None = None

    @property
    def width(self) -> float:
        """Of the interval, as a share of the range; an open side reaches to the range's end."""
        return (1.0 if self.high is None else self.high) - (0.0 if self.low is None else self.low)


@dataclass(frozen=True, slots=True)
class _Bets:
    """Curves by kind (rows) and breaking point (columns), with what is staked on each; the stakes sum to 1."""

    breaks: Floats
    steep: Floats
    plateau: Floats
    stakes: Floats

    def shares(self, at: float, bound: float) -> Floats:
        """The share that each curve gives the level `at`; it is `bound` where the curve breaks."""
        beside = self.steep[:, None] * (self.breaks[None, :] - at)
        logits = math.log(bound / (1 - bound)) + np.clip(beside, -self.plateau[:, None], self.plateau[:, None])
        found: Floats = 1 / (1 + np.exp(-logits))
        return found


@lru_cache
def _bets() -> _Bets:
    inside = (np.arange(_INSIDE) + 0.5) / _INSIDE
    outside = np.geomspace(0.01, 1.0, _OUTSIDE)
    breaks = np.concatenate((-outside[::-1], inside, 1 + outside))
    beyond = np.full(_OUTSIDE, _BEYOND / _OUTSIDE)
    stakes = np.concatenate((beyond, np.full(_INSIDE, (1 - 2 * _BEYOND) / _INSIDE), beyond))
    steep, plateau = (part.ravel() for part in np.meshgrid(_STEEP, _PLATEAUS))
    return _Bets(breaks, steep, plateau, stakes)


def standing(told: Sequence[Told], bound: float | None, tolerance: float = 0.0, lowest: float = 0.0) -> Standing:
    """What these runs say, and which level to run next until the interval is as narrow as `tolerance`.

    `bound` is the share that must be good, inside 0 and 1; None when verdicts are told. `lowest` is the place of
    the lowest level that can be run. Levels go up to worse; when only the other way round is possible, it is taken
    for that. The worst level comes first, because an app that holds there needs no search, and then the best,
    because only the two together tell which way the objective breaks.
    """
    if not told:
        return Standing("unknown", None, None, 0.5, next=1.0)
    found = _standing(told, bound, tolerance, lowest)
    return _widened(found, told) if bound is None else found


def _standing(told: Sequence[Told], bound: float | None, tolerance: float, lowest: float) -> Standing:
    found = _Search(told, bound, tolerance, lowest).standing
    if found.kind == "everywhere":
        middle = (lowest + 1) / 2
        if all(one.at > lowest for one in told):
            return replace(found, next=lowest)
        return found if any(abs(one.at - middle) < 0.25 for one in told) else replace(found, next=middle)
    if found.kind != "not_monotone":
        return found
    turned = _Search([replace(one, at=1 - one.at) for one in told], bound, tolerance, 0.0).standing
    if turned.kind == "not_monotone":
        return found
    low, high, following = (None if at is None else 1 - at for at in (turned.high, turned.low, turned.next))
    return Standing(turned.kind, low, high, 1 - turned.point, down=True, next=following)


def _widened(found: Standing, told: Sequence[Told]) -> Standing:
    """The interval with what law 4 adds to it."""
    holds = [one.at for one in told if one.verdict == "pass"]
    fails = [one.at for one in told if one.verdict == "fail"]
    if not holds or not fails:
        return found
    more = _CONTRADICTED * max(0.0, max(fails) - min(holds) if found.down else max(holds) - min(fails))
    low, high = found.low, found.high
    return replace(
        found, low=None if low is None else max(0.0, low - more), high=None if high is None else min(1.0, high + more)
    )


class _Search:
    """One look at the runs, for levels that go up to worse."""

    def __init__(self, told: Sequence[Told], bound: float | None, tolerance: float, lowest: float) -> None:
        self.bound, self.tolerance, self.lowest = bound, tolerance, lowest
        self.bets = _bets()
        self.levels = np.unique([one.at for one in told])
        self.order = [int(np.searchsorted(self.levels, at)) for at in dict.fromkeys(one.at for one in told)]
        inflation = _inflation(told)
        self.usual = _worth(float(np.mean([one.of for one in told])), inflation)
        self.gains = np.zeros((len(self.bets.steep), len(self.bets.breaks), len(self.levels)))
        for one in told:
            self.gains[:, :, int(np.searchsorted(self.levels, one.at))] += self.gain(one, inflation)
        self.against = self.evidence()
        logs = self.gains.sum(axis=2) + np.log(self.bets.stakes)[None, :]
        self.weights = np.exp(logs - logs.max())  # of the curves, if one of them were the truth
        self.weights /= self.weights.sum()
        self.standing = self.stand()

    def stand(self) -> Standing:
        """The gaps that are still possible, as one stretch; and where to look next."""
        columns = self.weights.sum(axis=0)
        inside = np.clip(self.bets.breaks, 0.0, 1.0)
        point = float(np.interp(0.5, np.cumsum(columns) - columns / 2, inside))
        possible = np.flatnonzero(self.against < EXCLUDES)
        if not len(possible):
            return Standing("not_monotone", None, None, point)
        low = float(self.levels[possible[0] - 1]) if possible[0] else None
        high = float(self.levels[possible[-1]]) if possible[-1] < len(self.levels) else None
        point = min(max(point, 0.0 if low is None else low), 1.0 if high is None else high)
        if low == 1.0:
            return Standing("everywhere", low, high, point)
        if high is not None and high <= self.lowest:
            return Standing("nowhere", low, high, point)
        found = Standing("unknown" if low is None or high is None else "found", low, high, point)
        if found.kind == "found" and found.width <= self.tolerance * (1 + 1e-9):
            return found
        return replace(found, next=self.beside(found, math.sqrt(float(columns @ (inside - point) ** 2))))

    def gain(self, one: Told, inflation: float) -> Floats:
        """The logarithm of what each curve wins on a run, against a share that lies on the bound."""
        if one.verdict is not None or self.bound is None:
            true = np.where(self.bets.breaks >= one.at, one.verdict == "pass", one.verdict == "fail")
            return np.broadcast_to(np.where(true, _PAYS, _LEAVES), self.gains.shape[:2])
        share = self.bets.shares(one.at, self.bound)
        wins = one.good * np.log(share / self.bound) + (one.of - one.good) * np.log((1 - share) / (1 - self.bound))
        won: Floats = wins * _worth(one.of, inflation) / one.of
        return won

    def evidence(self) -> Floats:
        """For each gap between levels (0 is below all of them) the evidence against a breaking point in it."""
        gap_of = np.searchsorted(self.levels, self.bets.breaks, side="right")
        sums = np.concatenate((np.zeros((*self.gains.shape[:2], 1)), np.cumsum(self.gains, axis=2)), axis=2)
        stakes = np.log(self.bets.stakes / len(self.bets.steep))[None, :] + math.log(1 - _ALONE)
        own = sums[:, np.arange(len(gap_of)), gap_of]
        turns = math.log(_ALONE) - np.log(np.arange(1, len(self.order) + 1) * np.arange(2, len(self.order) + 2))
        alone = [[self.alone(level, holds=holds) for holds in (False, True)] for level in range(len(self.levels))]
        found = np.empty(len(self.levels) + 1)
        for gap in range(len(found)):
            # Bets are made on the levels between the gap and each curve's own: elsewhere both say the same.
            won = np.where(gap_of[None, :] >= gap, own - sums[:, :, gap], sums[:, :, gap] - own)
            won_alone = [alone[level][level >= gap] for level in self.order]
            found[gap] = np.logaddexp(_total(won + stakes), _total(np.array(won_alone) + turns))
        return found

    def alone(self, level: int, *, holds: bool) -> float:
        """What the bet wins that one level holds, or fails, whatever the others do."""
        some = (self.bets.breaks >= self.levels[level]) == holds
        stakes = self.bets.stakes[some] / self.bets.stakes[some].sum() / len(self.bets.steep)
        return _total(self.gains[:, some, level] + np.log(stakes))

    def beside(self, now: Standing, spread: float) -> float:
        """The level at which a run can be expected to narrow the interval most.

        On the side whose bound lies further from the likeliest breaking point, and never on that point itself,
        where an objective neither holds nor fails: nearer to it narrows more, and takes more runs.
        """
        if now.low is None and now.point - self.lowest <= self.tolerance:
            return self.lowest
        if now.high is None and 1 - now.point <= self.tolerance:
            return 1.0
        low, high = self.lowest if now.low is None else now.low, 1.0 if now.high is None else now.high
        side, room = (-1, now.point - low) if now.point - low >= high - now.point else (1, high - now.point)
        least = min(_BESIDE * self.tolerance, room / 2)
        if self.bound is None:
            return now.point + side * min(max(least, 0.7 * spread), room / 2)

        def pace(step: float) -> float:
            """How much of the range a run excludes there, in the mean."""
            at = now.point + side * step
            expected = self.usual * self.surprise(at, self.bound or 0.5)
            gap = int(np.searchsorted(self.levels, at, side="left" if side < 0 else "right"))
            return (room - step) / max(1.0, (EXCLUDES - float(self.against[gap])) / max(expected, 1e-9))

        return now.point + side * max((float(step) for step in np.linspace(least, room, 25)[:-1]), key=pace)

    def surprise(self, at: float, bound: float) -> float:
        """What one operation at a level is expected to win against a share on the bound (Kullback-Leibler)."""
        share = float((self.weights * self.bets.shares(at, bound)).sum())
        return share * math.log(share / bound) + (1 - share) * math.log((1 - share) / (1 - bound))


def _total(logs: Floats) -> float:
    """The logarithm of the sum of what these are logarithms of."""
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()))


def _worth(of: float, inflation: float) -> float:
    """How many independent operations a run of `of` is worth."""
    worth = of / inflation
    return worth / (1 + BETWEEN_RUNS * worth)


def _inflation(told: Sequence[Told]) -> float:
    """How many operations are worth one, the mean of all runs that can tell.

    Not each run by its own, because a run with few failures shows few bursts, and would count for more than one
    with many: that shifts the breaking point up.
    """
    some = [one.of / one.worth for one in told if one.verdict is None and min(one.good, one.of - one.good) >= 5]
    return max(1.0, float(np.mean(some))) if some else 1.0

"""Apps by formula, whose breaking point is known, and a sweep over one of them without any process."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chaosllm.stats import effective_n
from chaosllm.sweeping import Standing, Told, standing

type Curve = Callable[[float], float]


@dataclass(frozen=True)
class App:
    """The share of good answers at a level from 0 to 1, and the share that the objective asks for.

    `noise` is the standard deviation between runs, `burst` the mean length of a row of failures.
    """

    curve: Curve
    bound: float
    noise: float = 0.0
    burst: int = 1

    @property
    def breaks(self) -> float:
        """The last level at which the objective holds."""
        levels = np.linspace(0, 1, 100_001)
        return float(max(level for level in levels if self.curve(level) >= self.bound))

    def run(self, at: float, operations: int, random: np.random.Generator) -> Told:
        """One run at a level."""
        share = min(0.999, max(0.001, self.curve(at) + self.noise * random.standard_normal()))
        if self.burst == 1:
            return Told(at, float(random.binomial(operations, share)), operations, operations)
        draws, good, state = random.random(operations), np.zeros(operations), bool(random.random() < share)
        fails = (1 - share) / share / self.burst
        for place, draw in enumerate(draws):
            good[place] = state
            state = bool(draw >= fails) if state else bool(draw < 1 / self.burst)
        windows = good.reshape(-1, 10)
        return Told(at, good.sum(), operations, effective_n(windows.sum(axis=1), np.full(len(windows), 10.0)))


def logistic(at: float) -> float:
    return 1 / (1 + math.exp(8 * (at - 0.45) - math.log(9)))


def plateaus(at: float) -> float:
    return float(np.interp(at, [0, 0.25, 0.3, 0.6, 0.66, 1], [0.99, 0.98, 0.9, 0.88, 0.6, 0.5]))


#: The first six run in every `make test`, all of them in `make soak`.
APPS = {
    "linear": App(lambda at: 1 - 0.8 * at, 0.7),
    "logistic": App(logistic, 0.9),
    "step": App(lambda at: 0.99 if at <= 0.371 else 0.2, 0.8),
    "two retries": App(lambda at: 1 - (0.8 * at) ** 3, 0.95),
    "noisy": App(lambda at: 1 - 0.8 * at, 0.7, noise=0.015),
    "bursts": App(lambda at: 1 - 0.8 * at, 0.7, burst=5),
    "small step": App(lambda at: 0.85 if at <= 0.371 else 0.72, 0.8),
    "plateaus": App(plateaus, 0.8),
    "noisy step": App(lambda at: 0.98 if at <= 0.62 else 0.6, 0.9, noise=0.015),
    "bursts and retries": App(lambda at: 1 - (0.8 * at) ** 3, 0.95, burst=5),
}


def sweep(
    app: App, seed: int, *, operations: int = 400, runs: int = 12, tolerance: float = 0.1
) -> tuple[Standing, list[Told]]:
    """What a sweep finds, on levels of half a percent, and its runs."""
    random, told = np.random.default_rng(seed), list[Told]()
    while True:
        now = standing(told, app.bound, tolerance)
        if now.next is None or len(told) == runs:
            return now, told
        told.append(app.run(round(now.next * 200) / 200, operations, random))


def covers(now: Standing, truth: float) -> bool:
    """Whether the interval holds the true breaking point."""
    low, high = 0.0 if now.low is None else now.low, 1.0 if now.high is None else now.high
    return now.kind in ("found", "unknown") and low <= truth <= high

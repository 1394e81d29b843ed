"""Distributions of a duration: each turns one draw in [0, 1) into seconds, by its inverse.

One draw, one value: so a delay depends on nothing but the identity of its call (DESIGN law 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Annotated, Any, ClassVar, Protocol

from chaosllm.units import format_duration, parse_duration, spelt

_Z95 = NormalDist().inv_cdf(0.95)
#: A draw of exactly 0 or so near to 1 that the inverse is infinite is moved inside by this much.
_EDGE = 1e-12


class Distribution(Protocol):
    """Seconds from a draw."""

    def sample(self, u: float) -> float:
        """The value at quantile `u`, in seconds, never below 0."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same."""

    value: float

    def sample(self, u: float) -> float:  # noqa: ARG002  # the protocol's draw; a constant needs none
        """The value."""
        return self.value

    def __str__(self) -> str:
        return format_duration(self.value)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Even between two durations."""

    low: float
    high: float
    name: ClassVar[str] = "uniform"

    def sample(self, u: float) -> float:
        """Linear in the draw."""
        return self.low + (self.high - self.low) * u

    def __str__(self) -> str:
        return f"uniform {format_duration(self.low)} to {format_duration(self.high)}"


@dataclass(frozen=True, slots=True)
class Normal:
    """Bell-shaped; a negative value becomes 0."""

    mean: float
    sd: float
    name: ClassVar[str] = "normal"

    def sample(self, u: float) -> float:
        """The normal quantile, cut at 0."""
        return max(0.0, self.mean + self.sd * NormalDist().inv_cdf(min(max(u, _EDGE), 1 - _EDGE)))

    def __str__(self) -> str:
        return f"normal, mean {format_duration(self.mean)}, sd {format_duration(self.sd)}"


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Skewed as response times are, given by its median and 95th percentile."""

    median: float
    p95: float
    name: ClassVar[str] = "lognormal"

    def sample(self, u: float) -> float:
        """exp(mu + sigma z) with sigma from the two percentiles."""
        sigma = math.log(self.p95 / self.median) / _Z95
        return self.median * math.exp(sigma * NormalDist().inv_cdf(min(max(u, _EDGE), 1 - _EDGE)))

    def __str__(self) -> str:
        return f"lognormal, median {format_duration(self.median)}, p95 {format_duration(self.p95)}"


@dataclass(frozen=True, slots=True)
class Pareto:
    """A heavy tail: most near `min`, a few very long; infinite mean when alpha is 1 or less."""

    min: float
    alpha: float
    name: ClassVar[str] = "pareto"

    def sample(self, u: float) -> float:
        """Min / (1 - u)^(1/alpha)."""
        return float(self.min / (1 - min(u, 1 - _EDGE)) ** (1 / self.alpha))

    def __str__(self) -> str:
        return f"Pareto, from {format_duration(self.min)}, alpha {self.alpha:g}"


@dataclass(frozen=True, slots=True)
class Empirical:
    """As recorded: a file with one duration a line, such as 350ms; `values` are sorted seconds."""

    file: str
    values: tuple[float, ...] = ()
    name: ClassVar[str] = "empirical"

    def sample(self, u: float) -> float:
        """The recorded quantile, between neighbours in proportion."""
        place = u * (len(self.values) - 1)
        low = int(place)
        high = min(low + 1, len(self.values) - 1)
        return self.values[low] + (self.values[high] - self.values[low]) * (place - low)

    def __str__(self) -> str:
        return f"as recorded in {self.file}"


def read_empirical(file: str, text: str) -> Empirical:
    """The distribution in a file's text; ValueError names the first line that is no duration."""
    values = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.split("#")[0].strip()
        if entry:
            try:
                values.append(parse_duration(entry))
            except ValueError as error:
                raise ValueError(f"{file}, line {number}: {error}") from None
    if not values:
        raise ValueError(f"{file} holds no duration, expected one a line, such as 350ms")
    return Empirical(file, tuple(sorted(values)))


_SHAPES: dict[str, Any] = {kind.name: kind for kind in (Uniform, Normal, Lognormal, Pareto)}
_NAMES = ", ".join((*_SHAPES, Empirical.name))


def parse_distribution(value: object) -> Distribution:
    """A distribution from "800ms", {lognormal: {median: 800ms, p95: 3s}} or {empirical: FILE}."""
    if not isinstance(value, dict):
        if isinstance(value, Fixed | Uniform | Normal | Lognormal | Pareto | Empirical):
            return value
        return Fixed(parse_duration(value))
    if len(value) != 1:
        raise ValueError(f"found {len(value)} keys, expected one distribution: {_NAMES}")
    name, given = next(iter(value.items()))
    if name == Empirical.name and isinstance(given, str):
        return Empirical(given)
    if name not in _SHAPES:
        raise ValueError(f"found {name!r}, expected a duration or one distribution of {_NAMES}")
    wanted = [item.name for item in fields(_SHAPES[name])]
    if not isinstance(given, dict) or sorted(given) != sorted(wanted):
        raise ValueError(f"found {given!r}, expected {name}: {{{', '.join(wanted)}}}")
    numbers = {key: _number(key, item) for key, item in given.items()}
    _check(name, numbers)
    return _SHAPES[name](**numbers)  # type: ignore[no-any-return]  # the table holds distributions only


def _number(key: str, value: object) -> float:
    if key != "alpha":
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise ValueError(f"found alpha {value!r}, expected a number above 0, such as 1.5")


def _check(name: str, numbers: dict[str, float]) -> None:
    if name == "uniform" and numbers["low"] > numbers["high"]:
        raise ValueError("found low above high, expected low to be the smaller one")
    if name == "lognormal" and not 0 < numbers["median"] < numbers["p95"]:
        raise ValueError("found a p95 that is not above the median, expected 0 < median < p95")
    if name == "pareto" and numbers["min"] <= 0:
        raise ValueError("found min 0, expected a duration above 0")


type DurationDistribution = Annotated[
    Any,
    *spelt(
        parse_distribution,
        {
            "anyOf": [
                {"type": "string", "examples": ["800ms"]},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                    "properties": {
                        **{
                            name: {
                                "type": "object",
                                "additionalProperties": False,
                                "required": [item.name for item in fields(kind)],
                                "properties": {item.name: {"type": ["string", "number"]} for item in fields(kind)},
                            }
                            for name, kind in _SHAPES.items()
                        },
                        "empirical": {"type": "string", "description": "a file with one duration a line"},
                    },
                },
            ]
        },
    ),
]

"""Distributions of a duration: each turns one draw in [0, 1) into seconds, by its inverse.

One draw, one value: so a delay depends on nothing but the identity of its call (DESIGN law 5).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Annotated, Any, ClassVar, Protocol

from chaosllm.incomplete_gamma import inverse
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
class Gamma:
    """Skewed, given by its mean and its coefficient of variation: sd / mean."""

    mean: float
    cv: float
    name: ClassVar[str] = "gamma"

    def sample(self, u: float) -> float:
        """The gamma quantile, right to 1e-9 of itself."""
        shape = self.cv**-2
        return self.mean / shape * inverse(shape, min(max(u, _EDGE), 1 - _EDGE))

    def __str__(self) -> str:
        return f"gamma, mean {format_duration(self.mean)}, cv {self.cv:g}"


@dataclass(frozen=True, slots=True)
class Exponential:
    """The time to something that may happen at any moment, whatever was before."""

    mean: float
    name: ClassVar[str] = "exponential"

    def sample(self, u: float) -> float:
        """-mean ln(1 - u)."""
        return -self.mean * math.log1p(-min(u, 1 - _EDGE))

    def __str__(self) -> str:
        return f"exponential, mean {format_duration(self.mean)}"


@dataclass(frozen=True, slots=True)
class Weibull:
    """The time to a failure: with a shape below 1 most come early, with one above 1 things wear out."""

    scale: float
    shape: float
    name: ClassVar[str] = "weibull"

    def sample(self, u: float) -> float:
        """Scale (-ln(1 - u))^(1/shape)."""
        return float(self.scale * (-math.log1p(-min(u, 1 - _EDGE))) ** (1 / self.shape))

    def __str__(self) -> str:
        return f"Weibull, scale {format_duration(self.scale)}, shape {self.shape:g}"


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
    """As recorded in a file; `values` are sorted seconds, `at` their quantiles where they are not evenly apart."""

    file: str
    values: tuple[float, ...] = ()
    at: tuple[float, ...] = ()
    name: ClassVar[str] = "empirical"

    def sample(self, u: float) -> float:
        """The recorded quantile, between neighbours in proportion; beyond the last ones, those."""
        if self.at:
            high = bisect_right(self.at, u)
            if high in (0, len(self.at)):
                return self.values[high - (high > 0)]
            low, part = high - 1, (u - self.at[high - 1]) / (self.at[high] - self.at[high - 1])
        else:
            place = u * (len(self.values) - 1)
            low = int(place)
            high, part = min(low + 1, len(self.values) - 1), place - low
        return self.values[low] + (self.values[high] - self.values[low]) * part

    def __str__(self) -> str:
        return f"as recorded in {self.file}"


def read_empirical(file: str, text: str) -> Empirical:
    """The distribution in a file's text: durations, or a profile as JSON or YAML; ValueError says what is wrong."""
    if file.endswith((".json", ".yaml", ".yml")):
        return _read_profile(file, text)
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


def _read_profile(file: str, text: str) -> Empirical:
    """A latency profile: {values: [350ms, ...]}, or {quantiles: {p50: 350ms, p95: 1.2s}}."""
    import yaml  # noqa: PLC0415  # because the proxy, which is handed what was read, needs none

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    given = found if isinstance(found, dict) else {}
    try:
        if isinstance(values := given.get("values"), list) and values:
            return Empirical(file, tuple(sorted(_seconds(value) for value in values)))
        if isinstance(quantiles := given.get("quantiles"), dict) and len(quantiles) > 1:
            return _of_quantiles(file, quantiles)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    example = "{values: [350ms, 1.2s]} or {quantiles: {p50: 350ms, p95: 1.2s}}"
    raise ValueError(f"{file} is no latency profile, expected {example}")


def _of_quantiles(file: str, quantiles: Mapping[object, object]) -> Empirical:
    points = sorted((_quantile(key), _seconds(value)) for key, value in quantiles.items())
    at, values = zip(*points, strict=True)
    if list(values) != sorted(values) or len(set(at)) < len(at):
        raise ValueError("found quantiles that do not rise, expected each above the one before")
    return Empirical(file, values, at)


def _seconds(value: object) -> float:
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError("found what is no duration, expected durations with their unit, such as 350ms")


def _quantile(key: object) -> float:
    try:
        share = float(key[1:]) / 100 if isinstance(key, str) and key[:1] == "p" else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"found quantile {key!r}, expected p0 to p100, such as p50 or p99.9")
    return share


_SHAPES: dict[str, Any] = {
    kind.name: kind for kind in (Uniform, Normal, Lognormal, Gamma, Pareto, Exponential, Weibull)
}
#: What has no unit, and the range in which it means something and its inverse is exact.
_PLAIN = {"alpha": (0.01, 1000.0), "cv": (0.01, 100.0), "shape": (0.01, 1000.0)}
_NAMES = ", ".join((*_SHAPES, Empirical.name))


def parse_distribution(value: object) -> Distribution:
    """A distribution from "800ms", {lognormal: {median: 800ms, p95: 3s}} or {empirical: FILE}."""
    if not isinstance(value, dict):
        if isinstance(value, Fixed | Uniform | Normal | Lognormal | Gamma | Pareto | Exponential | Weibull | Empirical):
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
    if key not in _PLAIN:
        return parse_duration(value)
    least, most = _PLAIN[key]
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    raise ValueError(f"found {key} {value!r}, expected a number from {least:g} to {most:g}, such as 1.5")


def _check(name: str, numbers: dict[str, float]) -> None:
    if name == "uniform" and numbers["low"] > numbers["high"]:
        raise ValueError("found low above high, expected low to be the smaller one")
    if name == "lognormal" and not 0 < numbers["median"] < numbers["p95"]:
        raise ValueError("found a p95 that is not above the median, expected 0 < median < p95")
    for key in ("min", "mean", "scale"):
        if numbers.get(key) == 0 and name != "normal":
            raise ValueError(f"found {key} 0, expected a duration above 0")


#: What an editor says of each number of a distribution.
_NUMBERS = {
    "low": "the least, such as 1s", "high": "the most, such as 3s", "mean": "the mean, such as 2s",
    "sd": "the standard deviation, such as 200ms", "median": "half are below, such as 800ms",
    "p95": "95% are below, such as 3s", "cv": "the standard deviation over the mean, such as 0.5",
    "min": "the least, such as 100ms", "alpha": "how heavy the tail is: the less, the heavier, such as 2",
    "scale": "63% are below, such as 30s", "shape": "below 1 most come early, above 1 most come late, such as 1.5",
}  # fmt: skip


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
                                "description": (kind.__doc__ or "").splitlines()[0],
                                "additionalProperties": False,
                                "required": [item.name for item in fields(kind)],
                                "properties": {
                                    item.name: {"type": ["string", "number"], "description": _NUMBERS[item.name]}
                                    for item in fields(kind)
                                },
                            }
                            for name, kind in _SHAPES.items()
                        },
                        "empirical": {
                            "type": "string",
                            "description": "a file with one duration a line, or a latency profile",
                        },
                    },
                },
            ]
        },
    ),
]

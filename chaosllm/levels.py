"""The levels of a sweep: `PATH=LOW..HIGH` or `PATH=A,B,C` as places from 0 to 1, as values, and as they are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from chaosllm.spelling import cut, shorten
from chaosllm.units import parse_duration, parse_money, parse_rate, parse_share, parse_tokens

EXAMPLE = "rules.0.when.share=0%..80%"
#: From this factor between the ends on levels are spread by ratio, because a step of equal size would pass all
#: of the low decades over.
_DECADES = 100.0
#: Into how many steps a range is cut at most, to a level that reads well.
_STEPS = 100
#: Where the range begins at nothing: the lowest level that is run, as a share of the range, because a fault that
#: never fires gives a run that cannot be judged.
_LEAST = 1 / 40
_MOST = 100  # levels of a list


class LevelError(ValueError):
    """A range that is none: what was found, and what would work."""

    def __init__(self, what: str, hint: str = f"such as {EXAMPLE}") -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of quantity: how it is read, and how a value is written."""

    name: str
    parse: Callable[[object], float]
    write: Callable[[float], str]
    unit: float = 1.0  # the value of one of what is written, in which levels are rounded
    whole: bool = False


def _number(value: object) -> float:
    return float(str(value))


def _count(value: object) -> float:
    return float(int(str(value)))


def _plain(value: float) -> str:
    return f"{value:.10g}" if abs(value) < 1e9 else repr(value)


def _seconds(value: float) -> str:
    return f"{_plain(value)}s" if value >= 1 else f"{_plain(value * 1000)}ms"


#: In the order in which they are tried.
KINDS = (
    Kind("a share", parse_share, lambda value: f"{_plain(value * 100)}%", 0.01),
    Kind("a duration", parse_duration, _seconds, 0.001),
    Kind("a rate", parse_rate, lambda value: f"{_plain(value)}/s"),
    Kind("tokens", lambda value: float(parse_tokens(value)), lambda value: f"{_plain(value)} tokens", whole=True),
    Kind("money", parse_money, lambda value: f"{_plain(value)} USD"),
    Kind("a count", _count, _plain, whole=True),
    Kind("a number", _number, _plain),
)


@dataclass(frozen=True, slots=True)
class Range:
    """The path that is varied, and its values from `low` to `high`; `given` are those of a list, in order."""

    path: str
    kind: Kind
    low: float
    high: float
    given: tuple[float, ...] = ()

    @property
    def by_ratio(self) -> bool:
        """Whether levels are spread by ratio and not by difference."""
        return self.low > 0 and self.high / self.low > _DECADES

    def value(self, place: float) -> float:
        """The value at a place from 0 to 1, rounded to one that reads well."""
        place = min(1.0, max(0.0, place))
        if place in (0.0, 1.0) and not (place == 0.0 and self.low == 0):
            return self.high if place else self.low
        if self.by_ratio:
            exact = self.low * (self.high / self.low) ** place
            step = 10 ** (math.floor(math.log10(exact)) - 1)
        else:
            least = self.high * _LEAST if self.low == 0 else self.low
            exact = max(least, self.low + (self.high - self.low) * place)
            step = _nice((self.high - self.low) / _STEPS / self.kind.unit) * self.kind.unit
        if self.kind.whole:
            step = max(1.0, step)
        rounded = max(step, round(exact / step) * step)
        return min(self.high, max(self.low, float(f"{rounded:.10g}")))

    def place(self, value: float) -> float:
        """Where a value lies in the range, from 0 to 1."""
        if self.high == self.low:
            return 0.0
        if self.by_ratio:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @property
    def lowest(self) -> float:
        """The place of the lowest level that can be run."""
        return self.place(self.value(0.0))

    def text(self, value: float) -> str:
        """A value as the scenario spells it."""
        return self.kind.write(float(f"{value:.6g}") if not self.kind.whole else value)

    def setting(self, value: float) -> str:
        """The `--set` of a level."""
        return f"{self.path}={self.text(value)}"


def parse_range(text: str) -> Range:
    """The range that a `--vary` means; raises LevelError."""
    path, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not path or not values:
        raise LevelError(f"found {shorten(text)}, expected PATH=LOW..HIGH")
    if ".." in values:
        low, _, high = (part.strip() for part in values.partition(".."))
        if not low or not high or ".." in high:
            raise LevelError(f"found {shorten(values)}, expected two values with `..` between them")
        return _between(path, low, high)
    if "," in values:
        return _listed(path, [part.strip() for part in values.split(",")])
    raise LevelError(f"{shorten(values)} is one value, and a sweep needs two ends", f"such as {path}=0%..{values}")


def _between(path: str, low_text: str, high_text: str) -> Range:
    kind = _kind([low_text, high_text])
    low, high = kind.parse(_zero(low_text)), kind.parse(_zero(high_text))
    if low == high:
        raise LevelError(f"{low_text}..{high_text} is one value, and a sweep needs two ends")
    if low > high:
        raise LevelError(
            f"{low_text}..{high_text} begins with the higher end", f"write {path}={high_text}..{low_text}: the sweep "
            "finds out by itself on which side the objective fails",
        )  # fmt: skip
    if low < 0:
        raise LevelError(f"{low_text} is below 0")
    return Range(path, kind, low, high)


def _listed(path: str, texts: list[str]) -> Range:
    if "" in texts:
        raise LevelError(f"found {shorten(','.join(texts))}, expected a value before and after each comma")
    kind = _kind(texts)
    values = [kind.parse(_zero(text)) for text in texts]
    if len(set(values)) < len(values):
        twice = next(text for at, text in enumerate(texts) if values.index(values[at]) < at)
        raise LevelError(f"{cut(twice)} is listed twice")
    if len(values) > _MOST:
        raise LevelError(f"{len(values)} levels are listed, at most {_MOST} are run", "vary a range: LOW..HIGH")
    return Range(path, kind, min(values), max(values), tuple(values))


def _zero(text: str) -> object:
    """The text, or 0 for a bare 0, which needs no unit."""
    return 0 if text == "0" else text


def _kind(texts: list[str]) -> Kind:
    """The first kind that all are of; raises LevelError that names one that is of another."""
    bare = all(text.replace(".", "", 1).isdecimal() for text in texts)
    for kind in KINDS:
        if bare and not kind.name.endswith(("count", "number")):
            continue
        if all(_is(kind, text) for text in texts):
            return kind
    kinds = [next((kind.name for kind in KINDS if _is(kind, text)), "") for text in texts]
    if "" in kinds:
        odd = texts[kinds.index("")]
        raise LevelError(_why(odd))
    other = next(at for at, kind in enumerate(kinds) if kind != kinds[0])
    what = f"{cut(texts[0])} is {kinds[0]} and {cut(texts[other])} is {kinds[other]}"
    raise LevelError(what, "give all of them the same unit")


def _why(text: str) -> str:
    """What is wrong with a value that is of no kind; a percentage has its own limits."""
    if text.endswith("%"):
        try:
            parse_share(text)
        except ValueError as error:
            return str(error)
    return f"found {shorten(text)}, expected a value with its unit"


def _is(kind: Kind, text: str) -> bool:
    try:
        value = kind.parse(_zero(text))
    except (ValueError, OverflowError):
        return False
    return math.isfinite(value)


def _nice(step: float) -> float:
    """The next of 1, 2, 5, 10 ... (or 0.1, 0.2 ...) at or below a step."""
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(factor for factor in (5, 2, 1) if factor * power <= step * (1 + 1e-9)) * power

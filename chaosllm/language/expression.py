"""Objectives and stop conditions: `metric(phase) >= 95%`, read into numbers of base units.

Pure text to data: which metrics, phases and units exist is handed in. A mistake is a ValueError
with two arguments, what was found and what would work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from chaosllm.errors import Where
from chaosllm.scenario import Comparator, Objective, StopCondition
from chaosllm.spelling import cut, shorten, suggest
from chaosllm.units import parse_duration, parse_money, parse_rate, parse_share

#: Metrics that are known while a run goes on, and may stop it (live/stopping.py) -> their unit. The long name is the
#: one that `objectives` know too.
LIVE: dict[str, str] = {
    **dict.fromkeys(("success_rate", "good_fraction", "degraded_rate", "error_rate", "hang_rate"), "share"),
    "goodput": "per_second",
    "latency_p50": "seconds",
    "latency_p95": "seconds",
    "attempts": "ratio",
    "hangs": "count",
    "spend": "usd",
}
#: Short names of theirs.
SHORT = {"p50": "latency_p50", "p95": "latency_p95"}
#: Those that count from the run's start, and so look at all of it unless they are given a window.
GROWING = ("hangs", "spend")
#: Seconds that the others look at, unless they are given a window.
WINDOW = 10.0

LONGEST = 200  # characters of one expression; the longest sensible one has 70

_CALL = r"([A-Za-z_][\w-]*)\s*(?:\(\s*([^()]*?)\s*\))?"
_WHOLE = re.compile(rf"\s*{_CALL}\s*([<>=!≤≥~]+)\s*(.*?)\s*$", re.DOTALL)
_REFERENCE = re.compile(rf"(?:(\S+)\s*\*\s*)?{_CALL}$")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?$")
_MEANT = {"=": "==", "===": "==", "=<": "<=", "≤": "<=", "=>": ">=", "≥": ">="}

_SUFFIXES = {"seconds": "s", "per_second": "/s", "usd": " USD"}

#: What the right side looks like, for each unit of a metric.
_EXAMPLES = {"share": "95%", "seconds": "2s", "ratio": "1.5", "per_second": "20/s", "count": "0", "usd": "2 USD"}


class Mistake(ValueError):  # noqa: N818  # one word per idea: an error is what an app or provider does
    """What was found, and what would work."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint


def read_objective(
    text: str,
    *,
    units: Mapping[str, str],
    phases: Collection[str],
    alone: Collection[str] = (),
    where: Where | None = None,
) -> Objective:
    """An objective; raises Mistake.

    `units`: metric -> share, seconds, ratio, per_second, count or usd. `alone`: names that may
    stand without a phase, and then mean the whole run.
    """
    metric, argument, comparator, right = _split(text)
    _known(metric, units)
    phase = _phase(metric, argument, phases, alone)
    if (reference := _reference(right, units, phases, alone)) is not None:
        factor, other, other_phase = reference
        if units[other] != units[metric]:
            raise Mistake(
                f"found {metric} ({units[metric]}) held against {other} ({units[other]})",
                "compare metrics of one unit",
            )
        if (metric, phase) == (other, other_phase):
            raise Mistake(f"found {metric} held against itself", "name another phase on the right, such as baseline")
        return Objective(text, metric, phase, comparator, factor, (other, other_phase), where)
    return Objective(text, metric, phase, comparator, _bound(metric, units[metric], right), None, where)


def read_stop(text: str, *, later: Callable[[], Collection[str]] = tuple) -> StopCondition:
    """A stop condition; raises Mistake. `later` gives the metrics that are known when a run is over."""
    said, argument, comparator, right = _split(text)
    metric = SHORT.get(said, said)
    if metric not in LIVE:
        raise _not_live(metric, later)
    window = _window(said, argument) if argument is not None else None if metric in GROWING else WINDOW
    if _REFERENCE.match(right):
        raise Mistake(
            f"found {shorten(right)} as the bound",
            f"a stop condition needs a number, such as {_EXAMPLES[LIVE[metric]]}",
        )
    bound = _bound(metric, LIVE[metric], right)
    if metric in GROWING and (comparator is not Comparator.GT and not (comparator is Comparator.GE and bound > 0)):
        what = f"found `{comparator} {right}`, and {metric} begins at 0, so that the run would stop at once"
        raise Mistake(what, f"write {said} > {_EXAMPLES[LIVE[metric]] if bound == 0 else right}")
    return StopCondition(text, metric, window, comparator, bound)


def _not_live(metric: str, later: Callable[[], Collection[str]]) -> Mistake:
    if re.fullmatch(r"(latency_)?p\d+(\.\d+)?", metric):
        return Mistake(
            f"`{metric}` is not known before the run is over", "the driver tells latency_p50 and latency_p95"
        )
    near = suggest(metric, [*LIVE, *SHORT])
    known = "" if near.startswith("did you mean") else f"expected one of {', '.join(LIVE)}"
    if metric in later():
        return Mistake(f"{metric} is not known before the run is over", known or near)
    return Mistake(f"there is no metric `{cut(metric)}`", known or near)


def _window(metric: str, argument: str) -> float:
    found = re.fullmatch(r"(?:last\s+)?(\d.*)", argument, re.DOTALL)
    if found is None:
        what = f"found {shorten(argument)} as what {metric} looks at"
        raise Mistake(what, f"a stop condition looks at the last seconds: write {metric}(last 10s)")
    window = _unit(parse_duration, found[1], "10s")
    if window <= 0:
        raise Mistake("found a window of 0s", f"write {metric}(last 10s)")
    return window


def _split(text: str) -> tuple[str, str | None, Comparator, str]:
    if len(text) > LONGEST:
        raise Mistake(f"found {len(text)} characters", f"an expression has at most {LONGEST}")
    if text.count("(") != text.count(")"):
        raise Mistake(
            f"found {shorten(text)} with an open bracket, because YAML cut it at a comma or a brace",
            'quote it, such as "success_rate(storm) >= 95%"',
        )
    found = _WHOLE.match(text)
    if found is None:
        raise Mistake(
            f"found {shorten(text)}", "expected metric(phase), a comparator and a bound: success_rate(storm) >= 95%"
        )
    metric, argument, sign, right = found.groups()
    if sign not in tuple(Comparator):
        meant = f"did you mean `{_MEANT[sign]}`?" if sign in _MEANT else "expected one of < <= > >= =="
        raise Mistake(f"found the comparator `{sign}`", meant)
    if not right:
        raise Mistake(f"found nothing after `{sign}`", "expected a bound, such as 95%, 2s or 2 * latency_p95(baseline)")
    return metric, argument, Comparator(sign), right


def _known(metric: str, units: Mapping[str, str]) -> None:
    if metric not in units:
        raise Mistake(f"there is no metric or finding `{cut(metric)}`", suggest(metric, units))


def _phase(metric: str, argument: str | None, phases: Collection[str], alone: Collection[str]) -> str | None:
    if argument is None:
        if metric in alone:
            return None
        raise Mistake(f"found {metric} without a phase", f"write {metric}({next(reversed(list(phases)), 'storm')})")
    if argument.startswith("last "):
        raise Mistake(f"found {metric}({cut(argument)})", "`last` is for stop_when; an objective names a phase")
    if argument not in phases:
        raise Mistake(f"there is no phase `{cut(argument)}`", suggest(argument, phases))
    return argument


def _reference(
    right: str,
    units: Mapping[str, str],
    phases: Collection[str],
    alone: Collection[str],
) -> tuple[float, str, str | None] | None:
    found = _REFERENCE.match(right)
    if found is None:
        return None
    factor_text, other, argument = found.groups()
    factor = 1.0
    if factor_text is not None:
        if factor_text.endswith("%"):
            factor = _unit(parse_share, factor_text, "95%")
        elif _NUMBER.match(factor_text):
            factor = float(factor_text)
        else:
            raise Mistake(
                f"found the factor {shorten(factor_text)}", "expected a number, such as 2 * latency_p95(baseline)"
            )
        if factor <= 0:
            raise Mistake(f"found the factor {factor:g}", "expected more than 0")
    _known(other, units)
    return factor, other, _phase(other, argument, phases, alone)


def _bound(metric: str, unit: str, text: str) -> float:
    example = _EXAMPLES[unit]
    bare = float(text) if _NUMBER.match(text) else None
    if unit in ("ratio", "count"):
        if bare is None or bare < 0 or (unit == "count" and not bare.is_integer()):
            kind = "a plain number" if unit == "ratio" else "a whole number"
            raise Mistake(f"found {shorten(text)}, expected {kind} because {metric} is a {unit}", f"such as {example}")
        return bare
    parse = {"share": parse_share, "seconds": parse_duration, "per_second": parse_rate, "usd": parse_money}[unit]
    if bare is not None and bare != 0:
        if unit == "share":
            example = f"{bare * 100:g}%" if bare <= 1 else f"{bare:g}%"
        else:
            example = f"{bare:g}{_SUFFIXES[unit]}"
        raise Mistake(f"found {text} without a unit", f"did you mean {example}?")
    if bare == 0:
        return 0.0
    return _unit(parse, text, example)


def _unit(parse: Callable[[object], float], text: str, example: str) -> float:
    try:
        return parse(text)
    except ValueError as error:
        raise Mistake(str(error), f"such as {example}") from None

"""When a rule fires, which calls it may touch and what it does to them, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any

from chaosllm.arrivals import Ramp, Recorded, Spike, Steps
from chaosllm.faults import Fault
from chaosllm.scenario import Load, Match, Range
from chaosllm.trigger import Trigger
from chaosllm.units import format_duration, format_share


def fault_words(fault: Fault) -> str:
    """What a fault does to a call: as it says itself, else its summary with the fields that were set."""
    if (says := getattr(fault, "says", None)) is not None:
        return str(says())
    told = [f"{name} {value}" for name, value in _set(fault)]
    return fault.summary + (f" ({', '.join(told)})" if told else "")


def when_words(when: Trigger) -> str:
    """When a trigger fires; all of its conditions must hold."""
    told = []
    if when.window is not None:
        told.append(f"from {format_duration(when.window.from_)} to {format_duration(when.window.to)} of the phase")
    if when.every is not None:
        told.append(
            f"on every {ordinal(when.every)} operation of the phase" if when.every > 1 else "on every operation"
        )
    if when.first is not None or when.after is not None:
        told.append(_counted(when))
    if when.share is not None:
        told.append(f"on {format_share(when.share)} of attempts, by the seed's draw")
    return ", ".join([*told, *_clocks(when), *_others(when)]) or "always"


def _counted(when: Trigger) -> str:
    thing, of = ("operation", "of the phase") if when.counts_in == "phase" else ("attempt", "of each operation")
    if when.after is None:
        return f"on the first {_many(when.first or 0, thing)} {of}"
    if when.first is None:
        return f"from the {ordinal(when.after + 1)} {thing} {of} on"
    return f"on the {ordinal(when.after + 1)} to {ordinal(when.after + when.first)} {thing} {of}"


def _clocks(when: Trigger) -> Iterator[str]:
    if when.burst is not None:
        yield f"in the first {format_duration(when.burst.length)} of every {format_duration(when.burst.every)}"
    if (ramp := when.ramp) is not None:
        over = "window" if when.window is not None else "phase"
        moves = f"goes from {format_share(ramp.from_)} to {format_share(ramp.to)}"
        yield f"on a share of attempts that {moves} over the {over}"
    if (outage := when.outage) is not None:
        less = outage.degraded
        between = f", {format_share(less.share)} struck ({less.length})" if less is not None else ""
        yield f"in spells drawn by the seed, in turn: up ({outage.up}){between}, down ({outage.down})"
    if (trace := when.trace) is not None:
        times = f"at the times in {trace.file}" if trace.file is not None else "at the times of its trace"
        yield times + (f", played {trace.speed:g} times as quick" if trace.speed != 1 else "")


def _others(when: Trigger) -> Iterator[str]:
    if (load := when.load) is not None:
        yield f"on what is beyond {load.capacity:g} calls a second, over the last {format_duration(load.over)}"
    if (follows := when.correlated) is not None:
        often = f", {format_share(follows.share)} of the times" if follows.share < 1 else ""
        late = f", {format_duration(follows.delay)} later" if follows.delay > 0 else ""
        yield f"when {follows.leader} would fire{often}{late}"


def match_words(match: Match) -> str:
    """Which calls a match fits."""
    told = _calls(match)
    words = " ".join(["calls", *told]) if told else "any call"
    if match.any_:
        words += f" that are {listed([match_words(one) for one in match.any_])}"
    for one in match.all_:
        words += f" and are {match_words(one)}"
    return words + (f", except {match_words(match.not_)}" if match.not_ is not None else "")


def _calls(match: Match) -> list[str]:
    told = [
        f"{word} {listed(globs)}"
        for word, globs in (
            ("to", match.provider),
            ("of endpoint", match.endpoint),
            ("for model", match.model),
            ("with a path like", match.path),
        )
        if globs
    ]
    told += [f"with header {name}: {glob}" for name, glob in match.header.items()]
    if match.prompt_tokens is not None:
        told.append(f"with a prompt of {_size(match.prompt_tokens)} tokens")
    if match.key:
        told.append(f"with the key whose hash begins {listed(match.key)}")
    if match.tools is not None:
        told.append("that offer tools" if match.tools else "that offer no tools")
    if match.stream is not None:
        told.append("that stream" if match.stream else "that do not stream")
    if match.prompt is not None:
        told.append(f"whose prompt holds /{match.prompt}/")
    if match.attempt:
        told.append(f"that are the {listed([ordinal(number + 1) for number in match.attempt])} attempt")
    if match.operation:
        told.append(f"of operation {listed([str(one) for one in match.operation])}")
    return told


def load_words(load: Load) -> str:
    """How many users come, and how."""
    if load.closed:
        return f"asked by {_many(load.users, 'user')} of {load.locustfile}, each again once it is answered"
    arrivals = f"{load.arrivals} arrivals"
    match load.shape:
        case None:
            return f"at {_rate(load.rate)} ({arrivals})"
        case Ramp() as ramp:
            over = f" over {format_duration(ramp.over)}" if ramp.over is not None else ""
            return f"from {_rate(ramp.from_)} to {_rate(ramp.to)}{over} ({arrivals})"
        case Steps() as steps:
            told = [f"{_rate(rate)} for {format_duration(seconds)}" for rate, seconds in steps.steps]
            return f"in steps of {listed(told, 'and')} ({arrivals})"
        case Spike() as spike:
            much = f"{_rate(spike.to)} for {format_duration(spike.seconds)} from {format_duration(spike.at)} on"
            return f"at {_rate(load.rate)}, and {much} ({arrivals})"
        case Recorded() as recorded:
            return f"as recorded in {recorded.file}" + (f", {recorded.speed:g} times as quick" * (recorded.speed != 1))


def _rate(rate: float) -> str:
    return f"{rate:.4g}/s"


def listed(words: Sequence[str], last: str = "or") -> str:
    """Words as a sentence lists them: a, b or c."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _many(number: int, thing: str) -> str:
    return thing if number == 1 else f"{number} {thing}s"


def _size(size: Range) -> str:
    if size.to is None:
        return f"at least {size.from_}"
    return f"{size.from_} to {size.to}" if size.from_ else f"at most {size.to}"


def _set(fault: Any) -> list[tuple[str, str]]:
    """The fields of a fault that differ from their defaults, spelt as in YAML."""
    found = []
    for field in fields(fault):
        value = getattr(fault, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value != default:
            found.append((field.name.rstrip("_"), _value(value, str(field.type))))
    return found


def _value(value: Any, kind: str) -> str:
    """A value in the unit that its type is named after, because a stranger's fault uses our types too."""
    if isinstance(value, float) and "Duration" in kind:
        return format_duration(value)
    if isinstance(value, float) and "Share" in kind:
        return format_share(value)
    if isinstance(value, float) and "Rate" in kind:
        return f"{value:g}/s"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)

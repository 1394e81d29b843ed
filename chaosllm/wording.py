"""When a rule fires, which calls it may touch and what it does to them, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from chaosllm.faults import Fault
from chaosllm.scenario import Match, Range
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
    if when.first is not None:
        if when.of == "phase":
            told.append(f"on the first {_many(when.first, 'operation')} of the phase")
        else:
            told.append(f"on the first {_many(when.first, 'attempt')} of each operation")
    if when.share is not None:
        told.append(f"on {format_share(when.share)} of attempts, by the seed's draw")
    return ", ".join(told) or "always"


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

"""Phase by phase: what users got, and what the app asked of the LLM for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.renderers import _attached as attached
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import phase, prose, say, table
from chaosllm.renderers._style import OUTCOME_COLOURS

_ROLES = {
    "warmup": "warm-up, left out of every judgement",
    "baseline": "baseline",
    "fault": "fault",
    "recovery": "recovery",
}


def phases(blocks: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    """A row for each phase, and for each operation of it where the target has several."""
    if not blocks:
        return "<p>No phase has records.</p>"
    rows = [_row(*line) for line in words.lines(blocks)]
    head = (
        "phase",
        "operations",
        "good answers (95% interval)",
        "good a second",
        "p50",
        "p95",
        "first text p50",
        "calls per operation",
    )
    shown = table(head, rows, numbers=range(1, 8), label="Phase by phase", stack=True)
    empty = [name for name, block in blocks.items() if not words.number(block.get("operations"))]
    nothing = (
        f"<p>No operation was due in {prose(', '.join(words.named(name) for name in empty), blocks)}.</p>"
        if empty
        else ""
    )
    return (
        f"{_key(blocks)}{shown}{nothing}{_back(blocks, summary)}{_notes(blocks)}"
        '<p class="dim small">Latency (p50, p95) and first text count from when the '
        "operation was due, so that waiting in a queue counts.</p>"
    )


def calls(blocks: Mapping[str, Mapping[str, Any]]) -> str:
    """The same of an attached run: what the app asked of the LLM alone."""
    rows = [(f"<strong>{phase(say(name))}</strong>", *map(say, cells)) for name, *cells in attached.rows(blocks)]
    shown = table(attached.HEAD, rows, numbers=range(1, len(attached.HEAD)), label="Phase by phase", stack=True)
    return (
        f'{shown}<p class="dim small">A request is what its calls tell of it: those with one trace id, or retries that '
        "an SDK counts. What users got of it is not on record.</p>"
    )


def _row(name: str, operation: str, block: Mapping[str, Any]) -> tuple[str, ...]:
    role = str(block.get("role", ""))
    kind = "" if role == name else f'<span class="dim small">{say(_ROLES.get(role, role))}</span>'
    title = (
        f'<span class="dim">{phase(say(name))}:</span> {say(operation)}'
        if operation
        else f"<strong>{phase(say(name))}</strong>{kind}"
    )
    success, latency, ttft = (block.get(key) or {} for key in ("success_rate", "latency", "ttft"))
    bounds = words.interval(success, "share").strip()
    return (
        title,
        words.count(block.get("operations")) + _left_out(block) + _bar(block.get("outcomes")),
        words.share(success.get("value")) + (f'<span class="dim small">{bounds}</span>' if bounds else ""),
        words.plain(block.get("goodput")),
        words.seconds(latency.get("p50")),
        words.seconds(latency.get("p95")),
        words.seconds(ttft.get("p50")),
        words.plain(words.attempts_per_operation(block)),
    )


def _left_out(block: Mapping[str, Any]) -> str:
    """How many of a baseline's operations its figures leave out."""
    left = words.left_out(block)
    return f'<span class="dim small">{words.count(left)} left out</span>' if left else ""


def _notes(blocks: Mapping[str, Mapping[str, Any]]) -> str:
    """What needs a word, where it comes up: what was left out, and whether a declared fallback is fine."""
    notes = []
    if any(words.left_out(block) for block in blocks.values()):
        notes.append(
            "Left out: due before the faults but still under way when they began, and so in no figure of their phase."
        )
    if any(_counts(block.get("outcomes")).get("degraded") for block in blocks.values()):
        notes.append(words.FALLBACK)
    return "".join(f'<p class="dim small">{say(note)}</p>' for note in notes)


def _back(blocks: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    if "time_to_recover" not in summary or all(block.get("role") != "recovery" for block in blocks.values()):
        return ""
    took = words.number(summary["time_to_recover"])
    why = str(summary.get("time_to_recover_why") or "not within the recovery phase")
    if took is not None:
        return f"<p>Back to normal: {words.seconds(took)} after the fault ended.</p>"
    if why.startswith("not "):
        return f"<p>Back to normal: {say(why)}.</p>"
    return f"<p>How soon service was back to normal was not measured: {say(why)}.</p>"


def _counts(outcomes: object) -> dict[str, float]:
    """Counts by outcome in the order they are shown; empty when the summary has none."""
    if not isinstance(outcomes, Mapping):
        return {}
    found = {name: words.number(outcomes.get(name)) or 0.0 for name in words.OUTCOMES}
    return {name: value for name, value in found.items() if value > 0}


def _bar(outcomes: object) -> str:
    counts = _counts(outcomes)
    whole = sum(counts.values())
    if not whole:
        return ""
    said = ", ".join(f"{words.count(value)} {words.OUTCOMES[name]}" for name, value in counts.items())
    parts = "".join(
        f'<span style="width:{100 * value / whole:.2f}%;background:{OUTCOME_COLOURS[name]}"></span>'
        for name, value in counts.items()
    )
    return f'<span class="bar" role="img" aria-label="{said}" title="{said}">{parts}</span>'


def _key(blocks: Mapping[str, Mapping[str, Any]]) -> str:
    seen: dict[str, float] = {}
    for block in blocks.values():
        for name, value in _counts(block.get("outcomes")).items():
            seen[name] = seen.get(name, 0) + value
    items = "".join(
        f'<li><i style="background:{OUTCOME_COLOURS[name]}"></i>{words.OUTCOMES[name]} {words.count(seen[name])}</li>'
        for name in words.OUTCOMES
        if name in seen
    )
    return f'<ul class="key" aria-label="Outcomes of all phases">{items}</ul>' if items else ""

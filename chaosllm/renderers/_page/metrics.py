"""Every metric of every phase with its interval, and why those that are empty are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaosllm import registry
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import phase, prose, say

#: Heading -> metric -> what it is called here. A metric of a plugin stands last under its own name.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "What users got": {
        "success_rate": "good answers",
        "good_fraction": "good and in time",
        "goodput": "good a second",
        "degraded_rate": "declared fallback",
        "wrong_rate": "wrong answers",
        "error_rate": "errors",
        "hang_rate": "past the deadline",
        "error_surface": "told gracefully of a failure",
        "resilience": "service kept",
        "recovered_share": "service back",
        "isolation": "routes without LLM",
    },
    "How long users waited": {
        "latency_p50": "latency p50",
        "latency_p95": "latency p95",
        "latency_p99": "latency p99",
        "degradation": "p95 over baseline",
        "ttft_p50": "first text p50",
        "ttft_p95": "first text p95",
        "inter_chunk_p50": "gap in a stream p50",
        "inter_chunk_p95": "gap in a stream p95",
        "inter_chunk_max": "longest gap",
        "tpot": "time per token",
    },
    "How the app tried again": {
        "attempts": "calls per operation",
        "attempt_peak": "most tries in a row",
        "retry_amplification": "calls over baseline",
        "retry_after_honoured": "Retry-After honoured",
        "backoff_slope": "growth of pauses",
        "backoff_cv": "spread of pauses",
        "synchronisation": "bunching of retries",
        "hedge_rate": "hedged",
        "breaker": "spared by a breaker",
        "abandon_time": "gives up after",
    },
    "Where else it went, and what it cost": {
        "fallback_rate": "served elsewhere",
        "fallback_delay": "fallback took",
        "return_time": "back to the primary",
        "cost_amplification": "tokens over baseline",
        "spend": "spent",
        "wasted_tokens": "tokens for nobody",
    },
}
#: METHOD's metrics 15, 17 and 18 are counted by the finding of the same name.
_COUNTED = {
    "truncated_accepted": "cut answers accepted",
    "malformed_accepted": "broken answers accepted",
    "non_retryable_retried": "hopeless calls repeated",
}
#: What each metric is called wherever people read.
LABELS: Mapping[str, str] = {name: label for group in (*GROUPS.values(), _COUNTED) for name, label in group.items()}


def metrics(summary: Mapping[str, Any]) -> str:
    """One table, metrics by phases; warm-ups are left out, because nothing is judged on them."""
    blocks: Mapping[str, Mapping[str, Any]] = {
        name: block for name, block in summary.get("phases", {}).items() if block.get("metrics")
    }
    shown = {name: block for name, block in blocks.items() if block.get("role") != "warmup"} or blocks
    if not shown:
        return ""
    names = "".join(f'<th scope="col" class="n">{phase(say(name))}</th>' for name in shown)
    bodies = "".join(
        f'<tr class="group"><th scope="col">{say(title)}</th>{names}</tr>{rows}'
        for title, rows in _bodies(shown, summary)
        if rows
    )
    return (
        '<p class="dim small narrow">The table goes on to the right: a column for each phase.</p>'
        '<div class="scroll matrix" tabindex="0" role="region" aria-label="Every metric by phase">'
        f"<table><tbody>{bodies}</tbody></table></div>"
        '<p class="dim small">Below each value its 95% interval; ? where the sample is too small for a bound.</p>'
        f"{_empty(shown)}"
    )


def _bodies(shown: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for title, group in GROUPS.items():
        yield title, "".join(_row(name, label, shown) for name, label in group.items())
    yield "What it took for good", "".join(_counted(name, label, shown, summary) for name, label in _COUNTED.items())
    known = {name for group in GROUPS.values() for name in group}
    others = sorted({name for block in shown.values() for name in block["metrics"]} - known)
    yield "Others", "".join(_row(name, name.replace("_", " "), shown) for name in others)


def _row(name: str, label: str, shown: Mapping[str, Mapping[str, Any]]) -> str:
    """A row; "" where it was measured in no phase."""
    found = [block["metrics"].get(name) or {} for block in shown.values()]
    if all(words.number(one.get("value")) is None for one in found):
        return ""
    member = registry.members("metrics").get(name)
    about, unit = (member.summary, _unit(name, member.unit)) if member else ("", "")
    least = member.needs.get(name, 0) if member else 0
    return _line(label, name, about, [_cell(one, unit, least) for one in found])


def _line(label: str, name: str, about: str, cells: list[str]) -> str:
    said = f'<span class="dim small about">{prose(about)} (<code>{say(name)}</code>)</span>'
    return f'<tr><th scope="row">{say(label)}{said}</th>{"".join(f"<td class=n>{cell}</td>" for cell in cells)}</tr>'


def _unit(name: str, unit: str) -> str:
    # The mean number of calls of an operation is a ratio in the language, and no "times" of anything.
    return "plain" if name in ("attempts", "backoff_slope", "backoff_cv") else unit


def _cell(one: Mapping[str, Any], unit: str, least: int) -> str:
    """A value with its interval; one that has none, and rests on fewer cases than a judgement needs, says so."""
    value = words.number(one.get("value"))
    if value is None:
        return words.NONE
    low, high = words.number(one.get("low")), words.number(one.get("high"))
    bounds = "" if low == high else f"{_spelt(low, unit, '?')} to {_spelt(high, unit, '?')}"
    n = words.number(one.get("n"))
    by_definition = unit == "ratio" and value == 1  # the baseline over itself
    if not bounds and not by_definition and n is not None and n < least:
        bounds = f"of {words.count(n)} alone: too few"
    return _spelt(value, unit, words.NONE) + (f'<span class="dim small">{bounds}</span>' if bounds else "")


def _spelt(value: float | None, unit: str, none: str) -> str:
    if value is None:
        return none
    match unit:
        case "ratio":
            return f"{words.plain(value)}x"
        case "per_second":
            return words.rate(value)
    return words.measured(value, unit)


def _counted(name: str, label: str, shown: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    found = {one.get("phase"): one for one in summary.get("findings", ()) if one.get("code") == name}
    if not found:
        return ""
    cells = []
    for name_of in shown:
        one = found.get(name_of) or {}
        of = f" of {words.count(one['of'])}" if words.number(one.get("of")) else ""
        cells.append(f"{words.count(one.get('count'))}{of}")
    return _line(label, name, "counted by the finding", cells)


def _empty(shown: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a metric has no row: the reason of the first phase under a fault, or of any."""
    by_fault = sorted(shown.values(), key=lambda block: block.get("role") != "fault")
    items = []
    for group in GROUPS.values():
        for name, label in group.items():
            found = [block["metrics"].get(name) or {} for block in by_fault]
            if any(words.number(one.get("value")) is not None for one in found):
                continue
            why = next((str(one["why"]) for one in found if one.get("why")), "not in this run's records")
            items.append(f"<li><strong>{say(label)}</strong> (<code>{say(name)}</code>): {prose(why, shown)}</li>")
    if not items:
        return ""
    return (
        f"<details><summary>{words.counted(len(items), 'metric')} could not be measured here: why</summary>"
        f"<ul>{''.join(items)}</ul></details>"
    )

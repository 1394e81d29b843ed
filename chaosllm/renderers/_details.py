"""The parts of the page below the first screen: metrics by phase, evidence call by call, calibration, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaosllm.renderers import Step, Story
from chaosllm.renderers import _instrument as told
from chaosllm.renderers import _words as words
from chaosllm.renderers._markup import say, table
from chaosllm.renderers._style import OUTCOME_COLOURS

_ROLES = {
    "warmup": "warm-up, left out of every judgement",
    "baseline": "baseline",
    "fault": "fault",
    "recovery": "recovery",
}
_GOT = {
    "good": "a good answer",
    "degraded": "a declared fallback",
    "wrong": "a wrong answer",
    "error": "an error",
    "hang": "nothing within the deadline",
    "dropped": "nothing, because it was never sent",
}


def phases(blocks: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    """What users got and what the app asked of the LLM, by phase."""
    if not blocks:
        return "<p>No phase has records.</p>"
    users, calls = [], []
    for name, operation, block in words.lines(blocks):
        role = str(block.get("role", ""))
        subtitle = "" if role == name else f'<span class="dim small">{say(_ROLES.get(role, role))}</span>'
        title = f'<span class="dim">{say(name)}:</span> {say(operation)}'
        title = title if operation else f"<strong>{say(name)}</strong>{subtitle}"
        success, latency, ttft = (block.get(key) or {} for key in ("success_rate", "latency", "ttft"))
        users.append(
            (
                title,
                words.count(block.get("operations")) + _bar(block.get("outcomes")),
                words.share(success.get("value"))
                + f'<span class="dim small">{words.interval(success, "share").strip(" ()")}</span>',
                words.plain(block.get("goodput")),
                *(words.seconds(latency.get(key)) for key in ("p50", "p95", "p99")),
                words.seconds(ttft.get("p50")),
                words.seconds(ttft.get("p95")),
            )
        )
        by_provider = block.get("attempts_by_provider") or {}
        shares = ", ".join(f"{say(key)} {words.count(value)}" for key, value in by_provider.items())
        calls.append(
            (
                title,
                words.count(block.get("attempts")),
                shares or words.NONE,
                words.plain(words.attempts_per_operation(block)),
                words.plain(_value(block.get("retry_amplification"))),
                words.plain(_value(block.get("cost_amplification"))),
            )
        )
    head = ("phase", "operations", "success", "good/s", "p50", "p95", "p99", "TTFT p50", "TTFT p95")
    recover = ""
    if "time_to_recover" in summary and any(block.get("role") == "recovery" for block in blocks.values()):
        took = words.number(summary["time_to_recover"])
        why = str(summary.get("time_to_recover_why") or "not within the recovery phase")
        said = f"unknown or never: {why}" if took is None else f"{words.seconds(took)} after the fault ended"
        recover = f"<p>Back to normal: {say(said)}.</p>"
    return (
        "<h3>What users got</h3>"
        + _key(blocks)
        + table(head, users, numbers=range(2, 9), label="What users got, by phase")
        + '<p class="dim small">Latency and TTFT count from when the operation was due, so that waiting in a queue '
        "counts. good/s: good answers a second.</p>"
        + "<h3>What the app asked of the LLM</h3>"
        + table(
            ("phase", "calls", "by provider", "calls per operation", "retry amplification", "cost amplification"),
            calls,
            numbers=(1, 3, 4, 5),
            label="What the app asked of the LLM, by phase",
        )
        + '<p class="dim small">Amplification: calls (or tokens) per operation over those of the baseline.</p>'
        + recover
    )


def _value(estimate: object) -> object:
    return estimate.get("value") if isinstance(estimate, Mapping) else estimate


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


def anchor(name: str) -> str:
    """The operation's part of an evidence id: "op-17/call-2" -> "op-17"."""
    return name.split("/", maxsplit=1)[0]


def story_link(name: str, told: Mapping[str, Story]) -> str:
    """The evidence id, as a link where its story is told further down."""
    key = anchor(name)
    return f'<a href="#{say(key)}"><code>{say(name)}</code></a>' if key in told else f"<code>{say(name)}</code>"


def stories(told: Mapping[str, Story]) -> str:
    """Each operation that a finding rests on, with all its calls in order."""
    return "".join(_story(key, story) for key, story in told.items())


def _story(key: str, story: Story) -> str:
    got = _GOT.get(story.outcome, story.outcome)
    status = f", HTTP {story.status}" if story.status else ""
    error = f", {say(story.error)}" if story.error and story.error not in status else ""
    took = f" after {words.seconds(story.seconds)}" if story.seconds is not None else ""
    rows = [_step(step) for step in story.steps]
    more = f'<p class="dim small">{words.counted(story.more, "more call")}.</p>' if story.more else ""
    calls = table(
        ("call", "at", "provider", "what it met", "status", "ended", "took"), rows, numbers=(1, 6), label=f"Calls {key}"
    )
    return (
        f'<div class="story"><h3 id="{say(key)}" style="margin-top:0">{say(key)}: the user got {say(got)}'
        f"{status}{error}{took}</h3>"
        f'<p class="dim small">Due {words.seconds(story.due)} into the run, in {say(story.phase)}.</p>'
        f"{calls}{more}</div>"
    )


def _step(step: Step) -> tuple[str, ...]:
    return (
        f'<span class="{"hit" if step.injected else "miss"}"><code>{say(step.call.rpartition("/")[2])}</code></span>',
        f"+{words.seconds(step.at)}",
        say(step.provider),
        ("<strong>injected:</strong> " if step.injected else "") + say(step.did),
        say(step.status or words.NONE),
        say(step.ended),
        words.seconds(step.seconds),
    )


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every plain value of a nested mapping or list, with the way to it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        yield path, ", ".join(words.clean(item) for item in value) or words.NONE
    else:
        yield path, value


def calibration(found: object) -> str:
    """What the proxy was asked and what a client measured, before the run."""
    if not isinstance(found, Mapping) or not found:
        return "<h3>Calibration</h3><p>This run was not calibrated.</p>"
    delay, drawn = (found.get(key) or {} for key in ("delay", "share"))
    lines = []
    if delay:
        lines.append(
            f"Delay: {words.counted(delay.get('n'), 'call')} asked for {words.seconds(delay.get('asked'))} more, and "
            f"got it within {words.signed(delay.get('error_p50'))} at p50 and "
            f"{words.signed(delay.get('error_p95'))} at p95 (bound {words.seconds(delay.get('bound'))})."
        )
    if drawn:
        lines.append(
            f"Share: {words.share(drawn.get('asked'))} of {words.counted(drawn.get('n'), 'call')} were to be hit, "
            f"{words.share(drawn.get('seen'))} were (chance allows {words.share(drawn.get('low'))} to "
            f"{words.share(drawn.get('high'))}, 99.9% interval)."
        )
    if (overhead := words.number(found.get("overhead_p50"))) is not None:
        lines.append(f"An untouched call through the proxy took {words.seconds(overhead)} (p50).")
    word = "✓ within bounds" if found.get("ok") else "✗ out of bounds"
    state = "pass" if found.get("ok") else "fail"
    items = "".join(f"<li>{say(line)}</li>" for line in lines)
    return f'<h3>Calibration: <span class="{state}">{word}</span></h3><ul>{items}</ul>'


def instrument(summary: Mapping[str, Any]) -> str:
    """What our own processes used and how late they were, and delays as asked and as done; "" when nothing is known."""
    cells = [tuple(say(cell) for cell in row) for row in told.rows(summary)]
    busy = table(told.HEAD, cells, numbers=range(1, len(told.HEAD)), label="Our own processes") if cells else ""
    legend = (
        '<p class="dim small">Core used, and waited for while others had it: shares of single seconds of the phases '
        "that are judged. Lag: how late a timer of the process rang, over the whole run.</p>"
        if cells
        else ""
    )
    lines = "".join(f"<li>{say(line)}</li>" for line in told.sentences(summary))
    items = f"<ul>{lines}</ul>" if lines else ""
    return f"<h3>During the run</h3>{busy}{legend}{items}" if busy or items else ""


def _leaf(value: object) -> str:
    if value is None:
        return words.NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words.plain(value) if isinstance(value, int | float) else words.clean(value)


def versions(meta: Mapping[str, Any]) -> str:
    """What the run ran on, enough to repeat it."""
    names = ("version", "seed", "started", "stopped", "versions", "machine", "driver", "proxy", "failures")
    rows = [
        (say(" ".join(path).replace("_", " ")), say(_leaf(value)))
        for name in names
        if name in meta
        for path, value in _leaves(meta[name], (name,))
    ]
    return table(("what", "value"), rows, label="Versions and machine") if rows else ""

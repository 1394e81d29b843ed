"""A game-day plan as a runbook: Markdown that people read on a terminal, or paste where the team meets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaosllm.commands._explained import expected_words
from chaosllm.explanation import Explanation, explain
from chaosllm.gameday import Approval, GameDay, Step
from chaosllm.units import format_duration
from chaosllm.wording import listed

#: Seconds that a step takes beside its phases: to start, to prove the way, to judge and to write.
BESIDE = 8.0
_OCCASIONS = {
    "stop": "the day is stopped",
    "critical": "a critical finding is seen",
    "approval": "a step waits for approval",
    "over": "the day is over",
}


def earliest(day: GameDay) -> float:
    """Seconds in which the day can be over, when every approval is given at once."""
    return day.duration + BESIDE * sum(one.scenario is not None for one in day.steps)


def markdown(day: GameDay, path: Path) -> Iterator[str]:
    """The runbook, line by line."""
    yield f"# Game day: {day.name}"
    yield from _paragraph(day.summary)
    yield from _paragraph(f"Play it with `chaosllm gameday {path}`. {_times(day)}")
    if day.roles:
        yield from ("", "## Who does what", "", "| role | who | does |", "|---|---|---|")
        yield from (f"| {_cell(one.role)} | {_cell(one.name)} | {_cell(one.does)} |" for one in day.roles)
    yield from ("", "## Steps")
    for step in day.steps:
        yield from _step(step, path)
    yield from ("", "## After each step", "")
    yield from (
        f"- ask `{one.http}`: is the app well again? It is when the status is {one.status}." for one in day.rollback
    )
    if not day.rollback:
        yield "- nothing is asked: the plan has no `rollback`."
    yield from ("", "## When it stops", "")
    yield from (f"- {line}" for line in _stops(day))
    yield from ("", "## How to stop it", "")
    yield from (f"- {line}" for line in _ways(day))
    yield from _paragraph("After a stop all calls pass clean, and what ran is judged and reported as far as it got.")
    yield from ("", "## Who is paged", "")
    yield from (f"- `{one.webhook}`, when {listed([_OCCASIONS[on] for on in one.when], 'or')}" for one in day.pages)
    if not day.pages:
        yield "- nobody: the plan has no `page`."


def plain(day: GameDay, path: Path) -> dict[str, Any]:
    """What --json prints: the same as data."""
    return day.to_json() | {
        "file": str(path),
        "earliest": earliest(day),
        "latest": day.time_box,
        "steps": [_row(step) for step in day.steps],
        "stop_when": [*day.stop_when],
        "safety_lever": day.safety_lever,
        "dead_man": day.dead_man,
        "rollback": [{"http": one.http, "status": one.status} for one in day.rollback],
        "page": [{"webhook": one.webhook, "when": [*one.when]} for one in day.pages],
    }


def _row(step: Step) -> dict[str, Any]:
    row = step.to_json() | {
        "approval": step.approval.to_json() if step.approval else None,
        "disabled": [*step.disabled],
    }
    if step.scenario is None:
        return row
    found = explain(step.scenario)
    phases = [
        {
            "name": phase.name, "role": str(phase.role), "start": phase.start, "duration": phase.duration,
            "rules": [
                {
                    "name": rule.name, "fault": rule.fault, "what": rule.what, "when": rule.when, "which": rule.which,
                    "expected": rule.expected, "low": rule.low, "high": rule.high, "of": rule.of, "note": rule.note,
                }
                for rule in phase.rules
            ],
        }
        for phase in found.phases
    ]  # fmt: skip
    return row | {"scenario": found.name, "duration": found.duration, "operations": found.operations, "phases": phases}


def _times(day: GameDay) -> str:
    soonest = f"It can be over after {format_duration(earliest(day))} at the earliest"
    asking = [step.number for step in day.steps if step.approval is not None]
    if day.time_box is not None:
        return f"{soonest}, and after {format_duration(day.time_box)} it is stopped, wherever it stands."
    if asking:
        return f"{soonest}; it has no latest end, because steps wait for approval and the plan has no `time_box`."
    return f"{soonest}, and hardly later, because no step waits for approval."


def _step(step: Step, path: Path) -> Iterator[str]:
    yield from ("", f"### {step.number}. {step.name}", "")
    if step.scenario is None:
        error = step.error or {"what": "", "hint": ""}
        hint = f" ({error['hint']})" if error["hint"] else ""
        yield f"CANNOT START: {error['what']}{hint}. The day goes on without it."
        return
    found = explain(step.scenario)
    if found.hypothesis:
        yield f"> {found.hypothesis}"
        yield ""
    kind = f"the fault {step.what}" if step.kind == "fault" else step.what
    users = "" if found.operations is None else f", {found.operations:,} operations"
    yield f"- what: {kind}, {format_duration(found.duration)}{users} {found.load}"
    yield from _rules(found, step)
    for name in step.disabled:
        yield f"- `{name}` begins switched off; to switch it on: `chaosllm ctl enable {name}`"
    yield f"- expected: {step.expect.words() or 'nothing is written down: say now what you expect to see'}"
    yield f"- approval: {_approval(step.approval, step.number, path)}"


def _rules(found: Explanation, step: Step) -> Iterator[str]:
    told = [(phase, rule) for phase in found.phases for rule in phase.rules]
    for phase, rule in told:
        span = f"{format_duration(phase.start)} to {format_duration(phase.start + phase.duration)}"
        count = "" if rule.name in step.disabled else f"; injections: {expected_words(rule)}"
        yield f"- {span}, `{rule.name}` ({rule.fault}): {rule.what}, {rule.when}, {rule.which}{count}"
    if not told:
        yield "- nothing is broken"


def _approval(approval: Approval | None, number: int, path: Path) -> str:
    if approval is None:
        return "none, it begins by itself"
    who = f"of {approval.by}" if approval.by else "of anybody who takes part"
    ways = ["in the console", f"`chaosllm ctl approve {number}`"]
    if approval.file:
        ways.append(f"`touch {path.parent / approval.file}`")
    return f"{who}: {listed(ways, 'or')}; `chaosllm ctl skip {number}` leaves the step out"


def _stops(day: GameDay) -> Iterator[str]:
    own: dict[str, list[str]] = {}
    for step in day.steps:
        for one in step.scenario.stop_when if step.scenario else ():
            own.setdefault(one.text, []).append(step.name)
    for text, names in own.items():
        everywhere = len(names) >= sum(step.scenario is not None for step in day.steps)
        yield f"as soon as `{text}`" + ("" if everywhere else f" (in {listed(list(dict.fromkeys(names)), 'and')})")
    for probe in (one for one in day.stop_when if isinstance(one, dict)):
        yield "as soon as the probe says so: " + ", ".join(f"{key} {value}" for key, value in probe.items())
    if day.safety_lever is not None:
        yield f"as soon as the safety lever `{day.safety_lever}` is set; while it is, nothing starts"
    if day.dead_man is not None:
        yield f"when no console was heard for {format_duration(day.dead_man)} (dead man's switch): keep the page open"
    if day.time_box is not None:
        yield f"when the day has lasted {format_duration(day.time_box)} (time box)"
    yield "never by a failed step: the day goes on with the next"


def _ways(day: GameDay) -> Iterator[str]:
    yield "the stop button of the console"
    yield "`chaosllm stop` in any terminal of this machine"
    if day.safety_lever is not None and "://" not in day.safety_lever:
        yield f"`touch {day.safety_lever}`, the safety lever"
    elif day.safety_lever is not None:
        yield f"the safety lever at {day.safety_lever}"
    yield "Ctrl-C where it was started"


def _paragraph(text: str) -> Iterator[str]:
    if text:
        yield ""
        yield text


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())

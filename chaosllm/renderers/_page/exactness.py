"""How far the run can be trusted: validity checks, calibration, and what our own processes did meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from chaosllm.renderers import _instrument as told
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import prose, say, table


def validity(summary: Mapping[str, Any]) -> str:
    """Every check; those that hold are folded away."""
    checks = summary.get("validity", ())
    failed = sum(not check.get("ok") for check in checks)
    match = words.number(summary.get("match_rate"))
    said = [f"{failed or 'None'} of {words.counted(len(checks), 'check')} spoils the run."] if checks else []
    if failed > 1:
        said = [f"{failed} of {words.counted(len(checks), 'check')} spoil the run."]
    if match is not None:
        said.append(f"{words.share(match)} of the calls that the proxy saw were matched to their operation.")
    if not said:
        return "<p>No check was made.</p>"
    head = ("check", "name", "what was seen")
    bad, good = (
        [_row(check, summary.get("phases", ())) for check in checks if bool(check.get("ok")) is ok]
        for ok in (False, True)
    )
    shown = table(head, bad, label="Checks that spoil the run", stack=True) if bad else ""
    if good:
        held = table(head, good, label="Checks that hold", stack=True)
        shown += f"<details><summary>{words.counted(len(good), 'check')} passed</summary>{held}</details>"
    return f"<p>{' '.join(said)}</p>{shown}"


def _row(check: Mapping[str, Any], phases: Collection[str]) -> tuple[str, ...]:
    state, text = ("pass", "✓ holds") if check.get("ok") else ("fail", "✗ spoils")
    hint = (
        f'<span class="small"><strong>{prose(check["hint"], phases)}</strong></span>'
        if check.get("hint") and not check["ok"]
        else ""
    )
    return (
        f'<span class="word {state}">{text}</span>',
        say(str(check.get("name", "")).replace("_", " ")),
        prose(check.get("what"), phases) + hint,
    )


def calibration(found: object) -> str:
    """What the proxy was asked and what a client measured, before the run."""
    if not isinstance(found, Mapping) or not found:
        return "<p>This run was not calibrated.</p>"
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
    return f'<p><span class="word {state}">{word}</span></p><ul>{items}</ul>'


def instrument(summary: Mapping[str, Any]) -> str:
    """What our own processes used and how late they were, and delays as asked and as done; "" when nothing is known."""
    cells = [tuple(say(cell) for cell in row) for row in told.rows(summary)]
    busy = (
        table(told.HEAD, cells, numbers=range(1, len(told.HEAD)), label="Our own processes and the app", stack=True)
        if cells
        else ""
    )
    legend = (
        '<p class="dim small">Core used, and waited for while others had it: shares of single seconds of the phases '
        "that are judged; of an app that chaosllm started those of all its threads, added up. Lag: how late a timer of "
        "the process rang, over the whole run.</p>"
        if cells
        else ""
    )
    lines = "".join(f"<li>{say(line)}</li>" for line in told.sentences(summary))
    items = f"<ul>{lines}</ul>" if lines else ""
    return f"<h3>During the run</h3>{busy}{legend}{items}" if busy or items else ""

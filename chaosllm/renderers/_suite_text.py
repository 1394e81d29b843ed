"""What a suite came to as text: for the screen and for a comment."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words
from chaosllm.renderers._suite_words import STATES, cut_short, facts, means, names, untested
from chaosllm.renderers.markdown import code, fit, table, text

#: Findings that are shown before the rest is counted; rows of a comment's table.
MOST_FINDINGS, MOST_ROWS = 8, 200
_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "dim": "dim"}
_HEAD = ("verdict", "scenario", "why", "findings", "score", "duration")


def renderable(summary: Mapping[str, Any]) -> RenderableType:
    """What a rich console prints; the console alone decides on colours and width."""
    word, icon, style = _verdict(summary)
    head = Text.assemble(
        (f" {icon} {word} ", f"{style} reverse"), "  ", (words.inert(words.clean(summary.get("suite"))), "bold")
    )
    parts: list[RenderableType] = [head, _said(", ".join(facts(summary)), "dim"), _said(means(summary))]
    parts += [_said(line) for line in cut_short(summary)]
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    for at, name in enumerate(_HEAD):
        grid.add_column(name, justify="right" if at > 3 else "left", overflow="fold", no_wrap=at in (0, 4, 5))
    for row in summary["runs"]:
        state, *cells = _cells(row)
        grid.add_row(Text(state, _STYLES[STATES[row["state"]][0]]), *(Text(words.inert(cell)) for cell in cells))
    parts += [Text(), Padding(grid, (0, 0, 0, 1), expand=False), Text()]
    for severity, one, seen, fix in _findings(summary):
        told = words.inert(severity), words.inert(one), words.inert(seen)
        parts.append(Padding(Text.assemble(f"{told[0]} ", (told[1], "bold"), f"  {told[2]}"), (0, 1, 0, 1)))
        parts += [Padding(Text(f"Fix: {words.inert(fix)}", "dim"), (0, 1, 0, 3))] if fix else []
    parts += [_said(line) for line in _foot(summary)]
    return Group(*parts)


def _said(line: str, style: str = "") -> RenderableType:
    """A sentence, set in where it wraps too."""
    return Padding(Text(words.inert(line), style), (0, 1, 0, 1))


def plain(summary: Mapping[str, Any]) -> str:
    """The same as text, 120 columns wide, no colour."""
    console = Console(file=io.StringIO(), width=120, force_terminal=False, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable(summary), highlight=False)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def markdown(summary: Mapping[str, Any]) -> str:
    """Text for a comment, at most as long as one may be."""
    word, icon, _ = _verdict(summary)
    lines = [f"## {icon} {word} · {text(summary.get('suite'))}", text(", ".join(facts(summary))) + "."]
    lines += [text(means(summary)), *map(text, cut_short(summary))]
    rows = [tuple(text(cell) for cell in _cells(row)) for row in summary["runs"][:MOST_ROWS]]
    left = len(summary["runs"]) - MOST_ROWS
    found = [
        f"- **{text(severity)}** {code(one)}, {text(seen)}" + (f"\n  **Fix:** {text(fix)}" if fix else "")
        for severity, one, seen, fix in _findings(summary)
    ]
    parts = [
        ("\n\n".join(lines), 0.2),
        (table(_HEAD, rows, left=4) if rows else "", 0.5),
        (f"{left} more in the report." if left > 0 else "", 0.05),
        ("### Findings\n\n" + "\n".join(found) if found else "", 0.3),
        ("\n\n".join(text(line) for line in _foot(summary)), 0.1),
    ]
    return fit(parts)


def _verdict(summary: Mapping[str, Any]) -> tuple[str, str, str]:
    verdict = str(summary.get("verdict"))
    verdict = verdict if verdict in words.VERDICTS else "inconclusive"
    return *words.VERDICTS[verdict], _STYLES[verdict]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of a run, in the order of the columns."""
    why = [words.clean(line) for line in row["why"]]
    more = f" (and {len(why) - 1} more)" if len(why) > 1 else ""
    seen = ", ".join(f"{number} {severity}" for severity, number in row["findings"].items() if number)
    return (
        f"{STATES[row['state']][1]} {STATES[row['state']][2]}",
        words.clean(row["name"]),
        f"{why[0]}{more}" if why else "",
        seen or words.NONE,
        words.NONE if row["score"] is None else f"{row['score']:.0f}",
        words.seconds(row["seconds"]),
    )


def _findings(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(severity, code, how often and where, what to do) of the worst."""
    for one in summary["findings"][:MOST_FINDINGS]:
        runs = list(dict.fromkeys(row["name"] for row in one["runs"]))
        accepted = ", accepted" if one.get("accepted") else ""
        yield (
            words.clean(one["severity"]), words.clean(one["code"]), f"{words.often(one)} in {names(runs)}{accepted}",
            words.clean(one["advice"]),
        )  # fmt: skip


def _foot(summary: Mapping[str, Any]) -> Iterator[str]:
    left = len(summary["findings"]) - MOST_FINDINGS
    if left > 0:
        yield f"{words.counted(left, 'more finding')} in the report."
    if said := users.score(summary["score"], rest=False):
        yield f"{said}."
    if missing := untested(summary):
        yield f"Not tested: {', '.join(missing)}."

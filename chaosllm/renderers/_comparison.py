"""A comparison of two runs as tables: for the screen and for a comment."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chaosllm.comparison import BETTER, CHANGED, SAME, UNKNOWN, WORSE, Comparison, Row
from chaosllm.renderers import _words as words
from chaosllm.renderers._headline import RANK, change, headline, shown
from chaosllm.renderers.markdown import code, fit, table, text
from chaosllm.snapshot import Snapshot

MOST_REASONS = 6
#: Phases whose load is named.
MOST_PHASES = 3
#: Rows of a Markdown table: as many as a comment holds.
MOST_ROWS = 400
_STYLES = {WORSE: "bold red", BETTER: "bold green", CHANGED: "yellow", SAME: "dim", UNKNOWN: "dim"}
_HEAD = ("metric", "A", "B", "change (95% interval)", "difference")


def cells(row: Row) -> tuple[str, ...]:
    """The cells of a row, in the order of the columns."""
    sides = (words.measured(one.value, row.unit) for one in (row.before, row.after))
    return (words.clean(row.metric), *sides, change(row.change), "none shown" if row.verdict == SAME else row.verdict)


def counts(comparison: Comparison) -> str:
    """Such as "2 worse, 1 better, 40 no difference shown, 7 cannot tell"."""
    verdicts = [one.verdict for one in comparison.rows]
    found = [f"{verdicts.count(word)} {word}" for word in RANK if word in verdicts]
    return f"{words.counted(len(verdicts), 'figure')}: {', '.join(found)}"


def chance(comparison: Comparison) -> str:
    """How many changes mean nothing; "" where none is claimed."""
    verdicts = [one.verdict for one in comparison.rows]
    told = len(verdicts) - verdicts.count(UNKNOWN)
    if not told - verdicts.count(SAME):
        return ""
    return f"Of {told} figures of two equal runs, up to {max(1, round(told / 20))} would look changed by chance."


def notes(comparison: Comparison, *, whole: bool = True) -> list[str]:
    """What to know beside the figures: what else changed, which run is in doubt, findings and objectives.

    Not `whole`: what cannot be told alone, and doubts.
    """
    whys = Counter(one.why for one in comparison.rows if one.why)
    lines = [
        f"cannot tell {words.counted(n, 'figure')}: {words.clean(why)}" for why, n in whys.most_common(MOST_REASONS)
    ]
    lines += [f"and {words.counted(len(whys) - MOST_REASONS, 'reason')} more"] if len(whys) > MOST_REASONS else []
    for name, one in (("A", comparison.before), ("B", comparison.after)):
        lines += [f"{name} is in doubt: {words.clean(doubt)}" for doubt in one.doubts]
    lines += [*_offered(comparison)]
    if not whole:
        return lines
    lines += [f"new finding: {_finding(one)}" for one in comparison.new_findings]
    lines += [f"gone finding: {_finding(one)}" for one in comparison.gone_findings]
    return _around(comparison) + lines + objectives(comparison)


def _offered(comparison: Comparison) -> Iterator[str]:
    """That a rate is held against the load that was offered, where that was not the same."""
    found = [
        f"{words.plain(one.before.offered)}/s and {words.plain(one.after.offered)}/s in {words.clean(one.phase)}"
        for one in comparison.rows
        if one.change is not None and one.before.offered != one.after.offered
    ]
    if found:
        more = f", and {len(found) - MOST_PHASES} phases more" if len(found) > MOST_PHASES else ""
        yield f"goodput is compared as a share of the load offered: {'; '.join(found[:MOST_PHASES])}{more}"


def _around(comparison: Comparison) -> list[str]:
    lines = [
        f"changed beside the scenario: {words.clean(one.path)} {words.clean(one.before)} -> {words.clean(one.after)}"
        for one in comparison.changed
    ]
    return lines + ([f"the phases of B are {comparison.scale:.3g} times as long"] if comparison.scale != 1.0 else [])


def objectives(comparison: Comparison) -> list[str]:
    """A line for each objective whose verdict is not the same in both runs."""
    return [words.clean(f"objective {name}: {before} -> {after}") for name, before, after in turned(comparison)]


def turned(comparison: Comparison) -> list[tuple[str, str, str]]:
    """(objective, its verdict in A, in B) of each whose verdict is not the same; "none" where a run has none."""
    before, after = ({str(row["text"]): str(row["verdict"]) for row in one.objectives} for one in _sides(comparison))
    return [
        (name, before.get(name, "none"), after.get(name, "none"))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _sides(comparison: Comparison) -> tuple[Snapshot, Snapshot]:
    return comparison.before, comparison.after


def _finding(found: Mapping[str, Any]) -> str:
    where = f" in {found['phase']}" if found.get("phase") else ""
    return words.clean(
        f"{found.get('code')} ({found.get('severity')}){where}, seen {words.count(found.get('count'))} times"
    )


def _title(letter: str, name: str, one: Snapshot) -> str:
    word, _ = words.VERDICTS.get(one.verdict, words.VERDICTS["inconclusive"])
    when = f", {words.clean(one.started)}" if one.started else ""
    return f"{letter}  {words.clean(name)}  {word}{when}"


def renderable(comparison: Comparison, names: Sequence[str], *, every: bool = False) -> RenderableType:
    """What a rich console prints."""
    parts: list[RenderableType] = [_said(words.clean(comparison.after.scenario), "bold")]
    parts += [_said(_title(*one)) for one in zip("AB", names, _sides(comparison), strict=True)]
    lead = headline(comparison)
    style = {True: _STYLES[BETTER], False: _STYLES[WORSE], None: "bold"}[lead.good]
    parts += [Text(), Text(f"{lead.word}.", style), *map(_said, lead.sentences)]
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    for at, name in enumerate(_HEAD):
        grid.add_column(name, justify="right" if at in (1, 2) else "left", overflow="fold", no_wrap=at in (1, 2))
    rows, phase = shown(comparison, every=every), None
    for row in rows:
        if row.phase != phase:
            phase = row.phase
            grid.add_row(_said(words.clean(phase) or "the run", "bold"))
        metric, *plain, said = cells(row)
        grid.add_row(_said(f"  {metric}"), *map(Text, plain), Text(said, _STYLES[row.verdict]))
    parts += [Text(), Padding(grid, (0, 0, 0, 1), expand=False), Text()]
    left = len(comparison.rows) - len(rows)
    parts += [Text(f"{counts(comparison)}" + (f" (--all shows {left} more)" if left else ""))]
    parts += [Text(note, "dim") for note in (chance(comparison),) if note]
    return Group(*parts, *(_said(f"• {note}") for note in notes(comparison)))


def _said(line: str, style: str = "") -> Text:
    return Text(words.inert(line), style)


def plain(comparison: Comparison, names: Sequence[str], *, every: bool = False) -> str:
    """The same as text, 120 columns wide, no colour."""
    console = Console(file=io.StringIO(), width=120, force_terminal=False, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable(comparison, names, every=every), highlight=False)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def markdown(comparison: Comparison, names: Sequence[str], *, every: bool = False) -> str:
    """Text for a comment."""
    found = shown(comparison, every=every)
    rows = [tuple(text(cell) for cell in (row.phase or "the run", *cells(row))) for row in found[:MOST_ROWS]]
    more = f" Of them {len(found) - MOST_ROWS} more would stand here." if len(found) > MOST_ROWS else ""
    titles = [f"- {text(_title(*one))}" for one in zip("AB", names, _sides(comparison), strict=True)]
    said = headline(comparison)
    parts = [
        (f"## Comparison of {code(comparison.after.scenario)}\n\n" + "\n".join(titles), 0.1),
        (f"**{text(said.word)}.** {text(' '.join(said.sentences))}", 0.1),
        (table(("phase", *_HEAD), rows, left=2), 0.5),
        (f"{text(counts(comparison))}.{more}", 0.05),
        (chance(comparison), 0.05),
        ("\n".join(f"- {text(note)}" for note in notes(comparison)), 0.2),
    ]
    return fit(parts)

"""Findings by fault: a grid of runs, or faults, by finding codes, for the page of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.patches import Patch, Rectangle

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.renderers import _words as words
from chaosllm.series.heat import SEVERITIES, Row, Seen, codes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Findings by fault"
#: Severity -> its colour and the letter in the cell, because colour alone tells not everyone.
_LOOKS: Mapping[str, tuple[str, str]] = {
    "critical": (style.VERMILLION, "C"),
    "major": (style.ORANGE, "M"),
    "minor": (style.SKY, "m"),
    "info": (style.GREY, "i"),
}
MOST_CODES = 24
#: Characters of a run's name.
NAME = 22
#: Inches of a cell's height, and points that names down the side leave for all cells of a line.
CELL, ROOM = 0.28, 190.0


def draw(rows: Sequence[Row], codes: Sequence[str] | None = None) -> Drawing:
    """A grid of `rows` by codes (None: those that were seen, the gravest first); the longer side goes down the page.

    Because a page has no end downwards, and a phone is narrow.
    """
    columns = list(codes_of(rows) if codes is None else codes)[:MOST_CODES]
    if not rows:
        return nothing(TITLE, "No run was judged, so there is no finding to plot.")
    if not columns:
        return nothing(TITLE, f"No finding in {words.counted(len(rows), 'run')}: there is nothing to plot.")
    upright = len(rows) >= len(columns)  # runs go down
    across, down = (len(columns), len(rows)) if upright else (len(rows), len(columns))
    figure, axes = style.figure(1.75 + CELL * down)
    room = ROOM / across
    # Counts in all cells or in none, because a letter alone beside counts would read as "once".
    cells = [f"{_look(one)[1]} {_short(one.count)}" for row in rows for one in row.seen.values()]
    counts = max((len(text) for text in cells), default=0) * style.LETTER + 2 <= room
    for x, row in enumerate(rows):
        for y, code in enumerate(columns):
            at = (y, x) if upright else (x, y)
            _cell(axes, at, row.seen.get(code), withheld=code in row.withheld, counts=counts)
    names, above = _names(rows), [style.label(code, 24) for code in columns]
    if not upright:
        names, above = above, names
    axes.set_xlim(0, across)
    axes.set_ylim(down, 0)
    axes.set_yticks([y + 0.5 for y in range(down)], names)
    axes.xaxis.tick_top()
    aslant = room >= 14  # points between two lines of letters that do not touch
    axes.set_xticks(
        [x + 0.5 for x in range(across)], above, rotation=45 if aslant else 90, ha="left" if aslant else "center",
        rotation_mode="anchor" if aslant else "default", fontsize=9 if aslant else 8,
    )  # fmt: skip
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.hlines(range(down + 1), 0, across, color=style.INK, alpha=0.2, linewidth=0.5, clip_on=False)
    axes.vlines(range(across + 1), 0, down, color=style.INK, alpha=0.2, linewidth=0.5, clip_on=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _legend(axes, rows, columns)
    shows = "A grid of runs by finding codes; a cell holds the letter of the severity and, where it fits, how often."
    return Drawing(figure, TITLE, shows, _says(rows, columns))


def _names(rows: Sequence[Row]) -> list[str]:
    """Names short enough for the side; where two would look the same, with their ends, in which they differ."""
    whole = [words.clean(row.name) for row in rows]
    found = [style.label(name, NAME) for name in whole]
    ends = [f"{name[: NAME - 12]}\N{HORIZONTAL ELLIPSIS}{name[-11:]}" for name in whole]
    return [style.label(ends[at]) if found.count(name) > 1 else name for at, name in enumerate(found)]


def _look(seen: Seen) -> tuple[str, str]:
    return _LOOKS.get(seen.severity, _LOOKS["info"])


def _short(count: int) -> str:
    return str(count) if count < 1000 else f"{count / 1000:.0f}k"


def _cell(axes: Axes, at: tuple[int, int], seen: Seen | None, *, withheld: bool, counts: bool) -> None:
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8.5}
    middle = (at[0] + 0.5, at[1] + 0.52)
    if seen is None:
        if withheld:
            axes.text(*middle, "?", **look)
        return
    colour, letter = _look(seen)
    axes.add_patch(
        Rectangle((at[0] + 0.03, at[1] + 0.05), 0.94, 0.9, facecolor=colour, edgecolor=style.INK, linewidth=0.4)
    )
    bold = "bold" if seen.severity == "critical" else "normal"
    text = f"{letter} {_short(seen.count)}" if counts else letter
    axes.text(*middle, text, color="#000000", fontweight=bold, **look)


def _legend(axes: Axes, rows: Sequence[Row], columns: Sequence[str]) -> None:
    used = {row.seen[code].severity for row in rows for code in columns if code in row.seen}
    kinds = [(f"{_LOOKS[severity][1]}: {severity}", _LOOKS[severity][0]) for severity in SEVERITIES if severity in used]
    if any(code in row.withheld for row in rows for code in columns):
        kinds.append(("?: not looked for", "none"))
    parts = [Patch(facecolor=colour, edgecolor=style.INK, linewidth=0.4, label=label) for label, colour in kinds]
    axes.figure.legend(handles=parts, loc="outside lower center", ncols=style.columns([label for label, _ in kinds]))


def _says(rows: Sequence[Row], columns: Sequence[str]) -> str:
    hit = [row for row in rows if row.seen]
    most = max(columns, key=lambda code: sum(code in row.seen for row in rows))
    runs = sum(most in row.seen for row in rows)
    grave = sum(any(one.severity == "critical" for one in row.seen.values()) for row in rows)
    return (
        f"{len(hit)} of {words.counted(len(rows), 'run')} had findings, {grave} of them critical ones; "
        f"{words.clean(most, 60)} was seen in {runs}."
    )

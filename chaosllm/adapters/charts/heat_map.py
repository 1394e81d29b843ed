"""Findings by fault: a grid of runs, or faults, by finding codes, for the page of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

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
#: Inches of a cell's height.
CELL = 0.3


def draw(rows: Sequence[Row], codes: Sequence[str] | None = None) -> Drawing:
    """A row for each of `rows`, a column for each code (None: those that were seen, the gravest first)."""
    columns = list(codes_of(rows) if codes is None else codes)[:MOST_CODES]
    if not rows:
        return nothing(TITLE, "No run was judged, so there is no finding to plot.")
    if not columns:
        return nothing(TITLE, f"No finding in {words.counted(len(rows), 'run')}: there is nothing to plot.")
    # Codes are long and runs are many: codes stand down the side, where both can be read on a phone.
    figure, axes = style.figure(1.55 + CELL * len(columns))
    for x, row in enumerate(rows):
        for y, code in enumerate(columns):
            _cell(axes, x, y, row.seen.get(code), withheld=code in row.withheld, wide=len(rows) <= 8)
    axes.set_xlim(0, len(rows))
    axes.set_ylim(len(columns), 0)
    axes.set_yticks([y + 0.5 for y in range(len(columns))], [style.label(code, 26) for code in columns])
    axes.xaxis.tick_top()
    axes.set_xticks([x + 0.5 for x in range(len(rows))], [style.label(row.name, 22) for row in rows], rotation=45,
                    ha="left", rotation_mode="anchor")  # fmt: skip
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _legend(axes, rows, columns)
    shows = "A grid of finding codes by run; a cell holds the letter of the severity and how often it was seen."
    return Drawing(figure, TITLE, shows, _says(rows, columns))


def _cell(axes: Axes, x: int, y: int, seen: Seen | None, *, withheld: bool, wide: bool) -> None:
    colour, letter = _LOOKS.get(seen.severity, _LOOKS["info"]) if seen else ("none", "")
    faint = 1.0 if seen else 0.35
    axes.add_patch(
        Rectangle((x + 0.04, y + 0.06), 0.92, 0.88, facecolor=colour, edgecolor=style.INK, linewidth=0.4, alpha=faint)
    )
    text = "?" if withheld else ""
    if seen is not None:
        text = f"{letter} {words.count(seen.count)}" if wide else letter
    bold = seen is not None and seen.severity == "critical"
    axes.text(
        x + 0.5, y + 0.52, text, ha="center", va="center", fontsize=8.5, color="#000000" if seen else style.INK,
        fontweight="bold" if bold else "normal",
    )  # fmt: skip


def _legend(axes: Axes, rows: Sequence[Row], columns: Sequence[str]) -> None:
    used = {row.seen[code].severity for row in rows for code in columns if code in row.seen}
    kinds = [(f"{_LOOKS[severity][1]}: {severity}", _LOOKS[severity][0]) for severity in SEVERITIES if severity in used]
    if any(code in row.withheld for row in rows for code in columns):
        kinds.append(("?: not looked for", "none"))
    parts = [Patch(facecolor=colour, edgecolor=style.INK, linewidth=0.4, label=label) for label, colour in kinds]
    axes.figure.legend(handles=parts, loc="outside lower center", ncols=min(max(len(parts), 1), 3))


def _says(rows: Sequence[Row], columns: Sequence[str]) -> str:
    hit = [row for row in rows if row.seen]
    most = max(columns, key=lambda code: sum(code in row.seen for row in rows))
    runs = sum(most in row.seen for row in rows)
    grave = sum(any(one.severity == "critical" for one in row.seen.values()) for row in rows)
    return (
        f"{len(hit)} of {words.counted(len(rows), 'run')} had findings, {grave} of them critical ones; "
        f"{words.clean(most, 60)} was seen in {runs}."
    )

"""How every chart looks: one style, its axes, its phase bands and its legend; colours are those of the page.

1. Colour never tells anything alone: lines differ by dashes, areas and bars by hatches, points by marks.
2. What is drawn in `INK` takes the colour of the text around it, so that one drawing reads on light and dark.
3. Nothing covers data: names stand above the plot, the legend below it.
4. Read on a phone: a picture is as wide as a phone's screen has points, so its letters keep their size there.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from chaosllm.adapters.charts.svg import INK
from chaosllm.live.told import steers
from chaosllm.renderers import _words as words
from chaosllm.renderers._style import BLUE, GREEN, GREY, ORANGE, OUTCOME_COLOURS, PURPLE, SKY, VERMILLION
from chaosllm.scenario import Role

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chaosllm.join import Run
    from chaosllm.scenario import Phase
    from chaosllm.series.groups import Group

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "OUTCOME_COLOURS", "PURPLE", "SKY", "VERMILLION"]

STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "svg.hashsalt": "chaosllm",  # the same run gives the same bytes
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.unicode_minus": False,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.7,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "legend.handlelength": 2.2,
    "legend.columnspacing": 1.4,
    "legend.handletextpad": 0.6,
}
#: Inches at 72 points: a phone of 360 px shows 336 px of a page, and so each of 324 points at a little over a pixel.
WIDTH, HEIGHT = 4.5, 3.2
#: Inches above each picture for its title, which the page cuts off again: it has its own headings.
TITLE = 0.3
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.4, 1.4)), (0, (7, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
#: Lines only, because a hatch of dots takes 100 KB of a page.
HATCHES = ("", "///", "\\\\\\", "xxx", "---")
OUTCOME_HATCHES: Mapping[str, str] = {
    "good": "",
    "degraded": "\\\\\\",
    "wrong": "---",
    "error": "///",
    "hang": "xxx",
    "dropped": "|||",
}
#: Points of a letter of 9 points, on average, and of a picture's plot: what fits beside each other.
LETTER, PLOT = 5.4, 265.0
#: Commands that are drawn, and those of them that have their number beside them: more of them hide what they did.
MOST_MARKS, MOST_NUMBERED = 40, 6

#: Because rcParams belong to the whole process, and `demo` draws two runs at a time.
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Look:
    """How one group of phases is drawn, in every chart of a run the same."""

    colour: str
    dash: Any
    hatch: str


_LOOKS = tuple(Look(*one) for one in zip((BLUE, VERMILLION, GREEN, PURPLE, INK), DASHES, HATCHES, strict=True))
_OF_ROLE = {Role.BASELINE: (0, 4, 3), Role.FAULT: (1, 3, 4), Role.RECOVERY: (2, 4, 3), Role.WARMUP: (4, 3, 2)}


#: Two runs over each other, in every picture of a comparison the same.
SIDES: Mapping[str, Look] = {"A": Look(BLUE, DASHES[0], ""), "B": Look(VERMILLION, DASHES[1], "///")}


def looks(groups: Sequence[Group]) -> list[Look]:
    """A look for each group, by its role: a baseline is blue and solid in every chart."""
    free = list(range(len(_LOOKS)))
    found = []
    for group in groups:
        place = next((at for at in _OF_ROLE[group.role] if at in free), free[0] if free else len(_LOOKS) - 1)
        if place in free:
            free.remove(place)
        found.append(_LOOKS[place])
    return found


@contextmanager
def styled() -> Iterator[None]:
    """The style, for as long as the context lasts; one thread at a time."""
    ours: Any = STYLE  # the stubs list every key by name
    with _LOCK, mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # because a user's own matplotlibrc must not change a report
        mpl.rcParams.update(ours)
        # A name in a script that the layout font lacks is drawn by the reader's own fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def figure(height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A figure with one plot; `height` in inches, its title not counted."""
    made = _figure(height)
    return made, made.add_subplot()


def two(height: float) -> tuple[Figure, Axes, Axes]:
    """A figure with two plots above each other over the same x."""
    made, (above, below) = several(2, height)
    return made, above, below


def several(n: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with `n` plots above each other over the same x."""
    made = _figure(height)
    return made, [*made.subplots(n, 1, sharex=True, squeeze=False)[:, 0]]


def apart(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A figure with plots above each other, each of its own height in inches and over its own x."""
    made = _figure(sum(heights))
    return made, [*made.subplots(len(heights), 1, squeeze=False, height_ratios=list(heights))[:, 0]]


def _figure(height: float) -> Figure:
    made = Figure(figsize=(WIDTH, height + TITLE))
    made.set_layout_engine("constrained", rect=(0, 0, 1, height / (height + TITLE)), h_pad=0.05, w_pad=0.04)
    return made


def label(name: object, longest: int = 24) -> str:
    """Foreign text as a drawing may hold it; a hair space before an underscore, which would hide it in a legend."""
    text = words.clean(name, longest)
    return f"\N{HAIR SPACE}{text}" if text.startswith("_") else text


def bands(axes: Axes, run: Run, *, names: Axes | None = None) -> None:
    """The run as the x axis: fault phases as shaded bands, every phase by its name above the plot, and a stop.

    `names`: the plot that carries the names, where there are several.
    """
    phases = run.scenario.phases
    for place, phase in enumerate(phases):
        if phase.rules:
            axes.axvspan(phase.start, phase.end, color=INK, alpha=0.09, linewidth=0, zorder=0)
        if place:
            axes.axvline(phase.start, color=INK, alpha=0.35, linewidth=0.6, linestyle=(0, (2, 2)))
    if names is None or names is axes:
        _names(axes, phases)
    _commands(axes, run, numbered=names is None or names is axes)
    if run.stopped and run.end < run.scenario.duration:
        axes.axvline(run.end, color=INK, linewidth=1.4)
        near = run.end > run.scenario.duration * 0.7
        axes.annotate(
            "stopped", (run.end, 0.5), (-4 if near else 4, 0), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="right" if near else "left", va="center", fontsize=9,
        )  # fmt: skip
    axes.set_xlim(0, phases[-1].end or 1.0)
    seconds_ticks(axes)
    axes.set_xlabel("time since the start of the run")


def _commands(axes: Axes, run: Run, *, numbered: bool) -> None:
    """A thin line where a command changed the run; the first few bear their number in the table of commands."""
    marks = [
        (number, row["t"])
        for number, row in enumerate(run.meta.get("commands") or (), 1)
        if steers(row) and row["t"] is not None and 0 <= row["t"] <= run.scenario.duration
    ]
    room = (run.scenario.duration or 1.0) / PLOT * 2 * LETTER
    last = -room
    for place, (number, t) in enumerate(marks[:MOST_MARKS]):
        axes.axvline(t, color=INK, alpha=0.6, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
        if numbered and place < MOST_NUMBERED and t - last >= room:
            last = t
            axes.annotate(
                f"#{number}", (t, 1), (2, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="left", va="top", fontsize=7.5,
            )  # fmt: skip


def seconds_ticks(axes: Axes) -> None:
    """Time along x, in seconds or minutes."""
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 3, 5, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value)))


def _names(axes: Axes, phases: Sequence[Phase]) -> None:
    """Beside each other where all but the warm-up's fit, aslant where they are many, and else those that fit."""
    whole = phases[-1].end or 1.0
    rooms = [int(phase.duration / whole * PLOT / LETTER) for phase in phases]
    names = [words.clean(phase.name, longest=60) for phase in phases]
    told = [phase.role is not Role.WARMUP for phase in phases]
    short = any(len(name) > room and this for name, room, this in zip(names, rooms, told, strict=True))
    middles = np.array([(phase.start + phase.end) / 2 for phase in phases]) / whole * PLOT
    # 11 points between two lines of letters, below which they run into each other.
    aslant = short and float(np.diff(middles).min(initial=PLOT)) >= 11
    for name, room, phase in zip(names, rooms, phases, strict=True):
        fault = bool(phase.rules)
        text = words.clean(name, longest=14) if aslant else name
        if not aslant and len(name) > room:
            text = words.clean(name, longest=room) if room > 5 else ""  # three letters tell nothing
        if fault and not aslant and room >= len(text) + 8:
            text += " (fault)"
        axes.annotate(
            text, ((phase.start + phase.end) / 2, 1), (0, 3), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="left" if aslant else "center", va="bottom", annotation_clip=False,
            fontweight="bold" if fault else "normal", fontsize=9.0, rotation=40 if aslant else 0,
            rotation_mode="anchor",
        )  # fmt: skip


def legend(axes: Axes, *more: Axes) -> None:
    """Below the plot, where it hides nothing, in as many columns as its words leave room for."""
    handles, labels = axes.get_legend_handles_labels()
    for other in more:
        found = other.get_legend_handles_labels()
        handles, labels = handles + found[0], labels + found[1]
    if handles:
        axes.figure.legend(handles, labels, loc="outside lower center", ncols=columns(labels))


def columns(labels: Sequence[str]) -> int:
    """How many columns of a legend fit beside each other; a column is as wide as its widest label."""
    widths = [len(text) * LETTER + 42 for text in labels]
    for n in range(len(widths), 1, -1):
        parts = np.array_split(np.array(widths), n)  # as matplotlib fills them: down, then across
        if sum(float(part.max()) for part in parts) <= WIDTH * 72:
            return n
    return 1


def rate_axis(axes: Axes, top: float, what: str) -> None:
    """Something a second, from nothing up."""
    axes.set_ylim(0, max(top * 1.08, 0.1))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylabel(what)


def seconds_axis(axes: Axes, bottom: float, top: float) -> None:
    """Logarithmic where the values span more than a factor of eight, which a linear axis would flatten."""
    bottom = max(bottom, 0.001)
    if top / bottom > 8:
        axes.set_yscale("log")
        axes.set_ylim(bottom / 1.5, top * 1.6)
        log_ticks(axes.yaxis, bottom / 1.5, top * 1.6)
    else:
        axes.set_ylim(0, max(top, 0.001) * 1.15)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value)))


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Ticks at round numbers, as many as can be read: over few decades more of them."""
    span = high / low
    axis.set_minor_locator(NullLocator())
    if span <= 20:
        ticks = [factor * 10.0**power for power in range(-4, 7) for factor in (1, 2, 3, 5)]
        axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    else:
        axis.set_major_locator(LogLocator(10, subs=(1.0, 3.0) if span < 1000 else (1.0,)))


def share_axis(axis: Any) -> None:
    """Shares of 1 as percentages."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def finite_span(rows: Sequence[Any]) -> tuple[float, float]:
    """The least and the greatest number in all rows; (0, 0) when there is none."""
    found = np.concatenate([np.asarray(row, dtype=np.float64).ravel() for row in rows]) if rows else np.empty(0)
    found = found[np.isfinite(found)]
    return (float(found.min()), float(found.max())) if len(found) else (0.0, 0.0)

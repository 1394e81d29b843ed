"""A sweep as a table of its curve: for a comment and for the screen, from sweep.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chaosllm.renderers import _words as words
from chaosllm.renderers.markdown import code, table, text

_MARKS = {"holds": "\N{CHECK MARK}", "fails": "\N{BALLOT X}", "between": "~"}


def head(made: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the columns."""
    counted = made["objective"]["counted"]
    return ("", "level", "runs", *(("operations", "good", "95% interval") if counted else ("passed", "failed")))


def rows(made: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each level, from the lowest up."""
    return [_row(point, made) for point in made["curve"]]


def _row(point: Mapping[str, Any], made: Mapping[str, Any]) -> tuple[str, ...]:
    first = (_MARKS[side(point["value"], made)], str(point["text"]), words.count(point["runs"]))
    if not made["objective"]["counted"]:
        return (*first, words.count(point["passed"]), words.count(point["failed"]))
    interval = f"{words.share(point['low'])} to {words.share(point['high'])}"
    return (*first, words.count(point["n"]), words.share(point["share"]), interval)


def side(value: float, made: Mapping[str, Any]) -> str:
    """Whether the objective holds or fails at a level, or the level lies inside the interval."""
    breaking = made["breaking_point"]
    low, high, kind = breaking["low"], breaking["high"], breaking["kind"]
    if kind in ("everywhere", "nowhere"):
        return "holds" if kind == "everywhere" else "fails"
    up = breaking["holds"] != "above"
    if low is not None and value <= low:
        return "holds" if up else "fails"
    if high is not None and value >= high:
        return "fails" if up else "holds"
    return "between"


def left_out(made: Mapping[str, Any]) -> list[str]:
    """A sentence for each run that is no data."""
    return [f"{run['level']} is no data: {words.clean(run['why'])}" for run in made["runs"] if not run["data"]]


def markdown(made: Mapping[str, Any]) -> str:
    """sweep.md."""
    parts = [
        f"## Sweep of {code(made['path'])} in {text(made['scenario'])}",
        f"**{text(made['says'])}**",
        table(head(made), [tuple(text(cell) for cell in row) for row in rows(made)], left=2),
        "\n".join(f"- {text(line)}" for line in left_out(made)),
        text(made["stopped"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def renderable(made: Mapping[str, Any]) -> RenderableType:
    """What a rich console prints."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(head(made)):
        shown.add_column(name, justify="left" if at < 2 else "right")
    for row in rows(made):
        shown.add_row(*(Text(cell) for cell in row))
    parts: list[RenderableType] = [Padding(shown, (0, 0, 0, 1), expand=False)] if made["curve"] else []
    parts += [Text(f"  {line}", "yellow") for line in left_out(made)]
    good = made["breaking_point"]["kind"] in ("found", "everywhere")
    parts += [Text(words.clean(made["says"]), "bold" if good else "bold yellow")]
    return Group(*parts, *([Text(words.clean(made["stopped"]), "dim")] if made["stopped"] else []))

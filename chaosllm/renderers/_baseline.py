"""A kept baseline on the screen: its run, and the main figures of each phase."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chaosllm.comparison import CONFIDENCE, kind_of
from chaosllm.renderers import _words as words
from chaosllm.renderers._headline import MAIN
from chaosllm.snapshot import Snapshot


def renderable(one: Snapshot) -> RenderableType:
    """What a rich console prints."""
    word, _ = words.VERDICTS.get(one.verdict, words.VERDICTS["inconclusive"])
    parts: list[RenderableType] = [Text(f"{words.clean(one.scenario)}  {word}  {words.clean(one.started)}", "bold")]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    for name, side in (("phase", "left"), ("metric", "left"), ("value", "right"), ("95% interval", "left")):
        table.add_column(name, justify="right" if side == "right" else "left")
    for phase, figures in one.figures.items():
        for name in MAIN:
            figure, kind = figures.get(name), kind_of(name)
            if figure is None or figure.value is None or kind is None:
                continue
            _, low, high = figure.within(CONFIDENCE) or (0.0, None, None)
            shown = words.interval({"low": low, "high": high}, kind.unit).strip(" ()")
            table.add_row(Text(words.clean(phase)), name, words.measured(figure.value, kind.unit), shown)
    parts += [Padding(table, (0, 0, 0, 1), expand=False)]
    for finding in one.findings:
        said = f"{finding['code']} ({finding['severity']}) in {finding['phase'] or 'the run'}"
        parts.append(Text(f"• finding: {words.clean(said)}"))
    parts += [Text(f"• in doubt: {words.clean(doubt)}") for doubt in one.doubts]
    told = ", ".join(f"{name} {value}" for name, value in one.around.items() if value not in (None, ""))
    return Group(*parts, Text(words.clean(told, longest=2000), "dim"))

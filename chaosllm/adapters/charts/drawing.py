"""A picture with its words, and how it becomes an element of the page, an SVG file and a PNG file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG

from chaosllm.adapters.charts.style import TITLE, WIDTH
from chaosllm.adapters.charts.svg import inline, standalone
from chaosllm.renderers import Chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chaosllm.join import Run

#: Pixels of a PNG for each inch: 792 for its width.
PIXELS = 176


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with its words; no figure where there was nothing to plot, and `says` is why."""

    figure: Figure | None
    title: str
    shows: str  # what the picture is: axes, marks, windows
    says: str  # what a reader should see in it, with the numbers of this run

    @property
    def alt(self) -> str:
        """The picture for those who cannot see it."""
        # Without backticks, which a screen reader would read out.
        return f"{self.shows} {self.says}".replace("`", "") if self.figure else ""


class Maker(Protocol):
    """Draws one chart of a run, inside `style()`."""

    def __call__(self, run: Run) -> Drawing:
        """The drawing; the same run gives the same one."""


def nothing(title: str, why: str) -> Drawing:
    """No picture, and a sentence that says why."""
    return Drawing(None, title, "", why)


def chart(name: str, drawing: Drawing, *, files: bool = True) -> tuple[Chart, dict[str, bytes]]:
    """The chart for a page, and its files by name; no file where there is no picture, or none is asked for."""
    if drawing.figure is None:
        return Chart("", drawing.title, "", drawing.says), {}
    _entitle(drawing.figure, drawing.title)
    text = _svg(drawing.figure)
    shown = Chart(inline(text, name, drawing.alt, cut=TITLE * 72), drawing.title, drawing.alt, drawing.says)
    if not files:
        return shown, {}
    return shown, {f"{name}.svg": standalone(text, name, drawing.alt).encode(), f"{name}.png": _png(drawing.figure)}


def _entitle(figure: Figure, title: str) -> None:
    """For files, which have no heading; `inline` takes it off again."""
    height = figure.get_size_inches()[1]
    text = figure.text(0.06 / WIDTH, 1 - 0.04 / height, title, ha="left", va="top", fontsize=10.5, fontweight="bold")
    text.set_gid("title")
    text.set_in_layout(False)


def _svg(figure: Figure) -> str:
    """Laid out and drawn once; `savefig` would draw a second time to find out what it knows already."""
    out = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)  # its methods have no types
    canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _png(figure: Figure) -> bytes:
    """The figure as pixels, once `_svg` has laid it out: laying out costs as much as drawing."""
    figure.set_layout_engine("none")
    figure.patch.set_facecolor("white")
    figure.set_dpi(PIXELS)
    out = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(out, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return out.getvalue()

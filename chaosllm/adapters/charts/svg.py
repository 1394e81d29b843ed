"""Makes matplotlib's SVG fit to stand inside a page: no clash of names, no global style, the page's own ink.

Laws:
1. Every id and every reference to one carries the chart's name, because a page holds several charts.
2. What was drawn in `INK` takes the colour of the text around it, so that one drawing reads on light and dark.
3. Nothing is fetched: no doctype, no link to the outside, no font.
"""

from __future__ import annotations

import re
from html import escape

#: Stands for "the colour of the text" in a drawing; no chart colour may come near it.
INK = "#010203"

_PROLOGUE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_TITLE = re.compile(r'\s*<g id="title">.*?</g>', re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"\s*<style type=\"text/css\">.*?</style>", re.DOTALL)
_ROOT = re.compile(r"<svg\b[^>]*>")
_VIEW = re.compile(r'viewBox="([^"]+)"')
_ID = re.compile(r'\bid="([^"]+)"')
_HREF = re.compile(r'(?:xlink:)?href="#([^"]+)"')
_URL = re.compile(r"url\(#([^)]+)\)")
_SPACE = re.compile(r">\s+<(?!/?tspan|/text)")
_LONG = re.compile(r"\d+\.\d{3,}")
_TAG = re.compile(r"<[a-zA-Z][^>]*>")

#: matplotlib lays text out in DejaVu Sans, which is wider than these: nothing overlaps.
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def inline(svg: str, name: str, alt: str, *, cut: float = 0.0) -> str:
    """The drawing as an `<svg>` element for a page; its size is the page's business.

    `cut`: points at the top that hold the title (a group of the id "title"), for which a page has its own heading.
    """
    svg = _TITLE.sub("", svg, count=1)
    if cut and (found := _VIEW.search(svg)):
        _, _, width, height = found[1].split()
        svg = svg.replace(found[0], f'viewBox="0 {cut:g} {width} {float(height) - cut:g}"', 1)
    return _dressed(svg, name, f'role="img" aria-label="{escape(alt)}"', "")


def standalone(svg: str, name: str, alt: str) -> str:
    """The drawing as a file of its own."""
    found = _VIEW.search(svg)
    _, _, width, height = (found[1] if found else "0 0 460 280").split()
    # The grey with a contrast of 4.5 on white and 4.2 on GitHub's dark: a viewer's background is not known here.
    scheme = "<style>svg{color:#767676}</style>"
    size = f'width="{float(width) * 2:g}" height="{float(height) * 2:g}" role="img" aria-label="{escape(alt)}"'
    return '<?xml version="1.0" encoding="utf-8"?>\n' + _dressed(svg, name, size, scheme) + "\n"


def _dressed(svg: str, name: str, attributes: str, inside: str) -> str:
    svg = _PROLOGUE.sub("", svg, count=1)
    svg = _STYLE.sub("", _METADATA.sub("", svg))
    svg = _TAG.sub(_shortened, svg)
    found = _VIEW.search(svg)
    view = found[1] if found else "0 0 460 280"
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{view}" '
        f'style="stroke-linejoin:round;stroke-linecap:butt" {attributes}>{inside}'
    )
    svg = _ROOT.sub(lambda _: root, svg, count=1)
    svg = _ID.sub(rf'id="{name}-\1"', svg)
    svg = _HREF.sub(rf'xlink:href="#{name}-\1"', svg)
    svg = _URL.sub(rf"url(#{name}-\1)", svg)
    svg = svg.replace(INK, "currentColor").replace("'DejaVu Sans'", _FONTS)
    return _SPACE.sub("><", svg).strip()


def _shortened(tag: re.Match[str]) -> str:
    """A tag with its numbers cut to a hundredth of a point, which cannot be seen; never the text between tags."""
    return _LONG.sub(lambda number: f"{float(number[0]):.2f}", tag[0])

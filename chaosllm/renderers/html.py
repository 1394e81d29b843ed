"""The report as one page that stands alone: no script, no font, no request, light and dark, screen and print.

The first screen answers: did it pass, what failed, for how many users, what to do. Its parts are in `_page`.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import ClassVar

from chaosllm.renderers import Material
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.exactness import calibration, instrument, validity
from chaosllm.renderers._page.findings import findings
from chaosllm.renderers._page.first import first
from chaosllm.renderers._page.injection import injection
from chaosllm.renderers._page.markup import document, say, section, word
from chaosllm.renderers._page.metrics import metrics
from chaosllm.renderers._page.objectives import objectives
from chaosllm.renderers._page.phases import phases
from chaosllm.renderers._page.score import score
from chaosllm.renderers._page.sheet import PAGE
from chaosllm.renderers._page.timeline import timeline
from chaosllm.renderers._page.versions import versions


class Html:
    """Verdict and what to fix on the first screen; below it every number that the verdict stands on."""

    name: ClassVar = "html"
    summary: ClassVar = "report.html: one self-contained page"
    file: ClassVar[str | None] = "report.html"

    def render(self, material: Material) -> str:
        """The page; the same material gives the same bytes."""
        _, text = word(material.summary.get("verdict"))
        plain = text.rpartition(">")[2].strip()
        sections = [part for part in _sections(material) if part[2]]
        links = "".join(f'<li><a href="#{key}">{say(title)}</a></li>' for key, title, _ in sections)
        body = (
            '<a class="skip" href="#main">Skip to the result</a>\n'
            f'<main id="main" tabindex="-1">\n{first(material)}\n'
            f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
            + "\n".join(section(key, title, part) for key, title, part in sections)
            + f"\n</main>\n<footer>{_footer(material)}</footer>"
        )
        return document(f"{plain}: {say(material.summary.get('scenario', 'run'))}", PAGE, body)


def _sections(material: Material) -> Iterator[tuple[str, str, str]]:
    """(anchor, title, body); an empty body leaves the section out."""
    summary = material.summary
    yield "timeline", "What happened", timeline(material.charts)
    yield "objectives", "Objectives", objectives(summary.get("objectives", ()))
    yield "findings", "Findings", findings(material)
    yield "score", "Score by class of faults", score(summary.get("score"))
    yield "phases", "Phase by phase", phases(summary.get("phases", {}), summary)
    yield "metrics", "Every metric", metrics(summary)
    yield "injection", "Injection proof", injection(summary)
    exact = calibration(summary.get("calibration")) + instrument(summary)
    yield "calibration", "Calibration and instrument", exact
    yield "validity", "Validity checks", validity(summary)
    scenario = (
        f'<pre tabindex="0" role="region" aria-label="Scenario">{escape(words.clean_lines(material.scenario))}</pre>'
        if material.scenario
        else ""
    )
    yield "scenario", "Scenario as run", scenario
    yield "versions", "Versions and machine", versions(material.meta)


def _footer(material: Material) -> str:
    version = material.meta.get("version")
    made = f"chaosllm {say(version)}" if version else "chaosllm"
    return f"<p>Made by {made} from the records of this run; <code>chaosllm report</code> makes it again.</p>"


MEMBER = Html()

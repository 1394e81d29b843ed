"""The report as one page that stands alone: no script, no font, no request, light and dark, screen and print.

The first screen answers: did it pass, what failed, for how many users, what to do. Its parts are in `_page`.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import ClassVar

from chaosllm.renderers import Material
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.commands import commands
from chaosllm.renderers._page.exactness import calibration, instrument, validity
from chaosllm.renderers._page.findings import findings
from chaosllm.renderers._page.first import first
from chaosllm.renderers._page.injection import injection
from chaosllm.renderers._page.markup import body, document, say, word
from chaosllm.renderers._page.metrics import metrics
from chaosllm.renderers._page.objectives import objectives
from chaosllm.renderers._page.phases import calls, phases
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
        whole = body(first(material), _sections(material), _footer(material))
        return document(f"{plain}: {say(material.summary.get('scenario', 'run'))}", PAGE, whole)


def _sections(material: Material) -> Iterator[tuple[str, str, str]]:
    """(anchor, title, body); an empty body leaves the section out."""
    summary = material.summary
    yield "timeline", "What happened", timeline(material.charts, summary.get("phases", ()))
    yield "commands", "Commands", commands(summary)
    yield "objectives", "Objectives", objectives(summary.get("objectives", ()), summary.get("phases", ()))
    yield "findings", "Findings", findings(material)
    yield "score", "Score by class of faults", score(summary.get("score"))
    blocks = summary.get("phases", {})
    yield "phases", "Phase by phase", calls(blocks) if words.attached(summary) else phases(blocks, summary)
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

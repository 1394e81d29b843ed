"""reports/sample: the records of one run of the fragile sample app, judged and rendered as the code does it now."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from chaosllm import registry, verdict
from chaosllm.adapters import run_folder
from chaosllm.adapters.charts import charts
from chaosllm.adapters.rendering import material
from chaosllm.renderers import Material

ROOT = Path(__file__).parents[1]
SAMPLE = Path("reports/sample")
#: Renderer -> its file; no junit.xml, because nobody reads one here, and no plots, because the page holds them.
FILES = {"html": run_folder.REPORT, "markdown": run_folder.MARKDOWN, "json": run_folder.SUMMARY}


def pages() -> dict[str, str]:
    """Path from the root -> text, of each file that is made from the records."""
    return {str(SAMPLE / file): rendered(name) for name, file in FILES.items()}


def rendered(name: str) -> str:
    """The sample by one renderer."""
    text: str = registry.member("renderers", name).render(_shown())
    return text


@cache
def _shown() -> Material:
    run = run_folder.load(ROOT / SAMPLE)
    # As it is stored, without NaN and with text for a key.
    summary = json.loads(json.dumps(run_folder.finite(verdict.judge(run))))
    shown = material(ROOT / SAMPLE, run, summary, charts(run))
    return replace(shown, report=str(SAMPLE / run_folder.REPORT))  # because the root is a folder of this machine

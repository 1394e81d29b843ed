"""Renders a judged run into its folder: summary.json, the page, the comment and the plots."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosllm.adapters import run_folder
from chaosllm.renderers import Chart, Material, html, junit, markdown, summary_json
from chaosllm.renderers._stories import stories

if TYPE_CHECKING:
    from chaosllm.join import Run

#: The renderers whose text is part of every run folder.
STORED = (summary_json.MEMBER, html.MEMBER, markdown.MEMBER, junit.MEMBER)


def material(folder: Path, run: Run, summary: Mapping[str, Any], charts: Mapping[str, Chart]) -> Material:
    """What renderers need of a run."""
    scenario = folder / run_folder.SCENARIO
    return Material(
        summary=summary,
        charts=charts,
        scenario=scenario.read_text(encoding="utf-8", errors="replace") if scenario.exists() else "",
        stories=stories(run, summary.get("findings", ())),
        meta=run.meta,
        report=str(folder / run_folder.REPORT),
    )


def render(folder: Path, run: Run, summary: Mapping[str, Any]) -> Material:
    """Write everything that people and programs read of a run, over what was there; returns what was shown."""
    from chaosllm.adapters.charts import draw  # noqa: PLC0415  # late, because matplotlib takes 300 ms to load

    charts: dict[str, Chart] = {}
    plots: dict[str, bytes] = {}
    for name, chart, files in draw(run):
        charts[name] = chart
        plots |= files
    shown = material(folder, run, summary, charts)
    for renderer in STORED:
        run_folder.write(folder / str(renderer.file), renderer.render(shown))
    _replace(folder / run_folder.PLOTS, plots)
    return shown


def _replace(plots: Path, files: Mapping[str, bytes]) -> None:
    """Fill the folder of plots; a chart that has nothing to plot any more does not stay."""
    plots.mkdir(mode=0o700, exist_ok=True)
    for old in plots.iterdir():
        if old.suffix in (".svg", ".png") and old.name not in files:
            old.unlink()
    for name, content in files.items():
        handle = os.open(plots / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)

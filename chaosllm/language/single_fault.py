"""A step of a game day that is a single fault, as the scenario that it stands for.

    {fault: latency, with: {...}}  ->  baseline | fault | recovery, with the plan's target, upstreams and load

Each value keeps the place in the plan where it was written, so that what is wrong with it is said there.
"""

from __future__ import annotations

from typing import Any

from chaosllm.gameday import Step
from chaosllm.language.grafting import graft
from chaosllm.language.yaml_nodes import Document, Path

#: How long each part lasts where the step does not say: long enough for a load of 10/s to show a fall by a quarter.
LASTS = {"baseline": "20s", "duration": "30s", "recovery": "20s"}
#: Key of the step that says how long a phase lasts -> the phase.
PHASES = {"baseline": "baseline", "duration": "fault", "recovery": "recovery"}


def scenario_of(step: Step, plan: Document) -> Document:
    """The step's scenario, before its settings."""
    here: Path = ("steps", step.number - 1)
    written = plan.data["steps"][step.number - 1]
    made = Document({}, {(): plan.where(here)}, {}, plan.size)
    made.data = {"version": 1, "name": step.name}
    if hypothesis := " ".join(step.expect.summary.split()):
        made.data["hypothesis"] = hypothesis
        made.values[("hypothesis",)] = plan.where((*here, "expect", "summary"))
    for key in ("target", "upstreams", "load"):
        if key in plan.data:
            made.data[key] = graft(plan, (key,), made, (key,))
    phases: list[dict[str, Any]] = []
    made.data["phases"] = phases
    for at, (key, name) in enumerate(PHASES.items()):
        phase: dict[str, Any] = {"name": name, "duration": LASTS[key]}
        if key in written:
            phase["duration"] = graft(plan, (*here, key), made, ("phases", at, "duration"))
        if name == "fault":
            phase["rules"] = [_rule(plan, here, written, made, ("phases", at, "rules", 0))]
        phases.append(phase)
    return made


def _rule(plan: Document, here: Path, written: dict[str, Any], made: Document, at: Path) -> dict[str, Any]:
    made.values[at] = plan.where((*here, "with"))
    rule = {"fault": graft(plan, (*here, "fault"), made, (*at, "fault"))}
    for key in written.get("with") or {}:
        rule[key] = graft(plan, (*here, "with", key), made, (*at, key))
    return rule

"""What a scenario promises: objectives, held against the metrics and phases there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaosllm.language.expression import Mistake, read_objective
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.registry import members
from chaosllm.scenario import Objective

#: Metrics that may stand without a phase; a plugin's says so with `whole_run = True`.
WHOLE_RUN = ("time_to_recover", "time_to_detect", "recovered_share", "resilience")
#: Of these, the ones that are measured after a fault and so take no other phase than a recovery.
AFTER_FAULT = ("time_to_recover", "recovered_share")


def check_bounds(document: Document, problems: Problems) -> list[Objective]:
    """The sound objectives; what is wrong with the others is noted."""
    objectives = _items(document, "objectives")
    if not objectives:
        return []  # because the metrics load numpy, which a scenario without objectives need not wait for
    metrics, findings = members("metrics"), members("findings")
    units = {**dict.fromkeys(findings, "count"), **{name: metric.unit for name, metric in metrics.items()}}
    alone = {*findings, *(name for name in metrics if name in WHOLE_RUN or getattr(metrics[name], "whole_run", False))}
    named = [phase.get("block") or phase.get("name") for phase in _items(document, "phases") if isinstance(phase, dict)]
    phases = list(dict.fromkeys(name for name in named if isinstance(name, str)))

    def objective(text: str, at: int) -> Objective:
        where = document.where(("objectives", at))
        return read_objective(text, units=units, phases=phases, alone=alone, where=where)

    return read_each(document, problems, ("objectives",), objectives, objective)


def _items(document: Document, key: str) -> list[Any]:
    found = document.data.get(key)
    return found if isinstance(found, list) else []


def read_each[T](
    document: Document, problems: Problems, path: Path, items: list[Any], parse: Callable[[str, int], T]
) -> list[T]:
    """What the texts among the items of a list say; what is wrong with one is noted."""
    sound = []
    is_cut = False  # inside an expression that YAML cut: its first part has said so
    for at, text in enumerate(items):
        if problems.full:
            break
        if not isinstance(text, str):
            continue  # that is said where types are checked
        was_cut, is_cut = is_cut, is_cut + text.count("(") > text.count(")")
        if was_cut:
            continue
        try:
            sound.append(parse(text, at))
        except Mistake as mistake:
            problems.add(document.where((*path, at)), mistake.what, mistake.hint)
    return sound

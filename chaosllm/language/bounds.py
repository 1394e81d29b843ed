"""What a scenario promises: objectives and stop conditions, held against the metrics and phases there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaosllm.language.expression import Mistake, read_objective, read_stop
from chaosllm.language.yaml_nodes import Document, Problems
from chaosllm.registry import members
from chaosllm.scenario import Objective, StopCondition

#: Metrics that may stand without a phase; a plugin's says so with `whole_run = True`.
WHOLE_RUN = ("time_to_recover", "time_to_detect", "recovered_share", "resilience")
#: Of these, the ones that are measured after a fault and so take no other phase than a recovery.
AFTER_FAULT = ("time_to_recover", "recovered_share")

#: Metrics that the driver tells while a run goes on, and that may stop it (stopping.py).
LIVE = (
    "success_rate", "good_fraction", "degraded_rate", "error_rate", "hang_rate", "goodput",
    "latency_p50", "latency_p95",
)  # fmt: skip


def check_bounds(document: Document, problems: Problems) -> tuple[list[Objective], list[StopCondition]]:
    """The sound objectives and stop conditions; what is wrong with the others is noted."""
    objectives, stops = _items(document, "objectives"), _items(document, "stop_when")
    if not objectives and not stops:
        return [], []  # because the metrics load numpy, which a scenario without objectives need not wait for
    metrics, findings = members("metrics"), members("findings")
    units = {**dict.fromkeys(findings, "count"), **{name: metric.unit for name, metric in metrics.items()}}
    alone = {*findings, *(name for name in metrics if name in WHOLE_RUN or getattr(metrics[name], "whole_run", False))}
    named = [phase.get("block") or phase.get("name") for phase in _items(document, "phases") if isinstance(phase, dict)]
    phases = list(dict.fromkeys(name for name in named if isinstance(name, str)))

    def objective(text: str, at: int) -> Objective:
        where = document.where(("objectives", at))
        return read_objective(text, units=units, phases=phases, alone=alone, where=where)

    def stop(text: str, _: int) -> StopCondition:
        found = read_stop(text, units=units)
        if found.metric not in LIVE:
            raise Mistake(f"{found.metric} is not known before the run is over", f"expected one of {', '.join(LIVE)}")
        return found

    return (
        _read(document, problems, "objectives", objectives, objective),
        _read(document, problems, "stop_when", stops, stop),
    )


def _items(document: Document, key: str) -> list[Any]:
    found = document.data.get(key)
    return found if isinstance(found, list) else []


def _read[T](
    document: Document, problems: Problems, key: str, items: list[Any], parse: Callable[[str, int], T]
) -> list[T]:
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
            problems.add(document.where((key, at)), mistake.what, mistake.hint)
    return sound

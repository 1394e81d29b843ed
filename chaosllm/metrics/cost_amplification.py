"""Cost amplification: tokens billed for each good answer, over the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Floats
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import no_operations, panel, unmatched
from chaosllm.metrics._ratio import over_baseline
from chaosllm.record import Event
from chaosllm.sources import Sees
from chaosllm.stats import bootstrap_ratio, spread


def billed(event: Event) -> int:
    """Tokens that a provider bills for a call: none for a refused one, all for a cut or late one."""
    return event.billed


def tokens_per_good_answer(run: Run, phase: str | None) -> Estimate:
    """Tokens billed over good answers in one phase, with its bootstrap repeats."""
    if not run.joined:
        return unmatched(run)
    found = panel(run, phase)
    if found is None:
        return no_operations(phase)
    tokens = found.sums(tokens_billed(run)[found.rows])
    good = run.good[found.rows]
    n = int(good.sum())
    if not n:
        return Estimate.none(f"no operation of {phase} was good")
    repeats = bootstrap_ratio(tokens, found.sums(good), found.drawn(tokens))
    return Estimate(float(np.sum(tokens)) / n, *spread(repeats, 0.95), n, repeats=repeats)


def tokens_billed(run: Run) -> Floats:
    """Tokens billed for each operation, by row."""
    if "tokens" not in run.memory:
        weights = np.array([billed(event) for event in run.events], dtype=np.float64)
        known = run.row_of >= 0
        run.memory["tokens"] = np.bincount(run.row_of[known], weights=weights[known], minlength=len(run.samples))
    found: Floats = run.memory["tokens"]
    return found


class CostAmplification(Metric):
    """Tokens billed per good answer in a phase over those in the baseline (METHOD metric 19, without prices)."""

    names: ClassVar[tuple[str, ...]] = ("cost_amplification",)
    summary: ClassVar[str] = "tokens billed per good answer over those of the baseline"
    unit: ClassVar[Unit] = "ratio"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"cost_amplification": 30}
    sees: ClassVar[Sees] = "status"
    joined: ClassVar[bool] = True
    over_baseline: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The ratio, with a block-bootstrap interval."""
        return over_baseline(tokens_per_good_answer, run, phase, confidence)


MEMBER = CostAmplification()

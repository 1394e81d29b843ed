"""Spend: what the calls of a phase cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.join import Run, is_call
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import no_operations
from chaosllm.metrics.cost_amplification import billed
from chaosllm.prices import cost
from chaosllm.providers import Usage
from chaosllm.sources import Sees


class Spend(Metric):
    """US dollars of the calls that were made in a phase, through the price table (METHOD metric 19).

    Refused calls bill nothing, cut and late ones in full. Where a model has no price, or a provider told no usage,
    the sum is an estimate, and `why` says so.
    """

    names: ClassVar[tuple[str, ...]] = ("spend",)
    summary: ClassVar[str] = "US dollars billed for the calls of the phase"
    unit: ClassVar[Unit] = "usd"
    better: ClassVar[Better] = "lower"
    total: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, int]] = {"spend": 1}
    sees: ClassVar[Sees] = "calls"

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """Dollars, exact as far as prices are."""
        places = [at for at, _ in run.parts(phase)] if phase is not None else []
        if not places:
            return no_operations(phase)
        calls = [run.events[at] for at in np.flatnonzero(np.isin(run.event_phase, places)) if is_call(run.events[at])]
        if not calls:
            return Estimate.none(f"no call was seen in {phase}")
        used: dict[str, tuple[int, int]] = {}  # by model, because a price is looked up by patterns
        for event in calls:
            if billed(event):
                tokens_in, tokens_out = used.get(event.model, (0, 0))
                used[event.model] = tokens_in + event.tokens_in, tokens_out + event.tokens_out
        costs = {model: cost(model, Usage(*tokens), prices=run.prices) for model, tokens in used.items()}
        total = sum(found.usd for found in costs.values())
        unknown = {model or "?" for model, found in costs.items() if found.estimated}
        counted = any(event.tokens_estimated for event in calls if billed(event))
        why = [f"estimated: no price is known for {', '.join(sorted(unknown))}"] if unknown else []
        why += ["tokens were estimated where the provider told none"] if counted else []
        return Estimate(total, total, total, len(calls), "; ".join(why), exact=True)


MEMBER = Spend()

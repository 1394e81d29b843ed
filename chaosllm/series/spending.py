"""What a good answer cost: tokens billed, and dollars through the price table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosllm.join import Run
from chaosllm.metrics.cost_amplification import billed
from chaosllm.prices import DEFAULT, price_of
from chaosllm.series.calls import group_of_call
from chaosllm.series.groups import Group


@dataclass(frozen=True, slots=True)
class Bill:
    """What the calls of some phases were billed, and how many good answers their operations gave."""

    group: Group
    tokens_in: int
    tokens_out: int
    usd: float
    good: int
    estimated: bool  # a model without a price, or a provider that told no usage

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.tokens_in + self.tokens_out

    def per_good(self, amount: float) -> float:
        """An amount for one good answer; NaN when there was none."""
        return amount / self.good if self.good else float("nan")


def bills(run: Run, among: list[Group]) -> list[Bill]:
    """A bill for each group; refused calls bill nothing, cut and late ones in full (METHOD metric 19)."""
    group_of = group_of_call(run, among)
    models = sorted({event.model for event in run.events})
    prices = [price_of(model, prices=run.prices) for model in models]
    place = {model: at for at, model in enumerate(models)}
    paid = np.array([billed(event) > 0 for event in run.events], dtype=bool)
    model = np.array([place[event.model] for event in run.events], dtype=np.int64)
    tokens_in = np.array([event.tokens_in for event in run.events], dtype=np.float64)
    tokens_out = np.array([event.tokens_out for event in run.events], dtype=np.float64)
    guessed = np.array([event.tokens_estimated for event in run.events], dtype=bool)
    unknown = np.array([price is None for price in prices], dtype=bool)
    for_in = np.array([(price or DEFAULT).input for price in prices], dtype=np.float64) / 1e6
    for_out = np.array([(price or DEFAULT).output for price in prices], dtype=np.float64) / 1e6
    found = []
    for at, group in enumerate(among):
        mine = np.flatnonzero(paid & (group_of == at))
        costs = tokens_in[mine] * for_in[model[mine]] + tokens_out[mine] * for_out[model[mine]]
        good = int(run.good[group.counted(run)].sum())
        estimated = bool(guessed[mine].any() or unknown[model[mine]].any())
        tokens = int(tokens_in[mine].sum()), int(tokens_out[mine].sum())
        found.append(Bill(group, *tokens, float(costs.sum()), good, estimated))
    return found

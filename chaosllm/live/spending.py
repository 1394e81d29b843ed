"""What a run has cost so far: tokens that the proxy counted, at the scenario's prices and those of our table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosllm.prices import PRICES, cost
from chaosllm.providers import Usage
from chaosllm.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Spend:
    """US dollars at list prices, for what was billed so far."""

    usd: float
    estimated: bool  # a model has no price in the table
    simulated: bool  # our simulator answered, so nobody pays


def spend_of(scenario: Scenario, status: Mapping[str, Any]) -> Spend:
    """What the proxy's status comes to; answers of our simulator count like a provider's, at list prices."""
    prices = {**PRICES, **scenario.prices}
    used = status.get("tokens") or {}
    costs = [cost(model, Usage(one.get("in", 0), one.get("out", 0)), prices=prices) for model, one in used.items()]
    simulated = all(one.simulated for one in scenario.upstreams)
    return Spend(sum(one.usd for one in costs), any(one.estimated for one in costs), simulated)

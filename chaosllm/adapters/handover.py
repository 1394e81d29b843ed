"""Hands a scenario that was read on to our own child, which then need not load what reading takes (0.2 s)."""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode

from chaosllm.errors import ChaosError
from chaosllm.scenario import Scenario


def pack(scenario: Scenario) -> str:
    """The scenario as text; raises ChaosError for one with a plugin's part that cannot be pickled."""
    try:
        return b64encode(pickle.dumps(scenario)).decode()
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ChaosError(
            f"the scenario cannot be handed on: {error}",
            hint="a plugin's fault must be picklable: a dataclass at the top of its module is",
        ) from error


def unpack(text: str) -> Scenario:
    """The scenario in a text of `pack`; only ever from our own parent, over a pipe."""
    scenario = pickle.loads(b64decode(text))  # noqa: S301  # whoever writes to our stdin has started us
    if not isinstance(scenario, Scenario):
        raise TypeError("no scenario")
    return scenario

"""Bounds of a locustfile's load: its tasks come to their end, and its users stay."""

from __future__ import annotations

from typing import Any

import run_factory as made
from bounds import RATE, SECONDS, Bound

from chaosllm.join import Run
from chaosllm.scenario import Load

CLOSED = made.scenario(load=Load(locustfile="locustfile.py", users=10), **SECONDS)


def _driven(*, until: float | None = None, **driver: Any) -> Run:
    """A closed loop of which the driver tells this."""
    told = {"tasks": {"finished": 1, "raised": 0}, "users_lost": 0, "elsewhere": 0}
    return made.run(of=CLOSED, rate=RATE, until=until, meta={"driver": told | driver})


BOUNDS = (
    Bound(
        "locustfile", "one task comes to its end", _driven,
        lambda: _driven(tasks={"finished": 0, "raised": 1, "newest": "KeyError"}), "locust -f locustfile.py",
        numberless="a mistake in a locustfile has no amount",
    ),
    Bound(
        "users", "all stay to the end", _driven, lambda: _driven(users_lost=1), "let it go on",
        numberless="why a user ends is in the locustfile",
    ),
    Bound(
        "target", "a request goes to it", lambda: _driven(elsewhere=9), lambda: _driven(until=0.0, elsewhere=9),
        r"target\.url", numberless="an address is named, not an amount",
        beside=frozenset({"operations", "steady state in baseline", "injection of storm.0"}),
    ),
)  # fmt: skip

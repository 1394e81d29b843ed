"""What a progress message says of users' errors: the most frequent kinds, bounded whatever an app says."""

from __future__ import annotations

import json
import select

import pytest

from chaosllm.adapters.driver.account import Account
from chaosllm.record import Outcome, Sample
from chaosllm.scenario import Phase, Role, Scenario, Upstream

SCENARIO = Scenario("s", (Phase("baseline", 10.0, Role.BASELINE),), (Upstream("openai", "simulator"),))


def told(*ended: tuple[Outcome, str]) -> dict:
    account = Account(SCENARIO, None)
    for number, (outcome, error) in enumerate(ended):
        account.keep(Sample(number, 0.1, outcome=outcome, error=error))
    return account.progress(1.0, 0)


@pytest.mark.parametrize(
    ("ended", "errors"),
    [
        ([], {}),
        ([(Outcome.GOOD, ""), (Outcome.DEGRADED, "a fallback")], {}),
        ([(Outcome.ERROR, "HTTP 429"), (Outcome.ERROR, "HTTP 429"), (Outcome.WRONG, "too short")],
         {"HTTP 429": 2, "too short": 1}),
        ([(Outcome.DROPPED, "")], {"dropped": 1}),
    ],
)  # fmt: skip
def test_errors_by_kind(ended: list, errors: dict) -> None:
    """Only what was not good and no declared fallback is an error, the most frequent first."""
    found = told(*ended)["errors"]
    assert [*found.items()] == [*errors.items()]


def test_an_app_that_makes_errors_up() -> None:
    """Ten thousand kinds of error cost bounded memory, and leave a message that a pipe takes whole."""
    account = Account(SCENARIO, None)
    for number in range(10_000):
        account.keep(Sample(number, 0.1, outcome=Outcome.ERROR, error="\x1b" * (number % 100) + str(number)))
    message = account.progress(1.0, 0)
    assert sum(account.counts.errors.values()) == 10_000
    assert len(account.counts.errors) <= 201
    assert next(iter(message["errors"])) == "other"
    assert len(json.dumps({"type": "progress", **message})) < select.PIPE_BUF

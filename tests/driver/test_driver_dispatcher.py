"""Open-loop load against a real app on loopback, without Locust around it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import gevent
import pytest
from soak import count

from chaosllm.adapters.driver.account import quantile
from chaosllm.adapters.driver.client import Client
from chaosllm.adapters.driver.dispatcher import Dispatcher, OperationFailed
from chaosllm.adapters.driver.judge import Judge
from chaosllm.adapters.driver.outgoing import Outgoing
from chaosllm.record import Outcome, Sample
from chaosllm.rows import prompts
from chaosllm.scenario import Load, Operation, Phase, Role, Scenario, Target, Upstream

pytestmark = pytest.mark.alone


@dataclass
class Kept:
    """Samples in memory."""

    samples: list[Sample] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        self.samples.append(sample)


def dispatcher(
    url: str,
    path: str,
    *,
    rate: float = 50.0,
    seconds: float = 1.0,
    timeout: float = 5.0,
    cap: int = 500,
    message: str = "{prompt}",
    **more: Any,
) -> tuple[Dispatcher, Kept]:
    operation = Operation(path=path, json={"message": message}, answer="$.answer")
    scenario = Scenario(
        name="load",
        phases=(Phase("baseline", seconds, Role.BASELINE),),
        upstreams=(Upstream("openai", "simulator"),),
        target=Target(url=url, operations=(operation,), timeout=timeout),
        load=Load(rate=rate, arrivals="constant", max_in_flight=cap),
    )
    outgoing = Outgoing(scenario, url=url, rows=prompts(("Hello",)), environ={})
    kept = Kept()
    given: dict[str, Any] = {"client": Client(url), "judges": [Judge(operation, ())], "samples": kept} | more
    return Dispatcher(scenario, outgoing=outgoing, **given), kept


def test_two_hundred_a_second(app: str) -> None:
    """The starts keep within 2 % of the rate, each operation once; one round of five is enough.

    Because the machine may hold the last start of a round up, and a driver that keeps another rate does so in all.
    """
    right, rates = pytest.approx(200.0, rel=0.02), []
    while len(rates) < 5 and right not in rates:
        load, kept = dispatcher(app, "/chat", rate=200.0)
        load.run(monotonic())
        sent = sorted(sample.t_sent or 0.0 for sample in kept.samples)
        assert sorted(sample.operation for sample in kept.samples) == list(range(200))
        assert {sample.outcome for sample in kept.samples} == {Outcome.GOOD}
        rates.append(199 / (sent[-1] - sent[0]))
    assert right in rates


@pytest.mark.soak
def test_a_frozen_app_shows_in_the_latency(app: str) -> None:
    """A freeze shows in p95 as users see it: arrivals go on at 50/s, and count from when they were due.

    The full proof is METHOD's: 5 s in 25 s, where a closed loop told of 37 ms, and users of 3833 ms.
    """
    seconds, freezes, least = (25.0, 5, 3.0) if count(0, 1) else (3.0, 2, 1.5)
    load, kept = dispatcher(app, "/chat", seconds=seconds, timeout=10.0)

    def freeze() -> None:
        with socket.create_connection((urlsplit(app).hostname, urlsplit(app).port)) as sock:
            sock.sendall(f"GET /freeze?s={freezes} HTTP/1.1\r\n\r\n".encode())

    gevent.spawn_later(0.5, freeze)
    load.run(monotonic())
    latencies = sorted((sample.t_end or 0.0) - sample.t_due for sample in kept.samples)
    assert len(latencies) == 50 * seconds
    assert latencies[int(0.95 * len(latencies))] > least
    assert latencies[int(0.10 * len(latencies))] < 0.5


def test_past_the_cap_arrivals_are_dropped_and_counted(app: str) -> None:
    """With three in flight on an app that never answers, the others are dropped, never sent late."""
    load, kept = dispatcher(app, "/hang", rate=40.0, cap=3, timeout=0.4)
    load.run(monotonic())
    hung = [sample for sample in kept.samples if sample.outcome is Outcome.HANG]
    dropped = [sample for sample in kept.samples if sample.outcome is Outcome.DROPPED]
    assert (len(hung), len(dropped)) == (load.account.counts.sent, load.account.counts.dropped)
    assert len(hung) + len(dropped) == load.account.counts.due == 40
    assert 6 <= len(hung) <= 9  # three each 400 ms
    assert all(sample.t_sent is None and sample.t_end is None for sample in dropped)
    assert all((sample.t_end or 0.0) - sample.t_due >= 0.4 for sample in hung)


def test_an_operation_in_flight_at_the_stop_has_no_sample(app: str) -> None:
    """What had not ended when the run was stopped is counted, and called neither good nor a hang."""
    load, kept = dispatcher(app, "/hang", seconds=60.0)
    gevent.spawn_later(0.2, load.stop)
    began = monotonic()
    load.run(began)
    assert monotonic() - began < 10.0, "the load would last a minute"
    assert kept.samples == []
    assert load.totals()["unfinished"] == load.account.counts.sent > 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/chat", {"outcome": "good", "status": 200, "error": "", "answer_found": True, "json_keys": ["answer"]}),
        (
            "/seen",
            {"outcome": "wrong", "error": "no answer text", "answer_found": False, "json_keys": ["seen", "last"]},
        ),
        ("/nowhere", {"outcome": "error", "status": 404, "error": "HTTP 404", "answer_found": False}),
        ("/reset", {"outcome": "error", "status": 0, "error": "ConnectionResetError"}),
    ],
)
def test_preflight_says_what_came_of_one_operation(app: str, path: str, expected: dict[str, Any]) -> None:
    """One operation before the load tells whether the answer is found, and records nothing."""
    load, kept = dispatcher(app, path)
    preflight = load.preflight(0)
    assert expected.items() <= preflight.items()
    assert (kept.samples, load.account.counts.sent) == ([], 0)


def test_locust_hears_of_each_operation(app: str) -> None:
    """Each operation fires Locust's request event, a bad one with the reason."""
    heard: list[dict[str, Any]] = []
    load, _ = dispatcher(app, "/error", rate=20.0, seconds=0.2)
    load.fire = lambda **event: heard.append(event)
    load.run(monotonic())
    assert len(heard) == 4
    assert (heard[0]["request_type"], heard[0]["name"]) == ("POST", "/error")
    assert isinstance(heard[0]["exception"], OperationFailed)
    assert str(heard[0]["exception"]) == "error: HTTP 503"


def test_our_own_failure_is_told_once(app: str) -> None:
    """A bug in judging is reported, once for its kind, and the load goes on."""

    class Broken(Judge):
        def whole(self, *_: Any) -> Any:
            raise RuntimeError

    told: list[str] = []
    load, kept = dispatcher(app, "/chat", judges=[Broken(Operation(), ())], failed=told.append)
    load.run(monotonic())
    assert told == ["RuntimeError while operation 0 was driven"]
    assert (load.account.counts.sent, kept.samples) == (50, [])


def test_a_request_that_cannot_be_matched_is_warned_of(app: str) -> None:
    """A request with no place for the prompt carries no reference, and the author is told."""
    load, _ = dispatcher(app, "/chat")
    assert load.warnings == []
    load, _ = dispatcher(app, "/chat", message="hello")
    assert "{prompt}" in load.warnings[0]


def test_quantiles_of_few() -> None:
    """Progress has a number even for none."""
    assert (quantile([], 0.5), quantile([3.0], 0.99), quantile([1.0, 2.0, 3.0, 4.0], 0.5)) == (0.0, 3.0, 3.0)

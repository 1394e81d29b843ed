"""The figures of a run that goes on follow from the messages alone, and say nothing that is not known."""

from __future__ import annotations

import json
import math

import pytest
from live_messages import SCENARIO, driver, proxy, scenario, stormy

from chaosllm.live import view as live_view
from chaosllm.live.view import LiveView
from chaosllm.scenario import Role


@pytest.mark.parametrize(
    ("t", "phase", "role", "phase_left", "left"),
    [
        (0, "warmup", Role.WARMUP, 5, 60),
        (5, "baseline", Role.BASELINE, 20, 55),
        (24, "baseline", Role.BASELINE, 1, 36),
        (25, "storm", Role.FAULT, 20, 35),
        (59, "recovery", Role.RECOVERY, 1, 1),
        (60, "", None, 0, 0),
        (64, "", None, 0, 0),
    ],
)
def test_where_the_run_is(t: int, phase: str, role: Role | None, phase_left: float, left: float) -> None:
    """Phase and time left come from the driver's clock, and the load that is over has none left."""
    now = stormy(t).figures
    assert (now.phase, now.role, now.phase_left, now.left) == (phase, role, phase_left, left)


@pytest.mark.parametrize(
    ("t", "goodput", "baseline", "attempts", "baseline_attempts"),
    [
        (0, None, None, None, None),  # nothing has passed yet: not 0
        (1, 10, None, None, None),
        (4, 10, None, 1, None),
        (15, 10, 10, 1, 1),
        (27, 8, 10, 3, 1),  # three seconds before the storm, two of it
        (44, 5, 10, 3, 1),
        (59, 10, 10, 1, 1),
    ],
)
def test_what_the_run_is_held_against(
    t: int, goodput: float | None, baseline: float | None, attempts: float | None, baseline_attempts: float | None
) -> None:
    """Goodput is of the last 5 s and attempts of this phase; both stand beside the baseline's, whenever it was."""
    now = stormy(t).figures
    found = (now.goodput, now.baseline, now.attempts, now.baseline_attempts)
    assert found == tuple(None if value is None else pytest.approx(value, rel=0.01) for value in
                          (goodput, baseline, attempts, baseline_attempts))  # fmt: skip


def test_rates_are_told_apart() -> None:
    """What is due, sent, answered and answered well are four numbers, each over the same 5 s."""
    view = LiveView(scenario())
    for t in range(11):
        said = driver(float(t), 4 * t, outcomes={"hang": t}, sent=8 * t, due=10 * t)
        view.see(said, {})
    now = view.figures
    assert (now.offered, now.achieved, now.answered, now.goodput) == (10, 8, 5, 4)


def test_outcomes_of_a_phase_begin_anew() -> None:
    """A long good past does not hide what users get now."""
    assert stormy(20).figures.phase_outcomes == {"good": 160}  # from the last message before the phase on
    now = stormy(35).figures
    assert now.phase_outcomes == {"good": 60, "error": 50}
    assert sum(now.outcomes.values()) == 350
    assert stormy(62).figures.phase_outcomes["good"] > 0  # at the end the last phase stays


def test_injected_of_planned() -> None:
    """The counts are the proxy's, of every rule, also of those that have not been heard of."""
    now = stormy(35).figures
    assert [(rule.name, rule.fault, rule.active, rule.planned, rule.fired) for rule in now.rules] == [
        ("storm.0", "rate_limit", True, 50, 50),
        ("storm.1", "latency", True, 0, 0),
    ]
    assert (now.planned, now.fired, now.injected) == (50, 50, 50)
    assert not any(rule.active for rule in stormy(50).figures.rules)


@pytest.mark.parametrize(
    ("tokens", "usd", "estimated"),
    [
        ({}, 0, False),
        ({"gpt-4o": {"in": 1_000_000, "out": 100_000}}, 3.5, False),
        ({"gpt-4o": {"in": 1_000_000}, "nobody-knows": {"out": 1_000_000}}, 12.5, True),
        ({"ours": {"in": 1_000_000}}, 7, False),  # the scenario's own price
    ],
)
def test_spend(tokens: dict, usd: float, estimated: bool) -> None:
    """What was billed is priced by model, the scenario's prices before the table's; without a price it is estimated."""
    view = LiveView(scenario(SCENARIO + "prices: {ours: {input: 7 USD, output: 7 USD}}\n"))
    view.see(driver(1.0), proxy(tokens=tokens))
    assert (view.figures.spend.usd, view.figures.spend.estimated) == (pytest.approx(usd), estimated)
    assert view.figures.spend.simulated


def test_how_far_stop_conditions_are() -> None:
    """A condition is unknown until its window is full, and then says its distance in its own unit."""
    early, late = stormy(5).figures.stops, stormy(40).figures.stops
    assert [one.value for one in early] == [None, None]
    assert [(one.value, one.unit, one.holds) for one in late] == [
        (pytest.approx(0.5), "share", False),
        (0.9, "seconds", False),
    ]
    assert [one.away for one in late] == [pytest.approx(0.3), pytest.approx(4.1)]


def test_the_curve_of_goodput() -> None:
    """It covers the whole run, shows the storm where it is, and leaves open what is yet to come."""
    found = stormy(50).goodput(60)
    assert [value is None for value in found] == [False] * 50 + [True] * 10
    assert found[20] == pytest.approx(10)
    assert found[40] == pytest.approx(5)
    assert all(value is not None for value in stormy(60).goodput(7))


@pytest.mark.parametrize(
    "said", [{}, {"t": None}, {"t": 3.0}, {"t": 1.0, "outcomes": None, "errors": None, "p95": None}]
)
def test_messages_that_say_little(said: dict) -> None:
    """A message without its fields breaks nothing, and nothing is made up for it."""
    view = LiveView(scenario())
    view.see(said, {})
    view.see(said, {"by_rule": None, "tokens": None})
    now = view.figures
    assert (now.sent, now.goodput or 0, now.attempts, now.spend.usd) == (0, 0, None, 0)
    assert json.loads(json.dumps(now.to_json()))["sent"] == 0


def test_a_long_run_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a run, its rows are bounded, and its rates stay right."""
    monkeypatch.setattr(live_view, "MOST_ROWS", 100)
    view = LiveView(scenario(SCENARIO.replace("duration: 20s, rules", "duration: 5h, rules")))
    for t in range(5000):
        view.see(driver(float(t), 10 * t), proxy(10 * t))
    assert max(len(view._load.times), len(view._calls.times)) <= 101
    assert view.figures.goodput == pytest.approx(10)
    assert view.figures.baseline == pytest.approx(10)


def test_what_json_says() -> None:
    """Every figure is a finite number, a text or null, so that any reader of JSON can take it."""

    def leaves(value):
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from leaves(inner)
        else:
            yield value

    for t in (0, 1, 30, 61):
        told = stormy(t).figures.to_json()
        assert {type(one) for one in leaves(told)} <= {int, float, str, bool, type(None)}
        assert all(math.isfinite(one) for one in leaves(told) if isinstance(one, float))
        assert told["errors"] == ([{"error": "HTTP 429", "count": 25}] if t == 30 else told["errors"])

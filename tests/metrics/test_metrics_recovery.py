"""What a fault cost and what came back: degradation, resilience, recovered_share, error_surface, spend."""

from dataclasses import replace

import numpy as np
import pytest
import run_factory as made
from run_factory import Operation, Try

from chaosllm.analysis import measure
from chaosllm.prices import Price
from chaosllm.record import Outcome
from chaosllm.scenario import Role
from chaosllm.trigger import draw


def some_bad(share: float, late: float = 0.0):
    """In the storm that share fails, in the second half of the recovery another."""

    def conduct(number, due, phase):
        end = phase.role is Role.RECOVERY and due - phase.start >= phase.duration / 2
        bad = share if phase.role is Role.FAULT else late if end else 0.0
        if draw(3, number) < bad:
            return Operation(Outcome.ERROR, tries=[made.refused()])
        return (
            Operation(seconds=0.4, tries=[made.refused(), Try(at=0.2)])
            if phase.role is Role.FAULT
            else made.calm(number, due, phase)
        )

    return conduct


def test_degradation_is_the_ratio_of_the_p95s():
    """With its interval around it; of the baseline itself it is 1."""

    def conduct(number, due, phase):
        factor = 3 if phase.role is Role.FAULT else 1
        return Operation(seconds=factor * (0.2 + 0.1 * draw(5, number)), tries=[Try()])

    run = made.run(conduct)
    found = measure(run, "degradation", "storm")
    p95 = [np.quantile(run.latency[run.rows(name)], 0.95, method="inverted_cdf") for name in ("storm", "baseline")]
    assert found.value == pytest.approx(p95[0] / p95[1])
    assert found.low < 3 < found.high
    assert measure(run, "degradation", "baseline").value == 1.0


def test_resilience_is_the_area_that_was_kept():
    """The triangle under g(t)/g_B, summed by hand over the seconds of fault and recovery."""
    run = made.run(some_bad(0.6, late=0.2))
    g_b = run.good[run.rows("baseline")].mean()
    lost = []
    for second in range(25, 75):
        due = np.floor(run.samples.t_due + 1e-9) == second
        lost.append(max(0.0, 1 - run.good[due].mean() / g_b))
    found = measure(run, "resilience", "storm")
    assert found.value == pytest.approx(1 - sum(lost) / 50)
    assert found.low < found.value < found.high
    assert measure(made.run(), "resilience", "storm").value == 1.0
    assert measure(run, "resilience", "baseline").value is None


def test_recovered_share_is_of_the_second_half():
    """The good share of the last 15 s of recovery over the baseline's; a short recovery shows nothing."""
    run = made.run(some_bad(0.6, late=0.3), made.scenario(timeout=8.0))
    late = run.samples.t_due >= 60
    found = measure(run, "recovered_share", "recovery")
    assert found.value == pytest.approx(run.good[late].mean() / run.good[run.rows("baseline")].mean())
    assert found.low < 0.7 < found.high
    assert found.n == late.sum()
    short = made.run(some_bad(0.6), made.scenario(recovery=11.9, timeout=8.0))
    assert "12s" in measure(short, "recovered_share", "recovery").why
    assert measure(run, "recovered_share", "storm").value is None


def test_recovered_share_is_withheld_at_another_load():
    """Half of the baseline's operations would recover by itself."""

    def thin(samples, events):
        samples[:] = [one for one in samples if one.t_due < 45 or one.operation % 2]
        events[:] = [one for one in events if one.t < 45 or one.operation % 2]

    run = made.run(some_bad(0.6), change=thin)
    assert "offered load was 50%" in measure(run, "recovered_share", "recovery").why


def test_recovered_share_forgives_arrivals_by_chance():
    """Of 60 operations against 80 a quarter more or less is chance; of thousands it is another load."""

    def judged(rate):
        def thin(samples, events):
            samples[:] = [one for one in samples if one.t_due < 45 or one.operation % 3]
            events[:] = [one for one in events if one.t < 45 or one.operation % 3]

        return measure(made.run(some_bad(0.6), rate=rate, change=thin), "recovered_share", "recovery")

    assert judged(4.0).value is not None
    assert "offered load was 66.7%" in judged(100.0).why


def test_error_surface_counts_what_says_so():
    """Of six kinds of bad answers three are graceful; a trace spoils even a 503 with Retry-After."""
    later = ["json_error", "retry_after"]
    kinds = [
        Operation(Outcome.DEGRADED),
        Operation(Outcome.ERROR, fields={"status": 503, "marks": later}),
        Operation(Outcome.ERROR, fields={"status": 200, "marks": ["error_event"]}),
        Operation(Outcome.ERROR, fields={"status": 503, "marks": [*later, "stack_trace"]}),
        Operation(Outcome.ERROR, fields={"status": 503, "marks": ["json_error"]}),
        Operation(Outcome.WRONG),
        Operation(Outcome.HANG, seconds=10.0),
        Operation(),
        Operation(Outcome.DROPPED, tries=[]),
    ]
    run = made.run(made.only_in_storm(lambda number: kinds[number % 9]))
    bad = [number for number in range(500, 900) if number % 9 < 7]
    found = measure(run, "error_surface", "storm")
    assert found.n == len(bad)
    assert found.value == pytest.approx(sum(number % 9 < 3 for number in bad) / len(bad))


def test_spend_goes_through_the_price_table():
    """Refused calls cost nothing; the scenario's own price counts before the table's, and a guess says so."""

    def model(name):
        def change(samples, events):
            events[:] = [replace(one, model=name) for one in events]

        return change

    served = 400
    run = made.run(change=model("gpt-4o"))
    assert measure(run, "spend", "storm").value == pytest.approx(served * (10 * 2.50 + 50 * 10.00) / 1e6)
    own = made.scenario(prices={"gpt-4o": Price(1.0, 2.0)})
    assert measure(made.run(of=own, change=model("gpt-4o")), "spend", "storm").value == pytest.approx(
        served * (10 * 1.0 + 50 * 2.0) / 1e6
    )
    guessed = measure(made.run(change=model("somebodys-own")), "spend", "storm")
    assert "no price is known for somebodys-own" in guessed.why
    assert "no price" not in measure(run, "spend", "storm").why

"""Percentiles of time: latency_p50, latency_p95, latency_p99, ttft_p50, ttft_p95; and time_to_recover."""

import pytest
import run_factory as made
from run_factory import Operation

from chaosllm.analysis import measure
from chaosllm.record import Outcome


def test_latency_counts_from_the_due_time():
    """What an operation waited before it was sent is part of its latency."""

    def late(samples, events):
        for sample in samples:
            sample.t_sent += 0.5
            sample.t_end += 0.5

    run = made.run(made.only_in_storm(lambda number: Operation(seconds=0.2)), change=late)
    assert measure(run, "latency_p50", "storm").value == pytest.approx(0.7)


def test_errors_count_and_dropped_operations_do_not():
    """Percentiles are over what was answered, well or not."""
    conduct = made.only_in_storm(
        lambda number: (
            Operation(Outcome.ERROR, 0.01)
            if number % 4 == 0
            else Operation(Outcome.DROPPED, tries=[])
            if number % 4 == 1
            else Operation(seconds=1)
        )
    )
    found = measure(made.run(conduct), "latency_p50", "storm")
    assert found.value == pytest.approx(1)
    assert found.n == 300


def test_a_hang_is_as_slow_as_the_deadline():
    """One hang in ten lifts p95 to the deadline."""
    conduct = made.only_in_storm(lambda number: Operation(Outcome.HANG, 10.0) if number % 10 == 0 else Operation())
    assert measure(made.run(conduct), "latency_p95", "storm").value == pytest.approx(10)


def test_the_interval_holds_the_value():
    """Every percentile lies within its own interval."""
    run = made.run(made.calm)
    for metric in ("latency_p50", "latency_p95", "ttft_p50", "ttft_p95"):
        found = measure(run, metric, "storm")
        assert found.low <= found.value <= found.high


def test_ttft_is_over_those_who_got_text():
    """An operation without text has no time to first token."""
    conduct = made.only_in_storm(lambda number: Operation(Outcome.ERROR if number % 2 else Outcome.GOOD, 0.8))
    found = measure(made.run(conduct), "ttft_p95", "storm")
    assert found.value == pytest.approx(0.4)
    assert found.n == 200


def recovery(bad_for, slow_for=0.0, **of):
    """A run whose recovery begins with so many seconds of errors, then of slow answers."""
    scenario = made.scenario(**of)

    def conduct(number, due, phase):
        if phase.role != "recovery":
            return made.hit(number, due, phase)
        into = due - phase.start
        if into < bad_for:
            return Operation(Outcome.ERROR, 0.05)
        return Operation(seconds=2.0) if into < bad_for + slow_for else made.calm(number, due, phase)

    return measure(made.run(conduct, scenario), "time_to_recover", None)


@pytest.mark.parametrize(("bad", "slow"), [(0, 0), (3, 0), (0, 4), (2, 2), (15, 0)])
def test_time_to_recover_is_when_service_is_good_and_fast_again(bad, slow):
    """It is the time until neither errors nor slowness are left, to a window."""
    found = recovery(bad, slow)
    assert found.value == pytest.approx(bad + slow, abs=1.0)
    assert found.exact


def test_an_app_that_never_recovers_has_no_value_but_a_low_bound():
    """Within 30 s of recovery with a hold of 10 s it is known that 20 s were not enough."""
    found = recovery(30)
    assert found.value is None
    assert found.low == pytest.approx(20)


def test_recovery_must_hold():
    """A good second between bad ones is no recovery."""
    assert recovery(0.0, **{}).value == 0
    scenario = made.scenario()

    def flapping(number, due, phase):
        bad = phase.role == "recovery" and int(due) % 4 == 0
        return Operation(Outcome.ERROR) if bad else made.hit(number, due, phase)

    assert measure(made.run(flapping, scenario), "time_to_recover", None).value is None


def test_a_small_steady_loss_is_no_recovery():
    """One error in ten, too few for any single second, shows over the whole hold."""

    def conduct(number, due, phase):
        bad = phase.role == "recovery" and number % 10 == 0
        return Operation(Outcome.ERROR) if bad else made.hit(number, due, phase)

    assert measure(made.run(conduct), "time_to_recover", None).value is None


def test_ordinary_noise_is_a_recovery():
    """An app with a skewed latency and an error in two hundred before and after the fault recovers at once."""
    import random

    late = 0
    for seed in range(20):
        chance = random.Random(seed)

        def conduct(number, due, phase, chance=chance):
            if phase.role == "fault":
                return made.hit(number, due, phase)
            outcome = Outcome.ERROR if chance.random() < 0.005 else Outcome.GOOD
            return Operation(outcome, chance.lognormvariate(-2, 0.5))

        found = measure(made.run(conduct), "time_to_recover", None)
        late += found.value is None or found.value > 2
    assert late <= 1


@pytest.mark.parametrize("left_out", ["baseline", "recovery"])
def test_without_baseline_or_recovery_nothing_is_claimed(left_out):
    """What cannot be compared has no value, and says why."""
    found = recovery(0, **{left_out: 0})
    assert found.value is None
    assert found.low == float("-inf")
    assert left_out in found.why


def test_too_few_operations_in_recovery_claim_nothing():
    """A handful of operations cannot show that service is back."""
    found = measure(made.run(rate=1.0, of=made.scenario(recovery=6)), "time_to_recover", None)
    assert found.value is None
    assert "too short for it (6 operations in 6s, 60 are needed)" in found.why

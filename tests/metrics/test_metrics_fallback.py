"""Who answered when the primary failed: fallback_rate, fallback_delay, return_time."""

import pytest
import run_factory as made
from run_factory import Operation, Try

from chaosllm.analysis import measure
from chaosllm.record import Ended, Outcome
from chaosllm.scenario import Role


def elsewhere(at: float, **more) -> Try:
    return Try(at=at, provider="anthropic", model="claude", **more)


def mixed(number: int) -> Operation:
    """In turn: retried well, served elsewhere, a declared default, an error, and the primary not asked at all."""
    match number % 5:
        case 0:
            return Operation(seconds=1.4, tries=[made.refused(), Try(at=1.1)])
        case 1:
            took = 0.6 + 0.001 * (number % 50)
            return Operation(seconds=took, tries=[made.refused(), elsewhere(0.05)])
        case 2:
            return Operation(Outcome.DEGRADED, tries=[made.refused()])
        case 3:
            return Operation(Outcome.ERROR, tries=[made.refused(), made.refused(at=0.1)])
    return Operation(seconds=0.3, tries=[elsewhere(0.01)])


def test_fallback_rate_is_of_operations_that_needed_one():
    """A failure that a retry made good needs none; of the other four in five three were served."""
    run = made.run(made.only_in_storm(mixed))
    found = measure(run, "fallback_rate", "storm")
    assert found.n == 320
    assert found.value == pytest.approx(0.75)
    assert found.low < 0.75 < found.high
    assert measure(run, "fallback_rate", "baseline").value is None


def test_fallback_delay_is_from_the_first_failure_to_the_end_of_the_answer():
    """The median of what a plain loop over the records gives; who was never failed waited for nothing."""
    run = made.run(made.only_in_storm(mixed))
    waits = []
    for row in run.rows("storm"):
        calls = run.attempts_of(int(row))
        refused = [one.t_end for one in calls if one.status == 429]
        good = [one for one in calls if one.status == 200 and one.provider == "openai"]
        helped = any(one.provider == "anthropic" for one in calls) or run.samples.was(Outcome.DEGRADED)[row]
        if refused and helped and not good:
            waits.append(run.samples.t_end[row] - min(refused))
    found = measure(run, "fallback_delay", "storm")
    assert found.n == len(waits) == 160
    assert found.value == pytest.approx(sorted(waits)[79])


@pytest.mark.parametrize("back", [0.0, 4.0, 12.0])
def test_return_time_is_when_the_primary_is_asked_again(back):
    """Users of the recovery go to the fallback until then; one probe among them is no return."""

    def conduct(number, due, phase):
        if phase.role is Role.FAULT:
            return Operation(seconds=0.6, tries=[made.refused(), elsewhere(0.05)])
        since = due - phase.start
        if phase.role is Role.RECOVERY and since < back and number % 40:
            return Operation(tries=[elsewhere(0.0)])
        return made.calm(number, due, phase)

    found = measure(made.run(conduct), "return_time", "recovery")
    assert found.value == pytest.approx(back, abs=0.06)


def test_no_return_is_no_number_but_a_bound():
    """An app that never comes back took longer than the recovery."""

    def conduct(number, due, phase):
        if phase.role is Role.FAULT:
            return Operation(seconds=0.6, tries=[made.refused(), elsewhere(0.05)])
        return Operation(tries=[elsewhere(0.0)]) if phase.role is Role.RECOVERY else made.calm(number, due, phase)

    found = measure(made.run(conduct), "return_time", "recovery")
    assert (found.value, found.low) == (None, 30.0)
    assert measure(made.run(made.calm), "return_time", "recovery").why == "no fallback was seen"


def test_a_hedge_is_no_fallback():
    """The slower of two calls to the primary is dropped by the app: the primary did not fail."""

    def hedged(number):
        left = {"ended": Ended.CLIENT_LEFT}
        return Operation(seconds=0.5, tries=[Try(took=0.45), Try(at=0.3, took=0.15, status=None, fields=left)])

    assert measure(made.run(made.only_in_storm(hedged)), "fallback_rate", "storm").value is None

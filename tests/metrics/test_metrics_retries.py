"""How an app waits and retries: retry_after_honoured, backoff_slope, backoff_cv, synchronisation, hedge_rate, breaker.

And how it gives up: abandon_time, wasted_tokens.
"""

import math
from collections import Counter
from statistics import fmean, stdev

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.analysis import measure
from chaosllm.record import Ended, Outcome
from chaosllm.scenario import Role
from chaosllm.trigger import draw


def backing_off(*waits: float) -> Operation:
    """Refused without a Retry-After each time but the last, and pausing so long in between."""
    at, tries = 0.0, []
    for wait in waits:
        tries.append(refused(at, retry_after=None))
        at += 0.01 + wait
    return Operation(seconds=at + 0.2, tries=[*tries, Try(at=at)])


def in_storm(conduct):
    return made.run(made.only_in_storm(conduct))


def test_retry_after_honoured_is_a_share_of_refusals():
    """One wait in four is 600 ms short; an operation that asks no more has honoured it."""

    def conduct(number):
        later = [Try(at=0.41 if number % 4 == 0 else 1.2)] if number % 8 != 7 else []
        return Operation(seconds=1.5, tries=[refused(retry_after=1.0), *later])

    found = measure(in_storm(conduct), "retry_after_honoured", "storm")
    assert (found.value, found.n) == (0.75, 400)
    assert found.low < 0.75 < found.high
    assert "600ms short" in found.why
    assert "asked for a wait" in measure(made.run(), "retry_after_honoured", "baseline").why


@pytest.mark.parametrize(
    ("waits", "slope"), [((0.5, 0.5, 0.5), 0.0), ((0.5, 1.0, 2.0), 1.0), ((0.4, 0.6), math.log2(1.5))]
)
def test_backoff_slope_is_that_of_the_logarithm(waits, slope):
    """A fixed pause has 0, a doubled one 1."""
    assert measure(in_storm(lambda _: backing_off(*waits)), "backoff_slope", "storm").value == pytest.approx(slope)


def test_backoff_cv_is_that_of_the_first_gaps():
    """Full jitter between 0 and 1 s has a CV of 0.577; that of the very numbers is met exactly."""
    gaps = [draw(9, number) for number in range(500, 900)]
    found = measure(in_storm(lambda number: backing_off(draw(9, number))), "backoff_cv", "storm")
    assert found.value == pytest.approx(stdev(gaps) / fmean(gaps))
    assert found.low < 1 / math.sqrt(3) < found.high
    assert measure(in_storm(lambda _: backing_off(0.5)), "backoff_cv", "storm").value == pytest.approx(0, abs=1e-6)


def test_synchronisation_is_the_worst_bin_over_the_mean():
    """All that failed in the first second come back at its end; counted by hand in bins of 100 ms."""

    def conduct(number):
        since = (number - 500) / 20
        wait = 1.0 - since if since < 1 else 0.5
        return Operation(seconds=2.0, tries=[refused(retry_after=None), Try(at=max(0.02, wait))])

    run = in_storm(conduct)
    retries = [event.t for event in run.events if event.attempt == 1 and 25 <= event.t < 35]
    bins = Counter(int((t - 25) / 0.1) for t in retries)
    found = measure(run, "synchronisation", "storm")
    assert found.value == pytest.approx(max(bins.values()) / (len(retries) / 100))
    assert found.n == len(retries)
    assert (
        "nothing was retried"
        in measure(in_storm(lambda _: Operation(tries=[refused()])), "synchronisation", "storm").why
    )


def test_hedge_rate_counts_calls_beside_an_open_one():
    """A second call after 300 ms of silence is a hedge; a retry after a failure, and another question, are none."""

    def conduct(number):
        open_ = Try(took=0.6)
        match number % 4:
            case 0:
                return Operation(seconds=0.7, tries=[open_, Try(at=0.3, took=0.2)])
            case 1:
                return Operation(seconds=0.7, tries=[refused(), Try(at=0.3)])
            case 2:
                return Operation(seconds=0.7, tries=[open_, Try(at=0.3, index=1)])
        return Operation(seconds=0.7, tries=[open_, Try(at=0.3, model="other")])

    found = measure(in_storm(conduct), "hedge_rate", "storm")
    assert (found.value, found.n) == (0.25, 400)


@pytest.mark.parametrize(
    ("asks", "word", "shed"),
    [
        (lambda since: since < 5, "present", 1.0),
        (lambda since: True, "absent", 0.0),
        (lambda since: int(since) % 2 == 0, "flapping", 0.5),
    ],
)
def test_breaker_is_seen_after_ten_seconds(asks, word, shed):
    """Shed is the share of operations that never asked the failing primary in the last ten seconds."""

    def conduct(number):
        tries = [refused()] if asks((number - 500) / 20) else []
        return Operation(Outcome.DEGRADED, tries=tries)

    found = measure(in_storm(conduct), "breaker", "storm")
    assert (found.value, found.why, found.n) == (shed, word, 200)


def test_breaker_needs_failures():
    """Where the primary mostly answers nothing should open, and nothing is said."""
    run = in_storm(lambda number: Operation(tries=[refused() if number % 3 == 0 else Try()]))
    assert "fewer than half" in measure(run, "breaker", "storm").why


def test_abandon_time_is_when_the_app_hangs_up():
    """The median of its longest abandoned call, over operations that had one."""
    left = {"ended": Ended.CLIENT_LEFT}

    def conduct(number):
        took = 2.0 + 0.01 * (number % 11)
        tries = [Try(took=took, status=None, rule=made.RULE, fields=left), Try(at=took + 0.1)]
        return Operation(seconds=took + 0.3, tries=tries if number % 2 else [Try()])

    found = measure(in_storm(conduct), "abandon_time", "storm")
    took = sorted(2.0 + 0.01 * (number % 11) for number in range(500, 900) if number % 2)
    assert found.n == 200
    assert found.value == pytest.approx(took[99])


def test_wasted_tokens_are_those_after_the_user_has_left():
    """An answer of 50 tokens whose text takes 2 s, of a user who leaves in the middle of it, wastes half of them."""
    streamed = {"tokens_out": 50}

    def conduct(number, due, phase):
        if phase.role is not Role.FAULT:
            return made.calm(number, due, phase)
        one = Try(took=3.0, rule=made.RULE, fields=streamed | {"t_first": due + 1.0})
        return Operation(Outcome.HANG, seconds=2.0, tries=[one])

    found = measure(made.run(conduct), "wasted_tokens", "storm")
    assert found.value == pytest.approx(400 * 25)
    assert measure(made.run(conduct), "wasted_tokens", "baseline").value == 0

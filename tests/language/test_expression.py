"""Objective and stop expressions: what they mean and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosllm.language.expression import Mistake, read_objective, read_stop
from chaosllm.scenario import Comparator

UNITS = {
    "success_rate": "share", "latency_p95": "seconds", "latency_p50": "seconds", "retry_amplification": "ratio",
    "goodput": "per_second", "truncated_accepted": "count", "time_to_recover": "seconds",
}  # fmt: skip
PHASES = ("baseline", "storm-2")
ALONE = ("truncated_accepted", "time_to_recover")


def objective(text):
    return read_objective(text, units=UNITS, phases=PHASES, alone=ALONE)


@pytest.mark.parametrize(
    ("text", "metric", "phase", "comparator", "bound", "reference"),
    [
        ("success_rate(storm-2) >= 95%", "success_rate", "storm-2", ">=", 0.95, None),
        ("  success_rate( storm-2 )>=99.5%", "success_rate", "storm-2", ">=", 0.995, None),
        ("latency_p95(storm-2) < 1m30s", "latency_p95", "storm-2", "<", 90, None),
        ("latency_p95(storm-2) <= 250ms", "latency_p95", "storm-2", "<=", 0.25, None),
        ("latency_p95(storm-2) > 0", "latency_p95", "storm-2", ">", 0, None),
        ("goodput(storm-2) >= 600/min", "goodput", "storm-2", ">=", 10, None),
        ("retry_amplification(storm-2) <= 1.5", "retry_amplification", "storm-2", "<=", 1.5, None),
        ("truncated_accepted(storm-2) == 0", "truncated_accepted", "storm-2", "==", 0, None),
        ("truncated_accepted == 0", "truncated_accepted", None, "==", 0, None),
        ("time_to_recover <= 30s", "time_to_recover", None, "<=", 30, None),
        ("latency_p95(storm-2) <= 2 * latency_p50(baseline)",
         "latency_p95", "storm-2", "<=", 2, ("latency_p50", "baseline")),
        ("latency_p95(storm-2) <= 1.5*latency_p95(baseline)",
         "latency_p95", "storm-2", "<=", 1.5, ("latency_p95", "baseline")),
        ("goodput(storm-2) >= 95% * goodput(baseline)", "goodput", "storm-2", ">=", 0.95, ("goodput", "baseline")),
        ("goodput(storm-2) >= goodput(baseline)", "goodput", "storm-2", ">=", 1, ("goodput", "baseline")),
    ],
)  # fmt: skip
def test_objective(text, metric, phase, comparator, bound, reference):  # noqa: PLR0917  # the columns of the table
    """An objective is read into base units."""
    found = objective(text)
    assert (found.metric, found.phase, found.comparator, found.reference) == (
        metric,
        phase,
        Comparator(comparator),
        reference,
    )
    assert found.bound == pytest.approx(bound)
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("success_rte(storm-2) >= 95%", "did you mean `success_rate`?"),
        ("success_rate(storm2) >= 95%", "did you mean `storm-2`?"),
        ("success_rate >= 95%", "write success_rate("),
        ("success_rate(storm-2) >= 95", "did you mean 95%?"),
        ("success_rate(storm-2) >= 0.95", "did you mean 95%?"),
        ("success_rate(storm-2) >= 950ms", "such as 95%"),
        ("success_rate(storm-2) >= 120%", "at most 100%"),
        ("latency_p95(storm-2) <= 3", "did you mean 3s?"),
        ("latency_p95(storm-2) <= 95%", "such as 2s"),
        ("goodput(storm-2) >= 9", "did you mean 9/s?"),
        ("retry_amplification(storm-2) <= 150%", "plain number"),
        ("truncated_accepted == 0.5", "whole number"),
        ("latency_p95(storm-2) =< 2s", "did you mean `<=`?"),
        ("latency_p95(storm-2) = 2s", "did you mean `==`?"),
        ("latency_p95(storm-2) != 2s", "expected one of"),
        ("latency_p95(storm-2) <=", "expected a bound"),
        ("latency_p95(storm-2)", "a comparator"),
        ("latency_p95(storm-2 <= 2s", "quote it"),
        ("latency_p95(last 10s) <= 2s", "stop_when"),
        ("latency_p95(storm-2) <= 2 * success_rate(baseline)", "one unit"),
        ("latency_p95(storm-2) <= 2 * latency_p95(storm-2)", "itself"),
        ("latency_p95(storm-2) <= 0 * latency_p95(baseline)", "more than 0"),
        ("latency_p95(storm-2) <= x * latency_p95(baseline)", "expected a number"),
        ("latency_p95(storm-2) <= 2 * latency_p95(bse)", "baseline"),
        ("", "a comparator"),
        ("x" * 300, "at most"),
    ],
)
def test_wrong_objective(text, words):
    """A wrong objective says what would work."""
    with pytest.raises(Mistake) as caught:
        objective(text)
    assert words in f"{caught.value.what} ({caught.value.hint})"


def test_stop_condition():
    """A stop condition looks at the last seconds."""
    found = read_stop("success_rate(last 1m) < 20%")
    assert (found.metric, found.window, found.comparator, found.bound) == ("success_rate", 60, Comparator.LT, 0.2)


@pytest.mark.parametrize(
    ("text", "metric", "window", "bound"),
    [
        ("success_rate(10s) < 20%", "success_rate", 10, 0.2),
        ("success_rate( last  1m30s )<20%", "success_rate", 90, 0.2),
        ("success_rate < 20%", "success_rate", 10, 0.2),
        ("p95 > 10s", "latency_p95", 10, 10),
        ("p50(10s) > 250ms", "latency_p50", 10, 0.25),
        ("goodput(1m) < 60/min", "goodput", 60, 1),
        ("attempts > 3", "attempts", 10, 3),
        ("hangs > 20", "hangs", None, 20),
        ("hangs > 0", "hangs", None, 0),
        ("hangs(30s) >= 2", "hangs", 30, 2),
        ("spend > 5 USD", "spend", None, 5),
        ("spend(1m) >= 0.5 USD", "spend", 60, 0.5),
    ],
)
def test_short_ways_to_write_a_stop_condition(text, metric, window, bound):
    """`last` may be left out, and so may the window; what only grows then counts from the run's start."""
    found = read_stop(text)
    assert (found.text, found.metric, found.window, found.bound) == (text, metric, window, pytest.approx(bound))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("success_rate(storm-2) < 20%", "last 10s"),
        ("success_rate() < 20%", "last 10s"),
        ("success_rate(last) < 20%", "last 10s"),
        ("success_rate(10) < 20%", "10s"),
        ("success_rate(last 10) < 20%", "10s"),
        ("p99 > 2s", "latency_p50 and latency_p95"),
        ("latency_p99(10s) > 2s", "latency_p50 and latency_p95"),
        ("time_to_recover > 2s", "not known before the run is over (expected one of success_rate"),
        ("sucess_rate < 2%", "did you mean `success_rate`?"),
        ("tokens > 2", "there is no metric `tokens` (expected one of"),
        ("hangs < 3", "write hangs > 3"),
        ("hangs >= 0", "write hangs > 0"),
        ("spend == 3 USD", "would stop at once"),
        ("success_rate(last 0s) < 20%", "0s"),
        ("success_rate(last 10s) < success_rate(baseline)", "needs a number"),
    ],
)
def test_wrong_stop_condition(text, words):
    """A wrong stop condition says what would work."""
    with pytest.raises(Mistake) as caught:
        read_stop(text, later=lambda: UNITS)
    assert words in f"{caught.value.what} ({caught.value.hint})"


@given(st.text(alphabet="abl_(storm-2) <>=*0159.%s/m,", max_size=50))
def test_any_text_is_an_objective_or_a_mistake(text):
    """No text makes the reader of expressions fail otherwise."""
    for reading in (objective, lambda text: read_stop(text, later=lambda: UNITS)):
        try:
            reading(text)
        except Mistake as mistake:
            assert mistake.what

"""Stop conditions look at the last seconds only, and never at too few operations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosllm.adapters.supervisor.calibrate import interval
from chaosllm.errors import ChaosError
from chaosllm.language.expression import LIVE, SHORT, read_stop
from chaosllm.live.stopping import Reading, StopWatch, quantity, refuse_unknown
from chaosllm.scenario import Comparator, StopCondition

LOW = StopCondition("success_rate(last 3s) < 20%", "success_rate", 3.0, Comparator.LT, 0.2)
SLOW = StopCondition("latency_p95(last 10s) > 2s", "latency_p95", 10.0, Comparator.GT, 2.0)


def progress(t: int, good: int, error: int, p95: float | None = None) -> dict:
    return {"t": float(t), "outcomes": {"good": good, "error": error}, "p95": p95}


def first_stop(conditions: tuple[StopCondition, ...], steps: list[dict]) -> float | None:
    watch = StopWatch(conditions)
    return next((step["t"] for step in steps if watch.see(step) is not None), None)


def test_window() -> None:
    """A long good past does not hide a bad present, and the present is the last 3 s."""
    steps = [progress(t, 100 * min(t, 10), 100 * max(0, t - 10)) for t in range(30)]
    assert first_stop((LOW,), steps) == 13.0


@pytest.mark.parametrize(("errors", "stops"), [(4, None), (5, 3.0)])
def test_least(errors: int, stops: float | None) -> None:
    """Fewer than five ended operations show nothing."""
    assert first_stop((LOW,), [progress(t, 0, errors if t else 0) for t in range(6)]) == stops


def test_not_before_the_window_is_full() -> None:
    """A condition on 10 s is not judged on 5."""
    assert first_stop((SLOW,), [progress(t, 50 * t, 0, 9.0) for t in range(10)]) is None
    assert first_stop((SLOW,), [progress(t, 50 * t, 0, 9.0) for t in range(12)]) == 10.0


def test_unknown_metric_is_refused() -> None:
    """A condition that could never come true is refused before anything starts."""
    with pytest.raises(ChaosError, match="not known before the run is over") as caught:
        refuse_unknown((StopCondition("x", "time_to_recover", 5, Comparator.GT, 1),))
    assert "success_rate" in caught.value.hint


def watch_of(*texts: str) -> StopWatch:
    return StopWatch(tuple(read_stop(text) for text in texts))


def test_spend_counts_from_the_start() -> None:
    """What a run costs is judged at once, over all of it; unknown is not nothing."""
    watch = watch_of("spend > 5 USD")
    assert watch.see({"t": 0.2}) is None
    assert watch.readings()[0].value is None
    assert watch.see({"t": 1.0}, spend=4.9) is None
    assert (watch.readings()[0].now, watch.readings()[0].away) == ("4.90 of 5 USD", pytest.approx(0.1))
    assert watch.see({"t": 2.0}) is None, "the proxy said nothing new"
    assert watch.readings()[0].value == 4.9
    assert watch.see({"t": 3.0}, spend=5.1) is not None


def test_spend_over_a_window() -> None:
    """With a window only what was spent in it counts, and before it is full all that was spent."""
    watch = watch_of("spend(2s) > 1 USD")
    stops = [watch.see({"t": float(t)}, spend=usd) for t, usd in enumerate((0.0, 0.9, 1.0, 1.5, 2.4))]
    assert [one is not None for one in stops] == [False, False, False, False, True]
    assert watch_of("spend(1m) > 1 USD").see({"t": 1.0}, spend=1.2) is not None


@pytest.mark.parametrize(
    ("text", "hangs", "expected"),
    [
        ("hangs > 2", (0, 1, 2, 3), 3.0),
        ("hangs > 0", (0, 0, 1), 2.0),
        ("hangs > 2", (3,), 0.0),
        ("hangs(2s) > 2", (0, 1, 2, 3, 4, 5), None),
        ("hangs(2s) > 2", (0, 0, 0, 3), 3.0),
        ("hangs(2s) >= 3", (0, 0, 0, 2, 3), 4.0),
    ],
)
def test_hangs(text: str, hangs: tuple[int, ...], expected: float | None) -> None:
    """Users past their deadline are counted, over the run or over a window, from the first second on."""
    steps = [{"t": float(t), "outcomes": {"good": 100, "hang": count}} for t, count in enumerate(hangs)]
    assert first_stop((read_stop(text),), steps) == expected


def test_attempts() -> None:
    """Calls are held against the operations that had been sent when they were asked for, a message before."""
    watch = watch_of("attempts(3s) > 2")
    found = []
    for t in range(12):
        calls = sum(10 if second < 5 else 30 for second in range(max(0, t - 1)))
        held = watch.see({"t": float(t), "sent": 10 * t}, calls=calls)
        found.append((watch.readings()[0].value, held is not None))
    assert [value for value, _ in found[:3]] == [None] * 3
    assert found[5] == (pytest.approx(1), False)
    assert found[-1] == (pytest.approx(3), True)
    assert [held for _, held in found].index(True) == 8


def test_attempts_of_few_operations_show_nothing() -> None:
    """A ratio of one operation is chance, and without the proxy's word there is none."""
    watch = watch_of("attempts(2s) > 2")
    for t in range(6):
        assert watch.see({"t": float(t), "sent": t}, calls=9 * t) is None
    for t in range(6, 12):
        assert watch.see({"t": float(t), "sent": 100 * t}) is None


@pytest.mark.parametrize("text", ["p95 > 2s", "latency_p95(10s) > 2s", "latency_p95 > 2s"])
def test_short_names_mean_the_long_ones(text: str) -> None:
    """A short name is the same condition."""
    assert first_stop((read_stop(text),), [progress(t, 50 * t, 0, 9.0) for t in range(12)]) == 10.0


def test_every_live_metric_has_a_reading() -> None:
    """Whatever the reader takes can be shown before, while and after it is known."""
    bounds = {"share": "1%", "seconds": "1s", "per_second": "1/s", "ratio": "2", "count": "3", "usd": "5 USD"}
    watch = watch_of(*(f"{name} > {bounds[LIVE[SHORT.get(name, name)]]}" for name in (*LIVE, *SHORT)))
    assert {one.value for one in watch.readings()} == {None}
    for t in range(12):
        said = {"t": float(t), "sent": 10 * t, "outcomes": {"good": 9 * t, "hang": t}, "p50": 0.5, "p95": 2.0}
        watch.see(said, spend=0.1 * t, calls=20 * t)
    assert None not in {one.value for one in watch.readings()}
    assert all(one.now for one in watch.readings())
    assert [one.to_json()["kind"] for one in watch.readings()] == ["stop_when"] * (len(LIVE) + len(SHORT))


@pytest.mark.parametrize(
    ("value", "unit", "of", "words"),
    [
        (0.123, "share", None, "12.3%"),
        (0.25, "seconds", None, "250ms"),
        (12.34, "rate", None, "12.3/s"),
        (1234.0, "rate", None, "1,234/s"),
        (1.2, "usd", 5.0, "1.20 of 5 USD"),
        (0.0123, "usd", None, "0.0123 USD"),
        (0.0, "usd", 0.5, "0.00 of 0.5 USD"),
        (3.0, "count", 20.0, "3 of 20"),
        (1.5, "ratio", 3.0, "1.50"),
    ],
)
def test_quantities(value: float, unit: str, of: float | None, words: str) -> None:
    """Each value is shown with its unit; what only grows beside its bound."""
    assert quantity(value, unit, of=of) == words  # type: ignore[arg-type]


def test_a_probe_reads_as_what_it_saw() -> None:
    """Where a probe stands is told in its own words, with the failures so far."""
    assert Reading("x", 2.0, 3.0, "failures", False, "probe", "503 after 2ms").now == "503 after 2ms, 2 of 3 failed"
    assert Reading("x", 0.0, 3.0, "failures", False, "probe", "200 after 2ms").now == "200 after 2ms"


ROWS = st.lists(
    st.tuples(
        st.floats(0.1, 3),
        st.integers(0, 9),
        st.integers(0, 9),
        st.none() | st.floats(0, 2),
        st.none() | st.integers(0, 40),
    ),
    max_size=40,
)


@given(ROWS, st.sampled_from(["", "(1s)", "(4s)", "(20s)"]))
def test_readings_are_those_of_the_whole_history(rows: list, window: str) -> None:
    """What is forgotten changes nothing, time that is uneven neither; counts never shrink without a window."""
    texts = [
        f"{name}{window} > {bound}" for name, bound in (("spend", "3 USD"), ("hangs", "7"), ("success_rate", "50%"))
    ]
    watch, whole = watch_of(*texts), watch_of(*texts, "goodput(1000s) < 0/s")  # the last keeps everything
    t = usd = 0.0
    good = hang = calls = 0
    before: list[float | None] = [None, None]
    for step, more_good, more_hang, more_usd, more_calls in rows:
        t, good, hang = t + step, good + more_good, hang + more_hang
        usd, calls = usd + (more_usd or 0.0), calls + (more_calls or 0)
        said = {"t": t, "sent": good + hang, "outcomes": {"good": good, "hang": hang}}
        told = {"spend": None if more_usd is None else usd, "calls": None if more_calls is None else calls}
        held = watch.see(said, **told)
        kept = whole.see(said, **told)
        assert watch.readings() == whole.readings()[:3]
        assert (held is None) == (not any(one.holds for one in watch.readings()))
        assert held == kept
        values = [one.value for one in watch.readings()[:2]]
        if not window:
            assert all(old is None or (new is not None and new >= old) for old, new in zip(before, values, strict=True))
        before = values


@pytest.mark.parametrize(("n", "share", "expected"), [(300, 0.3, (65, 117)), (10, 0.5, (0, 10)), (300, 0.0, (0, 0))])
def test_binomial_interval(n: int, share: float, expected: tuple[int, int]) -> None:
    """The 99.9 % interval is the binomial one: both tails outside it hold at most 0.05 % each."""
    from math import comb

    low, high = interval(n, share)
    below = sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(low))
    above = sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(high + 1, n + 1))
    assert below <= 0.0005
    assert above <= 0.0005
    assert abs(low - expected[0]) <= 1
    assert abs(high - expected[1]) <= 1

"""Stop conditions look at the last seconds only, and never at too few operations."""

from __future__ import annotations

import pytest

from chaosllm.adapters.supervisor.calibrate import interval
from chaosllm.errors import ChaosError
from chaosllm.scenario import Comparator, StopCondition
from chaosllm.stopping import StopWatch, refuse_unknown

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

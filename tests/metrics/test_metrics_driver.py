"""What only the driver sees: inter_chunk, tpot, isolation."""

from collections import Counter

import numpy as np
import pytest
import run_factory as made
from run_factory import Operation, Try

from chaosllm.analysis import measure
from chaosllm.chunk_gaps import MOST, middle, place
from chaosllm.scenario import Role
from chaosllm.trigger import draw


@pytest.mark.parametrize("seconds", [0.00001, 0.001, 0.0123, 0.5, 7.0, 3600.0])
def test_a_class_is_five_percent_off_at_most(seconds):
    """Gaps below a millisecond are all one class, which no one reads as anything else."""
    found = middle(place(seconds))
    assert found == pytest.approx(seconds, rel=0.05) if seconds >= 0.001 else found < 0.001
    assert 0 <= place(seconds) <= MOST
    assert place(1e12) == MOST


def streamed(number: int) -> list[float]:
    """The gaps of an answer of 11 pieces."""
    return [0.01 + 0.09 * draw(4, number, at) ** 3 for at in range(10)]


def streaming(number, due, phase):
    gaps = streamed(number) if phase.role is Role.FAULT else [0.02] * 10
    classes = sorted(Counter(map(place, gaps)).items())
    fields = {"chunks": 11, "gap_max": max(gaps), "gaps": [one for pair in classes for one in pair]}
    return Operation(
        seconds=0.3 + sum(gaps), tries=[Try(fields={"tokens_out": 41})], fields=fields | {"t_first": due + 0.3}
    )


def test_inter_chunk_is_over_all_gaps_together():
    """Percentiles within the 5 % of their classes, the longest gap exactly."""
    run = made.run(streaming)
    gaps = np.array([gap for number in range(500, 900) for gap in streamed(number)])
    for name, q in (("inter_chunk_p50", 0.5), ("inter_chunk_p95", 0.95)):
        found = measure(run, name, "storm")
        true = np.quantile(gaps, q, method="inverted_cdf")
        assert found.n == 4000
        assert found.value == pytest.approx(true, rel=0.06)
        assert found.low * 0.95 <= true <= found.high * 1.05
    assert measure(run, "inter_chunk_max", "storm").value == gaps.max()
    assert "more than one piece" in measure(made.run(), "inter_chunk_p50", "storm").why


def test_tpot_is_the_time_after_the_first_token_by_the_tokens_after_it():
    """(E2E - TTFT) / (41 - 1), the median of all answers."""
    found = measure(made.run(streaming), "tpot", "storm")
    each = sorted(sum(streamed(number)) / 40 for number in range(500, 900))
    assert found.value == pytest.approx(each[199])
    assert found.low < found.value < found.high
    assert measure(made.run(), "tpot", "storm").value is None


def test_isolation_is_the_worst_routes_p95_over_its_baseline():
    """A route that takes 10 to 20 ms, and four times that in the storm; the other one does not change."""
    run = made.controlled(lambda t: (0.01 + 0.01 * draw(2, int(t * 2))) * (4 if 25 <= t < 45 else 1))
    here = [one.t_end - one.t_due for one in run.control if 25 <= one.t_due < 45]
    before = [one.t_end - one.t_due for one in run.control if 5 <= one.t_due < 25]
    p95 = [np.quantile(part, 0.95, method="inverted_cdf") for part in (here, before)]
    found = measure(run, "isolation", "storm")
    assert found.value == pytest.approx(p95[0] / p95[1])
    assert found.low < found.value <= found.high
    assert found.why.startswith("/healthz: p95 ")
    assert "declared" in measure(made.run(), "isolation", "storm").why

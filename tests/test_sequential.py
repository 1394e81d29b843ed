"""Sequential tests: Wald's figures, and errors that hold wherever one stops."""

from __future__ import annotations

import numpy as np
import pytest
from soak import count

from chaosllm.sequential import Sprt, log_ratio


def ends(test: Sprt, truth: float, seed: int) -> tuple[str, int]:
    """(decision, operations it took) when the true share is `truth`."""
    random = np.random.default_rng(seed)
    good = 0
    for n in range(1, 100_000):
        good += int(random.random() < truth)
        if decision := test.decide(good, n):
            return decision, n
    raise AssertionError("no decision")


@pytest.mark.parametrize(("truth", "mean"), [(0.95, 163), (0.90, 142), (0.80, 34), (0.50, 10)])
def test_as_few_operations_as_the_method_says(truth: float, mean: int) -> None:
    """0.95 against 0.90 with errors of 0.05 takes the operations of METHOD section 3 in the mean."""
    taken = [ends(Sprt(0.95, 0.90), truth, seed)[1] for seed in range(count(600, 6000))]
    # Three standard errors, and half an operation for the rounding of the figures.
    assert abs(np.mean(taken) - mean) < 3 * np.std(taken) / np.sqrt(len(taken)) + 0.02 * mean + 0.5


@pytest.mark.parametrize(("truth", "right"), [(0.95, "good"), (0.90, "bad")])
def test_errors_are_bounded(truth: float, right: str) -> None:
    """At the two shares themselves at most one decision in twenty is wrong."""
    wrong = sum(ends(Sprt(0.95, 0.90), truth, seed)[0] != right for seed in range(count(400, 4000)))
    assert wrong <= count(400, 4000) * 0.05 + 3 * np.sqrt(count(400, 4000) * 0.05 * 0.95)


def test_undecided_without_operations() -> None:
    """Nothing seen says nothing."""
    assert Sprt(0.95, 0.90).decide(0, 0) is None
    assert log_ratio(0, 0, 0.5, 0.6) == 0


@pytest.mark.parametrize("wrong", [{"bad": 0.95}, {"bad": 0.0}, {"good": 1.0}, {"alpha": 0.0}, {"beta": 0.7}])
def test_senseless_tests_are_refused(wrong: dict[str, float]) -> None:
    """Two shares the wrong way round, or errors that are none, raise a sentence."""
    with pytest.raises(ValueError, match="expected"):
        Sprt(**({"good": 0.95, "bad": 0.90} | wrong))

"""Power: what a sample can show, held against METHOD's figures, Wilson's interval and simulated runs."""

import numpy as np
import pytest

from chaosllm import power, stats

METHODS = [(0.95, 0.05, 235), (0.95, 0.03, 653), (0.95, 0.02, 1469), (0.99, 0.02, 307)]


@pytest.mark.parametrize(("share", "drop", "n"), METHODS)
def test_operations_of_a_phase(share, drop, n):
    """The operations that a drop needs are those of METHOD section 3."""
    assert power.per_phase(share, drop) == n


@pytest.mark.parametrize(("share", "drop", "n"), METHODS)
def test_least_drop_is_the_other_way_round(share, drop, n):
    """So many operations show that drop and hardly a smaller one."""
    assert power.least_drop(share, n, n) == pytest.approx(drop, rel=0.003)
    assert power.least_drop(share, n, n) <= drop


def test_least_drop_of_phases_that_differ():
    """The smaller phase decides: ten times the baseline alone does not halve the drop."""
    same, longer = power.least_drop(0.95, 300, 300), power.least_drop(0.95, 3000, 300)
    assert same / 2 < longer < same


def test_nothing_shows_without_operations():
    """Without operations in one of the phases no drop shows, and with one of each not even all."""
    assert power.least_drop(0.95, 0, 100) is None
    assert power.least_drop(0.5, 1, 1) is None
    assert power.passing_from(0.95, 0) is None
    assert power.failing_to(0.95, 0) is None


@pytest.mark.parametrize(("share", "bound"), [(1.0, 0.95), (0.93, 0.95), (0.99, 0.95), (0.5, 0.6)])
def test_needed_is_the_least_sample_that_decides(share, bound):
    """At the n that `needed` gives Wilson's interval excludes the bound, at one less it does not."""
    n = power.needed(share, bound)

    def decided(n):
        low, high = stats.wilson(share * n, n, 0.90)
        return not low <= bound <= high

    assert decided(n)
    assert n == 1 or not decided(n - 1)


def test_needed_is_none_on_the_bound():
    """No sample decides a share that is its bound."""
    assert power.needed(0.95, 0.95) is None


@pytest.mark.parametrize(("bound", "n"), [(0.95, 52), (0.05, 52), (0.99, 268), (0.8, 11), (0.5, 3)])
def test_fewer_than_deciding_never_decide(bound, n):
    """At one operation less the best or the worst sample there is leaves a bound undecided."""
    assert power.deciding(bound) == n
    best, worst = stats.wilson(n, n, 0.90)[0], stats.wilson(0, n, 0.90)[1]
    assert best >= bound >= worst
    best, worst = stats.wilson(n - 1, n - 1, 0.90)[0], stats.wilson(0, n - 1, 0.90)[1]
    assert best < bound or worst > bound


def test_all_and_none_need_no_sample():
    """Bounds of 0 % and 100 % are decided by one operation, not by an interval."""
    assert power.deciding(0.0) is None
    assert power.deciding(1.0) is None


@pytest.mark.parametrize(("bound", "n"), [(0.95, 300), (0.80, 84), (0.05, 360)])
def test_shares_that_pass_and_fail_in_four_of_five_runs(bound, n):
    """At the shares named, 80 % of simulated runs are decided as the verdict would."""
    rng = np.random.default_rng(3)

    def decided(share, good):
        bounds = [stats.wilson(k, n, 0.90) for k in rng.binomial(n, share, 2000)]
        return np.mean([low >= bound if good else high < bound for low, high in bounds])

    assert decided(power.passing_from(bound, n), good=True) == pytest.approx(0.8, abs=0.06)
    assert decided(power.failing_to(bound, n), good=False) == pytest.approx(0.8, abs=0.06)

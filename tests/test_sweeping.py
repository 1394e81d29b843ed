"""A sweep's interval holds the breaking point, whatever the app's curve looks like, and what has none is said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from soak import count
from sweep_models import APPS, App, covers, sweep

from chaosllm.sweeping import Told, standing

SEEDS = count(20, 300)


@pytest.mark.parametrize("name", list(APPS)[: count(6, len(APPS))])
def test_the_interval_holds_the_breaking_point(name: str) -> None:
    """In 19 of 20 seeds, for every kind of app, with noise between runs and with bursts of failures."""
    app = APPS[name]
    held = sum(covers(sweep(app, seed)[0], app.breaks) for seed in range(SEEDS))
    assert held >= 0.95 * SEEDS


def test_few_runs_do() -> None:
    """A step is found to a tenth of the range in fewer runs than a grid as fine has levels, and in one go."""
    found = [sweep(APPS["step"], seed) for seed in range(20)]
    assert np.mean([len(told) for _, told in found]) < 7
    assert {now.kind for now, _ in found} == {"found"}
    assert max(now.width for now, _ in found) <= 0.1 + 1e-9


def test_a_grid_needs_more() -> None:
    """Twelve runs that are chosen tell more of a slope than twenty-four that are evenly apart."""
    app, chosen, grid = APPS["linear"], [], []
    for seed in range(5):
        chosen.append(sweep(app, seed)[0].width)
        random = np.random.default_rng(seed)
        told = [app.run(float(at), 400, random) for at in np.linspace(0, 1, 24)]
        grid.append(standing(told, app.bound, 0.1).width)
    assert np.mean(chosen) < 0.8 * np.mean(grid)


def test_a_slope_is_narrowed() -> None:
    """An app without retries, 1200 operations a level: within a fifth of the range after twelve runs."""
    found = [sweep(APPS["linear"], seed, operations=1200)[0] for seed in range(5)]
    assert [now.kind for now in found] == ["found"] * 5
    assert max(now.width for now in found) < 0.2
    assert max(abs(now.point - APPS["linear"].breaks) for now in found) < 0.05


CURVES: dict[str, tuple[Callable[[float], float], str]] = {
    "everywhere": (lambda at: 0.99 - 0.05 * at, "everywhere"),
    "nowhere": (lambda at: 0.6 - 0.1 * at, "nowhere"),
    "a dip in the middle": (lambda at: 0.5 if 0.3 < at < 0.7 else 0.95, "not_monotone"),
    "the other way round": (lambda at: 0.3 + 0.65 * at, "found"),
}


@pytest.mark.parametrize("name", CURVES)
def test_ends_and_oddities(name: str) -> None:
    """Holding everywhere, failing from the start and a curve that is not monotone are told, not numbered."""
    curve, kind = CURVES[name]
    found = [sweep(App(curve, 0.8), seed) for seed in range(20)]
    assert sum(now.kind == kind for now, _ in found) >= 19
    assert np.mean([len(told) for _, told in found]) < (13 if kind == "found" else 5)
    if name == "the other way round":
        now = found[0][0]
        assert now.down
        assert now.low is not None
        assert now.high is not None
        assert now.low <= 0.5 / 0.65 <= now.high


def test_nothing_ran() -> None:
    """Without a run nothing is known, and the worst level comes first."""
    now = standing([], 0.9)
    assert (now.kind, now.low, now.high, now.next) == ("unknown", None, None, 1.0)


@pytest.mark.parametrize("blur", [0.01, 0.03, 0.05, 0.08, 0.12])
def test_verdicts_alone_will_do(blur: float) -> None:
    """An objective without counts is swept by its runs' verdicts, many of which are wrong near the breaking point.

    `blur` is the standard deviation, over the range, of where runs flip.
    """
    held = 0
    for seed in range(count(20, 300)):
        random, told = np.random.default_rng(seed), list[Told]()
        truth = random.uniform(0.2, 0.7)
        while (now := standing(told, None, 0.1)).next is not None and len(told) < 20:
            at = round(now.next * 200) / 200
            told.append(Told(at, verdict="pass" if at + blur * random.standard_normal() < truth else "fail"))
        held += covers(now, truth)
        assert now.kind == "found" or blur > 0.03, "where verdicts hardly contradict each other, 20 runs do"
    assert held >= 0.95 * count(20, 300)


def test_undecided_runs_say_nothing_for_either() -> None:
    """Runs that could not tell never exclude a level."""
    now = standing([Told(at, verdict="inconclusive") for at in (1.0, 0.5, 0.2, 0.7, 0.1)], None, 0.1)
    assert (now.kind, now.low, now.high) == ("unknown", None, None)

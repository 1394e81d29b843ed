"""Two runs held against each other: equal ones look equal, a change is found, nothing is claimed of the rest."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import run_factory as made
from snapshot_factory import app, snapshot

from chaosllm.analysis import measure
from chaosllm.comparison import BETTER, CHANGED, SAME, UNKNOWN, WORSE, compare
from chaosllm.errors import ChaosError, Exit
from chaosllm.noninferiority import ratio_change
from chaosllm.registry import members
from chaosllm.renderers._comparison import plain
from chaosllm.renderers._headline import headline
from chaosllm.scenario import Load
from chaosllm.snapshot import Measured, Snapshot


@pytest.fixture(scope="module")
def equal():
    """Eight runs of the same app under other seeds."""
    return [snapshot(app(seed), "pass") for seed in range(1, 9)]


def row(comparison, metric, phase="storm"):
    return next(one for one in comparison.rows if (one.metric, one.phase) == (metric, phase))


def test_equal_runs_look_equal(equal):
    """A/A over 28 pairs: at least 95 % of the figures that can be compared are not called worse, nor better."""
    words = [one.verdict for pair in itertools.combinations(equal, 2) for one in compare(*pair).rows]
    told = [word for word in words if word != UNKNOWN]
    assert len(told) > 28 * 40
    assert words.count(WORSE) <= 0.05 * len(told)
    assert words.count(BETTER) <= 0.05 * len(told)


def test_a_run_and_itself(equal):
    """Nothing changed, nothing is new, and every ratio is 1."""
    found = compare(equal[0], equal[0])
    assert {one.verdict for one in found.rows} <= {SAME, UNKNOWN}
    assert not found.changed
    assert not found.new_findings
    assert not found.gone_findings
    assert all(one.change.value == one.change.none for one in found.rows if one.change)


def test_a_real_change_is_found(equal):
    """An app that is twice as slow, fails a third of its users and retries three times is worse in just that."""
    worse = snapshot(app(20, slower=2.0, fails=0.35, tries=3))
    found = compare(equal[0], worse)
    for metric in (
        "success_rate",
        "error_rate",
        "attempts",
        "latency_p50",
        "retry_amplification",
        "tokens_per_answer",
    ):
        assert row(found, metric).verdict == WORSE, metric
    assert row(found, "latency_p50", "baseline").verdict == WORSE
    assert row(found, "success_rate", "baseline").verdict == SAME
    back = compare(worse, equal[0])
    assert row(back, "success_rate").verdict == BETTER
    assert row(back, "latency_p50").verdict == BETTER
    change = row(found, "success_rate").change
    assert change.value == pytest.approx(-0.25, abs=0.08)


def test_against_the_bootstrap_of_the_log_ratio():
    """The interval of a ratio agrees with the direct bootstrap of the log ratio of both runs' samples."""
    first, second = app(1), app(2, slower=1.3)
    found = compare(snapshot(first, "pass"), snapshot(second, "pass"))
    for metric, phase in (("latency_p50", "baseline"), ("attempts", "storm"), ("latency_p95", "recovery")):
        one, other = (measure(run, metric, phase) for run in (first, second))
        chance = np.random.default_rng(5)
        logs = np.log(chance.permutation(other.repeats)) - np.log(one.repeats)
        low, high = np.exp(np.quantile(logs, [0.025, 0.975]))
        change = row(found, metric, phase).change
        assert change.value == pytest.approx(other.value / one.value, rel=1e-5)
        # Never narrower by more than the bootstrap's own noise; wider where order statistics say so.
        width = math.log(high / low)
        assert math.log(change.high / change.low) >= 0.85 * width - 1e-6
        assert math.log(change.high / change.low) <= 1.6 * width + 1e-6


def test_what_changed_beside_the_experiment_is_named():
    """Seed, version, machine and app, with both values; the phases' factor too."""
    meta = {"version": "0.1.0", "app": "/opt/ann/bin/myapp", "machine": {"cpus": 2}, "versions": {"python": "3.13.1"}}
    other = {"version": "0.2.0", "app": "hardened", "machine": {"cpus": 8}, "versions": {"python": "3.14.0"}}
    half = made.scenario(warmup=2.5, baseline=10, fault=10, recovery=15)
    found = compare(snapshot(app(1, meta=meta), "pass"), snapshot(app(2, meta=other, of=half), "pass"))
    told = {one.path: (one.before, one.after) for one in found.changed}
    assert told == {
        "seed": (1, 2), "chaosllm": ("0.1.0", "0.2.0"), "app": ("myapp", "hardened"), "cpus": (2, 8),
        "python": ("3.13.1", "3.14.0"),
    }  # fmt: skip
    assert found.scale == pytest.approx(0.5)


def test_another_scenario_is_refused():
    """Exit code 2, with what differs by path and both values."""
    other = made.scenario(rules=[made.share_rule(0.4)])
    with pytest.raises(ChaosError, match=r"when\.share: nothing and 0\.4") as told:
        compare(snapshot(app(1), "pass"), snapshot(app(1, of=other), "pass"))
    assert told.value.exit_code is Exit.USAGE
    with pytest.raises(ChaosError, match=r"phases\.storm\.duration: 20 and 25"):
        compare(snapshot(app(1), "pass"), snapshot(app(1, of=made.scenario(fault=25)), "pass"))


def steered(seed, **lengths):
    """A run of the usual scenario in which somebody made phases longer or shorter, as its folder is read."""
    of, now = made.scenario(), made.scenario(**lengths)
    durations = [phase.duration for phase in now.phases]
    commands = [{"do": "extend", "ok": True, "what": "extend 15s"}]
    meta = {"commands": commands, "steering": {"paused": False, "durations": durations, "rules": {}}}
    return app(seed, of=now, meta=meta | {"written": [phase.duration for phase in of.phases]})


def test_a_run_with_a_phase_extended_by_hand_is_compared(equal):
    """It is the experiment that was written: shares and rates are compared, totals are not, and the hand is named."""
    found = compare(equal[0], snapshot(steered(2, fault=35), "pass"))
    assert found.scale == 1.0
    said = "steered by hand: 1 command; storm set to 35s instead of 20s"
    assert [(one.before, one.after) for one in found.changed if one.path == "steered"] == [(None, said)]
    assert row(found, "success_rate").verdict == SAME
    assert row(found, "goodput").verdict in (SAME, WORSE, BETTER)
    assert row(found, "goodput").change.value == pytest.approx(1, abs=0.1)
    spend = row(found, "spend")
    assert (spend.verdict, spend.change) == (UNKNOWN, None)
    assert spend.why == "a total grows with its phase, which lasted 20s in A and 35s in B"
    assert row(found, "spend", "recovery").why == row(compare(equal[0], equal[1]), "spend", "recovery").why
    assert f"B was {said}." in headline(found).sentences
    text = " ".join(plain(found, ("A", "B")).split())
    assert f"B was {said}. Rates and shares are compared, totals" in text
    assert "B is in doubt: steered by hand: 1 command, which its seed alone does not repeat" in text


def test_the_hand_excuses_no_other_scenario(equal):
    """A phase that is written longer, or another rule beside a steered phase, is still refused, with what differs."""
    with pytest.raises(ChaosError, match=r"phases\.storm\.duration: 20 and 35"):
        compare(equal[0], snapshot(app(2, of=made.scenario(fault=35)), "pass"))
    other = steered(2, fault=35)
    other.scenario = made.scenario(fault=35, rules=[made.share_rule(0.4)])
    with pytest.raises(ChaosError, match=r"when\.share: nothing and 0\.4") as told:
        compare(equal[0], snapshot(other, "pass"))
    assert "duration" not in told.value.what


def test_a_kept_baseline_knows_how_long_its_phases_were(equal):
    """And one that was kept before it was known is still read."""
    found = snapshot(steered(2, fault=35), "pass")
    stored = json.loads(json.dumps(found.to_json()))
    assert Snapshot.from_json(stored).lengths == {"baseline": 20, "storm": 35, "recovery": 30}
    del stored["lengths"]
    assert not Snapshot.from_json(stored).lengths
    assert row(compare(equal[0], Snapshot.from_json(stored)), "spend").why.startswith("one number a run")
    with pytest.raises(ValueError, match="damaged"):
        Snapshot.from_json(stored | {"lengths": {"storm": "long"}})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"n": 9}, "B: needs 10 operations, had 9"),
        ({"value": None, "bounds": (), "why": "no operation was due"}, "B: no operation was due"),
        ({"spoiled": True, "why": "spoiled: the proxy was saturated"}, "B: spoiled: the proxy was saturated"),
        ({"exact": True}, "one number a run has no interval"),
        ({"bounds": ((-math.inf, math.inf),) * 4}, "the samples bound nothing"),
    ],
)
def test_what_cannot_be_told(equal, change, why):
    """Too few, nothing, spoiled, without interval: never better, worse or the same."""
    first = equal[0]
    figure = replace(first.figures["storm"]["success_rate"], **({"value": 0.5} | change))
    storm = {**first.figures["storm"], "success_rate": figure}
    found = row(compare(first, replace(first, figures={**first.figures, "storm": storm})), "success_rate")
    assert found.verdict == UNKNOWN
    assert found.why.startswith(why)


def test_a_figure_without_a_good_side_only_changes(equal):
    """Degraded answers are neither good nor bad by themselves."""
    storm = {**equal[0].figures["storm"], "degraded_rate": Measured(0.5, 400, ((0.4, 0.6),) * 4)}
    found = compare(equal[0], replace(equal[0], figures={**equal[0].figures, "storm": storm}))
    assert row(found, "degraded_rate").verdict == CHANGED


def test_findings_come_and_go(equal):
    """By code and phase."""
    hang = {"code": "hang", "severity": "critical", "phase": "storm", "count": 3, "of": 400}
    first, second = replace(equal[0], findings=[hang]), replace(equal[0], findings=[hang | {"phase": "recovery"}])
    found = compare(first, second)
    assert [one["phase"] for one in found.new_findings] == ["recovery"]
    assert [one["phase"] for one in found.gone_findings] == ["storm"]
    assert compare(first, first).new_findings == []


def test_every_metric_says_which_way_is_good():
    """A new metric that says nothing is compared without a verdict; these alone are meant to."""
    neither = {name for name, one in members("metrics").items() if not one.better}
    assert neither == {"abandon_time", "backoff_cv", "backoff_slope", "breaker", "degraded_rate", "hedge_rate"}


# What is kept -----------------------------------------------------------------------------------


def test_a_snapshot_is_kept_whole(equal):
    """Through JSON and back nothing is lost, and it compares as the run itself does."""
    text = json.dumps(equal[0].to_json())
    again = Snapshot.from_json(json.loads(text))
    assert again == replace(equal[0])
    assert len(text) < 60_000
    assert compare(again, equal[1]).to_json() == compare(equal[0], equal[1]).to_json()
    json.dumps(compare(again, equal[1]).to_json(), allow_nan=False)


def test_bounds_at_each_level(equal):
    """The least kept level that is as high is used, and none above all."""
    found = equal[0].figures["storm"]["success_rate"]
    widths = [found.within(level)[2] - found.within(level)[1] for level in (0.9, 0.95, 0.99, 0.999)]
    assert widths == sorted(widths)
    assert len(set(widths)) == 4
    assert found.within(0.96) == found.within(0.99)
    assert found.within(0.9999) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: [],
        lambda found: {},
        lambda found: found | {"chaosllm_baseline": 99},
        lambda found: found | {"verdict": "great"},
        lambda found: found | {"figures": {"storm": {"success_rate": {"value": 0.5, "n": 10, "bounds": [[0, 1]]}}}},
        lambda found: found | {"figures": {"storm": {"success_rate": {"value": 0.5, "n": 10, "bounds": [[1, 0]] * 4}}}},
        lambda found: found | {"figures": {"storm": {"success_rate": {"value": "NaN", "n": 10}}}},
        lambda found: found | {"figures": {"storm": {"success_rate": {"value": float("nan"), "n": 10}}}},
        lambda found: found | {"figures": {"storm": {"success_rate": {"value": 1, "n": -1, "exact": True}}}},
        lambda found: found | {"figures": 5},
        lambda found: found | {"identity": {"phases": ["a"]}},
        lambda found: found | {"findings": [{"code": 7, "severity": "x", "phase": ""}]},
        lambda found: {name: value for name, value in found.items() if name != "identity"},
    ],
)
def test_what_is_no_snapshot(equal, spoil):
    """Anything else is refused in one sentence, and is never half believed."""
    with pytest.raises(ValueError, match=r"^it "):
        Snapshot.from_json(spoil(equal[0].to_json()))


def test_nothing_private_is_kept():
    """No path of the app, no password in an address."""
    meta = {"app": "/opt/ann/bin/myapp", "target": "http://ann:pass@10.0.0.1:8000/secret?key=1"}
    text = json.dumps(snapshot(app(1, meta=meta), "pass").to_json())
    assert "ann" not in text
    assert "secret" not in text
    assert '"http://10.0.0.1:8000"' in text
    local = [snapshot(app(1, meta={"target": f"http://127.0.0.1:{port}"}), "pass") for port in (4001, 4002)]
    assert not compare(*local).changed


def test_ratio_of_what_is_kept_is_that_of_what_was_measured():
    """The kept bounds are those of the metric at that confidence."""
    run = app(3)
    kept = snapshot(run, "pass").figures["storm"]["latency_p95"]
    for level in (0.9, 0.95, 0.99):
        found = measure(run, "latency_p95", "storm", level)
        assert kept.within(level) == pytest.approx((found.value, found.low, found.high), rel=1e-5)
    assert ratio_change(kept.within(0.9), kept.within(0.9)).value == 1


def test_goodput_is_a_share_of_what_was_offered():
    """Other arrivals alone make goodput neither worse nor better; answers that were lost do, whatever was offered."""
    busy, calm = (snapshot(made.run(rate=rate), "pass") for rate in (20.0, 14.0))
    found = row(compare(busy, calm), "goodput")
    assert (found.before.value, found.after.value) == (pytest.approx(20), pytest.approx(14))
    assert (found.verdict, found.change.value) == (SAME, pytest.approx(1))
    assert (found.before.offered, found.to_json()["b"]["offered"]) == (20.0, 14.0)
    said = plain(compare(busy, calm), ("a", "b"))
    assert "goodput is compared as a share of the load offered: 20/s and 14/s in baseline; 20/s" in " ".join(
        said.split()
    )
    lost = row(compare(busy, snapshot(app(3, fails=0.4, rate=28.0), "pass")), "goodput")
    assert lost.after.value > 0.8 * lost.before.value
    assert lost.verdict == WORSE


def test_a_closed_loop_offers_what_the_app_lets_it():
    """Where users wait for their answers, fewer operations are the app's doing, and goodput is compared as it is."""
    users = replace(made.scenario(), load=Load(users=5, locustfile="users.py"))
    fast, slow = (snapshot(made.run(of=users, rate=rate), "pass") for rate in (20.0, 10.0))
    found = row(compare(fast, slow), "goodput")
    assert (found.before.offered, found.verdict, found.change.value) == (None, WORSE, pytest.approx(0.5))


def test_a_baseline_without_the_offered_load(equal):
    """It was kept by an earlier version: what its goodput means cannot be told, and is read back all the same."""
    stored = equal[0].to_json()
    assert Snapshot.from_json(stored).figures["storm"]["goodput"].offered == 20.0
    for bad in (0, -1.0, "20", float("nan"), True):
        stored["figures"]["storm"]["goodput"]["offered"] = bad
        with pytest.raises(ValueError, match="damaged"):
            Snapshot.from_json(stored)
    del stored["figures"]["storm"]["goodput"]["offered"]
    found = row(compare(Snapshot.from_json(stored), equal[1]), "goodput")
    assert (found.verdict, found.why.split(":")[0]) == (UNKNOWN, "A")

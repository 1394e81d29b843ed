"""A run near a limit of our own is not judged: which number, where, and what to change; both sides of each limit."""

import pytest
import run_factory as made

from chaosllm.instrument import instrument
from chaosllm.record import Ended
from chaosllm.scenario import Role
from chaosllm.validity import check, spoiled_by
from chaosllm.verdict import judge
from chaosllm.vitals import BOUNDS

T0 = 5000.0
SECONDS = 75  # warmup 5, baseline 20, storm 20, recovery 30


def told(process="proxy", *, cpu=(), wait=(), lag=(), worker=None, width=1):
    """One process's record, quiet but for spans of (first second, seconds, value)."""
    columns = {name: [0.001] * (SECONDS // width) for name in ("cpu", "wait", "lag")}
    for name, spans in (("cpu", cpu), ("wait", wait), ("lag", lag)):
        for first, count, value in spans:
            columns[name][first : first + count] = [value] * count
    counts = {str(BOUNDS.index(0.001)): 20 * SECONDS}
    found = {"process": process, "t": T0, "width": width, "counts": counts, "worst": 0.001} | columns
    return found | ({} if worker is None else {"worker": worker})


def busy(*records, **more):
    meta = {"vitals": [*records], "clock": {"t0": T0}, "machine": {"cpus": 2}}
    return made.run(meta=meta, **more)


def failed(run):
    found = [one for one in check(run) if not one.ok]
    assert all(one.what and one.hint for one in found)
    return {one.name: one for one in found}


@pytest.mark.parametrize("process", ["proxy", "driver", "simulator"])
@pytest.mark.parametrize(("share", "seconds", "ok"), [(0.899, 20, True), (0.91, 2, True), (0.91, 3, False)])
def test_the_share_of_a_core(process, share, seconds, ok):
    """90 % may last, more than that two seconds of a phase."""
    found = failed(busy(told(process, cpu=[(30, seconds, share)])))
    assert set(found) == (set() if ok else {f"{process} CPU"})


@pytest.mark.parametrize("process", ["proxy", "simulator"])
@pytest.mark.parametrize(("lag", "seconds", "ok"), [(0.05, 20, True), (0.051, 2, True), (0.051, 3, False)])
def test_the_lag_of_single_seconds(process, lag, seconds, ok):
    """Three seconds in which nothing moves are seen, however long the run."""
    found = failed(busy(told(process, lag=[(30, seconds, lag)])))
    assert set(found) == (set() if ok else {f"{process} lag by second"})


def test_a_long_phase_may_be_busy_for_a_twentieth_of_it():
    of = made.scenario(warmup=0, baseline=0, fault=100, recovery=0)
    for seconds, ok in ((5, True), (6, False)):
        record = told() | {"cpu": [0.99] * seconds + [0.1] * (100 - seconds), "wait": [0.0] * 100, "lag": [0.0] * 100}
        assert ("proxy CPU" not in failed(busy(record, of=of))) is ok


def test_a_burst_that_a_p99_hides_is_seen():
    """5 s of 600 s: the p99 is quiet, the seconds are not."""
    of = made.scenario(warmup=0, baseline=0, fault=600, recovery=0)
    record = told() | {"cpu": [0.2] * 600, "wait": [0.0] * 600, "lag": [0.4] * 5 + [0.001] * 595}
    run = busy(record, of=of, rate=2)
    assert run.meta["proxy"]["lag_p99"] < 0.05
    (found,) = [one for one in failed(run).values() if one.name == "proxy lag by second"]
    assert "over 50ms late in 5 of 600 seconds of storm (at most 2), 400ms in the worst" in found.what


def test_the_generator_is_held_to_its_due_times_second_by_second():
    of = made.scenario(warmup=0, baseline=0, fault=600, recovery=0)
    for seconds, ok in ((2, True), (3, False)):

        def late(samples, events, seconds=seconds):
            for sample in samples:
                sample.t_sent += 0.06 if 100 <= sample.t_due < 100 + seconds else 0.0

        found = failed(made.run(of=of, rate=4, change=late)).get("generator lag")
        assert (found is None) is ok
    assert "started over 50ms late in 3 seconds of storm (at most 2)" in found.what


def test_it_says_which_number_which_limit_and_what_to_change():
    found = failed(busy(told(cpu=[(26, 5, 0.97)])))["proxy CPU"]
    assert found.what == (
        "the proxy was over 90% busy in 5 of 20 seconds of storm (at most 2); "
        "in the busiest it used 97% of a core and waited 0.1% for one"
    )
    assert "lower load.rate" in found.hint
    assert "--proxy-workers 2" in found.hint
    assert "more cores (this one has 2)" in found.hint
    assert "--proxy-workers" not in failed(busy(told("driver", cpu=[(26, 5, 0.97)])))["driver CPU"].hint


def test_a_core_that_others_have_counts_as_used():
    """With half of a core and the rest of the time waiting for it nothing more can be done."""
    found = failed(busy(told(cpu=[(26, 5, 0.5)], wait=[(26, 5, 0.45)])))["proxy CPU"]
    assert "in the busiest it used 50% of a core and waited 45% for one" in found.what
    assert "--proxy-workers 2" in found.hint
    found = failed(busy(told(cpu=[(26, 5, 0.45)], wait=[(26, 5, 0.5)])))["proxy CPU"]
    assert found.hint.startswith("other work has the cores"), "more workers would only wait, too"


def test_one_worker_at_its_limit_is_at_its_limit():
    """However idle the others are; and the advice counts the workers there are."""
    run = busy(told(worker=0), told(worker=1, cpu=[(26, 5, 0.97)]))
    found = failed(run)["proxy CPU"]
    assert found.what.startswith("the proxy's worker 1 was over 90% busy in 5 of 20 seconds")
    assert "--proxy-workers 3" in found.hint
    half = [told(worker=0, cpu=[(26, 2, 0.97)]), told(worker=1, cpu=[(28, 2, 0.97)])]
    assert failed(busy(*half)) == {}, "seconds of two workers are not added up"


def test_warm_up_and_what_was_not_driven_do_not_count():
    assert failed(busy(told(cpu=[(0, 5, 1.0)], lag=[(0, 5, 1.0)]))) == {}
    vitals = [told(cpu=[(60, 10, 1.0)])]
    run = made.run(until=50.0, meta={"vitals": vitals, "clock": {"t0": T0}, "stopped": "interrupted"})
    assert set(failed(run)) == {"whole run"}


def test_rows_of_two_seconds_count_as_two():
    assert failed(busy(told(width=2, cpu=[(13, 1, 0.97)]))) == {}
    assert "in 4 of " in failed(busy(told(width=2, cpu=[(13, 2, 0.97)])))["proxy CPU"].what


def test_a_saturated_proxy_spoils_times_and_not_counts():
    objectives = [made.objective("latency_p50(storm) <= 10s"), made.objective("success_rate(storm) >= 50%")]
    of = made.scenario(objectives=objectives)
    run = busy(told(lag=[(26, 5, 0.3)]), of=of)
    spoils = spoiled_by(check(run))
    assert "over 50ms late in 5 of 20 seconds of storm" in spoils(objectives[0])
    assert spoils(objectives[1]) is None
    summary = judge(run)
    assert summary["verdict"] == "inconclusive"
    assert any("in 5 of 20 seconds of storm (at most 2)" in reason for reason in summary["reasons"])
    assert "--proxy-workers 2" in summary["fix_first"]
    assert judge(busy(told(), of=of))["verdict"] == "pass"


def test_a_proxy_that_waits_for_a_core_is_not_told_to_be_saturated():
    """More workers would wait as well; and a run that ended before its load kept nothing waiting."""
    late = {"lag_p99": 0.063}
    idle = told(cpu=[(26, 2, 0.17)], wait=[(26, 2, 0.4)])
    busy_itself = told(cpu=[(26, 2, 0.6)], wait=[(26, 2, 0.2)])
    meta = {"clock": {"t0": T0}, "machine": {"cpus": 2}, "proxy": late}
    hint = failed(made.run(meta={**meta, "vitals": [idle]}))["proxy lag"].hint
    assert hint.startswith("other work has the cores: end it, lower load.rate")
    assert "--proxy-workers" not in hint
    hint = failed(made.run(meta={**meta, "vitals": [busy_itself]}))["proxy lag"].hint
    assert hint.startswith("the proxy is saturated: lower load.rate")
    assert "proxy lag" not in failed(made.run(meta={"proxy": late, "stopped": "bypass"}))


def test_a_finding_stands_whatever_is_saturated():
    """It rests on its own evidence."""

    def conduct(number, due, phase):
        return made.Operation(made.Outcome.HANG, 10.0) if phase.role is Role.FAULT else made.calm(number, due, phase)

    run = busy(told(lag=[(26, 5, 0.3)]), conduct=conduct)
    assert judge(run)["verdict"] == "fail"


@pytest.mark.parametrize(("lag", "all_of_it"), [(0.9, False), (1.1, True)])
def test_a_lag_of_a_tenth_of_the_deadline_spoils_counts_too(lag, all_of_it):
    """The deadline is 10 s: a user may hang because of us."""
    objective = made.objective("success_rate(storm) >= 50%")
    spoils = spoiled_by(check(busy(told(lag=[(26, 5, lag)]))))
    assert (spoils(objective) is not None) is all_of_it


def delayed(by, *, of=20, ended=Ended.WHOLE, kind="wait"):
    """In the storm, one delay in `of` ends `by` seconds too late."""

    def change(samples, events):
        struck = [event for event in events if event.phase == "storm" and event.rules and event.rules[0].fired]
        for at, event in enumerate(struck):
            event.asked, event.done = {kind: 1.0}, {kind: 1.0 + (by if at % of == 0 else 0.001)}
            event.ended = ended if at % of == 0 else event.ended

    return change


@pytest.mark.parametrize(
    ("by", "one_in", "ok"), [(0.049, 1, True), (0.051, 1, False), (9.0, 21, True), (9.0, 19, False)]
)
@pytest.mark.parametrize("kind", ["wait", "stall", "hang"])
def test_injected_delays_are_as_long_as_asked_for(by, one_in, ok, kind):
    found = failed(made.run(change=delayed(by, of=one_in, kind=kind)))
    assert set(found) == (set() if ok else {"injected delays"})


def test_a_delay_never_ends_early():
    """Unless somebody else ended it: the app left, or the connection broke."""
    assert failed(made.run(change=delayed(-0.0009))) == {}
    assert "ended 300ms early" in failed(made.run(change=delayed(-0.3)))["injected delays"].what
    for ended in (Ended.CLIENT_LEFT, Ended.NO_ANSWER, Ended.BROKEN, Ended.IN_FLIGHT):
        assert "injected delays" not in failed(made.run(change=delayed(-0.3, ended=ended)))


@pytest.mark.parametrize(("slow", "ok"), [(4, True), (6, False)])
def test_paced_events_leave_on_their_schedule(slow, ok):
    """Of a hundred five may be over 50 ms late."""

    def change(samples, events):
        for event in events:
            if event.phase == "storm":
                event.late, event.late_max = [100 - slow, *[0] * 7, slow], 0.08

    found = failed(made.run(change=change))
    assert set(found) == (set() if ok else {"pace"})
    if not ok:
        assert "paced events left 80ms after their schedule (p95, at most 50ms)" in found["pace"].what


def test_what_was_not_recorded_is_left_out():
    """Runs of an older version, and records that are none."""
    assert "processes" not in {one.name for one in check(made.run())}
    for vitals in (None, {}, "x", [None, {"process": "proxy"}, 3]):
        run = made.run(meta={"vitals": vitals, "clock": {"t0": T0}})
        assert failed(run) == {}
        assert instrument(run) == {"processes": []}
    assert failed(made.run(meta={"vitals": [told(cpu=[(26, 9, 1.0)])]})) == {}  # without a clock nothing has a place
    assert failed(busy(told("stranger", cpu=[(26, 9, 1.0)]))) == {}


def test_the_summary_tells_it_all():
    run = busy(
        told(worker=0, cpu=[(26, 2, 0.8)]),
        told("driver"),
        change=delayed(0.02, of=10),
    )
    run.meta["proxy"]["paths"] = {"fast": 40, "layers": 2}
    for number, event in enumerate(run.events):
        event.late, event.late_max = [9, 1], 0.0004 + number / 1e7
    found = judge(run)["instrument"]
    n = 10 * len(run.events)
    assert found["pace"] == {"n": n, "p50": 0.0005, "p95": found["pace"]["max"], "p99": found["pace"]["max"]} | {
        "max": max(event.late_max for event in run.events)
    }
    assert found["processes"][0]["worker"] == 0
    assert found["processes"][0]["cpu"] == {"p50": 0.001, "p95": 0.001, "max": 0.8}
    assert found["processes"][1]["lag"] == {"p50": 0.001, "p99": 0.001, "max": 0.001}
    assert found["delays"]["p50"] == pytest.approx(0.001)
    assert found["delays"]["max"] == pytest.approx(0.02)
    assert found["paths"] == {"fast": 40, "layers": 2}

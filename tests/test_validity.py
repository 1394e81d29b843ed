"""Every check can fail, and says what to change when it does."""

from dataclasses import replace

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.distribution import Fixed
from chaosllm.faults.rate_limit import Buckets, RateLimit
from chaosllm.record import Did, Ended, Origin, Outcome
from chaosllm.scenario import Rule
from chaosllm.trigger import Burst, Capacity, Correlated, Outage, Ramp, Trace, Trigger, Window
from chaosllm.validity import check
from chaosllm.validity._injection import pure_share


def failed(run):
    found = [one for one in check(run) if not one.ok]
    assert all(one.what and one.hint for one in found)
    return {one.name for one in found}


def each(change):
    """Applies `change(number, event)` to every event."""

    def spoil(samples, events):
        for at, event in enumerate(events):
            events[at] = change(at, event)

    return spoil


@pytest.mark.parametrize("conduct", [made.calm, made.hit])
def test_a_sound_run_passes_every_check(conduct):
    """Checks that fail on nothing would be worthless; on a sound run none does."""
    of = made.scenario(rules=()) if conduct is made.calm else made.scenario()
    assert failed(made.run(conduct, of)) == set()


def test_our_own_failures():
    """A hook of ours that broke, or a failure that a process reported."""
    assert failed(made.run(meta={"failures": ["the proxy died"]})) == {"internal failures"}
    spoil = each(lambda at, event: replace(event, did=Did.FAILED) if at == 30 else event)
    assert failed(made.run(change=spoil)) == {"internal failures"}


def test_no_operation():
    """Nothing driven is nothing shown."""
    assert "operations" in failed(made.run(until=0.0))


def test_no_traffic_names_the_variable_to_set():
    """Operations without a single call mean that the app goes past the proxy."""
    run = made.run(made.calm, made.scenario(rules=()), change=lambda samples, events: events.clear())
    (found,) = [one for one in check(run) if not one.ok]
    assert found.name == "traffic"
    assert "OPENAI_BASE_URL" in found.hint


def test_records_that_are_missing_or_short():
    """A lost file or lost samples."""
    assert failed(made.run(meta={"missing": ["samples.jsonl"]})) == {"records"}
    assert failed(made.run(meta={"driver": {"due": 1501}})) == {"samples"}


def test_a_stopped_run():
    """A run that did not come to its end."""
    assert failed(made.run(until=50.0, meta={"stopped": "interrupted"})) == {"whole run"}


def test_calibration():
    """Our own measurement of ourselves was out of bounds."""
    assert failed(made.run(meta={"calibration": {"ok": True}})) == set()
    spoiled = {"calibration": {"ok": False, "delay": {"error_p95": 0.08}}}
    found = [one for one in check(made.run(meta=spoiled)) if not one.ok]
    assert [one.name for one in found] == ["calibration"]
    assert "80ms" in found[0].what


def test_nothing_injected_in_a_fault_phase():
    """Rules that no call matched, or that never chose one."""
    assert failed(made.run(made.calm)) == {"injection of storm.0"}
    found = failed(made.run(change=each(lambda at, event: replace(event, rules=[], did=Did.PASSED))))
    assert found == {"injection of storm.0"}


@pytest.mark.parametrize(
    ("change", "ok"),
    [
        ({"planned": True, "fired": False, "delivered": False, "why": "max_active_faults"}, True),
        ({"planned": True, "fired": False, "delivered": False, "why": ""}, False),
        ({"planned": True, "fired": True, "delivered": False, "why": "no tool call"}, False),
    ],
)
def test_planned_must_be_fired_or_capped_and_fired_be_delivered(change, ok):
    """One injection that got lost on its way is enough to doubt the run."""

    def spoil(samples, events):
        event = next(event for event in events if event.did is Did.INJECTED)
        event.rules[0] = replace(event.rules[0], **change)

    assert failed(made.run(change=spoil)) == (set() if ok else {"delivery of storm.0"})


def test_what_is_in_flight_at_the_end_is_not_short():
    """A hang that was still held when the run ended was delivered as far as it could be."""

    def spoil(samples, events):
        event = next(event for event in events if event.did is Did.INJECTED)
        event.rules[0].delivered = False
        event.ended = Ended.IN_FLIGHT

    assert failed(made.run(change=spoil)) == set()


def flips(share):
    return made.only_in_storm(
        lambda number: Operation(tries=[refused(), Try(at=1.1)] if number % 100 < share * 100 else [Try()])
    )


@pytest.mark.parametrize(("real", "ok"), [(0.40, True), (0.45, True), (0.50, False), (0.30, False)])
def test_the_realised_share_lies_within_chance(real, ok):
    """Of about 560 calls 40 % must be chosen, give or take 6.8 points."""
    run = made.run(flips(real / (1 - real)), made.scenario(rules=[made.share_rule(0.4)]))
    assert failed(run) == (set() if ok else {"share of storm.0"})


@pytest.mark.parametrize(
    ("touched", "spoiled"),
    [({"share": 0.5}, False), ({"share": None, "owed": 3}, False), ({"on": False, "share": None, "owed": 0}, True)],
)
def test_a_share_that_was_commanded_is_not_held_against_chance(touched, spoiled):
    """Who changed a share or struck by hand left the seed's draw; a switch leaves it as it is."""
    run = made.run(flips(1), made.scenario(rules=[made.share_rule(0.4)]))
    run.meta["steering"] = {"rules": {"storm.0": touched}}
    assert failed(run) == ({"share of storm.0"} if spoiled else set())


def test_only_pure_shares_are_held_against_chance():
    """Counts, clocks, other rules and live buckets choose by other laws."""
    rule = made.share_rule(0.4)
    assert pure_share(rule) == 0.4
    assert pure_share(Rule("r", RateLimit())) is None
    assert pure_share(replace(rule, when=Trigger(share=0.4, first=1))) is None
    assert pure_share(replace(rule, when=Trigger(share=0.4, every=2))) is None
    assert pure_share(replace(rule, when=Trigger(share=0.4, window=Window(0, 1)))) is None
    for when in (
        Trigger(share=0.4, after=1),
        Trigger(share=0.4, burst=Burst(2, 1)),
        Trigger(ramp=Ramp(0.4, 0.5)),
        Trigger(share=0.4, outage=Outage(Fixed(1), Fixed(1))),
        Trigger(share=0.4, trace=Trace("times-that-a-report-does-not-read.txt")),
        Trigger(share=0.4, load=Capacity(1)),
        Trigger(correlated=Correlated("storm.0", 0.4)),
    ):
        assert pure_share(replace(rule, when=when)) is None
    assert pure_share(replace(rule, fault=RateLimit(buckets=Buckets(rpm=60)))) is None


@pytest.mark.parametrize(("bad", "ok"), [(3, True), (4, False)])
def test_the_steady_state_is_99_percent(bad, ok):
    """Of the 396 operations that ended before any fault three may fail, four may not."""

    def conduct(number, due, phase):
        return Operation(Outcome.ERROR) if 120 <= number < 120 + bad else made.hit(number, due, phase)

    assert failed(made.run(conduct)) == (set() if ok else {"steady state in baseline"})


def test_a_baseline_without_samples():
    """A baseline in which nothing ended is none."""

    def conduct(number, due, phase):
        return Operation(seconds=60.0) if phase.role == "baseline" else made.hit(number, due, phase)

    assert "steady state in baseline" in failed(made.run(conduct))


@pytest.mark.parametrize(("bad", "ok"), [(4, True), (5, False)])
def test_the_real_provider_may_fail_in_one_call_of_a_hundred(bad, ok):
    """Errors of the upstream in the baseline are its own, above 1 % they spoil the run."""

    def conduct(number, due, phase):
        if 120 <= number < 120 + bad:
            return Operation(tries=[Try(status=500), Try(at=0.5)])
        return made.hit(number, due, phase)

    assert failed(made.run(conduct)) == (set() if ok else {"upstream in baseline"})


def test_injected_errors_are_not_the_providers():
    """What we or the app broke is not blamed on the provider."""

    def spoil(at, event):
        if event.phase != "baseline":
            return event
        return replace(event, origin=Origin.CLIENT if at % 2 else Origin.INJECTED, status=None)

    assert failed(made.run(change=each(spoil))) == set()


def test_dropped_arrivals_in_the_baseline():
    """One operation that could not be sent before any fault is too many."""

    def conduct(number, due, phase):
        return Operation(Outcome.DROPPED, tries=[]) if number == 200 else made.hit(number, due, phase)

    assert failed(made.run(conduct)) == {"load in baseline"}


@pytest.mark.parametrize(("lag", "ok"), [(0.049, True), (0.051, False)])
def test_lag_of_generator_and_proxy(lag, ok):
    """A p99 of 50 ms is the most, said by the driver, seen in the samples, or said by the proxy."""

    def late(samples, events):
        for sample in samples:
            sample.t_sent += lag

    generator, proxy = (set(), set()) if ok else ({"generator lag"}, {"proxy lag"})
    assert failed(made.run(meta={"driver": {"lag_p99": lag}})) == generator
    assert failed(made.run(change=late)) == generator
    assert failed(made.run(meta={"proxy": {"lag_p99": lag}})) == proxy


@pytest.mark.parametrize(("lag", "ok"), [(0.019, True), (0.021, False)])
def test_lag_is_at_most_5_percent_of_a_latency_objective(lag, ok):
    """An objective of 400 ms asks for a lag of 20 ms at most."""
    of = made.scenario(objectives=[made.objective("latency_p50(baseline) <= 400ms")])
    assert failed(made.run(of=of, meta={"driver": {"lag_p99": lag}})) == (set() if ok else {"generator lag"})


@pytest.mark.parametrize(("one_in", "ok"), [(25, True), (15, False)])
def test_match_rate(one_in, ok):
    """Below 95 % of calls matched, the join is not to be trusted."""
    spoil = each(lambda at, event: replace(event, operation=None) if at % one_in == 0 else event)
    assert failed(made.run(change=spoil)) == (set() if ok else {"match rate"})


def test_no_operation_due_while_a_rule_was_on():
    """Then the load is what to change: `match` is not to blame for calls that nobody asked for."""

    def thin(samples, events):
        storm = made.scenario().phase_at(30.0)
        samples[:] = [one for one in samples if not storm.start <= one.t_due < storm.end]
        kept = {one.operation for one in samples}
        events[:] = [one for one in events if one.operation in kept]

    found = next(one for one in check(made.run(change=thin)) if one.name == "injection of storm.0")
    assert not found.ok
    assert found.what.endswith("nothing was injected, no operation was due in storm")
    assert found.hint.startswith("raise load.rate")
    assert "match" not in found.hint

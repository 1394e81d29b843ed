"""Conditions that a run must meet to be judged: the app, the provider and ourselves, before and during it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from chaosllm.columns import Ints
from chaosllm.join import Run
from chaosllm.record import Did, Ended, Event, Origin, Outcome
from chaosllm.scenario import Comparator, Phase, Role
from chaosllm.sources import ATTACHED
from chaosllm.stats import quantile
from chaosllm.units import format_duration, format_share
from chaosllm.validity._amounts import less, more, surely, within
from chaosllm.validity._check import ALL, TIMING, Check
from chaosllm.validity._limits import MOST_SECONDS, late_seconds, others_have_cores, proxy_hint
from chaosllm.vitals import MOST_LAG

#: METHOD section 1.
MOST_LAG_SHARE = 0.05
LEAST_BASELINE, MOST_UPSTREAM_ERRORS = 0.99, 0.01
#: The share of operations that must call the LLM when all is well. Ours: an app with a cache for half of its
#: users is judged, one whose faults hardly anybody can meet is not.
LEAST_ASKED = 0.5
#: Seconds; clocks are slewed by 0.5 ms a second at most (adjtime), and a step is more than that.
MOST_DRIFT = 1.0


def calibration(run: Run) -> Iterable[Check]:
    """We measured ourselves, and are within bounds."""
    found = run.meta.get("calibration")
    if not isinstance(found, dict) or "ok" not in found:
        return
    yield Check(
        "calibration",
        found["ok"] is not False,
        "injected delay and share are what was asked for" if found["ok"] is not False else _miscalibrated(found),
        # The load is no lever: this is measured before any of it comes.
        f"the machine is too busy to inject exactly: close other work or use more cores{_until(found)}",
        ALL,
    )


def _until(found: dict[str, Any]) -> str:
    """Which numbers would do."""
    delay, share = found.get("delay") or {}, found.get("share") or {}
    parts = []
    if isinstance(bound := delay.get("bound"), int | float):
        parts.append(f"a delay is at most {format_duration(bound)} off")
    if isinstance(low := share.get("low"), int | float) and isinstance(high := share.get("high"), int | float):
        parts.append(f"the share comes out as {format_share(low)} to {format_share(high)}")
    return f", until {' and '.join(parts)}" if parts else ""


def _miscalibrated(found: dict[str, Any]) -> str:
    delay, share = found.get("delay") or {}, found.get("share") or {}
    parts = []
    if isinstance(error := delay.get("error_p95"), int | float):
        parts.append(f"an injected delay is {format_duration(abs(error))} off at p95")
    if isinstance(seen := share.get("seen"), int | float) and isinstance(n := share.get("n"), int | float) and n:
        asked = share.get("asked")
        parts.append(
            f"a share of {format_share(asked) if isinstance(asked, int | float) else asked} "
            f"came out as {format_share(seen)} of {n}"
        )
    return "calibration out of bounds" + (f": {', '.join(parts)}" if parts else "")


def steady_state(run: Run) -> Iterable[Check]:
    """The app works before it is broken."""
    if run.source == ATTACHED:
        return
    for phase in run.phases(Role.BASELINE):
        if not run.seconds(phase.name):
            continue
        rows = run.rows(phase.name)
        share = float(run.good[rows].mean()) if len(rows) else 0.0
        yield Check(
            f"steady state in {phase.name}",
            len(rows) > 0 and share >= LEAST_BASELINE,
            f"{format_share(share)} of {len(rows):,} operations were good in {phase.name}, before any fault"
            if len(rows)
            else f"no operation ended in {phase.name}",
            (_steadier(run, phase, rows) if len(rows) else _long_enough(run, phase))
            if run.driven
            else f"the app must work before it is broken: lengthen {phase.name}, and mend the app",
            ALL,
        )


def _steadier(run: Run, phase: Phase, rows: Ints) -> str:
    """How many must be good, and the warm-up that a cold start needs, where it was one."""
    needs, had = math.ceil(LEAST_BASELINE * len(rows) - 1e-9), int(run.good[rows].sum())
    return (
        f"the app must work before it is broken (needs {needs:,} good of {len(rows):,}, had {had:,}): mend it, "
        f"{_warmer(run, phase, rows)}lower {run.scenario.load.lever}, or check `good` and `answer` in target.operation"
    )


def _warmer(run: Run, phase: Phase, rows: Ints) -> str:
    """The warm-up after which nothing of this baseline failed; "" where its second half failed too."""
    before = [one for one in run.scenario.phases if one.start < phase.start]
    if any(one.role is not Role.WARMUP for one in before):
        return ""
    failed = run.samples.t_due[rows][~run.good[rows]] - phase.start
    seconds = math.floor(float(failed.max(initial=0.0))) + 1
    if len(failed) and seconds <= phase.duration / 2:
        was = f"from {format_duration(phase.start)} " if before else ""
        return f"lengthen the warm-up {was}to {format_duration(math.ceil(phase.start + seconds))}, "
    return ""


def _long_enough(run: Run, phase: Phase) -> str:
    """A baseline in which an operation can end."""
    due = run.due(phase.name)
    took = run.latency[due][np.isfinite(run.latency[due])]
    if not len(due):
        expected = run.scenario.load.expected(phase.start, phase.end)
        known = not run.scenario.load.closed and expected > 0
        return more(run, max(2.0, surely(1) / expected if known else 0.0), phase.name)
    if not len(took):
        return f"needs 1 operation that ends, had 0 of {len(due):,}: see app.log and driver.log"
    least = math.ceil(2 * float(np.median(took)))
    return (
        f"an operation takes {format_duration(float(np.median(took)))} (median): make the app answer sooner, or "
        f"lengthen {phase.name} from {format_duration(phase.duration)} to {format_duration(least)}"
    )


def upstream(run: Run) -> Iterable[Check]:
    """The real provider works before anything is broken."""
    for phase in run.phases(Role.BASELINE):
        calls = [run.events[at] for at in np.flatnonzero(run.event_phase == run.place(phase.name))]
        errors = sum(1 for event in calls if upstream_error(event))
        if calls:
            yield Check(
                f"upstream in {phase.name}",
                errors <= MOST_UPSTREAM_ERRORS * len(calls),
                f"{errors:,} of {len(calls):,} calls failed at the real provider in {phase.name}",
                f"the provider itself failed (at most {int(MOST_UPSTREAM_ERRORS * len(calls)):,} calls may): check its "
                "key, its quota and its status page, or use `url: simulator`",
                ALL,
            )


def upstream_error(event: Event) -> bool:
    """Whether the real provider failed, not we and not the app."""
    if event.origin is not Origin.UPSTREAM or event.did is Did.FAILED:
        return False
    failed = event.status is not None and event.status >= 400
    return failed or event.ended in (Ended.BROKEN, Ended.NO_ANSWER)


def load(run: Run) -> Iterable[Check]:
    """Every operation of the baseline could be sent; a closed loop drops none."""
    if run.scenario.load.closed or not run.driven:
        return
    for phase in run.phases(Role.BASELINE):
        due = run.due(phase.name)
        dropped = int(run.samples.was(Outcome.DROPPED)[due].sum())
        if len(due):
            yield Check(
                f"load in {phase.name}",
                not dropped,
                f"{dropped:,} of {len(due):,} operations could not be sent in {phase.name}",
                f"the app is overloaded before any fault: {_room(run, phase)}",
                ALL,
            )


def _room(run: Run, phase: Phase) -> str:
    """The load that the cap lets in, and the cap that lets all in, if operations go on taking what they take."""
    most, t_due = run.scenario.load.max_in_flight, np.sort(run.samples.t_due)
    took = run.latency[run.due(phase.name)]
    if not np.isfinite(took).any():
        return f"{less(run, 0.0)} or raise load.max_in_flight from {most:,}"
    longest = float(np.nanmax(took))
    # As many are in flight at most as are due while the slowest lasts.
    t_due = t_due[(t_due >= phase.start - longest) & (t_due < phase.end)]
    at_once = int((np.searchsorted(t_due, t_due + longest, side="right") - np.arange(len(t_due))).max())
    needs = max(at_once, most + 1)
    return f"{less(run, most / needs)}, or raise load.max_in_flight from {most:,} to {needs:,}"


def calls(run: Run) -> Iterable[Check]:
    """Most operations of the baseline reach the LLM through the proxy, or most cannot meet a fault."""
    if not run.joined or run.source == ATTACHED:
        return
    for phase in run.phases(Role.BASELINE):
        rows = run.due(phase.name)
        rows = rows[~run.samples.was(Outcome.DROPPED)[rows]]
        asked = int((run.attempts[rows] > 0).sum())
        if len(rows):
            yield Check(
                f"calls in {phase.name}",
                asked >= LEAST_ASKED * len(rows),
                f"{asked:,} of {len(rows):,} operations called the LLM through the proxy in {phase.name}",
                f"the others cannot meet a fault (needs {math.ceil(LEAST_ASKED * len(rows)):,} that do): let every "
                "instance of the app use the proxy's addresses, and give load.prompts that the app does not answer "
                "from a cache",
                ALL,
            )


def generator_lag(run: Run) -> Iterable[Check]:
    """Operations start when they are due; in a closed loop that is when they are sent, and says nothing."""
    if run.scenario.load.closed or not run.driven:
        return
    sent = (run.phase_of >= 0) & ~run.samples.was(Outcome.DROPPED)  # without a time: NaN, which fails
    late, due = (run.samples.t_sent - run.samples.t_due)[sent], run.samples.t_due[sent]
    lag = quantile(late, 0.99) if sent.any() else 0.0
    said = (run.meta.get("driver") or {}).get("lag_p99")
    lag = max(lag, said) if isinstance(said, int | float) else lag
    bounds = [
        objective.bound
        for objective in run.scenario.objectives
        if objective.metric.startswith("latency_")
        and objective.reference is None
        and objective.comparator in (Comparator.LT, Comparator.LE)
    ]
    most = min([MOST_LAG, *(MOST_LAG_SHARE * bound for bound in bounds)])
    phase, seconds, worst = late_seconds(run, late, due, most)
    hint = "the load generator could not keep up: {}, or use a machine with more cores"
    if not math.isfinite(lag):
        what, hint = "it is not on record when operations were sent", "see driver.log in the run folder, and run again"
    elif lag <= most and seconds > MOST_SECONDS:
        what = (
            f"operations started over {format_duration(most)} late in {seconds:,} seconds of {phase} "
            f"(at most {MOST_SECONDS})"
        )
        hint = hint.format(less(run, within(most, worst)))
    else:
        what = f"operations started {format_duration(lag)} late (p99, at most {format_duration(most)})"
        hint = hint.format(less(run, within(most, max(lag, worst))))
    yield Check("generator lag", lag <= most and seconds <= MOST_SECONDS, what, hint, TIMING)


def proxy_lag(run: Run) -> Iterable[Check]:
    """The proxy keeps up; in a run that ended before its load, as it was starting, it had nothing to keep up with."""
    lag = (run.meta.get("proxy") or {}).get("lag_p99")
    if isinstance(lag, int | float) and not (run.meta.get("stopped") and "clock" not in run.meta):
        why = "" if others_have_cores(run) else "the proxy is saturated: "
        yield Check(
            "proxy lag",
            lag <= MOST_LAG,
            f"the proxy was {format_duration(lag)} late (p99, at most {format_duration(MOST_LAG)})",
            f"{why}{proxy_hint(run, within(MOST_LAG, lag))}",
            TIMING,
        )


def clock(run: Run) -> Iterable[Check]:
    """The wall clock ran as the monotonic one: dates that we wrote and the app read mean the same."""
    drift = (run.meta.get("clock") or {}).get("drift")
    if isinstance(drift, int | float):
        yield Check(
            "clock",
            abs(drift) <= MOST_DRIFT,
            f"the clock was set by {format_duration(abs(drift))} during the run, or the machine slept"
            if abs(drift) > MOST_DRIFT
            else "the clock was not set during the run",
            f"run again while nobody sets the clock by over {format_duration(MOST_DRIFT)} and the machine stays awake",
            TIMING,
        )

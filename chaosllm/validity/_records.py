"""Records that a verdict can rest on: all of them there, of one run, and with something in them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from chaosllm import registry
from chaosllm.columns import Mask
from chaosllm.join import LEAST_MATCH, Run, is_call
from chaosllm.live.words import why_stopped
from chaosllm.record import Did, Outcome
from chaosllm.scenario import Role
from chaosllm.sources import ATTACHED
from chaosllm.units import format_duration, format_share
from chaosllm.validity._amounts import more, surely
from chaosllm.validity._check import ALL, JOINED, NONE, Check

#: Clocks of two processes of one machine are one; a call that comes sooner than this before its operation
#: was sent belongs to another run. One in a hundred may be an echo of the app's own.
_TOO_SOON, _MOST_TOO_SOON = 0.1, 0.01


def failures(run: Run) -> Iterable[Check]:
    """Our own code broke, as an event, a process or the proxy's count tells."""
    broken = [event for event in run.events if event.did is Did.FAILED]
    said = [str(failure) for failure in run.meta.get("failures") or ()]
    counted = (run.meta.get("proxy") or {}).get("failures") or 0
    count = max(len(broken), len(said), int(counted))
    first = next(iter(said or [event.why for event in broken if event.why]), "")
    yield Check(
        "internal failures",
        not count,
        f"{count} failures of chaosllm itself" + (f", first: {first}" if first else "") if count else "none",
        "this is our bug, not your app's: please report it with the run folder's logs, and run again",
        ALL,
    )


def bypass(run: Run) -> Iterable[Check]:
    """The clean operation before the run showed that the app's calls do not pass the proxy: nothing was driven."""
    if found := run.meta.get("bypass"):
        yield Check("bypass", ok=False, what=f"the app {found['what']}", hint=str(found["hint"]), spoils=ALL)


def app(run: Run) -> Iterable[Check]:
    """An app that we started and that ended by itself: its own failure, not ours, and perhaps not the fault's."""
    if ended := run.meta.get("app_ended"):
        what = f"the app ended by itself during the run ({ended})"
        yield Check("app", ok=False, what=what, hint="see why in app.log in the run folder", spoils=NONE)


def certificates(run: Run) -> Iterable[Check]:
    """Calls that the app never made because it does not trust our CA would be blamed on the app."""
    if refused := (run.meta.get("proxy") or {}).get("tls_refused"):
        what = f"{refused:,} connections were given up because the app does not trust the proxy's certificate"
        hint = "let the app use the CA file in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS, or go by its base URL"
        yield Check("certificate", ok=False, what=what, hint=hint, spoils=ALL)


def _sent(run: Run) -> Mask:
    """Operations that were sent in a phase other than warm-up, by row, and not cut off by a stop."""
    judged = np.array([phase.role is not Role.WARMUP for phase in run.scenario.phases] + [False])
    sent: Mask = judged[run.phase_of] & ~run.unfinished & ~run.samples.was(Outcome.DROPPED)
    return sent  # phase -1 reads the last: outside the phases


def operations(run: Run) -> Iterable[Check]:
    """Somebody asked the app something, after the warm-up."""
    if run.meta.get("bypass") or run.source == ATTACHED:  # whose requests nobody counted: see `_sources`
        return
    sent = int(_sent(run).sum())
    yield Check(
        "operations",
        sent > 0,
        f"{sent:,} operations were sent after the warm-up",
        _to_drive(run) if run.driven else "give an access log of the time of the run, as report.html shows it",
        ALL,
    )


def _to_drive(run: Run) -> str:
    """Why nothing was sent: no phase that counts, no operation due in them, none that could be sent."""
    judged = [phase for phase in run.scenario.phases if phase.role is not Role.WARMUP]
    if not judged:
        return "every phase is a warm-up: add one that is not, such as {name: baseline, duration: 30s}"
    if dropped := int(run.samples.was(Outcome.DROPPED).sum()):
        return (
            f"no load was driven, {dropped:,} operations were dropped because load.max_in_flight "
            f"({run.scenario.load.max_in_flight:,}) were under way: mend the app, or see app.log in the run folder"
        )
    load = run.scenario.load
    expected = sum(load.expected(phase.start, phase.end) for phase in judged)
    if not load.closed and 0 < expected < surely(1):
        return f"needs 1 operation, expects {expected:.3g}: {more(run, surely(1) / expected)}"
    return f"no load was driven in {format_duration(run.end)}: let the run come to its phases, and see driver.log"


def kept(run: Run) -> Iterable[Check]:
    """No record is lost: files, operations, and calls."""
    missing = [str(name) for name in run.meta.get("missing") or ()]
    if missing:
        yield Check("records", ok=False, what=f"missing in the run folder: {', '.join(missing)}", hint="run again")
    due = (run.meta.get("driver") or {}).get("due")
    if isinstance(due, int) and not run.stopped:
        load = run.scenario.load
        # Recorded arrivals are not in the run folder: of them the driver's word is all there is.
        due = max(due, load.how_many(run.scenario.seed, run.scenario.duration))
        yield Check(
            "samples",
            due <= len(run.samples),
            f"{len(run.samples):,} of {due:,} operations are on record",
            "the driver lost operations: see driver.log in the run folder, and run again",
            ALL,
        )
    made, read = (run.meta.get("proxy") or {}).get("recognised"), run.meta.get("events_read")
    if isinstance(made, int) and isinstance(read, int):
        yield Check(
            "events",
            made <= read,
            f"{read:,} of {made:,} calls are on record",
            "events.jsonl was cut off or changed: see proxy.log in the run folder, and run again",
            ALL,
        )


def belong(run: Run) -> Iterable[Check]:
    """A call cannot come before its operation: the records are of one run."""
    known = np.flatnonzero(run.row_of >= 0)
    if run.driven and len(known):  # a log has a clock of its own
        when = np.array([run.events[at].t for at in known], dtype=np.float64)
        early = int((when < run.samples.t_sent[run.row_of[known]] - _TOO_SOON).sum())
        yield Check(
            "one run",
            early <= _MOST_TOO_SOON * len(known),
            f"{early:,} of {len(known):,} calls came before their operation was sent",
            "events.jsonl and samples.npz are not of the same run: run again",
            ALL,
        )


def traffic(run: Run) -> Iterable[Check]:
    """The app's calls pass the proxy."""
    sent = int((~run.samples.was(Outcome.DROPPED) & (run.phase_of >= 0)).sum())
    if not sent or run.source == ATTACHED:
        return
    calls = int((run.event_phase >= 0).sum())
    reset = sum(1 for event in run.events if not is_call(event))
    strange = int((run.meta.get("proxy") or {}).get("unrecognised") or 0)
    note = f" ({strange} requests passed that are no model call of the scenario's upstreams)" if strange else ""
    yield Check(
        "traffic",
        calls + reset > 0,
        f"{calls:,} calls passed the proxy for {sent:,} operations"
        if calls + reset
        else f"no call passed the proxy{note}",
        "the app's calls go past the proxy: start it with `chaosllm run SCENARIO -- COMMAND`, or set "
        f"{base_urls(run)} to the address that `chaosllm proxy` prints",
        ALL,
    )


def base_urls(run: Run) -> str:
    """The base-URL variables of the scenario's upstreams, for the hint."""
    known = registry.members("providers")
    names = [
        variable
        for upstream in run.scenario.upstreams
        if upstream.provider in known
        for variable, _ in known[upstream.provider].env[:1]
    ]
    return " and ".join(names) or "the base URL of its SDK"


def stopped(run: Run) -> Iterable[Check]:
    """The run came to its end."""
    if run.stopped and not run.meta.get("bypass"):
        driven = f"{format_duration(run.end)} of {format_duration(run.scenario.duration)}"
        what = f"stopped early ({why_stopped(run.stopped, run.meta.get('stop'))}) after {driven}"
        whole = format_duration(run.scenario.duration)
        yield Check("whole run", ok=False, what=what, hint=f"let the run come to its end, {whole} after its start")


def something_judged(run: Run) -> Iterable[Check]:
    """A verdict needs something that could fail the run."""
    if run.scenario.fail_on == "none" and not run.scenario.objectives:
        what = "fail_on is none and there are no objectives: nothing could fail this run"
        yield Check("hypothesis", ok=False, what=what, hint="add objectives, or let fail_on be critical or major")


def match(run: Run) -> Iterable[Check]:
    """Enough calls are matched to operations."""
    rate = run.match_rate
    if rate is None or not run.driven:  # see `_sources`
        return
    yield Check(
        "match rate",
        run.joined,
        f"{format_share(rate)} of calls were matched to an operation"
        + (
            ""
            if run.joined
            else f", {format_share(LEAST_MATCH)} are needed: metrics and findings by operation withheld"
        ),
        f"needs {format_share(LEAST_MATCH)} of calls with a reference: {_to_match(run)}",
        JOINED,
    )


def _to_match(run: Run) -> str:
    """How a call tells whose operation it is."""
    if run.scenario.load.closed:
        return "let the app pass the header traceparent or x-chaosllm-ref of each request on to the LLM"
    return (
        "put {prompt} where the app passes it on to the LLM unchanged, or use load.correlate: header and let the "
        "app pass the header on"
    )

"""Runs whose users were not ours: what their records can tell, and what was not looked at.

An attached run may pass only on objectives that the proxy's records decide (docs/decisions/0022): the absence of
findings that nobody looked for is no resilience.
"""

from __future__ import annotations

from collections.abc import Iterable

from chaosllm import registry
from chaosllm.join import LEAST_MATCH, Run
from chaosllm.scenario import Role
from chaosllm.sources import ACCESS_LOG, ATTACHED, REMEDY
from chaosllm.units import format_duration, format_share
from chaosllm.validity._check import ALL, JOINED, NONE, Check
from chaosllm.validity._records import base_urls

#: Seconds by which log and proxy may differ where ids tell: more is a clock that is wrong, not a network.
_MOST_SKEW = 60.0


def calls(run: Run) -> Iterable[Check]:
    """The app's own traffic passes the proxy, before any fault and after."""
    if run.source != ATTACHED:
        return
    seen = int((run.event_phase >= 0).sum())
    strange = int((run.meta.get("proxy") or {}).get("unrecognised") or 0)
    note = f" ({strange:,} requests passed that are no model call of the scenario's upstreams)" if strange else ""
    yield Check(
        "traffic",
        seen > 0,
        f"{seen:,} calls passed the proxy" if seen else f"no call passed the proxy{note}",
        f"set {base_urls(run)} of the app to the address that `chaosllm proxy` prints, start the app anew, and see "
        "that somebody uses it",
        ALL,
    )
    for phase in run.phases(Role.BASELINE):
        here = int((run.event_phase == run.place(phase.name)).sum())
        if seen and not here and run.seconds(phase.name):
            what = f"no call passed the proxy in {phase.name}, so nothing is known of calm weather"
            hint = f"attach while the app is in use, or lengthen {phase.name}"
            yield Check(f"calls in {phase.name}", ok=False, what=what, hint=hint, spoils=NONE)


def users(run: Run) -> Iterable[Check]:
    """Something that the proxy's records decide was asked of the app: else silence would pass for resilience."""
    if run.source != ATTACHED:
        return
    asked = [one for one in run.scenario.objectives if not _blind(run, one.metric)]
    yield Check(
        "users' side",
        bool(asked),
        f"{len(asked)} of {len(run.scenario.objectives)} objectives rest on the proxy's records; what users got was "
        "not looked at"
        if asked
        else "what users got is not on record, and no objective rests on the proxy's records alone",
        f"{REMEDY}, or set an objective on calls, such as retry_amplification({_fault(run)}) <= 1.5",
        NONE,
    )


def _blind(run: Run, name: str) -> bool:
    kinds = {**registry.members("metrics"), **registry.members("findings")}
    return bool(run.blind(kinds[name]))


def _fault(run: Run) -> str:
    return next((phase.name for phase in run.phases(Role.FAULT)), "storm")


def match(run: Run) -> Iterable[Check]:
    """It is known which calls are tries of one call, and whose."""
    rate = run.match_rate
    if rate is None or run.driven:
        return
    if run.source == ATTACHED:
        yield Check("match rate", *_grouped(run))
        return
    said = f"{format_share(rate)} of calls were matched to a request in the access log"
    if run.joined:
        yield Check("match rate", ok=True, what=said)
        return
    yield Check(
        "match rate",
        ok=False,
        what=f"{said}, {format_share(LEAST_MATCH)} are needed: users and calls are judged apart, and what needs both "
        "is withheld",
        hint="let the app pass traceparent or x-request-id of each request on to the LLM, and log it as trace_id or "
        "request_id",
        spoils=NONE,
    )
    yield Check("retries told", *_grouped(run.calls_side))


def _grouped(run: Run) -> tuple[bool, str, str, str]:
    """Whether it is known which calls are tries of one: ok, what, hint, what it spoils."""
    rate = run.match_rate or 0.0
    strays = int(((run.event_phase >= 0) & (run.row_of < 0)).sum())
    said = (
        f"{format_share(rate)} of calls are known to be a first try or a retry of which, by trace id or the SDK's count"
    )
    few = f"; {strays:,} are not, and {format_share(LEAST_MATCH)} are needed to judge retries"
    hint = (
        "let the app send traceparent, x-request-id or an idempotency key, the same in each try, to the LLM, or use an "
        "SDK that counts its retries (those of OpenAI, Anthropic and AWS do)"
    )
    return run.joined, said if run.joined else said + few, hint, JOINED


def _apart(skew: float) -> str:
    if not skew:
        return "the log's clock and the proxy's agree, as far as requests and their calls tell"
    which = "ahead of" if skew > 0 else "behind"
    return f"the log's clock was {format_duration(abs(skew))} {which} the proxy's, and was put right"


def log(run: Run) -> Iterable[Check]:
    """The access log covers the run, by a clock that can be trusted."""
    found = run.meta.get("access_log")
    if run.source != ACCESS_LOG or not isinstance(found, dict):
        return
    bad, used = int(found.get("bad") or 0), int(found.get("used") or 0)
    yield Check(
        "access log",
        bad <= used,
        f"{used:,} requests were read from {found.get('file')}" + (f", {bad:,} lines could not be" if bad else ""),
        "more lines are lost than read: mend the log, or say with --map what its fields are",
        ALL,
    )
    skew = found.get("skew")
    if isinstance(skew, int | float):
        yield Check(
            "log clock",
            abs(skew) <= _MOST_SKEW,
            _apart(float(skew)),
            "set both clocks by NTP, and run again",
            ALL,
        )
    for phase in run.scenario.phases:
        inside = int((run.phase_of == run.place(phase.name)).sum())
        called = int((run.event_phase == run.place(phase.name)).sum())
        if called and not inside and phase.role is not Role.WARMUP:
            yield Check(
                f"access log in {phase.name}",
                ok=False,
                what=f"the access log has no request in {phase.name}, in which {called:,} calls were made",
                hint="give a log of the whole time of the run",
                spoils=ALL,
            )

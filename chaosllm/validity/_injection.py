"""Injection that a verdict can rest on: each fault struck, in the share asked for, and often enough."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from chaosllm.analysis import Injection
from chaosllm.join import Run, is_call, met_rule
from chaosllm.record import Outcome
from chaosllm.scenario import Phase, Role, Rule
from chaosllm.stats import binomial_interval
from chaosllm.units import format_share
from chaosllm.validity._check import ALL, Check

SHARE_CONFIDENCE = 0.999
#: Operations that must meet a phase's faults before the absence of a finding says anything (METHOD section 5).
LEAST_HITS = 5
#: The share of operations that must call a provider when all is well, before not calling it means keeping away.
MOSTLY = 0.9


def injected(run: Run, rows: list[Injection]) -> Iterable[Check]:
    """Each rule by itself, because one that struck must not hide another that never did."""
    accepting = {rule.name for rule in run.scenario.rules if getattr(rule.fault, "at_accept", False)}
    for row in rows:
        if not run.seconds(row.phase):
            continue
        done = row.delivered + row.in_flight
        yield Check(
            f"injection of {row.rule}",
            done > 0 and 2 * row.capped <= row.planned,
            f"{row.rule} ({row.fault}): {_how_far(row, row.rule in accepting)}",
            _what_to_change(row, row.rule in accepting),
            ALL,
        )


def _how_far(row: Injection, at_accept: bool) -> str:
    if not row.eligible and at_accept:
        return "nothing was injected, the app opened no connection to that provider"
    if not row.eligible:
        return "nothing was injected, no call matched it"
    if not row.planned:
        return f"nothing was injected, {row.eligible:,} calls matched and none was chosen"
    if 2 * row.capped > row.planned:
        return f"{row.capped:,} of {row.planned:,} injections were held back by {_why(row) or 'limits'}"
    if not row.delivered + row.in_flight:
        return f"nothing was injected, {row.planned:,} were planned" + (f" ({_why(row)})" if _why(row) else "")
    return f"{row.delivered:,} of {row.planned:,} planned injections were delivered"


def _what_to_change(row: Injection, at_accept: bool) -> str:
    if not row.eligible and at_accept:
        return (
            "let the app call that provider in this phase, and pass the proxy; its older connections are closed as "
            "soon as they carry no call, but one that always carries some lives on: use `reset` at request for those"
        )
    if not row.eligible:
        return (
            "check `match` against the provider, endpoint and model that the app really calls, whether those calls "
            "pass the proxy, and the rules before it, which may answer first"
        )
    if not row.planned:
        return "raise the share, the rate or the duration, or lower the limit that was never reached"
    if row.capped:
        return "raise limits.max_active_faults or the load, or lower the share: few calls in flight leave no room"
    return "see `why` of these calls in events.jsonl; what cannot be played on them needs another `match` or shape"


def _why(row: Injection) -> str:
    return next((why for why, _ in row.why.most_common(1)), "")


def delivered(_run: Run, rows: list[Injection]) -> Iterable[Check]:
    """What was planned was fired, or held back by a limit; what was fired was played (DESIGN law 4)."""
    for row in rows:
        if not row.planned:
            continue
        lost = row.planned - row.fired - row.capped
        short = row.fired - row.delivered - row.in_flight
        what = f"{row.rule}: injected {row.delivered:,} of {row.planned:,} planned"
        if row.capped:
            what += f", {row.capped:,} held back by limits"
        if row.skipped:
            what += f", {row.skipped:,} could not be played"
        if _why(row):
            what += f" ({_why(row)})"
        hint = "see `why` of these calls in events.jsonl; what cannot be played on them needs another `match` or shape"
        yield Check(f"delivery of {row.rule}", lost <= 0 and short <= 0, what, hint, ALL)


def shares(run: Run, rows: list[Injection]) -> Iterable[Check]:
    """The realised share lies where chance alone would put it."""
    by_name = {row.rule: row for row in rows}
    for rule in run.scenario.rules:
        row = by_name[rule.name]
        asked = pure_share(rule)
        if asked is None or not row.eligible:
            continue
        low, high = binomial_interval(row.eligible, asked, SHARE_CONFIDENCE)
        yield Check(
            f"share of {rule.name}",
            low <= row.planned <= high,
            f"{rule.name}: {row.planned:,} of {row.eligible:,} calls chosen, {format_share(asked)} asked for "
            f"({low:,} to {high:,} expected)",
            "calls that look alike share one draw: use load.correlate, or another seed",
            ALL,
        )


def pure_share(rule: Rule) -> float | None:
    """The share of eligible calls that chance alone chooses; None where anything else has a say."""
    return None if rule.fault.live else rule.when.expected_share


def hits(run: Run) -> Iterable[Check]:
    """Enough operations of each phase met its faults, or kept away from them, for silence to mean something."""
    for phase in run.scenario.phases:
        met = run.hits[phase.name]
        if phase.rules and met and run.seconds(phase.name):  # of a phase without any `injected` tells more
            kept_away = _kept_away(run, phase) if met < LEAST_HITS else 0
            yield Check(
                f"hits in {phase.name}",
                met + kept_away >= LEAST_HITS,
                f"{met:,} operations met a fault in {phase.name}"
                + (f" and {kept_away:,} kept away from it" if kept_away else "")
                + f", at least {LEAST_HITS} must for a verdict",
                "raise the share, the rate or the duration",
            )


def _kept_away(run: Run, phase: Phase) -> int:
    """Operations of a phase that do not call what its faults struck, though most do when all is well.

    A circuit breaker that opens after two failures spares all later users the fault: that is no thin sample.
    """
    rules = {rule.name for rule in phase.rules}
    struck = {(event.provider, event.model) for event in run.events if is_call(event) and met_rule(event) in rules}
    asks = np.array([(event.provider, event.model) in struck for event in run.events], dtype=bool)
    asked = np.zeros(len(run.samples), dtype=bool)
    asked[run.row_of[asks & (run.row_of >= 0)]] = True
    calm = [asked[rows].mean() for one in run.phases(Role.BASELINE) if len(rows := run.rows(one.name))]
    if not run.joined or not calm or min(calm) < MOSTLY:
        return 0
    rows = run.due(phase.name)
    return int((~asked & ~run.samples.was(Outcome.DROPPED))[rows].sum())

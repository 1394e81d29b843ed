"""Injection that a verdict can rest on: each fault struck, in the share asked for, and often enough."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from chaosllm.analysis import Injection
from chaosllm.join import Run, is_call, met_rule
from chaosllm.live.words import rules_touched
from chaosllm.record import Outcome
from chaosllm.scenario import Phase, Role, Rule
from chaosllm.stats import binomial_interval
from chaosllm.trigger import Trigger
from chaosllm.units import format_duration, format_share
from chaosllm.validity._amounts import more, surely
from chaosllm.validity._check import ALL, Check

SHARE_CONFIDENCE = 0.999
#: Operations that must meet a phase's faults before the absence of a finding says anything (METHOD section 5).
LEAST_HITS = 5
#: The share of operations that must call a provider when all is well, before not calling it means keeping away.
MOSTLY = 0.9
#: Seconds between a command and the calls that it reaches: what lies between is no time in which a rule could strike.
LAG = 1.0
_SEE_WHY = "see `why` in events.jsonl (calls: {}); what cannot be played on them needs another `match` or shape"


def injected(run: Run, rows: list[Injection]) -> Iterable[Check]:
    """Each rule by itself, because one that struck must not hide another that never did."""
    accepting = {rule.name for rule in run.scenario.rules if getattr(rule.fault, "at_accept", False)}
    struck = {row.phase for row in rows if row.delivered + row.in_flight}
    for row in rows:
        if not run.seconds(row.phase):
            continue
        done = row.delivered + row.in_flight
        if not row.eligible and switched_off(run, row):
            # Who switches one rule off and another on tests the other; who switches all off tests nothing.
            yield Check(
                f"injection of {row.rule}",
                row.phase in struck,
                f"{row.rule} ({row.fault}): switched off throughout"
                + ("" if row.phase in struck else ", and no other rule of its phase struck"),
                f"switch it on while its phase lasts (chaosllm ctl enable {row.rule}), or take it out of the scenario",
                ALL,
            )
            continue
        yield Check(
            f"injection of {row.rule}",
            done > 0 and 2 * row.capped <= row.planned,
            f"{row.rule} ({row.fault}): {_how_far(run, row, row.rule in accepting)}",
            _what_to_change(run, row, row.rule in accepting),
            ALL,
        )


def switched_off(run: Run, row: Injection) -> bool:
    """Whether a rule was off all the time that its phase was on, by a plan or by hand."""
    phase = run.scenario.phase(row.phase)
    steering = run.meta.get("steering")
    rules = steering.get("rules") if isinstance(steering, Mapping) else None
    switch = rules.get(row.rule) if isinstance(rules, Mapping) else None
    if phase is None or not isinstance(switch, Mapping):
        return False
    turned = [
        (one["t"], one["do"])
        for one in run.meta.get("commands") or ()
        if one["ok"] and one["rule"] == row.rule and one["do"] in ("enable", "disable") and one["t"] is not None
    ]
    if any(phase.start < t < phase.end for t, _ in turned):
        return False
    after = next((do for t, do in turned if t >= phase.end), None)
    return after == "enable" if after is not None else switch.get("on") is False


def held_back(run: Run, row: Injection) -> tuple[float, str]:
    """(seconds of its phase for which a rule was kept from striking by hand, how); (0, "") for one that was not."""
    phase = run.scenario.phase(row.phase)
    if phase is None:
        return 0.0, ""
    paused, off = _spells(run, phase, "pause", "resume"), _spells(run, phase, "disable", "enable", row.rule)
    ways = ("injection was paused", "it was switched off")
    how = " or ".join(way for way, spells in zip(ways, (paused, off), strict=True) if spells)
    covered, last = 0.0, phase.start
    for begin, end in sorted([*paused, *off]):
        covered += max(0.0, end - max(begin, last))
        last = max(last, end)
    return covered, how


def _spells(run: Run, phase: Phase, begins: str, ends: str, rule: str | None = None) -> list[tuple[float, float]]:
    """The stretches of a phase between commands of the one kind and of the other, in seconds of the run."""
    turned = [
        (one["t"], one["do"])
        for one in run.meta.get("commands") or ()
        if one["ok"] and one["t"] is not None and one["rule"] == rule and one["do"] in (begins, ends)
    ]
    found, stop = list[tuple[float, float]](), phase.start + run.seconds(phase.name)
    since = -math.inf if turned and turned[0][1] == ends else None  # what is switched on first began switched off
    for t, do in turned:
        if do == begins and since is None:
            since = t
        elif do == ends and since is not None:
            found.append((since, t))
            since = None
    found += [(since, math.inf)] if since is not None else []
    cut = [(max(begin, phase.start), min(end, stop)) for begin, end in found]
    return [(begin, end) for begin, end in cut if end > begin]


def _not_met(run: Run, row: Injection) -> str:
    """Why no call matched: the rule was kept from striking, for the whole of its phase or for a part of it."""
    if not (held := _held(run, row)):
        return "no call matched it"
    return held + ("" if held.endswith(f"all of {row.phase}") else ", and no call matched it in the rest")


def _held(run: Run, row: Injection) -> str:
    """For how long a rule was kept from striking by hand, and how; "" for one that was not."""
    (seconds, how), whole = held_back(run, row), run.seconds(row.phase)
    if not how:
        return ""
    much = "all" if seconds >= whole - LAG else f"{_about(seconds)} of the {_about(whole)}"
    return f"{how} for {much} of {row.phase}"


def _about(seconds: float) -> str:
    return format_duration(round(seconds, 1))


def _how_far(run: Run, row: Injection, at_accept: bool) -> str:
    if not row.eligible and held_back(run, row)[1]:
        return f"nothing was injected, {_not_met(run, row)}"
    if not row.eligible and at_accept:
        return "nothing was injected, the app opened no connection to that provider"
    if not row.eligible and _idle(run, row):
        return f"nothing was injected, no operation was due in {row.phase}"
    if not row.eligible:
        return f"nothing was injected, {_not_met(run, row)}"
    if not row.planned:
        held = held_back(run, row)[1]
        return f"nothing was injected, {row.eligible:,} calls matched and none was chosen" + (
            f" ({_held(run, row)})" if held else ""
        )
    if 2 * row.capped > row.planned:
        return f"{row.capped:,} of {row.planned:,} injections were held back by {_why(row) or 'limits'}"
    if not row.delivered + row.in_flight:
        return f"nothing was injected, {row.planned:,} were planned" + (f" ({_why(row)})" if _why(row) else "")
    return f"{row.delivered:,} of {row.planned:,} planned injections were delivered"


def _what_to_change(run: Run, row: Injection, at_accept: bool) -> str:
    if not row.planned and (how := held_back(run, row)[1]):
        again = "resume" if "paused" in how else f"enable {row.rule}"
        return (
            "faults that are held back test nothing: run again, and let them strike for longer while "
            f"{row.phase} lasts (chaosllm ctl {again})"
        )
    if not row.eligible and at_accept:
        return (
            "let the app call that provider in this phase, and pass the proxy; its older connections are closed as "
            "soon as they carry no call, but one that always carries some lives on: use `reset` at request for those"
        )
    if not row.eligible and _idle(run, row):
        return _more_load(run, row)
    if not row.eligible:
        return (
            "check `match` against the provider, endpoint and model that the app really calls, whether those calls "
            "pass the proxy, and the rules before it, which may answer first"
        )
    if not row.planned:
        return _reachable(run, row)
    if row.capped:
        return (
            f"raise limits.max_active_faults from {format_share(run.scenario.limits.max_active_faults)} (at 100% it "
            "holds none back), raise the load, or lower the share: few calls in flight leave no room"
        )
    return _SEE_WHY.format(f"{row.planned:,}")


def _idle(run: Run, row: Injection) -> bool:
    """Whether our own load asked nothing in a rule's phase, so that no `match` could have helped."""
    return run.driven and not len(run.due(row.phase))


def _more_load(run: Run, row: Injection) -> str:
    """How much more load lets a rule meet LEAST_HITS calls, of which each operation makes one at least."""
    load, rule = run.scenario.load, next((one for one in run.scenario.rules if one.name == row.rule), None)
    if not load.closed and load.shape is None:
        needed = surely(LEAST_HITS) / ((rule.when.share if rule else None) or 1)
        if (factor := needed / (load.rate * run.seconds(row.phase))) > 1:
            return more(run, factor, row.phase)
    return f"raise {load.lever}, or the duration of {row.phase}"


def _reachable(run: Run, row: Injection) -> str:
    """What makes a rule that calls matched and that chose none of them choose LEAST_HITS."""
    rule = next((one for one in run.scenario.rules if one.name == row.rule), None)
    if rule is None:
        return "the records name a rule that the scenario has not: run again"
    seconds, when = run.seconds(row.phase), rule.when
    if rule.fault.live:
        # A bucket is full when the phase begins, and refills in the course of it: what it lets by is both.
        reached = math.floor((row.eligible - LEAST_HITS) / (1 + seconds / 60))
        most = f", as rpm to at most {reached:,}" if reached > 0 else ""
        return f"{row.eligible:,} calls in {format_duration(seconds)} never reached its limit: lower it{most}"
    counted = Trigger(share=when.share, every=when.every, after=when.after, first=when.first, of=when.of)
    if when == counted:
        chosen = surely(LEAST_HITS) / when.share if when.share else float(LEAST_HITS)
        needs = (when.after or 0) + (when.every or 1) * chosen
        if needs > row.eligible:
            return f"needs {needs:,.0f} calls, had {row.eligible:,}: " + more(run, needs / row.eligible, row.phase)
    return (
        f"none of {row.eligible:,} calls in {format_duration(seconds)} met its `when`: let it leave more of the "
        f"{format_duration(seconds)}, or more of the calls, to the rule"
    )


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
        hint = _SEE_WHY.format(f"{max(lost, 0) + max(short, 0):,}")
        yield Check(f"delivery of {row.rule}", lost <= 0 and short <= 0, what, hint, ALL)


def shares(run: Run, rows: list[Injection]) -> Iterable[Check]:
    """The realised share lies where chance alone would put it."""
    by_name, touched = {row.rule: row for row in rows}, rules_touched(run.meta.get("steering"))
    for rule in run.scenario.rules:
        row = by_name[rule.name]
        asked = pure_share(rule)
        if asked is None or not row.eligible or rule.name in touched:
            continue
        low, high = binomial_interval(row.eligible, asked, SHARE_CONFIDENCE)
        yield Check(
            f"share of {rule.name}",
            low <= row.planned <= high,
            f"{rule.name}: {row.planned:,} of {row.eligible:,} calls chosen, {format_share(asked)} asked for "
            f"({low:,} to {high:,} expected)",
            _other_draws(run),
            ALL,
        )


def _other_draws(run: Run) -> str:
    """How calls come to draws of their own; one seed in a thousand is out by chance alone."""
    load, another = run.scenario.load, f"`seed: {run.scenario.seed + 1}`"
    if load.correlate == "none" and not load.closed:
        return f"calls that look alike share one draw: use `load.correlate: prompt`, or {another}"
    return f"calls of one operation share one draw where no header tells them apart: use {another}"


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
                f"{met:,} {run.noun} met a fault in {phase.name}"
                + (f", and {kept_away:,} never called the provider that it strikes" if kept_away else "")
                + f": a verdict needs at least {LEAST_HITS}",
                _more_hits(run, phase, met + kept_away),
            )


def _more_hits(run: Run, phase: Phase, met: int) -> str:
    """The load or the time in which LEAST_HITS operations surely meet the phase's faults, or the count in the way."""
    needs = f"needs {LEAST_HITS} {run.noun} that meet a fault, had {met:,}: "
    if not run.driven:
        return f"{needs}lengthen {phase.name}, or attach where more calls are made"
    told = [rule for rule in phase.rules if rule.when.first is not None and rule.when.counts_in == "phase"]
    if len(told) == len(phase.rules) and (first := sum(rule.when.first or 0 for rule in told)) < LEAST_HITS:
        least = (told[0].when.first or 0) + LEAST_HITS - first  # no load and no time makes up for a count
        return f"{needs}raise `first` of {told[0].name} from {told[0].when.first} to {least}"
    pure = pure_share(phase.rules[0]) if len(phase.rules) == 1 else None
    chance = any(rule.fault.live or rule.when != Trigger(every=rule.when.every) for rule in phase.rules)
    factor = (surely(LEAST_HITS) if chance else LEAST_HITS + 1) / max(1, met)
    fixed = any(rule.when.window is not None or rule.when.trace is not None for rule in phase.rules)
    return needs + more(run, factor, phase.name, pure, longer=not fixed)


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

"""How often each rule will fire: the sum of its chances over the operations that a run will hold.

Laws:
1. The chance is that of the rule's trigger, asked with what the plan asks it with: nothing is decided twice.
2. An operation is taken to make one call that fits, without a retry; what hangs on more is a note, not a number.
3. A rule that answers ends the list: what it takes does not reach the rules after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from chaosllm.call import Call, Request
from chaosllm.faults import Context, Selective
from chaosllm.language.rules import struck_words
from chaosllm.limiter import Limiter
from chaosllm.matching import asks
from chaosllm.mix import Mix
from chaosllm.plan import ends_the_list
from chaosllm.providers import Provider
from chaosllm.scenario import Match, Phase, Rule, Scenario
from chaosllm.schedule import Firing, firings
from chaosllm.script import Reply, Script
from chaosllm.stats import Floats, binomial_interval
from chaosllm.trigger import Tick
from chaosllm.units import format_share

CONFIDENCE = 0.999
#: Exact up to so many different chances, in milliseconds; above, the normal law is as good.
_EXACT = 3000
_Z = 3.2905  # of CONFIDENCE, two-sided
_MINUTE = 60.0
#: When a refusal's date is reckoned from, where only its form matters.
_SOME_TIME = 1.7e9


@dataclass(frozen=True, eq=False)
class Expectation:
    """What to expect of one rule; `mean` None: it hangs on the traffic, and `note` says on what."""

    of: int  # operations due in its phase whose call it may touch
    mean: float | None
    low: int
    high: int
    note: str
    times: Floats  # seconds from the run's start at which those operations are due
    chances: Floats


def expect(scenario: Scenario, providers: Mapping[str, Provider]) -> dict[str, Expectation]:
    """The expectation of each rule, by its name."""
    due = np.asarray(scenario.load.due_times(scenario.seed, scenario.duration))
    mix = Mix(scenario.target, scenario.seed)
    found: dict[str, Expectation] = {}
    for phase in scenario.phases:
        if phase.rules:
            first, end = (int(at) for at in np.searchsorted(due, (phase.start, phase.end)))
            # Operations of a session are taken to be due when it begins, because nobody knows how long answers take.
            steps = [(user, step) for user in range(first, end) for step in range(len(mix.session(user).steps))]
            asked = {user * mix.stride + step: mix.name(user * mix.stride + step) for user, step in steps}
            found |= _in_phase(scenario, providers, phase, due[[user for user, _ in steps]], asked)
    return found


def _in_phase(
    scenario: Scenario, providers: Mapping[str, Provider], phase: Phase, due: Floats, asked: Mapping[int, str]
) -> dict[str, Expectation]:
    """Of the rules of one phase; `asked` is what each of its operations asks, by its number."""
    found: dict[str, Expectation] = {}
    before: list[tuple[Rule, Floats]] = []  # the rules that answer, and the chance with which each lets a call go on
    bound = firings(scenario.seed, phase)
    for rule in phase.rules:
        fits = np.array([_operation_fits(rule.match, at, name) for at, name in asked.items()], dtype=bool)
        calls, played = _played(rule, scenario, providers)
        unknown = _unknown(bound[rule.name], int(fits.sum()), phase.duration)
        if scenario.load.closed:
            unknown = "its users ask as often as they are answered: how often is not known before a run"
        alone = np.zeros(len(due))
        if not unknown:
            alone[fits] = [_chance(bound[rule.name], phase, float(due[n]), int(n)) for n in np.flatnonzero(fits)]
        chances = alone.copy()
        for earlier, spares in before:
            if not _apart(earlier.match, rule.match):
                chances *= _left(bound[rule.name], bound[earlier.name], spares, phase, due)
        mean = None if unknown else float(chances.sum())
        low, high = (0, 0) if unknown else interval(chances)
        note = unknown or _remark(rule, scenario, calls, [call for call, _ in played])
        found[rule.name] = Expectation(int(fits.sum()), mean, low, high, note, due[fits], chances[fits])
        if any(ends_the_list(step) for _, script in played for step in script):
            before.append((rule, 1 - alone))
    return found


def _left(firing: Firing, earlier: Firing, spares: Floats, phase: Phase, due: Floats) -> Floats:
    """The share of a rule's chance that an earlier one, which answers first, leaves it.

    Rules of which one follows the other, or that follow the same one, go by one draw: it is below that rule's chance
    at the time by which the one goes, and at the time by which the other goes. So where the rule fires, the earlier
    one does as far as the one chance covers the other, and as often as it fires by itself where that draw says yes.
    """
    lines = ((one, by, before) for one, by in _line(firing) for other, before in _line(earlier) if one is other)
    if (common := next(lines, None)) is None:
        return spares
    leader, by, before = common
    ours, theirs = (
        np.array([_chance(leader, phase, float(t) - late, n) for n, t in enumerate(due)]) for late in (by, before)
    )
    own = np.divide(1 - spares, theirs, out=np.zeros(len(due)), where=theirs > 0)
    both = np.divide(theirs, ours, out=np.zeros(len(due)), where=ours > 0)
    left: Floats = 1 - np.minimum(1.0, own) * np.minimum(1.0, both)
    return left


def _line(firing: Firing) -> Iterator[tuple[Firing, float]]:
    """A rule, the one that it follows, and so on, each with the seconds by which the first is later."""
    late = 0.0
    yield firing, late
    while firing.leader is not None and firing.when.correlated is not None:
        late += firing.when.correlated.delay
        firing = firing.leader
        yield firing, late


def _chance(firing: Firing, phase: Phase, t: float, n: int) -> float:
    return firing.expected(Tick(t - phase.start, n, 0, 0, 0.0, phase.duration))


def interval(chances: Floats, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Between which counts the number of hits lies, each with its own chance, with at least that confidence."""
    certain = int((chances >= 1).sum())
    open_ = chances[(chances > 0) & (chances < 1)]
    if not len(open_):
        return certain, certain
    if np.ptp(open_) == 0:
        low, high = binomial_interval(len(open_), float(open_[0]), confidence)
    elif len(open_) <= _EXACT:
        low, high = _between(open_, confidence)
    else:
        mean, spread = float(open_.sum()), _Z * math.sqrt(float((open_ * (1 - open_)).sum()))
        low, high = max(0, math.floor(mean - spread) - 1), min(len(open_), math.ceil(mean + spread) + 1)
    return certain + low, certain + high


def _between(chances: Floats, confidence: float) -> tuple[int, int]:
    """By the exact law of a sum of unequal coins."""
    law = np.ones(1)
    for chance in chances:
        law = np.convolve(law, (1 - chance, chance))
    cdf, tail = np.cumsum(law), (1 - confidence) / 2
    return int(np.searchsorted(cdf, tail, side="right")), int(np.searchsorted(cdf, 1 - tail))


def _unknown(firing: Firing, n: int, seconds: float) -> str:
    """Why nobody can say beforehand how often a rule fires; "" when one can."""
    rule, fault = firing.rule, firing.rule.fault
    if getattr(fault, "at_accept", False):
        return "it strikes connections: how many the app opens is not known before a run"
    if fault.live:
        told = "it keeps count of real traffic: what the app asks decides"
        rpm = getattr(getattr(fault, "buckets", None), "rpm", None)
        if rpm is None:
            return told
        over = max(0, round(n - rpm - rpm * seconds / _MINUTE))  # a bucket begins full
        return f"{told}; of {n:,} calls on one key and model, about {over:,} are over {rpm} a minute"
    if (load := rule.when.load) is not None:
        share = format_share(load.share(n / seconds))
        return f"it goes by the traffic: at {n / seconds:.3g} calls a second, without a retry, about {share} of them"
    if firing.leader is not None and (why := _unknown(firing.leader, n, seconds)):
        return f"it follows {firing.leader.rule.name}: {why}"
    if rule.match.attempt and 0 not in rule.match.attempt:
        return "it touches retries alone: how many the app makes is not known before a run"
    return ""


def _remark(rule: Rule, scenario: Scenario, calls: list[Call], struck: list[Call]) -> str:
    """What a number leaves out."""
    told = [struck_words(struck)] if isinstance(rule.fault, Selective) and len(struck) < len(calls) else []
    if scenario.limits.max_active_faults < 1:
        told.append("limits.max_active_faults may hold some of them back")
    return ", and ".join(told)


def _operation_fits(match: Match, index: int, name: str) -> bool:
    """Whether a call of this operation could fit, by what the operation tells."""
    return (
        (not match.operation or index in match.operation or asks(match.operation, name))
        and (not match.any_ or any(_operation_fits(one, index, name) for one in match.any_))
        and all(_operation_fits(one, index, name) for one in match.all_)
        and not (match.not_ is not None and match.not_ == Match(operation=match.not_.operation)
                 and bool(match.not_.operation) and _operation_fits(match.not_, index, name))
    )  # fmt: skip


def _apart(one: Match, other: Match) -> bool:
    """Whether no call can fit both, as far as their own words tell."""
    return any(
        a and b and not any(fnmatchcase(x, y) or fnmatchcase(y, x) for x in a for y in b)
        for a, b in ((one.provider, other.provider), (one.endpoint, other.endpoint), (one.model, other.model))
    ) or any(
        a is not None and b is not None and a != b for a, b in ((one.stream, other.stream), (one.tools, other.tools))
    )


def _played(
    rule: Rule, scenario: Scenario, providers: Mapping[str, Provider]
) -> tuple[list[Call], list[tuple[Call, Script]]]:
    """The kinds of call that a rule may touch, and those that its fault strikes, each with what it does.

    None is struck by a fault that keeps count, or that strikes connections.
    """
    kinds = [call for one in scenario.upstreams for call in getattr(providers[one.provider], "kinds_of_call", ())]
    calls = [call for call in kinds if _kind_fits(rule.match, call)]
    if rule.fault.live or getattr(rule.fault, "at_accept", False):
        return calls, []
    struck = [call for call in calls if not isinstance(rule.fault, Selective) or rule.fault.applies(call)]
    return calls, [(call, _script(rule, providers[call.provider], call)) for call in struck]


def _script(rule: Rule, provider: Provider, call: Call) -> Script:
    request = Request("POST", "", "", (), b"{}", call.provider)
    return rule.fault.script(Context(call, request, provider, lambda _: 0.5, _SOME_TIME, 0.0, Limiter())) or ()


def _kind_fits(match: Match, call: Call) -> bool:
    return (
        (not match.provider or any(fnmatchcase(call.provider, glob) for glob in match.provider))
        and (not match.endpoint or any(fnmatchcase(call.endpoint, glob) for glob in match.endpoint))
        and match.stream in (None, call.stream)
        and match.tools in (None, call.tools)
    )


def replies(rule: Rule, scenario: Scenario, providers: Mapping[str, Provider]) -> list[Reply]:
    """The answers that a rule gives in the provider's place."""
    _, played = _played(rule, scenario, providers)
    return [step for _, script in played for step in script if isinstance(step, Reply)]

"""What a scenario will do, and what it can show, before anything runs: data that `explain` puts into words.

Laws:
1. Every number comes from where a run takes it: due times, chances, and the samples that the verdict asks for.
2. What hangs on the app is said to, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosllm import registry
from chaosllm.expectation import Expectation, expect, replies
from chaosllm.findings import SEVERITIES
from chaosllm.language.samples import Samples, Shortage
from chaosllm.power import failing_to, least_drop, passing_from
from chaosllm.prices import DEFAULT, PRICES, Price, price_of
from chaosllm.providers import Provider
from chaosllm.scenario import Comparator, Objective, Phase, Role, Rule, Scenario
from chaosllm.wording import fault_words, load_words, match_words, when_words

#: The least baseline that a verdict takes (METHOD section 1): a drop is counted from there.
STEADY = 0.99
#: Attempts of one operation in the worst case: the official SDKs' default of 2 retries (SDK-BEHAVIOUR).
WORST_ATTEMPTS = 3
#: Tokens of one call in the worst case, as chat apps ask and answer: some history in, a long answer out.
TOKENS_IN, TOKENS_OUT = 1000, 1000


@dataclass(frozen=True, slots=True)
class RuleStory:
    """One rule: what it does, when, to which calls, and how often."""

    name: str
    fault: str
    what: str
    when: str
    which: str
    expected: float | None  # injections; None: it hangs on the traffic
    low: int
    high: int
    of: int
    note: str


@dataclass(frozen=True, slots=True)
class PhaseStory:
    """One phase, with its rules."""

    name: str
    role: Role
    start: float
    duration: float
    operations: int | None  # None: a closed loop's are not known beforehand
    rules: tuple[RuleStory, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What it takes to decide an objective; `passes` and `fails` are true shares, None where another thing decides."""

    objective: str
    passes: float | None = None  # from this share on (or up to it) it passes in 4 of 5 runs
    fails: float | None = None
    upward: bool = True  # whether more is better
    shortage: str = ""  # why it cannot be decided
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """The least drop of success that shows between two phases; None: not even one to zero."""

    before: str
    after: str
    calm: int  # operations of the one, and of the other
    struck: int
    least: float | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding that the scenario can bring to light, and the rules that do."""

    code: str
    severity: str
    summary: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that a run costs at a real upstream, in USD at list prices."""

    usd: float | None  # None: how many calls there will be is not known
    calls: int
    model: str  # "" where the scenario names none with a price
    price: Price


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of a scenario before it runs."""

    name: str
    hypothesis: str
    seed: int
    duration: float
    load: str  # in words
    operations: int | None
    phases: tuple[PhaseStory, ...]
    objectives: tuple[Decided, ...]
    drops: tuple[Drop, ...]
    findings: tuple[Shown, ...]
    ceiling: Ceiling | None  # None: every upstream is simulated
    expectations: Mapping[str, Expectation]


def explain(scenario: Scenario) -> Explanation:
    """Everything that can be said beforehand."""
    providers: dict[str, Provider] = {
        upstream.provider: registry.member("providers", upstream.provider) for upstream in scenario.upstreams
    }
    samples = Samples(scenario.phases, scenario.load, scenario.seed, scenario.target)
    expected = expect(scenario, providers)
    return Explanation(
        name=scenario.name,
        hypothesis=" ".join(scenario.hypothesis.split()),
        seed=scenario.seed,
        duration=scenario.duration,
        load=load_words(scenario.load) + (f", {scenario.target.steps:.3g} a user" if scenario.target.sessions else ""),
        operations=None if scenario.load.closed else samples.of(*scenario.phases),
        phases=tuple(_phase(phase, samples, expected) for phase in scenario.phases),
        objectives=tuple(_objectives(scenario, samples, expected)),
        drops=tuple(_drops(scenario, samples)),
        findings=tuple(_findings(scenario, providers, expected)),
        ceiling=_ceiling(scenario, samples),
        expectations=expected,
    )


def _phase(phase: Phase, samples: Samples, expected: Mapping[str, Expectation]) -> PhaseStory:
    rules = tuple(_rule(rule, expected[rule.name]) for rule in phase.rules)
    return PhaseStory(
        phase.name, phase.role, phase.start, phase.duration, None if samples.load.closed else samples.of(phase), rules
    )


def _rule(rule: Rule, one: Expectation) -> RuleStory:
    when = "while its limits are reached" if rule.fault.live else when_words(rule.when)
    what, which = fault_words(rule.fault), match_words(rule.match)
    return RuleStory(
        rule.name, rule.fault.name, what, when, which, one.mean, one.low, one.high, one.of, one.note,
    )  # fmt: skip


def _objectives(scenario: Scenario, samples: Samples, expected: Mapping[str, Expectation]) -> list[Decided]:
    short: dict[str, Shortage] = {one.objective.text: one for one in samples.shortages(scenario.objectives)}
    findings, metrics = registry.members("findings"), registry.members("metrics")
    found = []
    for objective in scenario.objectives:
        if (lacking := short.get(objective.text)) is not None:
            found.append(Decided(objective.text, shortage=lacking.what, cure=lacking.cure))
        elif objective.metric in findings:
            found.append(_by_hits(scenario, objective, findings[objective.metric], expected))
        elif (
            not scenario.load.closed
            and metrics[objective.metric].unit == "share"
            and objective.reference is None
            and 0 < objective.bound < 1
        ):
            found.append(_by_share(scenario, objective, samples))
        else:
            found.append(Decided(objective.text))
    return found


def _by_hits(scenario: Scenario, objective: Objective, kind: Any, expected: Mapping[str, Expectation]) -> Decided:
    phases = [phase for phase in scenario.judged(objective.phase) if phase.rules]
    if not phases or any((hits := _hits(phase, expected)) is None or hits >= kind.least for phase in phases):
        return Decided(objective.text)
    hits = sum(_hits(phase, expected) or 0.0 for phase in phases)
    what = f"needs {kind.least} operations that meet a fault, expects {hits:.3g}"
    return Decided(objective.text, shortage=what, cure="raise the share, the load or the duration")


def _hits(phase: Phase, expected: Mapping[str, Expectation]) -> float | None:
    """How many operations of a phase will meet its faults, about; None where it hangs on the traffic."""
    means = [expected[rule.name].mean for rule in phase.rules]
    return None if None in means else sum(mean or 0.0 for mean in means)


def _by_share(scenario: Scenario, objective: Objective, samples: Samples) -> Decided:
    n = samples.of(*scenario.judged(objective.phase))
    above, below = passing_from(objective.bound, n), failing_to(objective.bound, n)
    if objective.comparator in (Comparator.GE, Comparator.GT):
        return Decided(objective.text, above, below)
    return Decided(objective.text, below, above, upward=False)


def _drops(scenario: Scenario, samples: Samples) -> list[Drop]:
    """Of each fault, all its rounds together, against the baseline before it."""
    baselines = [phase for phase in scenario.phases if phase.role is Role.BASELINE]
    faults = [phase for phase in scenario.phases if phase.role is Role.FAULT]
    found = []
    for name in dict.fromkeys(phase.judged_as for phase in faults) if baselines and not scenario.load.closed else ():
        rounds = [phase for phase in faults if phase.judged_as == name]
        before = ([one for one in baselines if one.start < rounds[-1].start] or baselines)[-1].judged_as
        calm = samples.of(*(one for one in baselines if one.judged_as == before))
        struck = samples.of(*rounds)
        found.append(Drop(before, name, calm, struck, least_drop(STEADY, calm, struck)))
    return found


def _findings(
    scenario: Scenario, providers: Mapping[str, Provider], expected: Mapping[str, Expectation]
) -> list[Shown]:
    answers = {rule.name: replies(rule, scenario, providers) for rule in scenario.rules}
    found = []
    for code, kind in registry.members("findings").items():
        if not getattr(kind, "possible", lambda _: True)(scenario):
            continue
        rules = []
        for phase in scenario.phases:
            hits = _hits(phase, expected)
            if hits is None or hits >= kind.least:
                rules += [rule.name for rule in phase.rules if _provokes(rule, kind, answers[rule.name])]
        if rules:
            found.append(Shown(code, kind.severity, kind.summary, tuple(rules)))
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.code))


def _provokes(rule: Rule, kind: Any, answers: list[Any]) -> bool:
    """Whether a rule can bring a finding to light: by its fault, and by what its refusals say."""
    faults = getattr(kind, "provoked_by", ("*",))
    if "*" not in faults and rule.fault.name not in faults:
        return False
    shown_by = getattr(kind, "shown_by", None)
    return shown_by is None or not answers or any(shown_by(reply) for reply in answers)


def _ceiling(scenario: Scenario, samples: Samples) -> Ceiling | None:
    if all(upstream.simulated for upstream in scenario.upstreams):
        return None
    calls = samples.of(*scenario.phases) * WORST_ATTEMPTS
    prices = {**PRICES, **scenario.prices}
    named = {model: price_of(model, prices=prices) for rule in scenario.rules for model in rule.match.model}
    priced = {model: price for model, price in named.items() if price is not None}
    model = max(priced, key=lambda one: priced[one].input + priced[one].output, default="")
    price = priced.get(model, DEFAULT)
    usd = calls * (TOKENS_IN * price.input + TOKENS_OUT * price.output) / 1_000_000
    return Ceiling(None if scenario.load.closed else usd, calls, model, price)

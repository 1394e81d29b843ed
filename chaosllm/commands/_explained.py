"""An explanation as people read it: sections of plain lines, none wider than the screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from chaosllm.commands._timeline import draw
from chaosllm.expectation import CONFIDENCE
from chaosllm.explanation import (
    STEADY,
    TOKENS_IN,
    TOKENS_OUT,
    WORST_ATTEMPTS,
    Decided,
    Explanation,
    PhaseStory,
    RuleStory,
)
from chaosllm.scenario import Role, Scenario, StopCondition
from chaosllm.units import format_duration, format_share
from chaosllm.wording import listed

#: What a phase without rules is for.
_CALM = {
    Role.WARMUP: "nothing is broken; thrown away, because apps are slow at first",
    Role.BASELINE: "nothing is broken; the measure of how the app is when all is well",
    Role.FAULT: "nothing is broken",
    Role.RECOVERY: "nothing is broken any more; shows whether and when the app is well again",
}


def lines(found: Explanation, scenario: Scenario, *, width: int = 72, plain: bool = False) -> Iterator[str]:
    """The explanation, line by line; `plain` uses ASCII alone."""
    page = _Page(width)
    yield from page.text(
        f"{found.name}: {_many(len(found.phases), 'phase')}, {format_duration(found.duration)}, "
        f"{_operations(found.operations)} {found.load}, seed {found.seed}"
    )
    if found.hypothesis:
        yield from page.section("Hypothesis")
        yield from page.text(found.hypothesis, 2)
    yield from page.section("What happens")
    for phase in found.phases:
        yield from _phase(page, phase)
    told = [rule for phase in found.phases for rule in phase.rules if rule.expected is not None]
    if told:
        text = "Counts take it that each operation makes one call that fits, and no retry; each retry is drawn again."
        if any(rule.low != rule.high for rule in told):
            text += f" In brackets: what chance leaves in {CONFIDENCE * 1000:.0f} of 1,000 cases."
        if scenario.target.sessions:
            text += " All operations of a session are counted in the phase in which its user comes."
        yield from page.text(text, 2)
    yield from page.section("Timeline")
    yield from draw(found.phases, found.expectations, width=width, plain=plain)
    yield from page.section("What it can show")
    yield from _power(page, found)
    yield from page.section("Findings it can bring to light")
    yield from _findings(page, found, scenario)
    yield from page.section("When it stops")
    yield from _stops(page, scenario)
    yield from page.section("What it costs")
    yield from page.text(_cost(found), 2)


class _Page:
    """Wraps text to a width."""

    def __init__(self, width: int) -> None:
        self.width = width

    def section(self, title: str) -> Iterator[str]:
        yield ""
        yield title

    def text(self, text: str, indent: int = 0, hang: int = 0) -> Iterator[str]:
        """A paragraph; lines after the first begin `hang` columns further in."""
        yield from textwrap.wrap(
            text, self.width, initial_indent=" " * indent, subsequent_indent=" " * (indent + hang),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    def row(self, label: str, text: str, indent: int, column: int) -> Iterator[str]:
        """A label, and text beside it that keeps to its column."""
        head = " " * indent + label
        wrapped = textwrap.wrap(text, self.width - column, break_long_words=False, break_on_hyphens=False) or [""]
        yield f"{head:<{column - 1}} {wrapped[0]}"
        yield from (" " * column + rest for rest in wrapped[1:])


def _phase(page: _Page, phase: PhaseStory) -> Iterator[str]:
    span = f"{format_duration(phase.start)} to {format_duration(phase.start + phase.duration)}"
    text = f"{span}, {_operations(phase.operations)}"
    calm = "" if phase.rules else f": {_CALM[phase.role]}"
    yield from page.row(phase.name, text + calm, 2, max(14, len(phase.name) + 4))
    for rule in phase.rules:
        yield from page.text(f"{rule.name}  {rule.fault}", 4)
        for label, told in (
            ("what", rule.what), ("when", rule.when), ("which", rule.which), ("expect", expected_words(rule)),
        ):  # fmt: skip
            yield from page.row(label, told, 6, 14)


def expected_words(rule: RuleStory) -> str:
    """How often a rule is expected to strike."""
    if rule.expected is None:
        return rule.note
    mean = f"{rule.expected:,.0f}" if rule.expected >= 10 else f"{rule.expected:.2g}"
    if rule.low != rule.high:
        count = f"about {mean} of {_many(rule.of, 'call')} ({rule.low:,} to {rule.high:,})"
    else:
        count = f"{'all' if rule.low == rule.of else f'{rule.low:,} of'} {_many(rule.of, 'call')}"
    return count + (f"; {rule.note}" if rule.note else "")


def _power(page: _Page, found: Explanation) -> Iterator[str]:
    for drop in found.drops:
        phases = f"{drop.before} ({drop.calm:,} operations) to {drop.after} ({drop.struck:,})"
        if drop.least is None:
            yield from page.text(f"{phases}: too few operations to show any drop of success.", 2, 2)
            continue
        low = format_share(STEADY - drop.least)
        text = f"{phases}: success that falls from {format_share(STEADY)} to about {low} shows in 4 of 5 runs."
        yield from page.text(text, 2, 2)
    for one in found.objectives:
        if one.shortage or one.passes is not None or one.fails is not None:
            yield from page.text(_objective(one), 2, 2)
    if rest := [
        f"`{one.objective}`" for one in found.objectives if not one.shortage and one.passes is one.fails is None
    ]:
        yield from page.text(f"{listed(rest, 'and')}: can pass, and can fail.", 2, 2)
    if not found.drops and not found.objectives:
        yield from page.text("nothing: it has neither a baseline before a fault nor objectives.", 2)


def _objective(one: Decided) -> str:
    text = f"`{one.objective}`"
    if one.shortage:
        return f"{text} CANNOT BE DECIDED: it {one.shortage.removeprefix(text).strip()} ({one.cure})."
    better, worse = ("or more", "or less") if one.upward else ("or less", "or more")
    told = []
    if one.passes is not None:
        told.append(f"an app that is truly at {format_share(one.passes)} {better} passes in 4 of 5 runs")
    if one.fails is not None:
        told.append(f"one at {format_share(one.fails)} {worse} fails")
    return f"{text}: {', '.join(told)}; between the two it often stays open."


def _findings(page: _Page, found: Explanation, scenario: Scenario) -> Iterator[str]:
    if not found.findings:
        yield from page.text("none: no rule is expected to strike often enough.", 2)
        return
    for one in found.findings:
        yield from page.row(one.severity, f"{one.code}: {one.summary} ({listed(one.rules, 'and')})", 2, 12)
    fails = {"critical": "a critical one fails the run", "major": "a critical or major one fails the run"}
    for known in scenario.accept:
        where = f" in {known.phase}" if known.phase else ""
        yield from page.text(f"{known.finding}{where} is accepted until {known.until}, says {known.owner}.", 2, 2)
    yield from page.text(f"By `fail_on`, {fails.get(scenario.fail_on, 'none of them fails the run')}.", 2)


def _stops(page: _Page, scenario: Scenario) -> Iterator[str]:
    for stop in scenario.stop_when:
        yield from page.text(f"everything, as soon as {stop.text}{_over(stop)}", 2, 2)
    for watched in scenario.probes:
        often = f"asked every {format_duration(watched.every)}, with {format_duration(watched.timeout)} to answer"
        yield from page.text(f"everything, as soon as {watched.text} ({often})", 2, 2)
    if lever := scenario.limits.safety_lever:
        yield from page.text(
            f"everything, as soon as the safety lever {lever} is set; while it is, nothing starts", 2, 2
        )
    yield from page.text(
        f"injection, at the end of each phase; the load, after {format_duration(scenario.duration)}", 2, 2
    )
    yield from page.text(f"each operation, {format_duration(scenario.target.timeout)} after it was due", 2, 2)


def _over(stop: StopCondition) -> str:
    """What a condition looks at, where it does not say so itself."""
    told = ", at list prices (answers of the simulator count too)" if stop.metric == "spend" else ""
    if "(" in stop.text:
        return told
    return f" over the {'whole run' if stop.window is None else f'last {format_duration(stop.window)}'}{told}"


def _cost(found: Explanation) -> str:
    if found.ceiling is None:
        return "nothing: every call goes to the simulator."
    one = found.ceiling
    if one.usd is None:
        return "what its users ask of the real provider: how much that is, is not known before a run."
    price = f"{one.price.input:g} and {one.price.output:g} USD per million"
    whose = f"of {one.model}" if one.model else "of a middling model, because the scenario names none"
    return (
        f"at most about {one.usd:,.2f} USD at the real provider: {one.calls:,} calls ({WORST_ATTEMPTS} attempts of "
        f"each operation) of {TOKENS_IN:,} tokens in and {TOKENS_OUT:,} out, at the list price {whose} ({price}). "
        f"Your prompts and answers may be shorter or longer. Calls that a rule refuses cost nothing."
    )


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _operations(number: int | None) -> str:
    return "operations" if number is None else _many(number, "operation")

"""Every shipped scenario, decided offline against recorded calls: does each rule fire as its words say?"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from offline import Asked, Played, play
from words import chance

from chaosllm.adapters.scenario_file import read_scenario
from chaosllm.arrivals import due_times
from chaosllm.explanation import explain
from chaosllm.faults import Connecting
from chaosllm.power import needed
from chaosllm.reader import Reading
from chaosllm.registry import member, members
from chaosllm.scenario import Objective, Role, Rule, Scenario
from chaosllm.stats import z_value

LIBRARY = Path(__file__).parents[2] / "scenarios"
#: Folders beside the scenarios that hold something else.
OTHERS = ("suites", "gamedays", "parts")
FILES = sorted(
    file for file in LIBRARY.rglob("*.yaml") if not {*file.relative_to(LIBRARY).parts[:-1]} & {*OTHERS}
)  # fmt: skip
OF_FAULTS = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(LIBRARY).with_suffix("")))
#: What an app that does right may still lose, of its users: a share objective must be decidable for it.
LOST = 0.005
CONFIDENCE = 0.999


@cache
def reading(file: Path) -> Reading:
    """A scenario as `run` reads it; one that varies, in its first variant."""
    return read_scenario(file)


@cache
def played_of(file: Path) -> Played:
    """All that a scenario's operations asked."""
    return play(reading(file).unwrap())


def raw_rules(one: Reading) -> dict[str, dict[str, Any]]:
    """The rules of the flat scenario as YAML has them, by name."""
    phases = yaml.safe_load(one.as_run)["phases"]
    return {
        rule.get("name", f"{phase['name']}.{at}"): rule
        for phase in phases
        for at, rule in enumerate(phase.get("rules", []))
    }


@OF_FAULTS
def test_it_reads_without_a_word(file: Path) -> None:
    """No error and no warning: what the library shows is what an author should write."""
    assert [str(problem) for problem in reading(file).problems] == []


@OF_FAULTS
def test_it_opens_as_a_lesson(file: Path) -> None:
    """The modeline, what it teaches in a comment, then a hypothesis; the group is a tag."""
    text = file.read_text(encoding="utf-8")
    depth = "../" * len(file.relative_to(LIBRARY).parts)
    lines = text.splitlines()
    assert lines[0] == f"# yaml-language-server: $schema={depth}chaosllm/schema/scenario.json"
    comment = " ".join(line.removeprefix("#").strip() for line in lines[1:] if line.startswith("#"))
    assert re.search(r"\b[Tt]eaches\b", comment), comment
    scenario = reading(file).unwrap()
    assert scenario.name == file.stem
    assert len(scenario.hypothesis.split()) >= 8
    group = file.parent.name
    assert file.parent == LIBRARY or group in scenario.tags
    assert group != "replays" or re.search(r"Source: \S+", text), "a replay names its source"
    assert group != "replays" or "ssumed" in comment, "a replay says what is assumed"


@OF_FAULTS
def test_its_rules_fire_as_their_words_say(file: Path) -> None:
    """Each in its phase alone, at least once, and as often as chance allows at 99.9 %."""
    one = reading(file)
    scenario = one.unwrap()
    played, words = played_of(file), raw_rules(one)
    assert {rule.name for rule in scenario.rules} <= words.keys()
    for asked in played.calls:
        for part in asked.decision.applied:
            assert part.rule in {rule.name for rule in asked.phase.rules}
            assert asked.phase.role is Role.FAULT
            assert asked.t < asked.phase.end + 1.0
    for rule in scenario.rules:
        if isinstance(rule.fault, Connecting) and rule.fault.at_accept:
            _check_ports(rule, played)
        elif rule.fault.live:
            _check_live(rule, played)
        else:
            _check_chance(file.parent, rule, words, played)


def _met(rule: Rule, played: Played) -> Iterable[tuple[Asked, bool]]:
    """The calls that a rule might touch, and whether it would."""
    for asked in played.calls:
        for part in asked.decision.applied:
            if part.rule == rule.name:
                yield asked, part.planned


def _check_chance(folder: Path, rule: Rule, words: dict[str, dict[str, Any]], played: Played) -> None:
    when = words[rule.name].get("when") or {}
    expected = variance = planned = 0.0
    for asked, yes in _met(rule, played):
        p = chance(when, asked, folder, words)
        planned += yes
        if p is None:
            continue
        assert yes or p < 1, f"{rule.name} let {asked.call.id} pass"
        assert not yes or p > 0, f"{rule.name} touched {asked.call.id}"
        expected += p
        variance += p * (1 - p)
    assert planned > 0, f"{rule.name} never fires"
    if expected:
        slack = z_value(CONFIDENCE) * math.sqrt(variance) + 1
        assert abs(planned - expected) <= slack, f"{rule.name}: {planned} of {expected:.0f} expected"


def _check_live(rule: Rule, played: Played) -> None:
    """A live limit lets pass what it holds and refuses some of what is more."""
    met = list(_met(rule, played))
    refused = [asked for asked, yes in met if yes]
    assert 0 < len(refused) < len(met), f"{rule.name}: {len(refused)} of {len(met)}"
    buckets = getattr(rule.fault, "buckets", None)
    if buckets is None or buckets.rpm is None:
        return
    passed: dict[str, list[float]] = defaultdict(list)
    for asked, yes in met:
        if not yes:
            passed[asked.call.model].append(asked.t)
    for times in passed.values():
        room = buckets.rpm * (1 + (times[-1] - times[0]) / 60)
        assert len(times) <= room + 1


def _check_ports(rule: Rule, played: Played) -> None:
    """A port is closed for whole seconds of the phase, some of them at least."""
    fired = [phase for phase, decision in played.seconds for part in decision.applied if _fires(part, rule)]
    assert fired, f"{rule.name} never fires"
    assert all(rule in phase.rules for phase in fired)


def _fires(part: Any, rule: Rule) -> bool:
    return part.rule == rule.name and part.fired


@OF_FAULTS
def test_it_is_explained(file: Path) -> None:
    """Words and a number for each rule, a finding that it can show, and no objective that lacks operations."""
    scenario = reading(file).unwrap()
    told = explain(scenario)
    rules = {rule.name: rule for phase in told.phases for rule in phase.rules}
    assert rules.keys() == {rule.name for rule in scenario.rules}
    for rule in rules.values():
        assert rule.what
        assert rule.when
        assert rule.which
        assert rule.note if rule.expected is None else rule.expected > 0
    assert [one.shortage for one in told.objectives if one.shortage] == []
    named = {objective.metric for objective in scenario.objectives} & members("findings").keys()
    assert named <= {finding.code for finding in told.findings}


@OF_FAULTS
def test_its_objectives_can_be_judged(file: Path) -> None:
    """Each has operations enough, and an app that does right can be told from one that does not."""
    scenario = reading(file).unwrap()
    played = played_of(file)
    for objective in scenario.objectives:
        _check_objective(scenario, objective, played)


def _operations(scenario: Scenario, phase: str | None) -> int:
    due = due_times(scenario.load.rate, scenario.load.arrivals, scenario.seed, scenario.duration)
    stretch = scenario.phase(phase or "")
    found = [stretch] if stretch else [one for one in scenario.phases if one.role is Role.RECOVERY]
    return sum(one.start <= t < one.end for t in due for one in found)


def _check_objective(scenario: Scenario, objective: Objective, played: Played) -> None:
    if objective.metric in members("findings"):
        hits = {
            asked.call.operation
            for asked in played.calls
            if objective.phase in (None, asked.phase.name) and any(part.fired for part in asked.decision.applied)
        }
        assert len(hits) >= member("findings", objective.metric).least, objective.text
        return
    for metric, phase in [(objective.metric, objective.phase), *([objective.reference] if objective.reference else [])]:
        n = _operations(scenario, phase)
        assert n >= member("metrics", metric).needs[metric], f"{objective.text}: {n} operations in {phase}"
    if objective.metric == "time_to_recover":
        recovery = sum(one.duration for one in scenario.phases if one.role is Role.RECOVERY)
        assert recovery >= objective.bound, f"{objective.text}: the recovery is over sooner"
    elif member("metrics", objective.metric).unit == "share" and objective.reference is None:
        n = _operations(scenario, objective.phase)
        good = 1 - LOST if objective.comparator in (">=", ">") else LOST
        if 0 < objective.bound < 1:
            wanted = needed(good, objective.bound)
            assert wanted is not None
            assert n >= wanted, f"{objective.text}: {n} operations, {wanted} would decide"

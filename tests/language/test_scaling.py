"""`--duration-scale`: what happens, happens at the same place of its phase."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_text import SMALL

from chaosllm.adapters.scenario_file import loader
from chaosllm.arrivals import Ramp, Spike, Steps
from chaosllm.reader import read
from chaosllm.schedule import firings
from chaosllm.trigger import Tick

LIBRARY = Path(__file__).parents[2] / "scenarios"
FILES = sorted(path for path in LIBRARY.rglob("*.yaml") if path.parent.name not in ("suites", "gamedays"))
RULE = "when: {share: 40%}"
WHENS = [
    "window: {from: 10s, to: 40s}",
    "burst: {every: 20s, length: 5s}",
    "ramp: {from: 0%, to: 80%}, window: {from: 6s, to: 54s}",
    "outage: {up: {exponential: {mean: 6s}}, down: {weibull: {scale: 4s, shape: 0.7}}}",
    "outage: {up: 5s, down: {lognormal: {median: 2s, p95: 9s}}, "
    "degraded: {length: {gamma: {mean: 3s, cv: 0.4}}, share: 30%}}",
    "trace: {times: [3s, 17s], length: 2s}",
    "trace: {times: [30s, 170s], length: 20s, speed: 10}",
]


def chances(text: str, scale: float, *, base: Path | None = None, at: int = 149) -> dict[str, list[float]]:
    """The chances of each rule at so many places of its phase."""
    scenario = read(text, scale=scale, load=loader(base) if base else None).unwrap()
    return {
        name: [
            round(one.clock(Tick((place + 0.382) / at * phase.duration, 0, 0, 0, 0.0, phase.duration)), 6)
            for place in range(at)
        ]
        for phase in scenario.phases
        for name, one in firings(scenario.seed, phase).items()
    }


@pytest.mark.parametrize("when", WHENS)
def test_the_same_chances_at_the_same_places(when: str) -> None:
    """Every clock of a rule goes with its phase."""
    text = SMALL.replace(RULE, f"when: {{{when}}}")
    whole = chances(text, 1.0)
    assert any(0 < sum(row) < len(row) for row in whole.values()), "the rule comes and goes"
    for scale in (0.3, 0.5, 2.0):
        assert chances(text, scale) == whole


def test_a_follower_is_as_much_sooner() -> None:
    """The delay of a rule that follows another goes with the phase too."""
    rules = """      - {fault: latency, first_token: 1s, name: slow, when: {window: {from: 10s, to: 20s}}}
      - {fault: rate_limit, when: {correlated: {with: slow, delay: 20s}}}
"""
    text = SMALL.replace("      - fault: rate_limit\n        when: {share: 40%}\n", rules)
    scenario = read(text, scale=0.5).unwrap()
    assert [rule.when.correlated.delay for rule in scenario.rules if rule.when.correlated] == [10.0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_library_keeps_its_shapes(file: Path) -> None:
    """Each shipped scenario, shortened, has the same chances at the same places, and no rule that cannot fire."""
    text = file.read_text()
    whole = chances(text, 1.0, base=file.parent)
    assert chances(text, 0.3, base=file.parent) == whole
    told = read(text, scale=0.3, load=loader(file.parent)).problems
    assert not [problem for problem in told if "can never fire" in problem.what]


def test_an_alias_is_shortened_once() -> None:
    """What an alias brings again is the same, and is not halved twice."""
    text = SMALL.replace(RULE, "when: &when {window: {from: 10s, to: 40s}}\n      - {fault: error, when: *when}")
    scenario = read(text, scale=0.5).unwrap()
    assert {(rule.when.window.from_, rule.when.window.to) for rule in scenario.rules if rule.when.window} == {
        (5.0, 20.0)
    }


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ("{ramp: {from: 1/s, to: 9/s, over: 20s}}", Ramp(1.0, 9.0, 10.0)),
        ("{steps: [{rate: 5/s, for: 10s}, {rate: 9/s, for: 20s}]}", Steps(((5.0, 5.0), (9.0, 10.0)))),
        ("{spike: {at: 20s, to: 50/s, for: 6s}}", Spike(10.0, 50.0, 3.0)),
    ],
)
def test_the_shape_of_the_load_goes_with_the_run(shape: str, wanted: object) -> None:
    """Times of the load are shortened, its rates are not."""
    assert read(SMALL + f"load: {{shape: {shape}}}\n", scale=0.5).unwrap().load.shape == wanted


def test_what_the_app_lives_through_stays() -> None:
    """Delays, waits, deadlines and counts are those of the file."""
    text = SMALL.replace(RULE, "retry_after: 4s\n        when: {first: 5, of: phase}") + (
        "target: {timeout: 8s, operation: {path: /chat, json: '{prompt}', turns: 2, think: 3s}}\n"
        "objectives: [time_to_recover <= 20s]\n"
    )
    whole, half = read(text).unwrap(), read(text, scale=0.5).unwrap()
    assert half.target == whole.target
    assert [rule.fault for rule in half.rules] == [rule.fault for rule in whole.rules]
    assert [rule.when for rule in half.rules] == [rule.when for rule in whole.rules]
    assert [one.bound for one in half.objectives] == [20.0]

"""The reader: what a sound scenario becomes."""

import pytest
from scenario_text import EXAMPLE, SMALL

from chaosllm.errors import Level, ScenarioError
from chaosllm.language.expression import LIVE, SHORT
from chaosllm.live.stopping import refuse_unknown
from chaosllm.reader import drive_problems, read
from chaosllm.registry import members
from chaosllm.scenario import Comparator, Role
from chaosllm.trigger import Window


def levels(reading, level):
    return [problem.what for problem in reading.problems if problem.level is level]


def test_example_is_sound():
    """The example of the design is read without an error or a warning."""
    reading = read(EXAMPLE, load=lambda name: "a prompt\n")
    assert reading.problems == []
    assert reading.as_run == EXAMPLE


def test_example_means_what_it_says():
    """Every part of the language reaches the Scenario in base units."""
    scenario = read(EXAMPLE).unwrap()
    assert (scenario.name, scenario.seed, scenario.fail_on, scenario.duration) == (
        "rate-limit-storm",
        7,
        "critical",
        220,
    )
    (operation,) = scenario.target.operations
    assert operation.headers == {"authorization": "${env:APP_TOKEN}"}
    assert (operation.method, operation.path, operation.json) == ("POST", "/chat", {"message": "{prompt}"})
    assert (operation.answer, operation.end, operation.failed) == ("$.answer", "[DONE]", {"event": "error"})
    assert operation.degraded.header == "x-degraded"
    assert scenario.target.start.command == ("python", "-m", "myapp")
    assert scenario.target.start.env == {"LOG_LEVEL": "warning"}
    assert (scenario.target.timeout, scenario.target.control) == (30.0, ("/healthz",))
    assert scenario.upstreams[0].simulated
    assert (scenario.load.rate, scenario.load.prompts, scenario.load.max_in_flight) == (
        20.0,
        "prompts/support.txt",
        500,
    )
    assert (scenario.limits.hosts, scenario.limits.max_duration) == (("api.openai.com",), 600.0)
    assert scenario.limits.max_active_faults == 0.5
    refuse, slow = scenario.rules
    assert (refuse.name, refuse.fault.name, refuse.fault.retry_after, refuse.when.share) == (
        "storm.0",
        "rate_limit",
        2.0,
        0.4,
    )
    assert (refuse.match.provider, refuse.match.model) == (("openai",), ("gpt-4*",))
    assert (slow.name, slow.fault.tokens, slow.when.share) == ("storm.1", 20.0, None)
    assert refuse.where.line == 31
    first, second, _, fourth, last = scenario.objectives
    assert (first.metric, first.phase, first.comparator, first.bound) == ("success_rate", "storm", Comparator.GE, 0.95)
    assert (second.bound, second.reference) == (2.0, ("latency_p95", "baseline"))
    assert (fourth.metric, fourth.comparator, fourth.bound) == ("truncated_accepted", Comparator.EQ, 0)
    assert (last.metric, last.phase, last.bound) == ("time_to_recover", None, 30.0)
    stop = scenario.stop_when[0]
    assert (stop.metric, stop.window, stop.comparator, stop.bound) == ("success_rate", 10.0, Comparator.LT, 0.2)


def test_phases_have_roles_and_starts():
    """Roles are inferred, and each phase starts where the one before it ends."""
    phases = read(EXAMPLE).unwrap().phases
    assert [(phase.role, phase.start) for phase in phases] == [
        (Role.WARMUP, 0), (Role.BASELINE, 10), (Role.FAULT, 70), (Role.RECOVERY, 130),
    ]  # fmt: skip


def test_smallest_scenario_has_defaults():
    """version, name, upstreams and phases are enough."""
    scenario = read(SMALL).unwrap()
    assert (scenario.load.rate, scenario.load.arrivals, scenario.load.correlate) == (5.0, "poisson", "prompt")
    assert (scenario.target.operations, scenario.limits.max_active_faults, scenario.seed) == ((), 1.0, 0)


def test_match_and_triggers():
    """Conditions nest, one glob stands for a list of one, and triggers carry their window."""
    rule = (
        read(
            SMALL.replace(
                "when: {share: 40%}",
                "when: {first: 2, of: phase, every: 3, window: {from: 5s, to: 20s}}\n"
                "        match: {model: [gpt-4*, o1], attempt: 0, not: {stream: true}, "
                "any: [{path: /a}, {path: /b}], header: {x-a: '1*'}}\n"
                "        name: burst",
            )
        )
        .unwrap()
        .rules[0]
    )
    assert rule.name == "burst"
    assert (rule.when.first, rule.when.of, rule.when.every, rule.when.window) == (2, "phase", 3, Window(5, 20))
    assert (rule.match.model, rule.match.attempt, rule.match.not_.stream) == (("gpt-4*", "o1"), (0,), True)
    assert ([one.path for one in rule.match.any_], rule.match.header) == ([("/a",), ("/b",)], {"x-a": "1*"})


def test_missing_roles_are_warnings():
    """Without baseline or recovery a scenario is read, and a warning names what cannot be judged."""
    reading = read("version: 1\nname: a\nupstreams: [{provider: openai, url: simulator}]\nphases:\n"
                   "  - {name: storm, duration: 9s, rules: [{fault: hang}]}\n")  # fmt: skip
    assert reading.scenario is not None
    baseline, recovery = levels(reading, Level.WARNING)
    assert "retry_amplification" in baseline
    assert "time_to_recover" in recovery


def test_calm_scenario_warns_of_nothing():
    """Where nothing is injected, nothing has to recover."""
    text = SMALL[: SMALL.index("  - name: storm")]
    assert read(text).problems == []


def test_operation_is_needed_to_drive_load_only():
    """A scenario without an operation is sound, and refused by verbs that drive load."""
    reading = read(SMALL + "target:\n  timeout: 5s\n")
    assert reading.unwrap().target.operations == ()
    (problem,) = drive_problems(reading)
    assert (problem.where.line, problem.where.column) == (13, 1)
    assert "target.operation" in problem.what
    assert drive_problems(read(EXAMPLE)) == []


def test_prompt_that_cannot_carry_a_reference_is_a_warning():
    """An operation without {prompt} under correlate: prompt cannot be matched, and that is said."""
    reading = read(SMALL + "target: {operation: {path: /chat, json: {message: hi}}}\n")
    assert "cannot be matched" in levels(reading, Level.WARNING)[0]


def test_secret_in_a_header_is_a_warning():
    """A key written out would be copied into the run folder, and that is said without showing it."""
    text = SMALL + 'target: {operation: {path: "/?q={prompt}", headers: {Authorization: Bearer sk-abc}}}\n'
    (problem,) = read(text).problems
    assert problem.level is Level.WARNING
    assert "sk-abc" not in str(problem)


def test_files_come_through_the_function_handed_in(tmp_path):
    """A named file is loaded relative to the scenario; one that is missing or empty is a problem at its place."""
    text = SMALL + "load: {prompts: p.txt}\n"
    assert read(text, load=lambda name: {"p.txt": "hello"}[name]).problems == []
    assert read(text).problems == []

    def missing(name):
        raise FileNotFoundError(2, "No such file", name)

    (problem,) = read(text, load=missing).problems
    assert (problem.where.line, problem.where.column) == (13, 17)
    assert "No such file" in problem.what
    (problem,) = read(text, "in/s.yaml", load=lambda name: " \n").problems
    assert (str(problem.where), problem.what) == ("in/p.txt:1:1", "p.txt holds no prompt")


def test_fault_gets_the_file_it_names():
    """An empirical latency is read from its file, and a bad line in it is a problem of the scenario."""
    text = SMALL.replace("- fault: rate_limit", "- fault: latency\n        first_token: {empirical: lat.txt}")
    fault = read(text, load=lambda name: "100ms\n300ms\n").unwrap().rules[0].fault
    assert fault.first_token.values == (0.1, 0.3)
    (problem,) = read(text, load=lambda name: "100\n").problems
    assert (problem.where.line, "lat.txt, line 1" in problem.what) == (11, True)
    (problem,) = read(text.replace("lat.txt", "../lat.txt")).problems
    assert "stays in its folder" in problem.what


def test_unwrap_raises_every_problem():
    """A scenario with errors unwraps to one exception that holds them all."""
    with pytest.raises(ScenarioError) as caught:
        read("version: 2\nnam: x\n").unwrap()
    assert len(caught.value.problems) >= 4


def test_bytes_are_read_as_utf8():
    """Text and its bytes read alike, with or without a byte order mark."""
    assert read(SMALL.encode()).scenario == read(b"\xef\xbb\xbf" + SMALL.encode()).scenario == read(SMALL).scenario


def test_stop_conditions_that_are_read_can_be_held():
    """Each metric that the reader lets into stop_when is one that the session can judge while it runs."""
    bounds = {"share": "1%", "seconds": "1s", "per_second": "1/s", "ratio": "2", "count": "3", "usd": "5 USD"}
    for name in (*LIVE, *SHORT):
        bound = bounds[LIVE[SHORT.get(name, name)]]
        for window in ("", "(10s)", "(last 10s)"):
            reading = read(SMALL + f'stop_when: ["{name}{window} > {bound}"]\n')
            assert reading.problems == read(SMALL).problems
            refuse_unknown(reading.unwrap().stop_when)
    metrics = members("metrics")
    assert all(metrics[name].unit == unit for name, unit in LIVE.items() if name in metrics)

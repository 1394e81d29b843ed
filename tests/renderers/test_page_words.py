"""What a reader who knows nothing of the run could misread on the page, each told so that it cannot be."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import rendering_factory as made

from chaosllm.renderers import Chart, Material, html
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.following import TAGS
from chaosllm.renderers._page.markup import prose
from chaosllm.renderers._stories import stories
from chaosllm.score import CLASSES

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def page(meta: dict[str, Any] | None = None, **fields: Any) -> str:
    summary = made.summary(**fields)
    shown = Material(summary, stories=stories(made.run(), summary["findings"]), meta=meta or made.meta())
    rendered = html.MEMBER.render(shown)
    return rendered[rendered.index("<body>") :]


def text(found: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", found.replace("</p>", " ").replace("</dd>", " "))).split())


def test_there_is_one_ranking():
    """Findings alone are ranked, and it is said by what; phases keep their order, the score is one of its classes."""
    phases = made.summary()["phases"]
    rules = [made.summary()["injection"][0] | {"rule": "cut.0", "fault": "truncate", "phase": "cut"}]
    said = text(page(phases=phases | {"cut": phases["storm"] | {"success_rate": {"value": 0.9}}}, injection=rules))
    assert "In phase storm: 89 of 300 In phase cut (truncate): 30 of 300" in said
    assert (
        "under the class of faults with the lowest score: truncation 52 (rate limits 100) 9 other classes of faults"
        in said
    )
    assert "What went wrong, the gravest first" in said
    assert "By severity, then by how many operations show it." in said
    assert not re.search("hit hardest|did worst|the worst", said.replace("in its worst second", ""))
    alone = text(page(score={"classes": {"quota": {"value": 3.0}}, "minimum": 3.0}))
    assert "under the one class of faults that was tested: quota 3" in alone


def test_a_phase_looks_unlike_a_finding():
    """A phase `storm` beside a finding `retry_storm`: one has the look of a phase and says so, the other of code."""
    found = page(findings=[made.summary()["findings"][0] | {"code": "retry_storm"}])
    card = found[found.index('<article class="card') :]
    assert 'in phase <code class="phase">storm</code>' in card
    assert "finding <code>retry_storm</code>" in card


def test_numbers_have_their_noun():
    """What is injected is counted in faults, what is accepted in times, what is allowed in nothing bare."""
    said = text(page())
    assert "Faults injected198 Each in one call of the app to its LLM; all that were planned" in said
    assert "By kind: rate limit 198" in said


def test_of_several_loads_asked_for_one_is_enough():
    """Two phases that ask for two rates ask for one change; who is told to raise and to lower is told no such thing."""
    hints = [f"raise load.rate from 1/s to {rate}/s, or the duration of {name}" for name, rate in (("a", 3), ("b", 5))]
    checks = [{"name": f"hits {at}", "ok": False, "what": "few", "hint": hint} for at, hint in enumerate(hints)]
    enough = "Of the values asked for load.rate the highest is enough."
    assert enough in text(page(verdict="inconclusive", validity=checks))
    assert enough not in text(page(verdict="inconclusive", validity=checks[:1]))
    checks.append({"name": "lag", "ok": False, "what": "late", "hint": "lower load.rate from 1/s to 0.5/s"})
    assert enough not in text(page(verdict="inconclusive", validity=checks))


def test_a_baseline_is_counted_in_one_way():
    """What the success rate leaves out is in no other figure of the baseline, and the table says how many it is."""
    phases = made.summary()["phases"]
    phases["baseline"] |= {"operations": 61, "left_out": 5, "success_rate": {"value": 53 / 56}}
    assert words.without_good(phases["baseline"]) == (3, 56)
    said = text(page(phases=phases))
    assert "while faults were on; before them 3 of 56" in said
    assert "94.6%" in said
    assert "5 left out" in said
    assert "Left out: due before the faults but still under way" in said


def test_phase_names_are_marked():
    """A phase called `cut` or `held` never reads as a verb: it looks like one wherever the page names it."""
    summary = made.summary()
    phases = {("held" if name == "storm" else name): block for name, block in summary["phases"].items()}
    findings = [one | {"phase": "held"} for one in summary["findings"]]
    objectives = [one | {"text": one["text"].replace("storm", "held")} for one in summary["objectives"]]
    objectives[2] |= {"why": "needs 10 operations in held, had 3"}
    checks = [{"name": "hits", "ok": False, "what": "2 operations met a fault in held, at least 5 must", "hint": ""}]
    for verdict in ("fail", "inconclusive"):
        found = page(phases=phases, findings=findings, objectives=objectives, validity=checks, verdict=verdict)
        found = found[: found.index("<h4>")]  # the stories below are of another run
        bare = re.sub(r"<code[^>]*>[^<]*</code>", "", found)
        assert '<code class="phase">held</code>' in found
        assert not re.search(r"\b(in|of|phase:?) held\b", text(bare))


def test_only_our_own_phrases_are_marked():
    """A phase's name is marked where a sentence speaks of the phase, and nowhere else."""
    held = '<code class="phase">cut</code>'
    assert prose("no cut answer of cut came, held", ["cut", "held"]) == f"no cut answer of {held} came, held"
    assert prose("`cut` and `chaosllm list`", ["cut"]) == f"{held} and <code>chaosllm list</code>"
    assert prose("in <b>`", ["<b>`"]) == 'in <code class="phase">&lt;b&gt;&#x27;</code>'
    assert prose("in x", []) == "in x"
    assert prose("in x", [""]) == "in x"


def test_backticks_become_code_and_nothing_else():
    """What stands between backticks is code, escaped like all other text."""
    assert prose("declare it as `degraded`.") == "declare it as <code>degraded</code>."
    evil = "`<img src=x onerror=alert(1)>` `"
    assert prose(evil) == "<code>&lt;img src=x onerror=alert(1)&gt;</code> `"
    advice = "Answer with a default, declared as `degraded`."
    assert "declared as <code>degraded</code>." in page(findings=[made.summary()["findings"][0] | {"advice": advice}])


def test_everything_is_counted_in_operations():
    """One word for what is counted, explained once at the top; nothing is counted in users or requests."""
    said = text(page())
    assert said.count("one operation is one user asking the app once") == 1
    assert not re.search(r"\d (users|requests)\b", said.replace("11 users waited", ""))  # that one is the factory's


def test_a_declared_fallback_is_said_to_be_no_failure():
    """Where users got a declared fallback, the page says what that is and whether it is fine; elsewhere not."""
    phases = made.summary()["phases"]
    phases["storm"] |= {"outcomes": {"good": 211, "degraded": 89}}
    assert text(page(phases=phases)).count(words.FALLBACK) == 2  # on the first screen and under the table
    assert words.FALLBACK not in text(page())


def test_evidence_adds_up():
    """So many of so many are named, and what is not named is said to be in the records."""
    said = text(page())
    assert "For example: op-250/call-0 op-251/call-0 op-252/call-0" in said
    assert "Operations that show it: 20 of 188, the others are in the run folder's records" in said
    assert "and 17 more" not in said
    assert "Evidence: op-301/call-1 op-322/call-0" in text(
        page(findings=[made.summary()["findings"][1] | {"count": 2}])
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Test what this pass says nothing about: quota, outages. Ready scenarios for a start: "
             "chaosllm list scenarios --tag quota."),
        ({"score": {"not_tested": []}}, "No class of faults is left untested"),
        ({"score": None}, "No class of faults is left untested"),
        ({"injection": []}, "Run a scenario that injects faults"),
    ],
)  # fmt: skip
def test_a_pass_says_what_to_do_next(fields: dict[str, Any], said: str):
    """A pass with findings or without names the next step; no other verdict does."""
    for findings in ([], made.summary()["findings"][:1]):
        found = text(page(verdict="pass", findings=findings, **fields))
        assert said in found
        assert "chaosllm list suites" in found
    assert "What to do next" not in text(page(**fields))


def test_next_steps_can_be_taken():
    """Each class of faults has a tag, each tag a ready scenario with such a fault, and both suites are there."""
    assert list(TAGS) == list(CLASSES)
    ready = [path.read_text(encoding="utf-8") for path in SCENARIOS.rglob("*.yaml")]
    for name, tag in TAGS.items():
        faults = "|".join(CLASSES[name])
        tagged = [one for one in ready if re.search(rf"^tags: \[.*\b{tag}\b.*\]", one, re.MULTILINE)]
        assert any(re.search(rf"fault: ({faults})\b", one) for one in tagged), name
    assert {"smoke.yaml", "ci.yaml"} <= {path.name for path in (SCENARIOS / "suites").iterdir()}


def test_objectives_stand_on_the_first_screen():
    """Failed ones first, then undecided, then met, each with its sign; what has no room is counted by kind."""
    found = page()
    first = text(found[: found.index("<nav")])
    places = [first.index(said) for said in ("✗ good answers in phase storm", "? latency p95", "✓ calls over baseline")]
    assert places == sorted(places)
    many = made.summary()["objectives"][:1] * 4 + made.summary()["objectives"][1:] * 4
    assert "and 7 more: 3 undecided, 4 met" in text(page(objectives=many))
    assert "4 of 4 met" in text(page(objectives=made.summary()["objectives"][1:2] * 4))


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("fragile", "app: fragile"),
        ("/opt/venv/bin/python3.13", "app started with python3.13"),
        ("C:\\apps\\serve.exe", "app: serve.exe"),
    ],
)
def test_an_interpreter_is_no_app(app: str, said: str):
    """Neither a path nor an interpreter stands as the app's name."""
    found = page(meta=made.meta() | {"app": app})
    assert said in text(found)
    assert "/opt" not in found


@pytest.mark.parametrize(
    "phases",
    [
        {},
        {"storm": {}},
        {"storm": {"role": "fault", "operations": 0, "outcomes": {}, "success_rate": None, "metrics": {}}},
        {"baseline": {"role": "baseline", "operations": 3, "left_out": 3, "success_rate": {"value": None}}},
        {"storm": {"role": "fault", "operations": 1, "success_rate": {"value": 1.0}}},
    ],
)
def test_phases_that_are_missing_or_empty_leave_a_whole_page(phases: dict[str, Any]):
    """Nothing measured is said to be nothing, and every section stands."""
    found = page(phases=phases, verdict="inconclusive")
    said = text(found)
    assert found.count("<section") == found.count("</section>")
    assert ("of 1 operation asked while faults were on" if phases and phases.get("storm", {}).get("operations") else
            "No operation was asked while a fault was on.") in said  # fmt: skip
    assert "nan" not in said.lower().split()


def test_a_chart_names_its_phases_as_code():
    """The sentence above a chart marks phases as the page does."""
    chart = Chart("<svg></svg>", "Title", "alt", "It fell in `held`.")
    assert "It fell in <code>held</code>." in html.MEMBER.render(Material(made.summary(), {"one": chart}))


def test_operations_are_counted_once_each():
    """Of waits that several calls of one operation cut short, the page names it once and counts operations."""
    evidence = ["op-113/call-1", "op-113/call-2", "op-114/call-1"]
    one = {"code": "retry_after_ignored", "severity": "major", "phase": "storm", "count": 61, "operations": 39,
           "sentence": "61 of 61 waits, in 39 operations, were too short.", "evidence": evidence}  # fmt: skip
    more = one | {"code": "no_backoff", "count": 43, "of": 43, "operations": None}
    assert [found["code"] for found in words.worst([one, more])] == ["no_backoff", "retry_after_ignored"]
    said = text(page(findings=[one]))
    assert "op-113/call-1" in said
    assert "op-113/call-2" not in said
    assert "2 of 39, the others are in the run folder" in said

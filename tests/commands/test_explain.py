"""`explain`: what people read of a scenario or of a fault."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner
from scenario_text import SMALL

import chaosllm
from chaosllm import registry
from chaosllm.commands._timeline import draw
from chaosllm.commands.explain import command
from chaosllm.explanation import explain
from chaosllm.reader import read
from chaosllm.registry import members

SCENARIOS = Path(chaosllm.__file__).parents[1] / "scenarios"
READY = sorted(path for path in SCENARIOS.rglob("*.yaml") if path.parent.name not in ("suites", "gamedays"))


def ask(*arguments, env=None):
    return CliRunner(env=env).invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_what_stops_it_is_told(small):
    """Each condition with what it looks at, each probe with its pace, and the lever."""
    small.write_text(
        SMALL + 'stop_when: [p95 > 10s, spend > 5 USD, "hangs(30s) > 2", {http: /healthz, every: 2s}]\n'
        "limits: {safety_lever: /run/chaos-off}\n"
    )
    text = " ".join(ask(small).stdout.partition("When it stops")[2].split())
    assert "as soon as p95 > 10s over the last 10s" in text
    assert "as soon as spend > 5 USD over the whole run, at list prices (answers of the simulator count too)" in text
    assert "as soon as hangs(30s) > 2 everything" in text
    assert "/healthz does not answer 200, 3 times running (asked every 2s, with 2s to answer)" in text
    assert "the safety lever /run/chaos-off is set; while it is, nothing starts" in text
    told = json.loads(ask(small, "--json").stdout)
    assert told["stop_when"][0::3] == ["p95 > 10s", "/healthz does not answer 200, 3 times running"]
    assert told["safety_lever"] == "/run/chaos-off"


def test_probes_are_listed():
    """Each with the keys that it may hold."""
    from chaosllm.commands.list import command as listing

    rows = json.loads(CliRunner().invoke(listing, ["probes", "--json"]).stdout)
    assert [row["name"] for row in rows] == ["http", "prometheus"]
    assert {"http", "status", "every", "timeout", "failures"} <= set(rows[0]["fields"])


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_our_scenarios_explain_themselves(path):
    """Each is told in lines that fit a narrow screen, with every phase and rule, and without a warning."""
    result = ask(path)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= 72
    scenario = read(path.read_text()).unwrap()
    for name in (*(phase.name for phase in scenario.phases), *(rule.name for rule in scenario.rules)):
        assert name in result.stdout
    assert "None" not in result.stdout
    assert "CANNOT" not in result.stdout


def test_sections_of_a_page(small):
    """A reader finds what happens, when, how often, what it can show, when it stops and what it costs."""
    text = ask(small).stdout
    for part in (
        "storm.0  rate_limit", "on 40% of attempts", "any call", "Timeline", "baseline (", "retry_storm",
        "What it costs\n  nothing", "30s after it was due",
    ):  # fmt: skip
        assert part in text, part


def test_settings_and_seed_change_what_is_told(small):
    """--set changes the counts, and another seed the number of operations."""
    first = json.loads(ask(small, "--json").stdout)
    faster = json.loads(ask(small, "--json", "--set", "load.rate=10/s").stdout)
    other = json.loads(ask(small, "--json", "--seed", "9").stdout)
    assert faster["phases"][1]["rules"][0]["expected"] > 1.7 * first["phases"][1]["rules"][0]["expected"]
    assert other["operations"] != first["operations"]
    assert (first["seed"], other["seed"]) == (0, 9)


def test_real_upstream_has_a_ceiling(small):
    """With a real upstream the cost is told, with what it stands on."""
    text = ask(small, "--set", "upstreams.0.url=https://api.openai.com").stdout
    assert "USD at the real provider" in text
    assert "middling model" in text


def test_warnings_go_to_stderr(tmp_path):
    """What the reader warns of is said, beside the explanation and not in it."""
    path = tmp_path / "short.yaml"
    path.write_text(SMALL + "objectives:\n  - latency_p99(storm) <= 2s\n")
    result = ask(path)
    assert "warning: `latency_p99(storm) <= 2s` needs 1,000 operations" in result.stderr
    assert "CANNOT BE DECIDED: it needs 1,000 operations of storm" in " ".join(result.stdout.split())


def test_wrong_scenario_ends_as_validate_does(tmp_path):
    """Problems with their places, and no explanation."""
    path = tmp_path / "wrong.yaml"
    path.write_text(SMALL.replace("40%", "40"))
    result = ask(path)
    assert result.exit_code
    assert "expected a percentage" in str(result.exception.problems[0])
    assert ask(tmp_path / "none.yaml").exception.exit_code == 2


@pytest.mark.parametrize("name", members("faults"))
def test_every_fault_has_a_page(name):
    """Its summary, each field with a line, and an example."""
    text = ask(name).stdout
    data = json.loads(ask(name, "--json").stdout)
    assert text.startswith(f"{name}: {data['summary']}")
    assert all(f"  {field} " in text and line for field, line in data["fields"].items())
    assert data["example"] in text
    assert max(map(len, text.splitlines())) <= 120


BROWNOUT = '''
"""A stranger's fault."""
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
from chaosllm.script import Wait
from chaosllm.units import Duration, Rate, Share

@dataclass(frozen=True)
class Brownout:
    """Late answers, some of which break.

    - one way
    - another way
    """

    name: ClassVar[str] = "brownout"
    summary: ClassVar[str] = "late answers, some of which break"
    live: ClassVar[bool] = False

    delay: Duration = 2.0
    breaks: Share = 0.1
    pace: Rate = 10.0
    often: bool = False

    def script(self, context):
        return (Wait(self.delay),)
'''


def test_plugin_has_a_page_and_is_explained(tmp_path, monkeypatch, small):
    """A stranger's fault, which tells nothing but its fields, is explained in the units of its types."""
    (tmp_path / "strangers_brownout.py").write_text(BROWNOUT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("CHAOSLLM_NO_PLUGINS", raising=False)
    entry = EntryPoint("brownout", "strangers_brownout:Brownout", "chaosllm.faults")
    monkeypatch.setattr(
        "chaosllm.registry.metadata.entry_points", lambda group: [entry] if group == entry.group else []
    )
    registry.forget()
    try:
        page = ask("brownout").stdout
        small.write_text(SMALL.replace("fault: rate_limit", "fault: brownout\n        delay: 90s\n        often: true"))
        told = " ".join(ask(small).stdout.split())
    finally:
        registry.forget()
    assert page.startswith("brownout: late answers, some of which break")
    assert "- another way" in page
    assert "late answers, some of which break (delay 1m30s, often yes)" in told


def rows(text, **more):
    """The rows of the rules, by name, without their labels."""
    found = explain(read(text).unwrap())
    names = {rule.name for phase in found.phases for rule in phase.rules}
    lines = draw(found.phases, found.expectations, **more)
    label = max(map(len, names)) + 1
    return {line[:label].strip(): line[label:] for line in lines if line[:label].strip() in names}


def test_timeline_is_dark_where_a_rule_fires():
    """A window is drawn where it lies in time, a share in its shade, and nothing outside the phase."""
    text = SMALL.replace("{share: 40%}", "{window: {from: 30s, to: 45s}}")
    row = rows(text, width=72)["storm.0"]
    columns = 72 - len("storm.0 ") - 1  # 210 s: baseline to 60 s, storm to 120 s
    assert set(row[1:-1].replace("▒█", "██").replace("█▒", "██").strip()) <= {"█"}
    assert row.index(row.strip()[0]) == pytest.approx(90 / 210 * columns, abs=1)
    assert len(row) == pytest.approx(105 / 210 * columns, abs=1)
    assert set(rows(SMALL, width=72)["storm.0"].strip()) <= {"▒"}


@pytest.mark.parametrize(
    ("share", "shade"), [("5%", "░"), ("25%", "░"), ("26%", "▒"), ("50%", "▒"), ("75%", "▓"), ("100%", "█")]
)
def test_shades(share, shade):
    """Each quarter has a shade; the border belongs to the lighter one."""
    assert set(rows(SMALL.replace("40%", share))["storm.0"].strip()) == {shade}


def test_rule_that_keeps_count_is_drawn_as_unknown():
    """Live limits have no chance to draw."""
    row = rows(SMALL.replace("        when: {share: 40%}", "        buckets: {rpm: 60}"))["storm.0"]
    assert set(row.strip()) == {"~"}


def test_plain_screens_get_ascii(small):
    """Where the stream cannot encode shades, ASCII stands for them, and whatever else cannot be written is replaced."""
    small.write_text(SMALL + 'hypothesis: "Nothing breaks, as in Zürich."\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "chaosllm", "explain", str(small)],
        capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    text = done.stdout.decode("ascii")
    assert "::::::::" in text
    assert "Z?rich" in text


@pytest.mark.parametrize("width", [40, 72, 100])
def test_timeline_keeps_to_its_width(width):
    """However long names are, no line of the drawing is wider, and the end of the run is on it."""
    text = SMALL.replace("name: storm", "name: a-storm-with-a-very-long-name")
    found = explain(read(text).unwrap())
    lines = draw(found.phases, found.expectations, width=width)
    assert max(map(len, lines[:-1])) <= width
    assert lines[2].endswith("3m30s")


def test_file_with_vary_is_told_scenario_by_scenario(small):
    """Each has its own page, and in JSON its own object; --set chooses one."""
    small.write_text(SMALL + "vary: {load.rate: [4/s, 8/s]}\n")
    text = ask(small).stdout
    assert "at 4/s" in text
    assert "at 8/s" in text
    assert [row["load"][:6] for row in json.loads(ask(small, "--json").stdout)] == ["at 4/s", "at 8/s"]
    assert json.loads(ask(small, "--json", "--set", "load.rate=6/s").stdout)["load"].startswith("at 6/s")


def test_suite_is_no_scenario():
    """A suite is said to be one, with what would work."""
    error = ask(next((SCENARIOS / "suites").glob("*.yaml"))).exception
    assert "is a suite" in error.what
    assert error.exit_code == 2


def test_file_that_varies(small):
    """Each scenario of a file is explained by its own name; --json gives an array of them."""
    small.write_text(SMALL + "vary: {rules.0.when.share: [20%, 50%]}\n")
    text = ask(small)
    assert text.exit_code == 0
    assert [share in text.stdout for share in ("20%", "50%")] == [True, True]
    assert [one["name"] for one in json.loads(ask(small, "--json").stdout)] == [
        "small-share-20pct",
        "small-share-50pct",
    ]


def test_fault_that_is_misspelt_is_named_rightly():
    """What is neither a file nor a fault is answered with the fault that it looks like."""
    result = ask("truncat")
    assert "did you mean `truncate`?" in str(result.stderr)

"""What the author's verbs say of game-day plans: validate, explain, list, schema, and run in the wrong place."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import chaosllm
from chaosllm.commands import verbs

DAYS = Path(chaosllm.__file__).parents[1] / "scenarios" / "gamedays"
FIRST = (DAYS / "first.yaml").read_text()


def ask(*arguments):
    return CliRunner().invoke(verbs, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def plan(tmp_path):
    """Writes first.yaml with these changes, and no scenario beside it; gives its path."""

    def write(*changes):
        text = FIRST
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "days").mkdir(exist_ok=True)
        path = tmp_path / "days" / "day.yaml"
        path.write_text(text)
        return path

    return write


def test_validate_a_sound_plan():
    """One line says how many steps and how long, and the row for machines the same."""
    result = ask("validate", DAYS / "first.yaml")
    assert (result.exit_code, result.stdout.strip()) == (
        0, f"{DAYS / 'first.yaml'}: ok: a game day of 2 steps, 1m45s of phases",
    )  # fmt: skip
    (row,) = json.loads(ask("validate", DAYS / "first.yaml", "--json").stdout)
    assert (row["kind"], row["ok"], row["name"], row["steps"]) == ("gameday", True, "first", ["slow", "storm"])


def test_validate_and_explain_a_step_that_cannot_start(plan):
    """Both end with 2 and say why at its place; the day could go on with the other."""
    path = plan()
    result = ask("validate", path)
    assert result.exit_code == 2
    assert f"{path}:31:15: error: there is no scenario ../rate-limit-storm.yaml" in result.stdout
    assert "1 of 2 steps cannot start; the day could go on with the others" in result.stdout
    told = ask("explain", path)
    assert told.exit_code == 2
    assert f"{path}:31:15: error: there is no scenario" in told.stderr
    assert "### 1. slow\n\n> Answers come later" in told.stdout
    assert "### 2. storm\n\nCANNOT START: " in told.stdout


def test_wrong_plan(plan):
    """A mistake of the plan is a line with its place, and no runbook."""
    path = plan(("first_token: 2s", "first_token: 2"))
    for verb in ("validate", "explain"):
        result = CliRunner().invoke(verbs, [verb, str(path)])
        said = result.output + str(result.exception or "")
        assert result.exit_code != 0
        assert f"{path}:24:25: error: first_token: found 2, expected a duration" in said
        assert "# Game day" not in said


def test_runbook_holds_all_that_a_team_asks():
    """Who, when, what, how often, expected, approval, and every way to stop."""
    path = DAYS / "release.yaml"
    text = ask("explain", path).stdout
    for part in (
        "# Game day: release", f"chaosllm gameday {path}",
        "over after 8m50s at the earliest, and after 45m it is stopped",
        "| lead |", "### 3. slow", "- 30s to 1m10s, `fault.0` (latency)", "injections: about 218 of 437 calls",
        "- expected: nobody gets half an answer for a whole one; verdict PASS; no findings",
        "- approval: of lead: in the console or `chaosllm ctl approve 2`", "- approval: none, it begins by itself",
        f"`touch {DAYS / 'go-away'}`", "- ask `/healthz`", "as soon as `hang_rate(last 10s) > 50%`",
        "dead man's switch", "(time box)", "the stop button", "`chaosllm stop`", "Ctrl-C",
        "- `${env:PAGER_URL}`, when the day is stopped",
    ):  # fmt: skip
        assert part in text, part
    assert "None" not in text


def test_runbook_for_machines():
    """--json holds the steps with what is expected of each rule, and the times."""
    told = json.loads(ask("explain", DAYS / "first.yaml", "--json").stdout)
    assert (told["gameday"], told["earliest"], told["latest"]) == ("first", 121, 900)
    slow, storm = told["steps"]
    assert slow["phases"][1]["rules"][0]["of"] == 142
    assert (storm["what"], storm["approval"]) == ("../rate-limit-storm.yaml", {"by": "", "file": None})


def test_runbook_of_switched_off_rules_and_settings(plan):
    """A rule that begins switched off says how it is switched on; --set reaches every step."""
    path = plan(("    baseline: 10s", "    disabled: [fault.0]\n    baseline: 10s"), ("time_box: 15m\n", ""))
    told = ask("explain", path, "--set", "load.rate=3/s")
    assert "`fault.0` begins switched off; to switch it on: `chaosllm ctl enable fault.0`" in told.stdout
    assert "it has no latest end" in told.stdout
    assert "at 3/s" in told.stdout


def test_list_of_plans():
    """Ours are listed with their steps."""
    rows = json.loads(ask("list", "gamedays", "--json").stdout)
    assert [row["name"] for row in rows] == ["first", "release"]
    assert rows[0]["steps"] == ["slow", "storm"]


def test_schema_of_plans():
    """`schema gameday` prints what is shipped."""
    shipped = Path(chaosllm.__file__).parent / "schema" / "gameday.json"
    assert ask("schema", "gameday").stdout == shipped.read_text()


@pytest.mark.parametrize("arguments", [("run",), ("gate",), ("sweep", "--vary", "load.rate=1/s..2/s"), ("proxy",)])
def test_a_plan_in_place_of_a_scenario(arguments):
    """Verbs that take scenarios say what it is, and which verb plays it."""
    result = CliRunner().invoke(verbs, [*arguments, str(DAYS / "first.yaml")])
    error = result.exception
    assert getattr(error, "what", "") == f"{DAYS / 'first.yaml'} is a game-day plan"
    assert f"chaosllm gameday {DAYS / 'first.yaml'}" in error.hint

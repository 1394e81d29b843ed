"""The author's verbs: validate, list and schema."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from scenario_text import SMALL

import chaosllm
from chaosllm.commands.list import command as list_command
from chaosllm.commands.schema import command as schema_command
from chaosllm.commands.validate import command as validate_command

SCENARIOS = Path(chaosllm.__file__).parents[1] / "scenarios"


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    """A folder with one sound and one wrong scenario, and a file that is none."""
    (tmp_path / "good.yaml").write_text(SMALL)
    (tmp_path / "wrong.yml").write_text(SMALL.replace("share: 40%", "share: 40").replace("60s", "60"))
    (tmp_path / "notes.txt").write_text("no scenario")
    return tmp_path


def test_sound_scenario(folder):
    """A sound scenario ends with 0 and a line that says how big it is."""
    result = run(validate_command, folder / "good.yaml")
    assert result.exit_code == 0
    assert result.output.strip().endswith("good.yaml: ok: 3 phases, 1 rule, ~1050 operations over 3m30s")


def test_problems_begin_with_their_place(folder):
    """Each problem is one line that begins file:line:column, and the exit code is 2."""
    result = run(validate_command, folder / "wrong.yml")
    assert result.exit_code == 2
    starts = [line.split(" ")[0] for line in result.output.splitlines()]
    assert starts == [f"{folder / 'wrong.yml'}:6:32:", f"{folder / 'wrong.yml'}:11:23:"]


def test_file_that_varies(folder):
    """Each scenario of a file has its line and its row; what is wrong in all is said once."""
    path = folder / "many.yaml"
    path.write_text(SMALL + "vary: {load.rate: [5/s, 10/s]}\nparameters: {unused: 1}\n")
    warning, *lines = run(validate_command, path).output.splitlines()
    assert "the parameter `unused` is not used" in warning
    assert [line.split(": ")[2] for line in lines] == ["small-rate-5-per-s", "small-rate-10-per-s"]
    rows = json.loads(run(validate_command, path, "--json").output)
    assert [row["name"] for row in rows] == ["small-rate-5-per-s", "small-rate-10-per-s"]


def test_a_parameter_that_a_setting_replaces_is_used(folder):
    """`vary`, `--set` and `--rate` put a value in the place of `${rate}`; it stands there all the same."""
    path = folder / "many.yaml"
    path.write_text(SMALL + 'load: {rate: "${rate}"}\nparameters: {rate: 5/s}\nvary: {load.rate: [5/s, 10/s]}\n')
    assert "is not used" not in run(validate_command, path).output


def test_folder(folder):
    """A folder stands for the scenarios in it, and one wrong one decides the exit code."""
    result = run(validate_command, folder)
    assert result.exit_code == 2
    assert "good.yaml: ok" in result.output
    assert "notes.txt" not in result.output


def test_folders_inside_and_suites(folder):
    """A folder is searched to its bottom; suites are checked as suites, other YAML is told apart."""
    (folder / "wrong.yml").unlink()
    (folder / "group" / "deep").mkdir(parents=True)
    (folder / "suites").mkdir()
    (folder / "group" / "own.yaml").write_text(SMALL + "target: {operation: {path: /chat}}\n")
    (folder / "group" / "deep" / "deep.yaml").write_text(SMALL)
    (folder / "group" / "compose.yaml").write_text("services: {}\n")
    path = folder / "suites" / "ci.yaml"
    path.write_text("version: 1\nsuite: ci\nscenarios: [{scenario: ../own.yaml, duration_scale: 0.5}]\n")
    result = run(validate_command, folder)
    assert result.exit_code == 2
    assert "did you mean ../group/own.yaml?" in result.output
    path.write_text(path.read_text().replace("../own", "../group/own"))
    result = run(validate_command, folder)
    assert result.exit_code == 0, result.output
    assert "deep.yaml: ok: 3 phases" in result.output
    assert "ci.yaml: ok: a suite of 1 scenario, 1m45s of phases" in result.output
    assert "compose.yaml: passed over" in result.output
    rows = json.loads(CliRunner().invoke(validate_command, [str(folder), "--json"]).stdout)
    assert [row["kind"] for row in rows] == ["scenario", "scenario", "scenario", "suite"]
    assert rows[-1]["scenarios"] == ["small"]


def test_wrong_value_in_a_suite(folder):
    """What a suite changes is checked in the scenario, and shown at its place in the suite."""
    (folder / "good.yaml").write_text(SMALL + "target: {operation: {path: /chat}}\n")
    path = folder / "ci.yaml"
    path.write_text("version: 1\nsuite: ci\nscenarios: [{scenario: good.yaml, set: {load.rat: 5/s}}]\n")
    result = run(validate_command, path)
    assert result.exit_code == 2
    assert f"{path}:3:51: error: unknown key `rat`" in result.output


def test_days_that_have_passed(folder):
    """`validate` warns of an accepted finding whose day has passed, in a scenario and in a suite."""
    known = "accept: [{finding: hang, owner: ana, reason: x, until: '2020-01-01'}]\n"
    (folder / "good.yaml").write_text(SMALL + "target: {operation: {path: /chat}}\n" + known)
    (folder / "ci.yaml").write_text("version: 1\nsuite: ci\nscenarios: [good.yaml]\n" + known)
    for name, line in (("good", 14), ("ci", 4)):
        result = run(validate_command, folder / f"{name}.yaml")
        assert result.exit_code == 0
        place = f"{name}.yaml:{line}:{known.index("'2020") + 1}"
        assert f"{place}: warning: `hang` is accepted until 2020-01-01, which has passed" in result.output


def test_warnings_leave_the_exit_code_alone(folder):
    """A scenario that only lacks a recovery phase ends with 0."""
    path = folder / "good.yaml"
    path.write_text(SMALL.replace("  - {name: recovery, duration: 90s}\n", ""))
    result = run(validate_command, path)
    assert result.exit_code == 0
    assert "good.yaml:5:1: warning: no recovery phase" in result.output


def test_json(folder):
    """With --json there is one object for each file, with the problems taken apart."""
    result = run(validate_command, folder, "--json")
    good, wrong = json.loads(result.output)
    assert (good["ok"], good["rules"], good["problems"]) == (True, 1, [])
    assert (wrong["ok"], wrong["problems"][0]["line"], wrong["problems"][0]["level"]) == (False, 6, "error")
    assert result.exit_code == 2


def test_settings(folder):
    """--set changes a value first, and a wrong setting is a problem."""
    assert "~2100" in run(validate_command, folder / "good.yaml", "--set", "load.rate=10/s").output
    result = run(validate_command, folder / "good.yaml", "--set", "load.rat=10/s")
    assert (result.exit_code, result.output.startswith("--set:1:1: error:")) == (2, True)


def test_path_that_is_not_there(folder):
    """A path with nothing to check is wrong usage, said in one sentence."""
    for path in (folder / "none.yaml", folder / "empty"):
        (folder / "empty").mkdir(exist_ok=True)
        result = run(validate_command, path)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_binary_file_is_refused(folder):
    """A file that is no text at all is one problem."""
    (folder / "x.yaml").write_bytes(bytes(range(256)) * 100)
    result = run(validate_command, folder / "x.yaml")
    assert result.exit_code == 2
    assert "x.yaml:" in result.output


def test_prompts_outside_the_folder(folder):
    """A symbolic link does not lead out of the scenario's folder either."""
    (folder / "in").mkdir()
    (folder / "in" / "link.txt").symlink_to(folder / "notes.txt")
    (folder / "in" / "a.yaml").write_text(SMALL + "load: {prompts: link.txt}\n")
    result = run(validate_command, folder / "in" / "a.yaml")
    assert result.exit_code == 2
    assert "outside" in result.output


def test_standard_input(folder):
    """`validate -` reads what is piped into it."""
    text = (folder / "wrong.yml").read_text()
    result = CliRunner().invoke(validate_command, ["-"], input=text)
    assert result.exit_code == 2
    assert result.output.startswith("-:6:32: error:")
    assert CliRunner().invoke(validate_command, ["-"], input=SMALL).exit_code == 0


def test_list_tells_the_fields_of_a_fault():
    """`list faults` shows what may stand beside `fault:`, by the names that the YAML has."""
    rows = {row["name"]: row for row in json.loads(run(list_command, "faults", "--json").output)}
    assert rows["stall"]["fields"] == ["at", "for"]
    assert "fields: at, for" in run(list_command, "faults").output


def test_our_scenarios_are_sound():
    """Every shipped scenario validates without an error."""
    result = run(validate_command, SCENARIOS)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", ["faults", "providers", "findings", "metrics", "scenarios"])
def test_list(kind):
    """Each kind lists names with summaries, for people and as JSON."""
    rows = json.loads(run(list_command, kind, "--json").output)
    assert rows
    assert all(row["name"] and row["summary"] for row in rows)
    plain = run(list_command, kind).output
    assert all(row["name"] in plain and row["summary"] in plain for row in rows)


def test_list_of_scenarios():
    """Scenarios are listed with group, tags, length and path, and chosen by tag and name."""
    rows = json.loads(run(list_command, "scenarios", "--tag", "latency", "--skip", "cold*", "--json").output)
    assert rows
    assert all("latency" in row["tags"] and row["name"] != "cold-start" and row["duration"] > 0 for row in rows)
    assert {row["group"] for row in rows} >= {"latency"}
    assert all(Path(row["file"]).exists() for row in rows)
    plain = run(list_command, "scenarios", "--only", "outage/short").output
    assert "group outage; tags outage" in plain
    assert len(plain.splitlines()) == 3


def test_list_of_suites(folder, monkeypatch):
    """Suites are listed with what they run and for how long."""
    (folder / "suites").mkdir()
    (folder / "good.yaml").write_text(SMALL + "target: {operation: {path: /chat}}\n")
    (folder / "suites" / "ci.yaml").write_text(
        "version: 1\nsuite: ci\nsummary: All.\nscenarios: [../good.yaml, {scenario: ../good.yaml, name: again}]\n"
    )
    monkeypatch.setattr("chaosllm.commands._scenario._SHIPPED", (folder,))
    (row,) = json.loads(run(list_command, "suites", "--json").output)
    assert (row["name"], row["summary"], row["duration"], row["scenarios"]) == ("ci", "All.", 420, ["small", "again"])
    assert "7m; runs small, again" in run(list_command, "suites").output


def test_options_of_list():
    """Only scenarios are chosen from, and a choice that leaves none says what there is."""
    result = run(list_command, "faults", "--tag", "x")
    assert (result.exit_code, "choose among scenarios" in result.output) == (2, True)


def test_list_of_nothing_known():
    """An unknown kind is wrong usage that names the kinds."""
    result = run(list_command, "falts")
    assert result.exit_code == 2
    assert "faults" in result.output


@pytest.mark.parametrize("kind", [[], ["suite"]])
def test_schema(kind, tmp_path):
    """The schema goes to stdout or to a file, the same."""
    printed = run(schema_command, *kind).output
    assert run(schema_command, *kind, "--out", tmp_path / "s.json").exit_code == 0
    assert (tmp_path / "s.json").read_text() == printed
    assert json.loads(printed)["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("verb", ["validate", "list", "schema"])
def test_help_is_light(verb):
    """Help needs no framework, no numbers and not even pydantic, and shows an example."""
    heavy = "mitmproxy locust gevent matplotlib numpy scipy pydantic yaml jsonschema jsonpath_rfc9535"
    code = (
        f"import sys\nfrom chaosllm.commands.{verb} import command\n"
        "try:\n    command(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"
    assert f"chaosllm {verb} " in output

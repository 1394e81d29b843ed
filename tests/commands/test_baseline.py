"""`chaosllm baseline`: what is kept is small, private and enough; what is damaged is refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from snapshot_factory import folder

from chaosllm.adapters.baselines import STORE, load
from chaosllm.commands import verbs
from chaosllm.errors import ChaosError, Exit

pytestmark = pytest.mark.usefixtures("judged_once")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of two scenarios' runs."""
    at = tmp_path_factory.mktemp("runs")
    folder(at / "a", 1)
    folder(at / "b", 2)
    folder(at / "flood", 1, name="floods", rate="10/s")
    return at


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ask(*words):
    return CliRunner().invoke(verbs, [str(word) for word in words], standalone_mode=False)


def told(*words):
    result = ask(*words)
    assert result.exception is None, result.output
    return result


def refused(*words):
    found = ask(*words).exception
    assert isinstance(found, ChaosError), found
    assert found.exit_code is Exit.USAGE
    assert found.hint
    return found.what


def test_save_and_compare(runs):
    """A kept run compares as the run itself; the file is small and holds no key and no path."""
    assert (
        "kept: .chaosllm/baselines/main/storms.json (storms, pass"
        in told("baseline", "save", "main", runs / "a").stderr
    )
    text = (STORE / "main" / "storms.json").read_text()
    assert len(text) < 100_000
    assert "sk-private" not in text
    assert str(runs) not in text
    kept = json.loads(told("compare", "main", runs / "b", "--json").stdout)
    direct = json.loads(told("compare", runs / "a", runs / "b", "--json").stdout)
    assert kept | {"names": 0} == direct | {"names": 0}


def test_overwriting_asks_for_force(runs):
    """What is kept stays until somebody means it, and one file in the way keeps all from being written."""
    told("baseline", "save", "main", runs / "a")
    before = (STORE / "main" / "storms.json").read_text()
    assert "exists already" in refused("baseline", "save", "main", runs / "flood", runs / "b")
    assert [path.name for path in (STORE / "main").iterdir()] == ["storms.json"]
    told("baseline", "save", "main", runs / "b", "--force")
    assert (STORE / "main" / "storms.json").read_text() != before
    assert "two runs would be kept" in refused("baseline", "save", "new", runs / "a", runs / "b")


def test_show_and_list(runs):
    """Each scenario of a baseline, for people and for machines; a damaged one hides no other."""
    assert "none yet" in told("baseline", "list").stderr
    told("baseline", "save", "main", runs / "a", runs / "flood")
    told("baseline", "save", "old", runs / "a")
    (STORE / "old" / "storms.json").write_text("{")
    rows = json.loads(told("baseline", "list", "--json").stdout)
    assert [(row["name"], row["scenario"]) for row in rows] == [("main", "floods"), ("main", "storms"), ("old", "")]
    assert "it is no JSON" in rows[-1]["error"]
    assert "main  storms  pass" in told("baseline", "list").stdout
    text = told("baseline", "show", "main").stdout
    assert "success_rate" in text
    assert "seed 1" in text
    found = json.loads(told("baseline", "show", "main", "--json").stdout)
    assert [one["scenario"] for one in found] == ["floods", "storms"]


def test_one_of_several_scenarios_is_chosen(runs):
    """By the scenario of the run that is held against it."""
    told("baseline", "save", "main", runs / "a", runs / "flood")
    assert json.loads(told("compare", "main", runs / "b", "--json").stdout)["a"]["scenario"] == "storms"
    told("baseline", "save", "one", runs / "flood")
    assert "different scenarios" in refused("compare", "one", runs / "b")


def test_a_folder_of_runs_and_a_file(runs):
    """What `--out` made of a suite gives each scenario its run; a baseline's file is one too."""
    told("baseline", "save", "main", runs / "flood")
    assert load(str(runs), "floods").scenario == "floods"
    assert load(str(STORE / "main" / "floods.json")).scenario == "floods"
    with pytest.raises(ChaosError, match="holds 2 run folders"):
        load(str(runs), "storms")  # two of them


@pytest.mark.parametrize("name", ["../main", "a/b", "", ".hidden", "a" * 81])
def test_a_name_is_no_path(runs, name):
    """Nothing is written outside of the store."""
    assert "cannot be called" in refused("baseline", "save", name, runs / "a")
    assert not Path(".chaosllm").exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no JSON"),
        ("[]", "no baseline"),
        ('{"chaosllm_baseline": 2}', "schema 2"),
        ('{"chaosllm_baseline": 1}', "damaged"),
        ("[" * 100_000, "recursion"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_damaged_baseline(runs, content, why):
    """It is refused with its file and the reason."""
    file = STORE / "main" / "storms.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content.encode(errors="surrogateescape"))
    what = refused("compare", "main", runs / "b")
    assert str(file) in what
    assert why in what


def test_hostile_words_do_nothing(runs):
    """What somebody wrote into a baseline is shown as text, without escapes."""
    told("baseline", "save", "main", runs / "a")
    file = STORE / "main" / "storms.json"
    found = json.loads(file.read_text())
    bad = "\x1b]0;owned\x07\x1b[31m"
    found |= {"scenario": bad, "started": bad, "doubts": [bad], "around": found["around"] | {"app": bad}}
    file.write_text(json.dumps(found))
    for words in (("baseline", "list"), ("baseline", "show", "main"), ("compare", "main", runs / "b")):
        assert "\x1b" not in told(*words).stdout
    file.write_text(json.dumps(found | {"identity": found["identity"] | {bad: bad}}))
    assert "\x1b" not in refused("compare", "main", runs / "b")


def test_what_is_not_there(runs):
    """The nearest name is offered; a run that is none is refused; an empty folder too."""
    told("baseline", "save", "main", runs / "a")
    found = ask("baseline", "show", "mian").exception
    assert found.hint == "did you mean main?"
    assert "does not exist" in refused("baseline", "save", "new", runs / "nowhere")
    (STORE / "hollow").mkdir()
    assert "holds no baseline" in refused("baseline", "show", "hollow")


def test_an_inconclusive_run_is_kept_with_a_warning(runs, tmp_path):
    """It can be looked at, and says that no gate passes against it."""
    cut = folder(tmp_path / "cut", 5)
    (cut / "samples.jsonl").unlink()
    result = told("baseline", "save", "main", cut)
    assert "warning: storms is inconclusive" in result.stderr
    assert "never passes" in result.stderr


def test_options_are_variables(runs, monkeypatch):
    """Those of a verb's verbs too."""
    told("baseline", "save", "main", runs / "a")
    monkeypatch.setenv("CHAOSLLM_BASELINE_SAVE_FORCE", "1")
    told("baseline", "save", "main", runs / "a")

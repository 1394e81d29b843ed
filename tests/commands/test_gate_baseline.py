"""`gate` and `run` with --baseline: what a run is held against, and what is refused before anything runs."""

import json

import pytest
from click.testing import CliRunner
from snapshot_factory import SCENARIO, folder

from chaosllm.adapters.supervisor.order import Result
from chaosllm.commands import _runs, verbs
from chaosllm.errors import ChaosError, Exit

pytestmark = pytest.mark.usefixtures("judged_once")

TEXT = SCENARIO.format(name="storms", seed=9, rate="20/s")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A run folder of the scenario."""
    return folder(tmp_path_factory.mktemp("runs") / "before", 1, fails=0.0)


@pytest.fixture
def ask(monkeypatch, tmp_path, before):
    """Runs a verb on the scenario; orders are taken and none is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(TEXT)
    taken = []

    def launch(order, *, quiet, **_):
        taken.append(order)
        return Result(Exit.PASS)

    def go(*words):
        words = [str(word) for word in words]
        return CliRunner().invoke(verbs, words, standalone_mode=False)

    monkeypatch.setattr(_runs, "launch", launch)
    go.taken = taken
    go("baseline", "save", "main", before)
    return go


@pytest.mark.parametrize("verb", ["run", "gate"])
def test_what_a_run_is_held_against(ask, before, verb):
    """A kept baseline by its name, or a run folder, with the margins asked for; nothing without --baseline."""
    assert ask(verb, "s.yaml", "--baseline", "main", "--margin", "success_rate=5%").exception is None
    assert ask(verb, "s.yaml", "--baseline", before, "--duration-scale", "2").exception is None
    assert ask(verb, "s.yaml").exception is None
    kept, direct, none = [order.baseline for order in ask.taken]
    assert (kept["name"], direct["name"], none) == ("main", "before", None)
    assert kept["margins"]["success_rate"] == 0.05
    assert direct["margins"]["success_rate"] == 0.02
    assert kept["snapshot"] == direct["snapshot"]
    json.dumps(kept, allow_nan=False)  # as meta.json will hold it


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--baseline", "mian"), "no baseline and no run folder mian"),
        (("--baseline", "reports/mian"), "name a folder that `chaosllm run` made"),
        (("--baseline", "main", "--rate", "10/s"), "load.rate: 20 and 10"),
        (("--baseline", "main", "--set", "phases.storm.rules.0.fault=hang"), "phases.storm.rules.0.fault"),
        (("--baseline", "main", "--margin", "success=2%"), "no metric that could be worse"),
        (("--margin", "success_rate=2%"), "give that too"),
    ],
)
def test_what_is_refused_before_anything_runs(ask, words, why):
    """Another scenario, no baseline, a margin that is none: exit code 2, in a sentence."""
    found = ask("gate", "s.yaml", *words).exception
    assert found.exit_code == Exit.USAGE
    assert why in (f"{found.what} {found.hint}" if isinstance(found, ChaosError) else found.format_message())
    assert ask.taken == []


def test_an_inconclusive_baseline_is_told_beforehand(ask, tmp_path):
    """The gate runs, and its user knows that it cannot pass."""
    cut = folder(tmp_path / "cut", 3)
    (cut / "samples.jsonl").unlink()
    result = ask("gate", "s.yaml", "--baseline", cut)
    assert "cannot pass" in result.stderr
    assert len(ask.taken) == 1


def test_a_report_says_the_same_again(ask, before, tmp_path):
    """What a run was held against is in its folder: judged anew it has the same rows, in every form."""
    ask("gate", "s.yaml", "--baseline", "main")
    worse = folder(tmp_path / "worse", 4, fails=0.2, meta={"baseline": ask.taken[0].baseline})
    found = json.loads(ask("report", worse, "--format", "json").stdout)
    row = next(one for one in found["objectives"] if one["text"] == "success_rate(storm) - main >= -2%")
    assert (found["verdict"], row["verdict"]) == ("fail", "fail")
    assert "success_rate(storm) - main" in ask("report", worse, "--format", "terminal").stdout
    assert "success_rate(storm) - main" in ask("report", worse, "--format", "markdown").stdout

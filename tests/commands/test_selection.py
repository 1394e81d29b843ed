"""Which of many scenarios are run, and what is said when they are over."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from scenario_text import SMALL

from chaosllm.adapters.supervisor.order import Result as OrderResult
from chaosllm.commands._roundup import roundup, scored, unseen
from chaosllm.commands._selection import Selection
from chaosllm.commands.run import command
from chaosllm.errors import ChaosError, Exit

SCENARIO = SMALL + "target: {operation: {path: /chat}}\n"


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(tags=("slow",)), True),
        (Selection(tags=("other", "slow")), True),  # one of them is enough
        (Selection(tags=("slo",)), False),  # a tag is no glob
        (Selection(tags=("not:slow",)), False),
        (Selection(tags=("not:other",)), True),
        (Selection(tags=("slow", "not:agents")), False),
        (Selection(only=("latency-*",)), True),
        (Selection(only=("latency/*",)), True),
        (Selection(only=("spike",)), False),
        (Selection(only=("LATENCY-*",)), False),
        (Selection(skip=("latency/spike",)), False),
        (Selection(only=("latency-*",), skip=("other",)), True),
        (Selection(tags=("slow",), only=("other",)), False),
    ],
)
def test_selection(selection: Selection, taken: bool) -> None:
    """Any of the tags and none of the `not:` ones, any of --only, none of --skip: all must hold."""
    assert selection.takes("latency-spike", Path("scenarios/latency/spike.yaml"), ["slow", "agents"]) is taken


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text(SCENARIO.replace("small", "one") + "tags: [quick]\n")
    (tmp_path / "two.yaml").write_text(SCENARIO.replace("small", "two"))
    return tmp_path


def run(*arguments: object) -> tuple[Result, ChaosError | None]:
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    return done, done.exception if isinstance(done.exception, ChaosError) else None


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ("--tag slow", "tags: quick"),
        ("--only three", "there are one, two"),
        ("--skip *", "there are one, two"),
        ("--tag not:quick --only one", "there are one, two; tags: quick"),
    ],
)
def test_nothing_left(folder: Path, options: str, hint: str) -> None:
    """A selection that leaves nothing is wrong usage, and says what there was to choose from."""
    _, error = run(folder, *options.split())
    assert error is not None
    assert (error.exit_code, error.what) == (Exit.USAGE, f"{options} leaves nothing of 2 scenarios")
    assert error.hint == hint


def test_two_of_one_name(folder: Path) -> None:
    """Two runs never write to one folder."""
    (folder / "two.yaml").write_text(SCENARIO.replace("small", "one"))
    _, error = run(folder, "--out", folder / "out")
    assert error is not None
    assert (error.exit_code, "two scenarios are called one" in error.what) == (Exit.USAGE, True)
    assert not (folder / "out").exists()


def test_each_has_its_line_and_its_row(folder: Path) -> None:
    """With --json there is one line a scenario on stdout and the table on stderr, also for the one that is left."""
    done, _ = run(folder, "--skip", "one", "--out", folder / "out", "--json", "--", "/no/such/command")
    _, machine, _ = [json.loads(line) for line in done.stdout.splitlines()]
    assert (machine["scenario"], machine["exit"]) == ("two", Exit.COULD_NOT_RUN)
    assert "NOT RUN" in done.stderr
    assert "no such file" in done.stderr


def test_roundup() -> None:
    """Each run has a row with its verdict and the first reason; those that never began say so."""
    orders = [SimpleNamespace(scenario=SimpleNamespace(name=name), dry_run=False) for name in ("a", "b", "c", "d")]
    results = [
        SimpleNamespace(code=Exit.PASS, error=None, material=SimpleNamespace(summary={"reasons": []})),
        SimpleNamespace(code=Exit.FAIL, error=None, material=SimpleNamespace(summary={"reasons": ["x failed", "y"]})),
        SimpleNamespace(code=Exit.COULD_NOT_RUN, error=ChaosError("[b]the app died"), material=None),
    ]
    console = Console(file=io.StringIO(), width=100)
    console.print(roundup(orders, results))  # type: ignore[arg-type]  # only what a row shows
    lines = [line.split() for line in console.file.getvalue().splitlines()[2:]]  # type: ignore[attr-defined]  # a StringIO
    assert lines == [
        ["PASS", "a"],
        ["FAIL", "b", "x", "failed", "(and", "1", "more)"],
        ["NOT", "RUN", "c", "[b]the", "app", "died"],
        ["NOT", "BEGUN", "d"],
    ]


def test_score_of_several_runs() -> None:
    """Several runs have one score, the worst of each class; one that was not run costs the grade; one run has none."""

    def row(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 2, "high": value + 1}

    parts = [
        {"classes": {"quota": row(99.0)}, "grade": "A", "why": "", "capped_by": ""},
        {"classes": {"quota": row(80.0), "hangs": row(90.0)}, "grade": "C", "why": "", "capped_by": ""},
    ]
    results = [SimpleNamespace(material=SimpleNamespace(summary={"score": one})) for one in parts]
    said = scored(results)  # type: ignore[arg-type]  # as above
    assert said.startswith("Score 80 of 100 (grade C): the lowest of quota 80, hangs 90. Not tested: ")
    assert "truncation" in said
    assert "no grade: 1 of 3 runs have none" in scored([*results, SimpleNamespace(material=None)])  # type: ignore[list-item]
    assert not scored(results[:1])  # type: ignore[arg-type]  # as above
    assert not scored([SimpleNamespace(material=None)] * 2)  # type: ignore[list-item]  # as above


def test_what_no_run_needed() -> None:
    """A finding that is accepted for many runs is dispensable only when none of them has seen it."""
    rows = [
        [{"finding": "hang", "owner": "ana", "seen": 0}, {"finding": "no_backoff", "owner": "ana", "seen": 0}],
        [{"finding": "hang", "owner": "ana", "seen": 2}, {"finding": "no_backoff", "owner": "ana", "seen": 0}],
    ]
    results = [SimpleNamespace(material=SimpleNamespace(summary={"accept": one})) for one in rows]
    results.append(SimpleNamespace(material=None))
    assert unseen(results) == "Accepted, and seen in none of these runs: no_backoff (ana)."  # type: ignore[arg-type]  # as above
    assert not unseen(results[2:])  # type: ignore[arg-type]  # as above


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exit]:
    """Name -> how its run ends; runs are not begun."""
    codes: dict[str, Exit] = {}
    monkeypatch.setattr(
        "chaosllm.commands._runs.launch", lambda order, **_: OrderResult(codes[order.scenario.name], order.out)
    )
    return codes


def test_a_suite_is_run(folder: Path, ended: dict[str, Exit]) -> None:
    """Each scenario runs as the suite has it, in its order, into OUT/NAME, and the table follows."""
    (folder / "suite.yaml").write_text(
        "version: 1\nsuite: s\nscenarios:\n  - two.yaml\n"
        "  - {scenario: one.yaml, set: {seed: 9}, duration_scale: 0.5}\n"
        "  - {scenario: one.yaml, name: third}\n"
    )
    ended.update(two=Exit.INCONCLUSIVE, one=Exit.FAIL, third=Exit.PASS)
    done, _ = run(folder / "suite.yaml", "--out", folder / "out", "--json", "--app", "hardened")
    first, *rows, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["type"], first["suite"], first["of"]) == ("suite_started", "s", 3)
    assert [(row["scenario"], row["seed"]) for row in first["scenarios"]] == [("two", 0), ("one", 9), ("third", 0)]
    assert (last["type"], last["verdict"], last["exit"]) == ("suite_finished", "inconclusive", 1)
    assert (last["folder"], len(last["runs"])) == (str(folder / "out"), 3)
    assert [row["folder"] for row in rows] == [str(folder / "out" / name) for name in ("two", "one", "third")]
    assert [row["exit"] for row in rows] == [Exit.INCONCLUSIVE, Exit.FAIL, Exit.PASS]
    heads = [line for line in done.stderr.splitlines() if " of 3: " in line]
    assert heads == ["1 of 3: two", "2 of 3: one", "3 of 3: third"]
    assert done.stderr.splitlines()[-1] == f"suite report: {folder / 'out' / 'report.html'}"
    assert [line.split()[:2] for line in done.stderr.splitlines()[-4:-1]] == [
        ["INCONCLUSIVE", "two"],
        ["FAIL", "one"],
        ["PASS", "third"],
    ]


def test_ctrl_c_ends_a_suite(folder: Path, ended: dict[str, Exit], monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C no further scenario begins, and the table and the page say which those are."""
    monkeypatch.chdir(folder)
    ended.update(one=Exit.INTERRUPTED, two=Exit.PASS)
    done, _ = run(folder, "--json", "--app", "hardened")
    types = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert types == ["suite_started", "finished", "suite_finished"]
    *_, first, second, where = done.stderr.splitlines()
    assert [first.split(), second.split()] == [["INTERRUPTED", "one"], ["NOT", "BEGUN", "two"]]
    assert where.startswith("suite report: reports/runs-")
    kept = json.loads(Path(where.removeprefix("suite report: ")).with_name("summary.json").read_text())
    assert [row["state"] for row in kept["runs"]] == ["interrupted", "not_begun"]


def test_a_killed_suite_is_on_record(folder: Path, ended: dict[str, Exit], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a suite wants to run, and where it is, stands in its folder before each run begins."""
    monkeypatch.chdir(folder)
    seen = []

    def launch(order, **_):
        (path,) = (folder / "reports").glob("runs-*/summary.json")
        seen.append([(row["state"], Path(row["folder"]).name) for row in json.loads(path.read_text())["runs"]])
        if order.scenario.name == "two":
            raise KeyboardInterrupt  # as near to a kill as a test comes: nothing after it is written
        return OrderResult(Exit.COULD_NOT_RUN, order.out)

    monkeypatch.setattr("chaosllm.commands._runs.launch", launch)
    run(folder, "--app", "hardened")
    (one, two) = sorted(path.name for path in (folder / "reports").iterdir() if not path.name.startswith("runs-"))
    assert seen[0] == [("unfinished", one), ("not_begun", "")]
    assert seen[1][1] == ("unfinished", two)
    (suite,) = (folder / "reports").glob("runs-*")
    assert not (suite / "report.html").exists()


def test_dry_runs_and_quiet_events(folder: Path, ended: dict[str, Exit]) -> None:
    """Dry runs leave no page and no verdict of all; with --quiet there is a line a scenario and no other."""
    ended.update(one=Exit.PASS, two=Exit.PASS)
    done, _ = run(folder, "--dry-run", "--json", "--app", "hardened", "--out", folder / "dry")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (rows[-1]["type"], rows[-1]["verdict"], rows[-1]["folder"]) == ("suite_finished", None, None)
    assert not (folder / "dry").exists()
    done, _ = run(folder, "--quiet", "--json", "--app", "hardened", "--out", folder / "out")
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["finished"] * 2


def test_one_scenario_needs_no_table(folder: Path, ended: dict[str, Exit]) -> None:
    """A single file goes into the folder that was asked for, and ends as ever."""
    ended.update(two=Exit.PASS)
    done, _ = run(folder / "two.yaml", "--out", folder / "out", "--json", "--app", "hardened")
    assert json.loads(done.stdout)["folder"] == str(folder / "out")
    assert "verdict" not in done.stderr

"""`chaosllm sweep` from the command line to its folder, on runs that are made up by formula."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest

from chaosllm.adapters import sweep_folder
from chaosllm.adapters.supervisor.order import Order, Result
from chaosllm.commands import sweep
from chaosllm.errors import ChaosError, Exit, ScenarioError
from chaosllm.stats import wilson

SCENARIO = """\
version: 1
name: swept
seed: 5
target: {url: "http://127.0.0.1:8000", operation: {path: /chat, json: {message: "{prompt}"}}}
upstreams: [{provider: openai, url: simulator}]
load: {rate: 100/s}
phases:
  - {name: baseline, duration: 10s}
  - name: storm
    duration: 10s
    rules: [{fault: rate_limit, when: {share: 10%}}]
  - {name: recovery, duration: 10s}
objectives:
  - success_rate(baseline) >= 99%
  - success_rate(storm) >= 70%
  - latency_p95(storm) <= 2s
"""
SHARE = "rules.0.when.share=0%..80%"


class Runs:
    """In place of real runs: success falls as the share says, latency breaks at 40 %."""

    def __init__(self, good: Callable[[float], float] = lambda share: 1 - share, operations: int = 1000) -> None:
        self.good, self.operations = good, operations
        self.ends: dict[int, Result] = {}  # by number of the run: how it ended otherwise
        self.orders: list[Order] = []

    def __call__(self, order: Order, *, quiet: bool) -> Result:
        self.orders.append(order)
        if (end := self.ends.get(len(self.orders))) is not None:
            return end
        share = order.scenario.rules[0].when.share or 0.0
        assert order.out is not None
        order.out.mkdir()
        (order.out / "summary.json").write_text("{}")
        k = int(np.random.default_rng(order.scenario.seed).binomial(self.operations, self.good(share)))
        low, high = wilson(k, self.operations, 0.9)
        row = {"value": k / self.operations, "low": low, "high": high, "n": self.operations, "verdict": "?"}
        slow = {"value": 1.0, "low": 0.9, "high": 1.1, "n": 100, "verdict": "pass" if share < 0.4 else "fail"}
        material = SimpleNamespace(summary={"objectives": [row, row, slow]})
        return Result(Exit.FAIL, order.out, material)  # type: ignore[arg-type]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runs:
    found = Runs()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "swept.yaml").write_text(SCENARIO)
    monkeypatch.setattr(sweep, "launch", found)
    monkeypatch.setattr(sweep_folder, "spoiled", lambda folder, objective: "")
    return found


def swept(*args: str) -> tuple[int, dict[str, Any]]:
    """(exit code, sweep.json)."""
    code = sweep.command.main(["swept.yaml", "--out", "out", *args], "sweep", standalone_mode=False)
    return int(code), json.loads(Path("out/sweep.json").read_text())


def mistakes(*args: str) -> list[str]:
    """Every problem that is told before anything runs."""
    with pytest.raises(ScenarioError) as caught:
        swept(*args)
    assert caught.value.exit_code is Exit.USAGE
    return [str(problem) for problem in caught.value.problems]


def test_a_breaking_point_is_found(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    """An app without retries holds 70 % up to a share of 30 %: line, table, picture, and a run for each level."""
    code, made = swept("--vary", SHARE)
    breaking = made["breaking_point"]
    assert (code, breaking["kind"], made["schema"]) == (0, "found", 1)
    assert 0.15 < breaking["low"] <= 0.3 <= breaking["high"] < 0.45
    assert made["objective"]["text"] == "success_rate(storm) >= 70%", "the first on a fault phase"
    assert made["says"].startswith(f"success_rate(storm) >= 70% holds up to {breaking['text']['value']} (95% interval ")
    assert [run["seed"] for run in made["runs"]] == list(range(5, 5 + len(runs.orders)))
    assert {"sweep.json", "sweep.md", "sweep.svg", "sweep.png"} <= {path.name for path in Path("out").iterdir()}
    assert all((Path("out") / run["folder"]).is_dir() for run in made["runs"])
    shown = capsys.readouterr()
    assert "up to 12 runs, about 8m in all" in shown.err
    assert "holds up to" in " ".join(shown.out.split())
    assert "| level |" in Path("out/sweep.md").read_text()


def test_a_list_is_a_plain_grid(runs: Runs) -> None:
    """Listed levels are run in their order, once each, and --steps makes such a list of a range."""
    code, made = swept("--vary", "rules.0.when.share=20%,60%,40%")
    assert [run["level"] for run in made["runs"]] == ["20%", "60%", "40%"]
    assert (code, made["breaking_point"]["text"]["low"], made["breaking_point"]["text"]["high"]) == (0, "20%", "40%")
    code, made = swept("--vary", SHARE, "--steps", "5", "--out", "other")
    assert len(runs.orders) == 8


def test_verdicts_do_where_nothing_is_counted(runs: Runs) -> None:
    """A latency is swept by its verdicts, and each run is an ordinary one."""
    code, made = swept("--vary", SHARE, "--objective", "latency_p95", "--runs", "20")
    assert (code, made["objective"]["counted"]) == (0, False)
    assert made["breaking_point"]["low"] < 0.4 <= made["breaking_point"]["high"]
    assert "| passed | failed |" in Path("out/sweep.md").read_text()


@pytest.mark.parametrize(
    ("good", "code", "says"),
    [
        (lambda share: 0.97, 0, "holds up to at least 80%"),
        (lambda share: 0.5, 1, "fails already at 2%"),
        (lambda share: 0.3 if 0.3 < share < 0.5 else 0.95, 4, "has no breaking point"),
        (lambda share: 0.7, 4, "is undecided"),
    ],
)
def test_what_has_no_breaking_point_is_said(runs: Runs, good: Callable[[float], float], code: int, says: str) -> None:
    """Everywhere, nowhere, not monotone and undecided each have their words and their exit code."""
    runs.good = good
    found, made = swept("--vary", SHARE)
    assert (found, says in made["says"]) == (code, True), made["says"]


@pytest.mark.parametrize(("level", "code"), [("15%", 0), ("50%", 1), ("30%", 4)])
def test_a_gate(runs: Runs, level: str, code: int) -> None:
    """--at-least passes, fails or cannot tell, and stops as soon as it can."""
    found, made = swept("--vary", SHARE, "--at-least", level)
    assert found == code
    assert made["at_least"]["level"] == level
    if code != 4:
        assert len(made["runs"]) < 9


def test_ctrl_c_keeps_the_curve_and_the_same_command_goes_on(runs: Runs) -> None:
    """Levels that are finished count, the one that was broken off does not, and none is run twice."""
    runs.ends[4] = Result(Exit.INTERRUPTED)
    code, made = swept("--vary", SHARE)
    assert (code, len(made["runs"]), made["runs"][-1]["data"]) == (130, 4, False)
    assert made["stopped"] == "stopped by Ctrl-C"
    code, made = swept("--vary", SHARE)
    assert (code, made["breaking_point"]["kind"]) == (0, "found")
    assert len({run["folder"] for run in made["runs"]}) == len(made["runs"]) == len(runs.orders) - 1
    with pytest.raises(ChaosError, match="another sweep"):
        swept("--vary", "load.rate=5/s..50/s")


def test_a_run_that_cannot_be_judged_is_no_data(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spoiled level is said and run once more; an app that does not start ends the sweep with its own code."""
    reasons = iter(["the proxy was saturated"])
    monkeypatch.setattr(sweep_folder, "spoiled", lambda folder, objective: next(reasons, ""))
    code, made = swept("--vary", SHARE)
    assert (code, made["runs"][0]["data"], made["runs"][0]["why"]) == (0, False, "the proxy was saturated")
    assert "is no data: the proxy was saturated" in Path("out/sweep.md").read_text()
    runs.ends[len(runs.orders) + 1] = Result(Exit.COULD_NOT_RUN, error=ChaosError("did not start"))
    code, made = swept("--vary", SHARE, "--out", "second")
    assert code == 3
    assert "second" in runs.orders[-1].out.parts  # type: ignore[union-attr]


def test_a_budget_ends_it(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run is started that would end after --budget."""
    now = [0.0]
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: now[0]))
    real = runs.__call__

    def slow(order: Order, *, quiet: bool) -> Result:
        now[0] += 50
        return real(order, quiet=quiet)

    monkeypatch.setattr(sweep, "launch", slow)
    _, made = swept("--vary", SHARE, "--budget", "3m")
    assert len(made["runs"]) == 3
    assert "the budget of 3m" in made["stopped"]
    with pytest.raises(click.BadParameter, match="shorter than one run"):
        swept("--vary", SHARE, "--budget", "10s")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--vary", "rules.0.when.shar=0%..80%"), ["--vary:1:1: error: unknown key `shar`", "did you mean `share`"]),
        (("--vary", "phases.stom.duration=1s..9s"), ["--vary:1:1", "there is no `stom`", "did you mean `storm`"]),
        (("--vary", "rules.0.when.share=0%..140%"), ["--vary:1:1", "at most 100%"]),
        (("--vary", "rules.0.when.share=80%..0%"), ["--vary:1:1", "begins with the higher end"]),
        (("--vary", "rules.0.when.share=5/s..50/s"), ["--vary:1:1", "when.share: found '5/s', expected a percentage"]),
        (("--vary", SHARE, "--objective", "ttft"), ["--objective:1:1", "no objective `ttft`", "0 to 2"]),
        (("--vary", SHARE, "--objective", "success_rate"), ["--objective:1:1", "fits 2 objectives"]),
        (("--vary", SHARE, "--objective", "0"), ["--objective:1:1", "is judged before storm"]),
        (("--vary", SHARE, "--tolerance", "2s"), ["--tolerance:1:1", "expected a percentage"]),
        (("--vary", SHARE, "--tolerance", "90%"), ["--tolerance:1:1", "the range is 80% wide"]),
        (("--vary", SHARE, "--at-least", "90%"), ["--at-least:1:1", "outside of what is swept"]),
        (("--vary", "rules.0.when.share=1%,2%", "--steps", "5"), ["--vary:1:1", "levels are listed"]),
    ],
)
def test_mistakes_are_told_before_anything_runs(runs: Runs, args: tuple[str, ...], says: list[str]) -> None:
    """Each says where it was made, what was found and what would work; nothing is run or written."""
    told = "\n".join(mistakes(*args))
    assert [one for one in says if one not in told] == [], told
    assert runs.orders == []
    assert not Path("out").exists()


def test_all_mistakes_at_once(runs: Runs) -> None:
    """A wrong range does not hide a wrong objective."""
    assert len(mistakes("--vary", "rules.0.when.share=5%..5%", "--objective", "ttft")) == 2


def test_a_folder_of_something_else_is_left_alone(runs: Runs) -> None:
    """--out never writes into what is no sweep."""
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine")
    with pytest.raises(ChaosError, match=r"it holds thesis\.txt"):
        swept("--vary", SHARE)

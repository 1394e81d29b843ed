"""Run folders damaged by seeded chance: one clear sentence or a report, and never a PASS from nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path

import folder_factory as factory
import pytest
from click.testing import CliRunner
from soak import count

from chaosllm.adapters import run_folder
from chaosllm.commands.report import command
from chaosllm.errors import ChaosError, ScenarioError

FORMS = ("json", "terminal", "markdown")
PARTS = 3


def report(folder: Path, form: str):
    return CliRunner().invoke(command, [str(folder), "--format", form], standalone_mode=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("whole")
    return {
        "pass": factory.write(factory.passing(), parent / "pass"),
        "fail": factory.write(factory.failing(), parent / "fail"),
    }


def test_the_whole_folders_are_what_they_are_called(whole: dict[str, Path]):
    """Otherwise nothing below would show anything."""
    for verdict, folder in whole.items():
        assert json.loads(report(folder, "json").stdout)["verdict"] == verdict


def held(folder: Path) -> tuple[int, int, int]:
    """How much of the records can be read: operations, calls, lines about operations."""
    run = run_folder.load(folder)
    told = {line["operation"] for line in run_folder.lines(folder / "samples.jsonl") if "operation" in line}
    return len(run.samples), len(run.events), len(told)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_damage(part: int, whole: dict[str, Path], tmp_path: Path):
    """No traceback, whatever was done to the records; what could not be read is no PASS, and a FAIL becomes none."""
    chance = random.Random(f"damage {part}")
    full = held(whole["pass"])
    judged = 0
    for number in range(count(12, 5000)):
        verdict = chance.choice(sorted(whole))
        folder = factory.copy(whole[verdict], tmp_path / "damaged")
        case = f"part {part}, number {number}: {factory.damage(folder, chance)} of a {verdict}"
        result = report(folder, chance.choice(FORMS) if number % 3 == 0 else "json")
        if result.exception is not None:
            assert isinstance(result.exception, ChaosError | ScenarioError), (case, result.exception)
            assert str(result.exception), case
            continue
        assert "\x1b" not in result.stdout, case
        try:
            summary = json.loads(result.stdout)
        except ValueError:
            continue
        judged += 1
        if summary["verdict"] == "pass":
            assert verdict == "pass", case
            # `>=`, because a line that stands there twice takes nothing away.
            assert all(now >= before for now, before in zip(held(folder), full, strict=True)), case
    assert judged > count(12, 5000) / 4, "most damage must be judged rather than refused"

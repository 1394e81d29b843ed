"""Every check of a run's validity at both sides of each of its bounds, and what comes of following its hint."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

import chaosllm.validity
from chaosllm import verdict
from chaosllm.analysis import Analysis
from chaosllm.metrics import Estimate
from chaosllm.validity import check
from chaosllm.verdict import judge

ROWS = [
    row
    for file in sorted(Path(__file__).parent.glob("bounds_*.py"))
    for row in importlib.import_module(file.stem).BOUNDS
]


@pytest.fixture(autouse=True)
def only_what_is_judged(monkeypatch):
    """Metrics that nothing judges are left out, because they take nearly all of a judge's time."""
    nothing = Estimate.none("not asked for")
    monkeypatch.setattr(verdict, "analyse", lambda run: Analysis({}, [], nothing, run.match_rate))


@cache
def built(make):
    """The run of a row's side, which both tests look at."""
    return make()


def speaking(run):
    return {one.name: one for one in check(run) if not one.ok}


def names(summary):
    return {one["name"] for one in summary["validity"] if not one["ok"]}


def written(tree):
    """The name of each `Check(...)` in a module, as a pattern of what it may come to."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Check":
            name = call.args[0]
            parts = name.values if isinstance(name, ast.JoinedStr) else [name]
            yield "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in parts)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.check}: {row.condition}")
def test_both_sides(row):
    """Just inside of its bound a check is silent and the run can pass; just outside it speaks, and nothing passes."""
    inside, outside = judge(built(row.silent)), judge(built(row.speaks))
    assert row.check not in (said := names(inside))
    assert said <= row.beside
    assert inside["verdict"] == ("inconclusive" if said else "pass")
    assert row.check in (said := names(outside))
    assert said - {row.check} <= row.beside
    assert outside["verdict"] == "inconclusive"
    assert any(reason.startswith(f"{row.check}: ") for reason in outside["reasons"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.check}: {row.condition}")
def test_its_hint_silences_it(row):
    """A hint names an amount, or there is a reason that it cannot, and who follows it literally is not told again."""
    hint = speaking(built(row.speaks))[row.check].hint
    found = re.search(row.hint, hint)
    assert found, hint
    assert bool(re.search(r"\d", hint)) != bool(row.numberless), hint
    runs = list(row.followed(found)) if row.followed else [built(row.silent)]
    assert runs
    for run in runs:
        assert row.check not in speaking(run), hint


def test_no_check_is_without_rows():
    """A check whose bound nobody wrote down could speak anywhere; rows of a check that is gone prove nothing."""
    package = Path(chaosllm.validity.__file__).parent
    patterns = {name for file in package.glob("*.py") for name in written(ast.parse(file.read_text()))}
    held = {row.check for row in ROWS}
    assert len(patterns) >= 28
    assert {one for one in patterns if not any(re.fullmatch(one, name) for name in held)} == set()
    assert {name for name in held if not any(re.fullmatch(one, name) for one in patterns)} == set()

"""The conditions of METHOD section 5 are what the code does, code by code, at each threshold's two sides."""

import importlib
from pathlib import Path

import pytest

from chaosllm import registry
from chaosllm.join import Run

ROWS = [
    row
    for file in sorted(Path(__file__).parent.glob("thresholds_*.py"))
    for row in importlib.import_module(file.stem).THRESHOLDS
]


def found(run: Run, code: str) -> bool:
    return bool(registry.member("findings", code).find(run))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}: {row.condition}")
def test_both_sides(row):
    """Just outside of its condition a finding is silent, just inside it is raised."""
    assert not found(row.silent(), row.code)
    assert found(row.raised(), row.code)


def test_every_finding_has_rows():
    """A finding whose conditions nobody wrote down could say anything."""
    assert {row.code for row in ROWS} == set(registry.members("findings"))

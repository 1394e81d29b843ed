"""A recorded run of each app of the zoo: what is true of it is found, and nothing else."""

from pathlib import Path

import pytest
import recordings
from zoo_app import every
from zoo_rig import Cell
from zoo_truth import Truth, seen

from chaosllm import registry


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The recorded run of each animal."""
    return {path.name.split(".")[0]: path for path in recordings.unpack("zoo", tmp_path_factory.mktemp("zoo"))}


@pytest.fixture(scope="module")
def total() -> Truth:
    """What all tests of this module saw."""
    return Truth()


@pytest.mark.parametrize("animal", sorted(every()))
def test_what_is_true_of_an_app_is_found_and_nothing_else(animal: str, runs: dict[str, Path], total: Truth) -> None:
    name, play, seed = runs[animal].name.split(".")
    cell = Cell(name, play, int(seed))
    found = seen(runs[animal].parent, cell)
    alone = Truth()
    for truth in (alone, total):
        truth.add(cell, *found)
    assert alone.wrong == []


def test_each_finding_is_true_of_an_app(total: Truth) -> None:
    """Precision and recall of each finding, printed; a finding that no app provokes would have neither."""
    for code, found, missed, false, precision, recall in total.table():
        print(f"{code:24} {found:4} found {missed:4} missed {false:4} false   {precision:.3f} {recall:.3f}")
    assert {*total.found} == {*registry.members("findings")}
    assert not total.missed
    assert not total.false

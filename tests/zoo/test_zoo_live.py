"""Six cells of the zoo on real processes: real SDKs, proxy and driver, half as long as in `make zoo`."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from zoo_rig import TRIES, Cell, overloaded, play
from zoo_truth import Truth, seen

pytestmark = pytest.mark.end_to_end

#: Codes that take calls, answers, connections, recovery and tools to tell; and one app that does right.
CELLS = (
    Cell("no-retry", "outage", 11),
    Cell("stuck-on-fallback", "outage", 12),
    Cell("silent-failure", "outage", 13),
    Cell("no-timeout", "hang", 14),
    Cell("begins-again", "agent", 15),
    Cell("fallback", "hang", 16),
)


SCALE = 0.5


def truth_of(cell: Cell, parent: Path) -> Truth:
    """What a run of it shows.

    Played again only when it shows what is not so on a machine that had too much to do, because other tests run
    beside, and to throw away runs that show the truth would make the machine busier still.
    """
    for left in reversed(range(TRIES)):
        folder = play(cell, parent, SCALE, tries=1)
        found = Truth()
        found.add(cell, *seen(parent, cell))
        if not (left and found.wrong and overloaded(folder, SCALE)):
            break
        shutil.rmtree(folder)
    return found


@pytest.mark.timeout(240)
def test_six_apps_live(tmp_path):
    """What is true of each app is found in a real run of it, and nothing else."""
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda cell: truth_of(cell, tmp_path), CELLS))
    assert [line for one in found for line in one.wrong] == []
    assert sum(one.found.total() for one in found) >= 6

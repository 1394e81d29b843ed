"""Six cells of the zoo on real processes: real SDKs, proxy and driver, half as long as in `make zoo`."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from zoo_rig import Cell, play
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


@pytest.mark.timeout(240)
def test_six_apps_live(tmp_path):
    """What is true of each app is found in a real run of it, and nothing else."""
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda cell: play(cell, tmp_path, scale=0.5), CELLS))
    total = Truth()
    for cell in CELLS:
        total.add(cell, *seen(tmp_path, cell))
    assert total.wrong == []
    assert total.found.total() >= 6

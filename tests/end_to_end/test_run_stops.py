"""From any stop to the last fault that anybody feels: a second at most, on real processes and sockets."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attached_trials
import pytest
import stop_trials

pytestmark = pytest.mark.end_to_end


def test_a_stop_ends_what_is_felt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that take ways of their own, beside each other and so with patience; `make soak`: each, thirty times."""

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # so that nobody's `chaosllm stop` ends one of them

    def once(way: str) -> stop_trials.Trial:
        folder = tmp_path / way.replace(" ", "-")
        folder.mkdir()
        return stop_trials.trial(way, folder)

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(once, ("ctl", "lever", "dead supervisor")))
    # With patience, because beside other tests the command line alone may take seconds to load. Who is struck after the
    # stop feels it after the stop, so that this holds for later calls too; half of all are struck, for a minute.
    assert [one for one in found if one.last > (25 if one.way == "ctl" else 8)] == []
    assert all(one.held > 0 for one in found)  # else nothing was there to be let go
    assert [one.exit for one in found] == [5, 5, -9]


@pytest.mark.soak
@pytest.mark.alone
@pytest.mark.timeout(1800)
@pytest.mark.skipif("not __import__('os').environ.get('CHAOSLLM_SOAK')", reason="a quarter of an hour: make soak")
@pytest.mark.parametrize(
    ("trial", "way"),
    [
        *((stop_trials.trial, way) for way in stop_trials.WAYS),
        *((attached_trials.trial, way) for way in attached_trials.WAYS),
    ],
)
def test_thirty_of_thirty(trial: Callable[[str, Path], stop_trials.Trial], way: str) -> None:
    """Within a second of the stop nobody feels a fault any more, and no later call is struck; attached runs too."""
    found = stop_trials.trials(way, 30, trial=trial)
    print(stop_trials.row(way, found))
    assert [one for one in found if one.last > 1 or one.faulted_later] == []

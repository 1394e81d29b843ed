"""How often the gate is red: for an unchanged hardened app once in 100 runs at most, for a fragile one 99 times."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
import recordings
from gate_runs import gates
from resampled import resample
from soak import count

from chaosllm.adapters import run_folder
from chaosllm.join import Run
from chaosllm.verdict import judge

#: Simulated runs of each app in `make test`, and real ones of each in `make soak`.
SIMULATED, REAL = 20, 100


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Run]]:
    """Runs of the sample apps, recorded on real processes, by app."""
    found: dict[str, list[Run]] = {}
    for folder in recordings.unpack("gate", tmp_path_factory.mktemp("gate")):
        found.setdefault(folder.name.split("-")[0], []).append(run_folder.load(folder))
    return found


def verdicts(runs: list[Run]) -> Counter[str]:
    return Counter(judge(resample(runs, seed))["verdict"] for seed in range(1, SIMULATED + 1))


def test_a_hardened_app_passes(recorded: dict[str, list[Run]]) -> None:
    """Of 20 runs, simulated from recorded ones, none is red: neither FAIL nor INCONCLUSIVE."""
    assert verdicts(recorded["hardened"]) == {"pass": SIMULATED}


def test_a_fragile_app_fails(recorded: dict[str, list[Run]]) -> None:
    """Of 20 runs, simulated from recorded ones, each is FAIL."""
    assert verdicts(recorded["fragile"]) == {"fail": SIMULATED}


def test_a_simulated_run_is_one_of_its_seed(recorded: dict[str, list[Run]]) -> None:
    """Each has the arrivals of its own seed, and users who got other things than in the run before."""
    one, other = (resample(recorded["hardened"], seed) for seed in (1, 2))
    assert len(one.samples) == len(one.scenario.load.due_times(1, one.scenario.duration))
    assert len({len(run.events) for run in (one, other, *recorded["hardened"])}) > 2
    assert one.match_rate == 1.0


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(count(0, 1) == 0, reason="make soak alone runs the gate two hundred times")
@pytest.mark.parametrize("app", ["hardened", "fragile"])
def test_the_gate_on_real_runs(app: str, tmp_path: Path) -> None:
    """At most one of 100 real runs of the hardened app is red, and at least 99 of the fragile one are.

    With CHAOSLLM_KEEP=FOLDER runs are kept there, and those that are there are not run again.
    """
    codes = gates(app, range(1, REAL + 1), Path(os.environ.get("CHAOSLLM_KEEP") or tmp_path))
    red = Counter(code for code in codes.values() if code)
    print(f"{app}: {red.total()} of {REAL} red, by exit code {dict(red)}")
    if app == "hardened":
        assert red.total() <= 1, codes
    else:
        assert red[1] >= REAL - 1, codes

"""The benchmarks stay runnable: each kind of job against the raw upstream and one proxy, and the page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import accuracy, upstream  # noqa: E402
from benchmarks.contestants import Contestant, Ground  # noqa: E402
from benchmarks.figures import Figure, Run, Section  # noqa: E402
from benchmarks.page import page  # noqa: E402
from benchmarks.processes import ask  # noqa: E402

pytestmark = pytest.mark.end_to_end
STREAMS = {"do": "streams", "streams": 6, "gap": 0.02, "window": 0.2}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The raw upstream."""
    with pytest.MonkeyPatch.context() as patch, Ground(tmp_path_factory.mktemp("bench")) as started:
        patch.chdir(ROOT)  # clients are started as modules
        yield started


@pytest.fixture(scope="module")
def ours(ground: Ground) -> Contestant:
    """Our proxy with one rule, which cuts calls of one model."""
    return ground.ours("ours", f"[{CUT.rule}]", core=None)


CUT = next(cut for cut in accuracy.CUTS if (cut.at, cut.shape) == ("7 events", "abrupt"))


def do(there: Contestant, way: str = "plain", **job: Any) -> dict[str, Any]:
    return ask({"route": asdict(there.routes[way]), "pid": there.pid, **job}, core=None, seconds=60)


def test_calls_are_counted_and_cost_something(ours: Contestant) -> None:
    """A closed loop through the proxy gives its rate, its times and the processor time of its processes."""
    answer = do(ours, do="requests", connections=2, count=20)
    assert answer["rate"] > 0
    assert 0 < answer["latency"]["least"] <= answer["latency"]["p50"]
    assert 1e-5 < answer["cpu"] < 0.1


@pytest.mark.parametrize("way", ["plain", "tls", "h2", "explicit"])
def test_streams_come_whole_by_every_way(ours: Contestant, way: str) -> None:
    """All events of all streams are counted, whatever the way, and the proxy's time is seen."""
    answer = do(ours, way, **STREAMS)
    assert answer["came"] == answer["asked"]
    assert answer["whole"] == 6
    assert answer["cpu"] > 0


def test_a_cut_is_told_from_a_whole_stream(ground: Ground, ours: Contestant) -> None:
    """The same ask is exact through the proxy that cuts, and not on the direct way."""
    asks = [{"model": CUT.model, "events": accuracy.WORDS_OF_A_CUT_STREAM, "gap": 0}]
    (cut,) = do(ours, do="answers", asks=asks, apart=0, keep=True)["answers"]
    (whole,) = do(ground.direct(), do="answers", asks=asks, apart=0, keep=True)["answers"]
    assert accuracy.is_exact(cut, CUT)
    assert not accuracy.is_exact(whole, CUT)
    assert len(whole["times"]) == accuracy.WORDS_OF_A_CUT_STREAM + upstream.EXTRA


def test_a_failing_client_is_reported_not_raised(ground: Ground) -> None:
    """What cannot be measured becomes a line of the page, and the run goes on."""
    section = Section("Some", "")
    run = Run(ground, quick=True, say=lambda _: None)
    gone = Contestant("gone", 1 << 22, ground.direct().routes)
    assert run.tried(section, "gone", lambda: do(gone, do="requests", connections=1, count=10)) is None
    assert section.missing and section.missing[0].startswith("gone: ")


def test_the_page_says_which_bar_does_not_hold() -> None:
    """Each figure stands beside its bar, and what could not be measured is said."""
    figures = [
        Figure("kept", 0.4, most=0.5),
        Figure("broken", 4.0, " ms", most=3.0),
        Figure("short", 99, " %", least=100),
    ]
    text = page([Section("Some", "How.", ("a",), [("1",)], figures, ["nginx: not installed"])], seconds=60, quick=False)
    assert "1 of 3 hold" in text
    assert "| kept | 0.40 | <= 0.5 | yes |" in text
    assert "| broken | 4.00 ms | <= 3 ms | **no** |" in text
    assert "| short | 99.00 % | >= 100 % | **no** |" in text
    assert "nginx: not installed" in text


def test_the_command_knows_its_benchmarks() -> None:
    """`python -m benchmarks --help` imports every benchmark."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "accuracy" in done.stdout

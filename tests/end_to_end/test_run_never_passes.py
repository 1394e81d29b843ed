"""A fault that was not injected, and load that was not driven, never look like resilience.

| what goes wrong | where it is shown |
|---|---|
| a fault's code raises | `test_a_fault_that_raises` below; the call passes untouched: `test_proxy_lifecycle.py` |
| the app goes past the proxy | `test_run_verdicts.py::test_bypass_is_inconclusive` |
| the proxy is killed in the run | `test_run_interrupts.py::test_dead_child_is_never_a_pass` |
| the generator cannot keep up | `test_a_saturated_generator` below |
| 20 operations in all | `test_twenty_operations` below |

Each app below serves all its users: `test_run_verdicts.py::test_calm_passes` shows that it passes when all is well.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from running import run, tiny

pytestmark = pytest.mark.end_to_end

#: Runs in each process that Python starts: the fault's own code breaks, as a plugin's may.
BROKEN = """\
import sys
if "chaosllm.adapters.proxy" in sys.orig_argv:
    from chaosllm.faults import latency
    def script(self, context):
        raise ZeroDivisionError("made to fail")
    latency.Latency.script = script
"""
#: The driver's loop is held up 90 ms for each user, as on a machine that is too small for the load.
SLOW = """\
import sys, time
if "chaosllm.adapters.driver" in sys.orig_argv:
    from chaosllm import mix
    def stride(self):
        until = time.perf_counter() + 0.09
        while time.perf_counter() < until:
            pass
        return 1
    mix.Mix.stride = property(stride, lambda self, value: None)
"""
GENTLE = [
    {"name": "baseline", "duration": "3s"},
    {"name": "slow", "duration": "3s", "rules": [{"fault": "latency", "first_token": "50ms"}]},
]


def breaking(folder: Path, text: str) -> dict[str, str]:
    """An environment whose Python begins with this text."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(text)
    return {"PYTHONPATH": str(folder / "site")}


def reasons(summary: dict) -> str:
    return " ".join(summary["reasons"])


def raises(folder: Path) -> Any:
    words = tiny(folder, phases=GENTLE, objectives=["success_rate(slow) >= 80%"])
    return run("-q", *words, cwd=folder, env=breaking(folder, BROKEN))


def twenty(folder: Path) -> Any:
    phases = [one | {"duration": "2.5s"} for one in GENTLE]
    load = {"rate": "4/s", "arrivals": "constant"}
    return run("-q", *tiny(folder, phases=phases, load=load, objectives=["success_rate(slow) >= 95%"]), cwd=folder)


RUNS = (raises, twenty)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    """Two runs side by side, because neither measures a time; the saturated one would take the core of both."""
    with ThreadPoolExecutor(2) as pool:
        yield {one.__name__: pool.submit(one, tmp_path_factory.mktemp(one.__name__)) for one in RUNS}


def test_a_fault_that_raises(ended: dict[str, Future[Any]]) -> None:
    """Each call passes untouched, so that all users are served, and the run says that it proves nothing."""
    code, summary, err = ended["raises"].result()
    assert code in (3, 4), err
    assert summary["verdict"] == "inconclusive"
    assert "ZeroDivisionError" in reasons(summary)


def test_twenty_operations(ended: dict[str, Future[Any]]) -> None:
    """Nobody failed, of ten: that proves 80 % and not 95 %, and the reason says how many it takes."""
    code, summary, err = ended["twenty"].result()
    assert (code, summary["verdict"]) == (4, "inconclusive"), err
    assert sum(phase["operations"] for phase in summary["phases"].values()) == 20
    assert "needs" in reasons(summary), reasons(summary)


def test_a_saturated_generator(tmp_path: Path) -> None:
    """A driver that comes late with its requests drives another load than was asked for."""
    phases = [one | {"duration": "1.5s"} for one in GENTLE]  # 60 users, who hold a core for five seconds
    words = tiny(tmp_path, phases=phases, objectives=["success_rate(slow) >= 80%"])
    code, summary, err = run("-q", *words, cwd=tmp_path, env=breaking(tmp_path, SLOW))
    assert (code, summary["verdict"]) == (4, "inconclusive"), err
    assert "generator" in reasons(summary), reasons(summary)

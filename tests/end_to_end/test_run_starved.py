"""`chaosllm run` on a machine that has no core for the app: its users hang, and that is no finding of the app's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import SMALL, run, tiny

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.soak,
    pytest.mark.alone,
    pytest.mark.skipif(os.environ.get("CHAOSLLM_SOAK") != "1", reason="it takes all cores of the machine: make soak"),
]

LOWLY = str(Path(__file__).with_name("lowly.py"))


@contextmanager
def others(count: int, samples: Path, after: int) -> Iterator[None]:
    """So much other work that never rests, from when so many samples are written; it gives way to all but the app."""
    command = [sys.executable, LOWLY, "10", sys.executable, "-c", "while True: pass"]
    spinning: list[subprocess.Popen[bytes]] = []
    over = threading.Event()

    def begin() -> None:
        while not over.wait(0.05):
            if samples.exists() and samples.read_bytes().count(b"\n") >= after:
                spinning.extend(subprocess.Popen(command, start_new_session=True) for _ in range(count))
                return

    thread = threading.Thread(target=begin)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for one in spinning:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()


@pytest.mark.parametrize("starving", [False, True])
def test_a_starved_app_is_not_taken_for_a_hanging_one(tmp_path: Path, starving: bool) -> None:
    """The same app on the same faults: PASS where it has a core, and INCONCLUSIVE, with the reason, where others do."""
    phases = [{"name": "baseline", "duration": "4s"}, SMALL["phases"][1] | {"duration": "6s"}, SMALL["phases"][2]]
    scenario, _, *app = tiny(tmp_path, app="toiling_app.py", target={"timeout": "1s"}, phases=phases)
    command = (scenario, "--", sys.executable, LOWLY, "16", *app)
    with others(2 * (os.cpu_count() or 1) if starving else 0, tmp_path / "out" / "samples.jsonl", after=70):
        code, summary, err = run(*command, cwd=tmp_path)
    failed = {one["name"] for one in summary["validity"] if not one["ok"]}
    hangs = [one for one in summary["findings"] if one["code"] == "hang"]
    (seen,) = [one for one in summary["instrument"]["processes"] if one["process"] == "app"]
    assert 0.01 < seen["cpu"]["max"] < 1
    if starving:
        assert (code, failed) == (4, {"app starved"}), err
        assert hangs
        assert not any(one["fails"] for one in hangs)
    else:
        assert (code, failed, hangs) == (0, set(), []), err

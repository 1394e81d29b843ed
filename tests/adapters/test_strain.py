"""What children tell of themselves is kept for the judge, and a limit that is near is told once."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaosllm.adapters.processor import Threads, waiting
from chaosllm.adapters.supervisor.strain import Strain
from chaosllm.validity import _limits as limits
from chaosllm.vitals import MOST_BUSY, MOST_LAG, NEAR, Signs, Vitals


class Watched:
    """A child and a watcher in one."""

    name = "proxy"

    def __init__(self):
        self.notes, self.listeners = [], {}

    def note(self, text):
        self.notes.append(text)

    def on(self, kind, listener):
        self.listeners[kind] = listener


@pytest.fixture
def watched():
    return Watched()


def test_each_account_is_kept_with_its_process(watched):
    strain = Strain(watched)
    strain.follow(watched)
    for worker in (1, 2):
        watched.listeners["vitals"]({"type": "vitals", "worker": worker, "t": 1.0})
    assert strain.told == [{"process": "proxy", "worker": worker, "t": 1.0} for worker in (1, 2)]


def test_a_limit_that_is_near_is_told_once_for_each_process(watched):
    strain = Strain(watched)
    strain.see("proxy", {})
    strain.see("proxy", {"cpu": 0.5, "wait": 0.2, "lag": 0.01})
    assert watched.notes == []
    strain.see("proxy", {"cpu": 0.6, "wait": 0.2, "lag": 0.01})
    strain.see("proxy", {"cpu": 0.1, "lag": 0.2})
    strain.see("driver", {"cpu": 0.1, "lag": 0.2})
    assert watched.notes == [
        "the proxy is busy for 80% of a second (limit 90%): a run at its limit is INCONCLUSIVE",
        "the driver runs 200ms late (limit 50ms): a run at its limit is INCONCLUSIVE",
    ]


def test_waiting_for_a_core_is_never_less_and_never_more_than_time():
    read = waiting()
    begun, before = time.monotonic(), read()
    while time.monotonic() - begun < 0.05:
        pass
    assert 0.0 <= read() - before <= time.monotonic() - begun + 0.05


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this system does not tell")
def test_an_app_is_watched_with_what_it_started():
    """Its child's thread runs, or waits for a core, all the time."""
    spin = shlex.join([sys.executable, "-c", "while True: pass"])
    app = subprocess.Popen(["sh", "-c", f"{spin} & wait"], start_new_session=True)
    try:
        threads = Threads(app.pid)
        begun = time.monotonic()
        while threads.cpu() < 0.2 and time.monotonic() - begun < 60:
            time.sleep(0.05)
        begun, before = time.monotonic(), threads.cpu() + threads.wait()
        time.sleep(0.3)
        busy = threads.cpu() + threads.wait() - before
        assert 0.1 < busy <= time.monotonic() - begun + 0.05
        assert threads.told
    finally:
        os.killpg(app.pid, signal.SIGKILL)
        app.wait()
    threads.cpu()
    assert threads.told, "what was told stays so when the app has ended"
    assert Threads(app.pid).cpu() == 0.0


@pytest.mark.parametrize(
    ("siblings", "wait"),
    [(0, 0.8 * 0.9), (1, 1.3 * 0.75), (6, 0.0)],  # of the two cores its threads had 10 %, 25 %, all
)
def test_waiting_for_siblings_is_no_waiting_for_others(monkeypatch, siblings, wait):
    """What the app's own threads had of the cores is taken off."""
    monkeypatch.setattr("chaosllm.adapters.processor.os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr("chaosllm.adapters.processor.time.monotonic", iter([0.0, 1.0]).__next__)
    others = range(1, siblings + 1)
    looks = iter([dict.fromkeys((0, *others), (5.0, 5.0)), {0: (5.2, 5.8)} | dict.fromkeys(others, (5.3, 5.5))])
    monkeypatch.setattr(Threads, "_look", lambda _: next(looks).items())
    threads = Threads(1)
    assert threads.cpu() == pytest.approx(0.2 + 0.3 * siblings)
    assert threads.wait() == pytest.approx(wait)


def test_a_watched_app_is_an_account_of_its_own(watched):
    """Whole seconds of it are kept, without a lag, which nobody saw; of one that tells nothing there is none."""

    async def watch(pid):
        strain = Strain(watched)
        strain.watch(pid, time.monotonic())
        await asyncio.sleep(1.2)
        strain.rest()
        strain.rest()
        return strain.told

    told = asyncio.run(watch(os.getpid()))
    if Path("/proc/self/schedstat").exists():
        (row,) = told
        signs = Signs.read(row)
        assert (signs.process, len(signs.cpu), list(signs.lag)) == ("app", 1, [0.0])
        assert (signs.worst, sum(signs.counts)) == (0.0, 0)
    assert asyncio.run(watch(2**22 + 1)) == []


def test_a_system_that_does_not_tell_counts_no_waiting(monkeypatch):
    def missing(*_):
        raise FileNotFoundError

    monkeypatch.setattr("chaosllm.adapters.processor.os.open", missing)
    assert waiting()() == 0.0


def test_a_tick_costs_next_to_nothing():
    """Twenty a second must not be seen in the numbers that they are for; about 1 us each when quiet."""
    vitals = Vitals(time.monotonic, time.process_time, waiting())
    begun, ticks = time.thread_time(), 2000
    for number in range(1, ticks + 1):
        vitals.beat(vitals._t0 + number * 0.05 + 0.001)
    assert (time.thread_time() - begun) / ticks < 0.0005, "twenty of these are 1 % of a core"


def test_the_page_on_verdicts_tells_the_limits_that_hold():
    page = Path(__file__).parents[2].joinpath("docs", "verdicts.md").read_text()
    rows = {name: line for line in page.splitlines() for name in re.findall(r"^\| `([a-z ]+)", line)}
    lag = f"{MOST_LAG * 1000:.0f}ms"
    assert f"over {MOST_BUSY:.0%} in at most {limits.MOST_SECONDS} seconds" in page
    assert f"or in {limits.MOST_BUSY_SHARE:.0%} of them" in page
    assert f"over {lag} in at most {limits.MOST_SECONDS} seconds" in page
    assert all(lag in rows[name] for name in ("proxy lag", "generator lag", "injected delays", "pace"))
    assert limits.MOST_DELAY == MOST_LAG
    assert limits.MOST_OF_DEADLINE == 0.1
    assert f"within {1 - NEAR:.0%} of a limit" in page

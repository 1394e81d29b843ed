"""The journal: processes that hammer one file count as one, and half a line counts for nothing."""

import multiprocessing
import os
import signal
import time

import pytest

from chaosllm.adapters.proxy.workers.journal import Journal
from chaosllm.errors import ChaosError
from chaosllm.limiter import Bucket, Limiter
from chaosllm.store import Tally

SPAWN = multiprocessing.get_context("spawn")


def admitted(path, calls, results):
    """Ask a bucket of 100 that hardly refills for `calls` places; how many were let in, and the numbers drawn."""
    journal = Journal(path)

    def ask(limiter):
        limiter.buckets.setdefault("requests", Bucket(100, 1e9))
        return limiter.admit({"requests": 1}, 1.0) is None

    let_in = sum(journal.change("limiter", Limiter, ask) for _ in range(calls))
    results.put((let_in, [journal.change("numbers", Tally, Tally.next) for _ in range(calls)]))


def hold_for_ever(path, held):
    """Take the lock, and never give it back."""

    def hold(_):
        held.set()
        time.sleep(600)

    Journal(path).change("numbers", Tally, hold)


def test_two_processes_draw_from_one_bucket(tmp_path):
    """Of 1200 calls a bucket of 100 lets in 100, and no number is drawn twice or left out."""
    results = SPAWN.Queue()
    workers = [SPAWN.Process(target=admitted, args=(tmp_path / "journal", 600, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(let_in for let_in, _ in found) == 100
    assert sorted(number for _, numbers in found for number in numbers) == list(range(1200))


def test_a_holder_that_is_killed_holds_nothing(tmp_path):
    """The kernel gives its lock back, so the others go on where it was."""
    journal = Journal(tmp_path / "journal")
    assert journal.change("numbers", Tally, Tally.next) == 0
    held = SPAWN.Event()
    holder = SPAWN.Process(target=hold_for_ever, args=(tmp_path / "journal", held))
    holder.start()
    assert held.wait(60)
    os.kill(holder.pid, signal.SIGKILL)
    assert journal.change("numbers", Tally, Tally.next) == 1
    holder.join()


@pytest.mark.parametrize("cut", range(1, 14))
def test_half_a_line_counts_for_nothing(tmp_path, cut):
    """Whoever writes next strikes it out, and who reads later sees the same as who was there."""
    path = tmp_path / "journal"
    here, there = Journal(path), Journal(path)
    for name in ("one", "tab\tline\nend\N{SNOWMAN}", "one"):
        here.change(name, Tally, Tally.next)
    with path.open("ab") as file:
        file.write(b'"one"\t[99999]\n'[:-1][:cut])
    assert there.change("one", Tally, Tally.next) == 2
    for journal in (here, there, Journal(path)):
        assert [
            journal.change(name, Tally, lambda tally: tally.count) for name in ("one", "tab\tline\nend\N{SNOWMAN}")
        ] == [3, 1]


def test_much_of_others_is_read_whole(tmp_path):
    """What comes in pieces of the read's size is put together, whatever their border cuts."""
    here, there = Journal(tmp_path / "journal"), Journal(tmp_path / "journal")
    for number in range(20_000):
        here.change(f"operation {number}", Tally, Tally.next)
    assert (tmp_path / "journal").stat().st_size > 1 << 18
    here.change("x" * 300_000, Tally, Tally.next)
    here.change("last", Tally, Tally.next)
    assert there.change("operation 19999", Tally, Tally.next) == 1
    assert there.change("x" * 300_000, Tally, Tally.next) == 1
    assert there.change("last", Tally, Tally.next) == 1


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    """A count that cannot be shared is an error, not a count of one's own; the next one goes on from the last whole."""
    here, there = Journal(tmp_path / "journal"), Journal(tmp_path / "journal")
    here.change("numbers", Tally, Tally.next)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: write(file, data[:5]))
        with pytest.raises(OSError, match="only 5 of"):
            here.change("numbers", Tally, Tally.next)
    assert there.change("numbers", Tally, Tally.next) == 1
    assert here.change("numbers", Tally, Tally.next) == 2
    with pytest.raises(ChaosError, match="cannot be written"):
        Journal(tmp_path / "no folder" / "journal")

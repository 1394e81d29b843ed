"""One way to stop a proxy in front of an app's own traffic, once, for real: how long after it the last fault was felt.

    python tests/end_to_end/attached_trials.py 30 3     each way thirty times, three at a time: rows for docs/proofs.md

As `stop_trials`, but nobody drives the app: thirty calls a second come to the proxy from here. The record ends with
the stop, and what passes clean after it is seen by who called.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parent))
import stop_trials  # because the folder of tests is no package
from running import Started, free_port  # as above

WAYS = ("button", "ctl", "lever", "ctrl-c", "dead supervisor")
RATE = 30.0
#: Seconds in which calls still come after a stop, to see that they pass clean.
AFTER = 2.0


@dataclass(frozen=True)
class Called:
    """`t`, `took`: monotonic seconds, and how long; status 0: no answer."""

    t: float
    took: float
    status: int


@contextmanager
def calls(origin: str) -> Iterator[list[Called]]:
    """Calls to the proxy, RATE a second, whatever becomes of them, as they end."""
    over = threading.Event()
    ended: list[Called] = []
    body = {"model": "m", "messages": [{"role": "user", "content": "Tell me something."}], "max_tokens": 30}

    def ask() -> None:
        begun, status = time.monotonic(), 0
        with suppress(httpx.HTTPError):
            status = client.post("/chat/completions", json=body).status_code
        ended.append(Called(begun, time.monotonic() - begun, status))

    def come(pool: ThreadPoolExecutor) -> None:
        begun, number = time.monotonic(), 0
        while not over.wait(max(0.0, begun + number / RATE - time.monotonic())):
            pool.submit(ask)
            number += 1

    unlimited = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=origin, timeout=70, limits=unlimited) as client, ThreadPoolExecutor(300) as pool:
        coming = threading.Thread(target=come, args=(pool,))
        coming.start()
        try:
            yield ended
        finally:
            over.set()
            coming.join()


def trial(way: str, folder: Path) -> stop_trials.Trial:
    """Start a proxy, stop it in this way while its faults are on, and read what it recorded."""
    out, lever = folder / "out", folder / "lever"
    env = {"CHAOSLLM_SAFETY_LEVER": str(lever)} if way == "lever" else {}
    scenario = str(stop_trials.scenario(folder, way))
    words = ("proxy", scenario, "--attach", "--json", "--port", str(free_port()), "--out", str(out))
    started = Started(words, folder, env, drawn=False)
    assert started.process.stdout is not None
    origin = json.loads(started.process.stdout.readline())["env"]["OPENAI_BASE_URL"]
    with calls(origin) as ended:
        run = stop_trials.channel(started.process.pid)
        stop_trials.until_broken(run)
        stopped = stop_trials.stop(way, started, run, lever)
        time.sleep(AFTER)
        later = [one for one in [*ended] if one.t > stopped + 1]
        if way in ("button", "ctl", "lever"):  # it stays, so that the app keeps its provider
            with suppress(ProcessLookupError):
                os.kill(started.process.pid, signal.SIGINT)
    code = stop_trials.end(started, way)
    meta = json.loads((out / "meta.json").read_text())
    found = stop_trials.read(way, out, stopped - meta["clock"]["t0"], code)
    if way == "ctrl-c":  # nobody listens any more
        return found
    struck = sum(one.status != 200 or one.took > 1 for one in later)
    return replace(found, clean=len(later) - struck, faulted_later=found.faulted_later + struck)


def main() -> None:
    """The rows."""
    count, at_a_time = (int(one) for one in (*sys.argv[1:], *("3", "1")[len(sys.argv) - 1 :]))
    for way in WAYS:
        found = stop_trials.trials(way, count, at_a_time, trial)
        print(stop_trials.row(f"{way}, attached", found), flush=True)


if __name__ == "__main__":
    main()

"""The raw client, as its own process: one job of JSON on stdin, what was measured on stdout."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import uvloop

from benchmarks.connections import Http1, Http2, Route, Stream, body, connect, request
from benchmarks.processes import tree, used

SEED = 7
#: Streams of one HTTP/2 connection: stock mitmproxy opens no more connections to an upstream for one of a client.
TOGETHER = 5
#: Seconds between two connections that are opened, so that a slow proxy is not asked for all at once.
APART = 0.006
SETTLE = 0.7  # seconds from the last connection to the window that is measured
AFTER = 0.5  # seconds that the streams go on after it


def spread(values: list[float]) -> dict[str, float]:
    """Quantiles by rank of what was measured."""
    values.sort()
    last = len(values) - 1
    if last < 0:
        return {}
    picks = {"least": 0.0, "p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
    return {name: values[round(share * last)] for name, share in picks.items()}


class _Asker(asyncio.Protocol):
    """One kept connection that asks for JSON, one after another, as long as `calls` has any left.

    The connections share their calls, because with a number for each the last ones would wait for the worker that
    the kernel gave the most of them, while the others have nothing to do.
    """

    def __init__(self, calls: Iterator[int], times: list[float]) -> None:
        self._calls, self._times = calls, times
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if (number := next(self._calls, None)) is None:
            self.over.set_result(None)
            self._transport.close()
            return
        self._got, self._need = b"", 0
        self._began = time.perf_counter()
        self._transport.write(request(body(prompt=f"How do I pay bill {number}?")))

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._need and (at := self._got.find(b"\r\n\r\n")) > 0:
            head = self._got[:at].lower()
            if not head.startswith(b"http/1.1 200"):
                self.over.set_exception(RuntimeError(head.partition(b"\r\n")[0].decode()))
                self._transport.close()
                return
            self._need = at + 4 + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if self._need and len(self._got) >= self._need:
            self._times.append(time.perf_counter() - self._began)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("closed"))


async def _ask(route: Route, connections: int, numbers: range) -> list[float]:
    times: list[float] = []
    calls = iter(numbers)
    askers = [_Asker(calls, times) for _ in range(connections)]
    await asyncio.gather(*(connect(route, functools.partial(lambda asker: asker, one)) for one in askers))
    await asyncio.gather(*(one.over for one in askers))
    return times


async def requests(route: Route, job: dict[str, Any]) -> dict[str, Any]:
    """JSON calls in a closed loop: seconds of each, calls a second, processor seconds a call."""
    connections, count = job["connections"], job["count"]
    warm = connections * 10
    await _ask(route, connections, range(warm))
    pids = tree(job["pid"])
    before, mine, began = used(pids), time.process_time(), time.perf_counter()
    times = await _ask(route, connections, range(warm, warm + count))
    wall, spent = time.perf_counter() - began, used(pids) - before
    done = len(times)
    return {
        "rate": done / wall,
        "cpu": spent / done,
        "own": (time.process_time() - mine) / done,
        "latency": spread(times),
    }


async def streams(route: Route, job: dict[str, Any]) -> dict[str, Any]:
    """Streams side by side: processor seconds an event in a steady window, gaps against `pace`, all that came.

    The upstream sends an event each `gap` seconds; a proxy that paces makes them `pace` seconds.
    """
    count, gap, window = job["streams"], job["gap"], job["window"]
    pace = job.get("pace", gap)
    group = TOGETHER if route.h2 else 1
    ramp = max(gap, count * APART)
    events = int((ramp + SETTLE + window + AFTER) / pace) + 2
    asked = body(stream=True, stream_options={"include_usage": True}, events=events, gap=gap)
    chance = random.Random(SEED)
    every = [Stream() for _ in range(count)]
    begin = time.perf_counter()

    async def open_one(at: int) -> None:
        due = begin + ramp * at / count + chance.random() * gap  # else all would tick at once
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        some = every[at : at + group]
        await connect(route, (lambda: Http2(some, asked)) if route.h2 else (lambda: Http1(some[0], asked)))

    await asyncio.gather(*(open_one(at) for at in range(0, count, group)))
    await asyncio.sleep(SETTLE)
    pids = tree(job["pid"])
    before, mine, came = used(pids), time.process_time(), sum(len(one.times) for one in every)
    await asyncio.sleep(window)
    spent, own, came = used(pids) - before, time.process_time() - mine, sum(len(one.times) for one in every) - came
    done, _ = await asyncio.wait([one.over for one in every], timeout=job.get("patience", 30))
    texts = [one.times[1 : events + 1] for one in every]  # neither the role nor the tail, which are not paced
    errors = [abs(b - a - pace) for times in texts for a, b in pairwise(times)]
    return {
        "cpu": spent / came if came else None,
        "own": own / came if came else None,
        "rate": came / window,
        "asked": count * (events + 4),
        "came": sum(len(one.times) for one in every),
        "whole": sum(one.ended == "whole" for one in every),
        "over": len(done),
        "errors": spread(errors),
    }


async def answers(route: Route, job: dict[str, Any]) -> dict[str, Any]:
    """Streams begun `apart` seconds from each other: when each event came, and how and with what it ended."""
    asks = job["asks"]
    every = [Stream(keep=job.get("keep", False)) for _ in asks]
    room = asyncio.Semaphore(job.get("together", 1000))
    begin = time.perf_counter()

    async def one(at: int) -> None:
        await asyncio.sleep(max(0.0, begin + at * job["apart"] - time.perf_counter()))
        async with room:
            asked = body(stream=True, stream_options={"include_usage": True}, **asks[at])
            await connect(route, lambda: Http1(every[at], asked))
            await every[at].over

    await asyncio.wait([asyncio.ensure_future(one(at)) for at in range(len(asks))], timeout=job.get("patience", 60))
    return {
        "answers": [
            {
                "first": stream.first - stream.began,
                "times": [moment - stream.began for moment in stream.times],
                "ended": stream.ended,
                "bytes": b"".join(stream.pieces or []).decode("latin-1"),
            }
            for stream in every
        ]
    }


def main() -> None:
    """Do the one job."""
    job = json.loads(sys.stdin.buffer.read())
    jobs = {"requests": requests, "streams": streams, "answers": answers}
    print(json.dumps(uvloop.run(jobs[job["do"]](Route(**job["route"]), job))), flush=True)
    os._exit(0)  # what is left open after a failure would only be waited for


if __name__ == "__main__":
    main()

"""Two workers against one: calls a second, and the gaps of 500 streams."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks.contestants import NO_RULE, Contestant, paced
from benchmarks.figures import Figure, Run, Section, median, microseconds, milliseconds
from benchmarks.processes import CORES, ask

#: Enough that the kernel, which deals connections out by their hash, gives both workers about as many.
CONNECTIONS = 64
ONE, TWO = "one worker, all on one core", "two workers, all on two cores"
ONE_FREE, TWO_FREE, APART = "one worker, unbound", "two workers, unbound", "two proxies, unbound"
STREAMS, RATE = 500, 10
#: The upstream sends this much faster than the pace, so that each event is there when it is due.
AHEAD = 0.8


def measure(run: Run) -> Section:
    """Nothing is pinned but the upstream, because the two workers need both cores."""
    rounds, count = (2, 600) if run.quick else (5, 4000)
    streams = 100 if run.quick else STREAMS
    section = Section(
        "Two workers",
        f"{count} JSON calls over {CONNECTIONS} kept connections in a closed loop, then {streams} streams paced to"
        f" {RATE} events/s; medians of {rounds} interleaved rounds (2 of the streams). Client and upstream need the"
        " same cores as the workers, so the calls are asked in two ways: with everything, client and upstream too,"
        " bound to one core for one worker and to two for two; and bound to nothing, where one worker has a core for"
        " itself and two have not. How far the machine itself goes is shown by two proxies that share nothing, each"
        " with a client of its own. The gap error is |gap - 100 ms| at the client, over all gaps of all streams; the"
        " direct way is the client's own error.",
        ("", "calls/s", "CPU us a call", "gap error p50 ms", "p99 ms", "most ms", "events delivered"),
    )
    ground = run.ground
    calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
    gaps: dict[str, list[dict[str, Any]]] = defaultdict(list)
    _calls(run, section, calls, rounds, count)
    with ground.round():
        slow = [run.tried(section, "direct", ground.direct)]
        for workers, name in ((1, "one worker"), (2, "two workers")):
            start = partial(ground.ours, name, paced(RATE), core=None, workers=workers)
            slow.append(run.tried(section, name, start))
        for number in range(1 if run.quick else 2):
            run.say(f"  streams, round {number + 1}")
            for there in slow:
                if there is None:
                    continue
                ahead = 1.0 if there.name == "direct" else AHEAD
                job = {
                    "do": "streams", "route": asdict(there.routes["plain"]), "pid": there.pid, "streams": streams,
                    "gap": ahead / RATE, "pace": 1 / RATE, "window": 1 if run.quick else 4,
                }  # fmt: skip
                if answer := run.tried(section, f"{there.name}, streams", partial(ask, job, core=None)):
                    gaps[there.name].append(answer)
    for name in ("direct", ONE, TWO, ONE_FREE, TWO_FREE, APART, "one worker", "two workers"):
        if name in calls or name in gaps:
            section.rows.append(_row(name, calls.get(name, []), gaps.get(name, [])))
    if {ONE, TWO, ONE_FREE, TWO_FREE} <= calls.keys():
        bound = median(calls[TWO], "rate") / median(calls[ONE], "rate")
        free = median(calls[TWO_FREE], "rate") / median(calls[ONE_FREE], "rate")
        section.figures.append(
            Figure("JSON calls a second, two workers on two cores over one on one", bound, least=1.7)
        )
        section.figures.append(Figure("JSON calls a second, two workers over one, nothing bound", free))
    if {APART, ONE_FREE} <= calls.keys():
        apart = median(calls[APART], "rate") / median(calls[ONE_FREE], "rate")
        section.figures.append(Figure("the same of two proxies that share nothing", apart))
    if answers := gaps.get("two workers"):
        p99 = median([one["errors"] for one in answers], "p99") * 1e3
        share = sum(one["came"] for one in answers) / sum(one["asked"] for one in answers)
        what = f"{streams} streams of {RATE} events/s, two workers"
        section.figures.append(Figure(f"gap error p99, {what}", p99, " ms", most=10.0))
        section.figures.append(Figure(f"events delivered, {what}", share * 100, " %", least=100.0))
    return section


def _calls(run: Run, section: Section, into: dict[str, list[dict[str, Any]]], rounds: int, count: int) -> None:
    """Ask for JSON in every way; without cores to bind to, only in those that bind nothing."""
    ground = run.ground

    def asked(there: Contestant, share: int = 1) -> dict[str, Any]:
        job = {
            "do": "requests", "route": asdict(there.routes["plain"]), "pid": there.pid,
            "connections": CONNECTIONS // share, "count": count // share,
        }  # fmt: skip
        return ask(job, core=None)

    def bound(there: Contestant, cores: Collection[int]) -> dict[str, Any]:
        free = os.sched_getaffinity(0)
        ground.spread(there, cores)
        os.sched_setaffinity(0, cores)  # what the client is born with
        try:
            return asked(there)
        finally:
            os.sched_setaffinity(0, free)
            ground.spread(there, free)

    def apart(one: Contestant, other: Contestant) -> dict[str, Any]:
        with ThreadPoolExecutor(2) as threads:
            both = list(threads.map(partial(asked, share=2), (one, other)))
        return {"rate": sum(answer["rate"] for answer in both), "cpu": sum(answer["cpu"] for answer in both) / 2}

    with ground.round():
        start = partial(ground.ours, rules=NO_RULE, core=None)
        one = run.tried(section, "one worker", partial(start, "one worker"))
        other = run.tried(section, "another", partial(start, "another"))
        two = run.tried(section, "two workers", partial(start, "two workers", workers=2))
        if one is None or other is None or two is None:
            return
        ways = {ONE_FREE: partial(asked, one), TWO_FREE: partial(asked, two), APART: partial(apart, one, other)}
        if CORES is None:
            section.missing.append("this system does not say which cores there are, so nothing was bound to any")
        else:
            ways |= {ONE: partial(bound, one, CORES[:1]), TWO: partial(bound, two, CORES)}
        for number in range(rounds):
            run.say(f"  calls, round {number + 1} of {rounds}")
            for name, way in ways.items():
                if answer := run.tried(section, name, way):
                    into[name].append(answer)


def _row(name: str, calls: list[dict[str, Any]], gaps: list[dict[str, Any]]) -> tuple[str, ...]:
    errors = [one["errors"] for one in gaps]
    return (
        name,
        f"{median(calls, 'rate'):.0f}" if calls else "",
        microseconds(median(calls, "cpu")) if calls else "",
        *(milliseconds(median(errors, key)) if errors else "" for key in ("p50", "p99", "most")),
        f"{sum(one['came'] for one in gaps)} of {sum(one['asked'] for one in gaps)}" if gaps else "",
    )

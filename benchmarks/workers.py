"""Two workers against one: calls a second, and the gaps of 500 streams."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks.contestants import NO_RULE, paced
from benchmarks.figures import Figure, Run, Section, median, microseconds, milliseconds
from benchmarks.processes import CORES, ask

#: Enough that the kernel, which deals connections out by their hash, gives both workers about as many.
CONNECTIONS = 64
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
        f" {RATE} events/s; medians of {rounds} interleaved rounds (2 of the streams). Workers and client go where the"
        " system puts them, so with two cores client and upstream share them with the workers. The gap error is"
        " |gap - 100 ms| at the client, over all gaps of all streams; the direct way is the client's own error.",
        ("", "calls/s", "CPU us a call", "gap error p50 ms", "p99 ms", "most ms", "events delivered"),
    )
    ground = run.ground
    calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
    gaps: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with ground.round():
        one = run.tried(section, "one worker", partial(ground.ours, "one worker", NO_RULE, core=None))
        two = run.tried(section, "two workers", partial(ground.ours, "two workers", NO_RULE, core=None, workers=2))
        for number in range(rounds):
            run.say(f"  calls, round {number + 1} of {rounds}")
            for there in (one, two):
                if there is None:
                    continue
                job = {
                    "do": "requests", "route": asdict(there.routes["plain"]), "pid": there.pid,
                    "connections": CONNECTIONS, "count": count,
                }  # fmt: skip
                if answer := run.tried(section, there.name, partial(ask, job, core=None)):
                    calls[there.name].append(answer)
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
    for name in ("direct", "one worker", "two workers"):
        if name in calls or name in gaps:
            section.rows.append(_row(name, calls.get(name, []), gaps.get(name, [])))
    if {"one worker", "two workers"} <= calls.keys():
        ratio = median(calls["two workers"], "rate") / median(calls["one worker"], "rate")
        section.figures.append(Figure("JSON calls a second, two workers over one", ratio, least=1.7))
    if answers := gaps.get("two workers"):
        p99 = median([one["errors"] for one in answers], "p99") * 1e3
        share = sum(one["came"] for one in answers) / sum(one["asked"] for one in answers)
        what = f"{streams} streams of {RATE} events/s, two workers"
        section.figures.append(Figure(f"gap error p99, {what}", p99, " ms", most=10.0))
        section.figures.append(Figure(f"events delivered, {what}", share * 100, " %", least=100.0))
    if CORES is None:
        section.missing.append("this system does not say which cores there are, so nothing was pinned")
    return section


def _row(name: str, calls: list[dict[str, Any]], gaps: list[dict[str, Any]]) -> tuple[str, ...]:
    errors = [one["errors"] for one in gaps]
    return (
        name,
        f"{median(calls, 'rate'):.0f}" if calls else "",
        microseconds(median(calls, "cpu")) if calls else "",
        *(milliseconds(median(errors, key)) if errors else "" for key in ("p50", "p99", "most")),
        f"{sum(one['came'] for one in gaps)} of {sum(one['asked'] for one in gaps)}" if gaps else "",
    )

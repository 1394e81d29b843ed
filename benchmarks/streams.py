"""Streams passed and paced: processor time of an event, by way and number of streams, and the gaps of paced ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks.contestants import INERT, WAYS, Contestant, paced
from benchmarks.figures import Figure, Run, Section, median, microseconds, milliseconds
from benchmarks.processes import ask

RATE = 50  # events a second of each stream
MANY, MANY_RATE = 500, 10  # as many as one core can be sent without being full
#: Ratios to stock of a passed and a paced event, plain, by streams; and of both, for TLS and HTTP/2 clients.
BARS = {50: (0.50, 0.60, 0.90), 200: (0.30, 0.40, 0.60)}
#: The upstream sends this much faster than the pace, so that each event is there when it is due.
AHEAD = 0.8
#: More rounds of the way that has the narrowest bars.
PLAIN_MORE = 2
NAMED = {
    "plain": "plain HTTP/1.1, reverse",
    "tls": "TLS client, reverse",
    "h2": "HTTP/2 client (TLS), reverse",
    "explicit": "explicit proxy: CONNECT, TLS to client and upstream",
}
COMPARED = ("stock's events/s", "ours, paced: events/s, delivered")
type Cell = tuple[str, int, str]  # way, streams, contestant
type Answers = dict[Cell, list[dict[str, Any]]]


def measure(run: Run) -> list[Section]:
    """Every way at 1, 50, 200 and 500 streams."""
    counts = (50,) if run.quick else (1, 50, 200, MANY)
    ways = ("plain", "explicit") if run.quick else WAYS
    window, rounds = (1.0, 1) if run.quick else (2.0, 3)
    table = Section(
        "Streams: processor time of an event",
        f"OpenAI chat streams of {RATE} events/s each ({MANY_RATE}/s at {MANY} streams), one chunk an event, in a"
        f" steady window of {window:g} s after all have begun; medians of {rounds} interleaved rounds where there is a"
        f" bar (50 and 200 streams; {rounds + PLAIN_MORE} in the plain way), one round elsewhere and of nginx. Each"
        " stream has a connection of its own, on HTTP/2 five share one, because stock opens no more upstream"
        " connections for one client connection. `reverse`"
        " has a plain upstream; stock gets the same way. Paced: a rule spaces the same events to 20 ms"
        f" ({1000 // MANY_RATE} ms at {MANY}). The proxy is pinned to one core, client and upstream to the other.",
        ("way", "streams", "stock us", "ours us", "over stock", "paced us", "over stock", "nginx us", *COMPARED),
    )
    gaps = Section(
        "Streams: gap error",
        f"|gap - {1000 // RATE} ms| at the client, over all gaps of all streams that a rule paces to {RATE} events/s;"
        " the upstream sends a fifth faster, so that each event is there when it is due. The direct way, unpaced from"
        " an upstream that sends on that schedule, is the error of upstream and client themselves.",
        ("", "streams", "p50 ms", "p95 ms", "p99 ms", "most ms", "whole"),
    )
    ground = run.ground
    with ground.round():
        there = {
            name: found
            for name, start in (
                ("stock", ground.stock),
                ("ours", partial(ground.ours, "ours")),
                ("inert", partial(ground.ours, "inert", INERT)),
                ("paced", partial(ground.ours, "paced", paced(RATE))),
                ("paced many", partial(ground.ours, "paced many", paced(MANY_RATE))),
                ("nginx", ground.nginx),
            )
            if (found := run.tried(table, name, start)) is not None
        }
        answers = _play(run, table, there, list(_cells(ways, counts, rounds)), window)
        _fill(table, answers, ways, counts)
        _gaps(run, gaps, there.get("paced"), rounds, window)
    return [table, gaps]


def _cells(ways: tuple[str, ...], counts: tuple[int, ...], rounds: int) -> Iterator[Cell]:
    """Everything to play, in order: contestants side by side within each round."""
    for way in ways:
        for count in counts:
            times = rounds + (PLAIN_MORE if way == "plain" else 0)
            for number in range(times if count in BARS else 1):
                slow = "paced many" if count == MANY else "paced"
                yield from ((way, count, name) for name in ("stock", "ours", slow))
                if way == "plain" and count in BARS:
                    yield way, count, "inert"
                if number == 0 and way != "explicit":
                    yield way, count, "nginx"


def _play(run: Run, section: Section, there: dict[str, Contestant], cells: list[Cell], window: float) -> Answers:
    answers: Answers = defaultdict(list)
    last = None
    for way, count, name in cells:
        if (way, count) != last:
            last = (way, count)
            run.say(f"  {NAMED[way]}: {count} streams")
        if name not in there:
            continue
        job = {
            "do": "streams", "route": asdict(there[name].routes[way]), "pid": there[name].pid, "streams": count,
            "gap": 1 / (MANY_RATE if count == MANY else RATE), "window": window * (2 if count in (1, MANY) else 1),
        }  # fmt: skip
        if answer := run.tried(section, f"{way}, {count} streams, {name}", partial(ask, job)):
            answers[way, count, "paced" if name == "paced many" else name].append(answer)
    return answers


def _fill(section: Section, answers: Answers, ways: tuple[str, ...], counts: tuple[int, ...]) -> None:
    for way in ways:
        for count in counts:
            found = {name: answers[way, count, name] for name in ("stock", "ours", "paced", "nginx", "inert")}
            cpu = {name: median(some, "cpu") for name, some in found.items() if some}
            over = {name: cpu[name] / cpu["stock"] for name in cpu if "stock" in cpu}
            came, asked = (sum(one[key] for one in found["paced"]) for key in ("came", "asked"))
            section.rows.append(
                (
                    NAMED[way],
                    str(count),
                    *(microseconds(cpu[name]) if name in cpu else "" for name in ("stock", "ours")),
                    f"{over['ours']:.2f}" if "ours" in over else "",
                    microseconds(cpu["paced"]) if "paced" in cpu else "",
                    f"{over['paced']:.2f}" if "paced" in over else "",
                    microseconds(cpu["nginx"]) if "nginx" in cpu else "",
                    f"{median(found['stock'], 'rate'):.0f}" if "stock" in cpu else "",
                    f"{median(found['paced'], 'rate'):.0f}, {came} of {asked}" if asked else "",
                )
            )
            if count in BARS:
                _judge(section, way, count, cpu, over)
                if asked:
                    what = f"paced events delivered, {NAMED[way]}, {count} streams"
                    section.figures.append(Figure(what, 100 * came / asked, " %", least=100.0))


def _judge(section: Section, way: str, count: int, cpu: dict[str, float], over: dict[str, float]) -> None:
    passed, slowed, encrypted = BARS[count]
    bars = {"ours": passed, "paced": slowed} if way == "plain" else {"ours": encrypted, "paced": encrypted}
    for name, bar in bars.items():
        if name in over:
            word = "passed" if name == "ours" else f"paced {1000 // RATE} ms"
            what = f"CPU of an event over stock, {word}, {NAMED[way]}, {count} streams"
            section.figures.append(Figure(what, over[name], most=bar))
    if {"inert", "ours"} <= cpu.keys():
        what = f"CPU of an event passed with one rule that changes nothing, over no rule, {count} streams"
        section.figures.append(Figure(what, cpu["inert"] / cpu["ours"], most=1.10))


def _gaps(run: Run, section: Section, ours: Contestant | None, rounds: int, window: float) -> None:
    direct = run.ground.direct()
    counts = (50,) if run.quick else (50, 200)
    for count in counts:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        run.say(f"  gap error: {count} streams")
        for _ in range(rounds):
            for one in (direct, ours):
                if one is None:
                    continue
                job = {
                    "do": "streams", "route": asdict(one.routes["plain"]), "pid": one.pid, "streams": count,
                    "gap": (1 if one is direct else AHEAD) / RATE, "pace": 1 / RATE, "window": window,
                }  # fmt: skip
                if answer := run.tried(section, f"{count} streams, {one.name}", partial(ask, job)):
                    found[one.name].append(answer)
        for name, answers in found.items():
            errors = [one["errors"] for one in answers]
            whole = sum(one["whole"] for one in answers)
            quantiles = (milliseconds(median(errors, key)) for key in ("p50", "p95", "p99", "most"))
            section.rows.append((name, str(count), *quantiles, f"{whole} of {count * len(answers)}"))
        if count == 200 and found["paced"]:
            p99 = median([one["errors"] for one in found["paced"]], "p99") * 1e3
            section.figures.append(Figure("gap error p99, 200 paced streams of 50 events/s", p99, " ms", most=3.0))

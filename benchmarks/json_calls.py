"""JSON calls through one worker: processor time of a call, and the latency that it adds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks.contestants import INERT, Contestant
from benchmarks.figures import Figure, Run, Section, median, microseconds, milliseconds
from benchmarks.processes import ask

CONNECTIONS = 8


def measure(run: Run) -> Section:
    """Closed loop over eight kept connections, then over one; the proxy has a core of its own."""
    rounds, count = (2, 300) if run.quick else (7, 1200)
    section = Section(
        "JSON calls, one worker",
        f"1 KB answers to {count} calls over {CONNECTIONS} kept connections, then {count // 3} over one, in a closed"
        f" loop; medians of {rounds} interleaved rounds. The proxy is pinned to one core, client and upstream to the"
        " other. Added latency is the p50 over one connection less that of the direct way.",
        ("", "CPU us a call", "calls/s", "p50 ms, one connection", "added p50 ms", "CPU over stock"),
    )
    ground = run.ground
    with ground.round():
        there = [
            run.tried(section, name, start)
            for name, start in (
                ("direct", ground.direct),
                ("stock", ground.stock),
                ("ours", lambda: ground.ours("ours")),
                ("a rule that changes nothing", lambda: ground.ours("ours, one rule that changes nothing", INERT)),
                ("nginx", ground.nginx),
            )
        ]
        many, single = _rounds(run, section, [one for one in there if one], rounds, count)
    cpu = {name: median(answers, "cpu") for name, answers in many.items()}
    p50 = {name: median([one["latency"] for one in answers], "p50") for name, answers in single.items()}
    added = {name: value - p50["direct"] for name, value in p50.items()}
    for name, answers in many.items():
        proxied = name != "direct"
        section.rows.append(
            (
                name if proxied else "direct (the upstream's own)",
                microseconds(cpu[name]),
                f"{median(answers, 'rate'):.0f}",
                milliseconds(p50[name]),
                milliseconds(added[name]) if proxied else "",
                f"{cpu[name] / cpu['stock']:.2f}" if proxied else "",
            )
        )
    own = median(many["direct"], "own") * 1e6
    section.figures += [
        Figure("the client's own CPU of a call, direct", own, " us", digits=1),
        Figure("CPU of a JSON call over stock, one worker", cpu["ours"] / cpu["stock"], most=0.45),
        Figure("added latency p50 over stock's, one connection", added["ours"] / added["stock"], most=0.50),
        Figure(
            "CPU of a JSON call with one rule that changes nothing, over no rule",
            cpu["ours, one rule that changes nothing"] / cpu["ours"],
            most=1.10,
        ),
    ]
    return section


def _rounds(
    run: Run, section: Section, there: list[Contestant], rounds: int, count: int
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    many: dict[str, list[dict[str, Any]]] = defaultdict(list)
    single: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number in range(rounds):
        run.say(f"  round {number + 1} of {rounds}")
        for one in there:
            job = {"do": "requests", "route": asdict(one.routes["plain"]), "pid": one.pid}
            for into, connections, calls in ((many, CONNECTIONS, count), (single, 1, count // 3)):
                asked = {**job, "connections": connections, "count": calls}
                if answer := run.tried(section, one.name, partial(ask, asked)):
                    into[one.name].append(answer)
    return many, single

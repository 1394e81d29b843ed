"""Attached runs: the records of a made-up run as they are when nobody drove it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import run_factory as made

from chaosllm.adapters import run_folder, run_meta
from chaosllm.columns import Samples
from chaosllm.join import Run, join
from chaosllm.record import Event
from chaosllm.scenario import Scenario
from chaosllm.trace_ids import hashed

SCENARIO = """\
version: 1
name: made-up
hypothesis: The app waits when it is told to.
seed: 7
target: {timeout: 10s}
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: warmup, duration: 1s}
  - {name: baseline, duration: 6s}
  - {name: storm, duration: 5s, rules: [{fault: rate_limit}]}
  - {name: recovery, duration: 3s}
objectives: ["success_rate(storm) >= 90%", "retry_amplification(storm) <= 4", retry_after_ignored == 0]
"""
T0 = 1_796_054_000.0


def request_id(operation: int | None) -> str:
    """The x-request-id of an operation."""
    return f"request-{operation}"


def stripped(events: Sequence[Event], seed: int, *, by: str = "trace") -> list[Event]:
    """Calls as an attached proxy records them; `by` is what tells of them: trace, sdk or nothing."""
    found = []
    for number, event in enumerate(events):
        body = f"{event.operation}/{event.index}" if by != "nothing" else "same"
        traces = [*hashed([request_id(event.operation)], seed)] if by == "trace" else []
        declared = event.ordinal if by == "sdk" else None
        found.append(
            replace(
                event,
                call=f"call-{number}",
                operation=None,
                index=0,
                ordinal=0,
                attempt=0,
                traces=traces,
                body=body,
                declared=declared,
            )
        )
    return found


def meta(events: Sequence[Event], **more: Any) -> dict[str, Any]:
    """meta.json of an attached run that came to its end."""
    proxy = {"lag_p99": 0.001, "recognised": len(events)}
    clock = {"t0": 1.0, "t0_unix": T0, "drift": 0.0, "ended": 1e9}
    return {"schema": 1, "stopped": None, "failures": [], "source": "attached", "proxy": proxy, "clock": clock} | more


def run(conduct: made.Conduct = made.hit, of: Scenario | None = None, *, by: str = "trace", **more: Any) -> Run:
    """The attached run of an app with that conduct."""
    driven = made.run(conduct, of)
    events = stripped(driven.events, driven.scenario.seed, by=by)
    return join(driven.scenario, Samples.of(()), events, meta(events, **more))


def folder(path: Path, conduct: made.Conduct = made.hit, *, text: str = SCENARIO, by: str = "trace") -> Path:
    """The folder that `proxy --attach` leaves of it."""
    from chaosllm.reader import read

    scenario = read(text.encode(), file="made-up.yaml").unwrap()
    driven = made.run(conduct, scenario)
    events = stripped(driven.events, scenario.seed, by=by)
    path.mkdir(mode=0o700)
    run_folder.write(path / run_folder.SCENARIO, text)
    run_folder.write_json(path / run_folder.META, meta(events, scenario=run_meta.digest(text.encode())))
    run_folder.write(path / run_folder.EVENTS, "".join(json.dumps(event.to_json()) + "\n" for event in events))
    return path


def log(path: Path, conduct: made.Conduct = made.hit, *, text: str = SCENARIO, ids: bool = True) -> Path:
    """The access log that the same app wrote, as nginx does."""
    from chaosllm.reader import read

    driven = made.run(conduct, read(text.encode(), file="made-up.yaml").unwrap())
    samples = driven.samples
    rows = zip(samples.operation, samples.t_end, samples.t_end - samples.t_due, samples.status, strict=True)
    lines = [
        {
            "msec": f"{T0 + end:.3f}",
            "request_time": f"{took:.3f}",
            "status": str(status),
            "request": "POST /chat HTTP/1.1",
        }
        | ({"request_id": request_id(int(number))} if ids else {})
        for number, end, took, status in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path

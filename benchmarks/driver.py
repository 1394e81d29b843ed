"""The load driver on its own: offered against achieved rate, and how late each operation starts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from typing import Any

from benchmarks.figures import Figure, Run, Section, milliseconds
from benchmarks.processes import running
from chaosllm.adapters.handover import pack
from chaosllm.reader import read

RATES = (50, 200, 500, 1000)  # operations a second
SECONDS = 5
SCENARIO = """version: 1
name: driven
seed: 7
target:
  url: "http://127.0.0.1:{port}"
  operation:
    path: /v1/chat/completions
    json: {{prompt: "{{prompt}}"}}
    answer: $.choices[0].message.content
upstreams: [{{provider: openai, url: simulator}}]
load: {{rate: {rate}/s, max_in_flight: 1000}}
phases: [{{name: steady, duration: {seconds}s, role: baseline}}]
"""


def measure(run: Run) -> Section:
    """One driver process at the raw upstream for each rate."""
    rates = RATES[1:2] if run.quick else RATES
    section = Section(
        "Driver",
        f"Operations of the raw upstream's JSON for {SECONDS} s at each rate, at random times, the driver alone. The"
        " offered number is what the times drawn for the run come to; the start lag is actual start less due time.",
        ("offered/s", "due", "sent", "dropped", "good", "start lag p50 ms", "p99 ms"),
    )
    for rate in rates:
        run.say(f"  {rate} operations/s")
        done = run.tried(section, f"{rate}/s", partial(_drive, run, rate))
        if done is None:
            continue
        good = done["outcomes"].get("good", 0)
        lags = (milliseconds(done[key]) for key in ("lag_p50", "lag_p99"))
        section.rows.append((str(rate), *(str(done[key]) for key in ("due", "sent", "dropped")), str(good), *lags))
        section.figures.append(
            Figure(f"operations sent and answered of those due at {rate}/s", 100 * good / done["due"], " %", digits=1)
        )
    return section


def _drive(run: Run, rate: int) -> dict[str, Any]:
    folder = run.ground.folder
    scenario = read(SCENARIO.format(port=run.ground.port, rate=rate, seconds=SECONDS)).unwrap()
    config = {"packed": pack(scenario), "base": str(folder), "folder": None, "key": "00" * 16}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running([sys.executable, "-m", "chaosllm.adapters.driver"], core=0, **pipes) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(config).encode() + b"\n")
        process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line)
            match message["type"]:
                case "ready":
                    process.stdin.write(json.dumps({"do": "start", "t0": time.monotonic() + 0.5}).encode() + b"\n")
                    process.stdin.flush()
                case "error" | "failure":
                    raise RuntimeError(message["what"])
                case "done":
                    found: dict[str, Any] = message
                    return found
    raise RuntimeError("the driver ended without its account")

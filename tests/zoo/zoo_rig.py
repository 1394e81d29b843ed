"""Plays animals under faults on real processes: which runs there are, and how each is made."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
import zoo_app

HERE = Path(__file__).parent
UNDRAWN = HERE.with_name("undrawn.py")
RATE = 12
#: Calm runs are played with so many seeds: 40 are asked for, and there are as many animals.
CALM_SEEDS = 1
#: Times that a run is played at most, and the checks that speak of the machine and not of the app.
TRIES = 3
SLOW = 0.3  # seconds
WARMUP, BASELINE = 2.0, 6.0  # seconds before the baseline, and of the shortest one
MACHINE = (
    "calibration", "generator", "proxy", "driver", "simulator", "app starved", "injected delays", "steady state",
)  # fmt: skip
#: Scenario -> phase -> (seconds, rule or none); what the phases are called is what animals speak of.
PLAYS: dict[str, dict[str, tuple[float, dict[str, Any] | None]]] = {
    "medley": {
        "baseline": (6, None),
        "untold": (4, {"fault": "rate_limit", "retry_after": "none", "when": {"share": "50%"}}),
        "told": (4, {"fault": "rate_limit", "retry_after": "1s", "when": {"share": "50%"}}),
        "spent": (4, {"fault": "quota", "kind": "exhausted", "when": {"share": "60%"}}),
        "away": (4, {"fault": "error", "status": 503, "when": {"share": "60%"}}),
        "wrong": (4, {"fault": "error", "status": 400, "when": {"share": "50%"}}),
        "cut": (4, {"fault": "truncate", "shape": "honest", "when": {"share": "50%"}}),
        "snapped": (4, {"fault": "truncate", "shape": "clean", "when": {"share": "50%"}}),
        "blank": (4, {"fault": "empty", "when": {"share": "50%"}}),
        "page": (4, {"fault": "malformed", "shape": "html", "when": {"share": "50%"}}),
        "leaky": (4, {"fault": "content", "canary": ["api_key", "html"], "when": {"share": "60%"}}),
        "recovery": (4, None),
    },
    "outage": {
        "baseline": (6, None),
        "down": (6, {"fault": "error", "status": 503}),
        "recovery": (14, None),
    },
    "hang": {
        "baseline": (6, None),
        "held": (6, {"fault": "hang"}),
        "recovery": (12, None),
    },
    "calm": {"baseline": (12, None), "later": (12, None)},
    "agent": {
        "baseline": (6, None),
        "away": (5, {"fault": "error", "status": 503, "when": {"share": "50%"}}),
        "garbled": (5, {"fault": "tool_call", "shape": "invalid"}),
        "recovery": (6, None),
    },
}  # fmt: skip


def plays_of(animal: str, seed: int) -> tuple[str, ...]:
    """What is played with it."""
    from zoo_agents import Agent

    agent = issubclass(zoo_app.every()[animal], Agent)
    plays = ("agent",) if agent else ("medley", "outage", "hang")
    return (*plays, "calm") if seed <= CALM_SEEDS else plays


def scenario(play: str, animal: str, port: int) -> dict[str, Any]:
    """The scenario as a document."""
    primary = zoo_app.every()[animal].primary
    phases = []
    for name, (seconds, rule) in PLAYS[play].items():
        phase: dict[str, Any] = {"name": name, "duration": f"{seconds}s"}
        if rule is not None:
            phase["rules"] = [rule | {"match": {"provider": primary}}]
        if play == "calm":
            phase["role"] = "baseline" if name == "baseline" else "recovery"
        phases.append(phase)
    return {
        "version": 1,
        "name": f"zoo-{play}",
        "target": {
            "url": f"http://127.0.0.1:{port}",
            "operation": {
                "path": "/chat",
                "json": {"message": "{prompt}"},
                "answer": "$.answer",
                "degraded": {"header": "x-degraded"},
                **({"side_effects": ["book_table"]} if play == "agent" else {}),
            },
            "control": ["/healthz"],
            "timeout": "4s",
        },
        "upstreams": [
            {"provider": name, "url": "simulator"} for name in dict.fromkeys((primary, "openai", "anthropic"))
        ],
        "load": {"rate": f"{RATE}/s"},
        "phases": [{"name": "warmup", "duration": f"{WARMUP:g}s"}, *phases],
        "objectives": ["time_to_recover <= 3s"] if play == "outage" else [],
    }


@dataclass(frozen=True, order=True)
class Cell:
    """One run."""

    animal: str
    play: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.animal}.{self.play}.{self.seed}"

    @property
    def telling(self) -> bool:
        """Whether something is to be found."""
        return bool(self.codes(self.play))

    @property
    def most_telling(self) -> bool:
        """Whether no other play of this animal shows as many kinds of findings."""
        plays = plays_of(self.animal, self.seed)
        return self.play == max(plays, key=lambda play: len(self.codes(play)))

    def codes(self, play: str) -> set[str]:
        """What is to be found in a play of this animal."""
        must = zoo_app.every()[self.animal].must
        return set().union(*(must.get(place_of(play, phase), set()) for phase in PLAYS[play]))


def place_of(play: str, phase: str) -> str:
    """What animals call a phase: its name while it has a fault, `down:after` for the recovery, "" where nothing is."""
    broken = [name for name, (_, rule) in PLAYS[play].items() if rule is not None]
    if phase in broken:
        return phase
    return f"{broken[0] if len(broken) == 1 else play}:after" if phase == "recovery" else ""


def cells(seeds: Iterable[int]) -> list[Cell]:
    """All runs of these seeds: seed by seed those in which something is to be found, and then the others.

    In this order, because a zoo that is stopped early has then played with each seed what decides recall.
    """
    animals = sorted(zoo_app.every())
    every = [Cell(name, play, seed) for seed in seeds for name in animals for play in plays_of(name, seed)]
    return sorted(every, key=lambda cell: not cell.telling)


#: Below the ports from which a kernel takes those of outgoing connections (32768 on Linux), so that none is lost
#: between the moment when it is found free and the one when an app has started; and no two cells get the same.
_PORTS = itertools.count(21000)


def free_port() -> int:
    """A port that nobody else of this process was given."""
    for port in _PORTS:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port left")


def play(cell: Cell, parent: Path, scale: float = 1.0, tries: int = TRIES) -> Path:
    """The run folder of a cell, made when it is not there yet; raises AssertionError when the run had no end.

    `scale` multiplies the phases' durations. A run on which the machine had too much to do, by chaosllm's own checks,
    is thrown away and played again, because it shows the machine and not the app; the last try is kept as it is.
    """
    folder = parent / cell.name
    for left in reversed(range(tries)):
        if not (folder / "summary.json").exists():
            _run(cell, folder, scale)
        if not (left and overloaded(folder, scale)):
            break
        shutil.rmtree(folder)
    return folder


def overloaded(folder: Path, scale: float = 1.0) -> bool:
    """Whether the instrument itself failed its checks, or the app could not breathe.

    The usual /healthz does nothing, so that only a machine without a free core makes it slow; of an app with one of
    its own that is sure in the baseline alone.
    """
    checks = json.loads((folder / "summary.json").read_text())["validity"]
    if any(not check["ok"] and check["name"].startswith(MACHINE) for check in checks):
        return True
    asked = map(json.loads, (folder / "control.jsonl").read_text().splitlines())
    usual = zoo_app.every()[folder.name.split(".")[0]].healthz is zoo_app.Right.healthz
    until = float("inf") if usual else scale * (WARMUP + BASELINE)
    return any(one["t_end"] - one["t_due"] > SLOW for one in asked if one["t_due"] < until)


def _run(cell: Cell, folder: Path, scale: float) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    port = free_port()
    text = folder.with_name(f"{cell.name}.yaml")
    text.write_text(yaml.safe_dump(scenario(cell.play, cell.animal, port), sort_keys=False))
    done = subprocess.run(
        [
            sys.executable, "-P", str(UNDRAWN), "run", str(text), "--out", str(folder), "--seed", str(cell.seed),
            "--duration-scale", str(scale), "--", sys.executable, str(HERE / "zoo_app.py"), cell.animal, str(port),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 4), f"{cell.name}: exit {done.returncode}\n{done.stderr[-2000:]}"


def play_all(wanted: Iterable[Cell], parent: Path, jobs: int) -> Iterator[Cell]:
    """Each cell once its run is there."""

    def one(cell: Cell) -> Cell | None:
        try:
            play(cell, parent)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            print(error, flush=True)
            return None
        return cell

    with ThreadPoolExecutor(jobs) as pool:
        yield from filter(None, pool.map(one, wanted))

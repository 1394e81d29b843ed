"""Runs of `chaosllm gate` on a sample app, one seed each, several at a time; a run that is there is not run again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: Half a minute: a storm of 429, cut streams and an empty account, one after the other.
SCENARIO = Path(__file__).parents[2] / "scenarios" / "demo.yaml"


def gate(app: str, seed: int, parent: Path) -> int:
    """The gate's exit code, kept beside the run folder."""
    folder = parent / f"{app}-{seed}"
    kept = parent / f"{app}-{seed}.exit"
    if not kept.exists():
        parent.mkdir(parents=True, exist_ok=True)
        asked = ["gate", str(SCENARIO), "--app", app, "--seed", str(seed), "--out", str(folder), "--quiet"]
        done = subprocess.run(
            [sys.executable, "-m", "chaosllm", *asked], capture_output=True, text=True, timeout=300, check=False
        )
        (parent / f"{app}-{seed}.txt").write_text(done.stdout + done.stderr)
        kept.write_text(str(done.returncode))
    return int(kept.read_text())


def gates(app: str, seeds: Iterable[int], parent: Path, jobs: int = 3) -> dict[int, int]:
    """Seed -> exit code."""
    seeds = list(seeds)
    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(seeds, pool.map(lambda seed: gate(app, seed, parent), seeds), strict=True))

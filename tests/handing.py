"""A scenario as the supervisor hands it to the proxy and the driver, which never load what reads one."""

from __future__ import annotations

from pathlib import Path

from chaosllm.adapters.handover import pack
from chaosllm.adapters.scenario_file import loader
from chaosllm.reader import read


def handed(path: Path) -> str:
    """The scenario of a file."""
    return pack(read(path.read_bytes(), file=str(path), load=loader(path.parent)).unwrap())

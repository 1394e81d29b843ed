"""The loopback app of the driver's tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def app() -> Iterator[str]:
    """The URL of an app that misbehaves by path, see loopback_app.py."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("loopback_app.py"))], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.terminate()
    process.wait(30)

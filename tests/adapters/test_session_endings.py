"""A run whose own processes did not come to their end is told apart from one that did."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaosllm.adapters import run_folder
from chaosllm.adapters.supervisor.children import ChildError
from chaosllm.adapters.supervisor.order import Order
from chaosllm.adapters.supervisor.session import Session
from chaosllm.errors import Exit
from chaosllm.reader import read

SCENARIO = """\
version: 1
name: small
target: {url: "http://127.0.0.1:8000", operation: {path: /chat, json: {message: "{prompt}"}}}
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: baseline, duration: 5s}
"""


@dataclass
class Ended:
    """A child that is gone, with its last messages."""

    name: str
    latest: dict[str, Any] = field(default_factory=dict)

    def death(self) -> ChildError:
        return ChildError(f"the {self.name} ended by itself (killed by SIGKILL)")


class Quiet:
    """A watcher that tells nobody."""

    def say(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any]) -> None: ...


def finished(tmp_path: Path, **latest: dict[str, Any]) -> tuple[Session, Exit]:
    scenario = read(SCENARIO).unwrap()
    session = Session(Order(scenario, SCENARIO, tmp_path), Quiet(), folder=tmp_path)
    run_folder.write(tmp_path / run_folder.SCENARIO, SCENARIO)
    session.meta |= {"schema": 1, "stopped": None, "failures": []}
    session.meta["clock"] = {"t0": time.monotonic(), "t0_unix": time.time()}
    session._crew.children = [Ended(name, said) for name, said in latest.items()]
    return session, asyncio.run(session._finish(None)).code


@pytest.mark.parametrize(
    ("driver", "proxy", "failures"),
    [
        ({"done": {"due": 25}}, {"status": {}, "stopped": {}}, []),
        ({"done": {"due": 25}}, {"status": {}}, ["the proxy"]),
        ({}, {"status": {}, "stopped": {}}, ["the driver"]),
        ({}, {}, ["the proxy", "the driver"]),
    ],
)
def test_no_last_word_is_a_failure_of_ours(
    tmp_path: Path, driver: dict[str, Any], proxy: dict[str, Any], failures: list[str]
) -> None:
    """A proxy that dies after the load, before its records are written, cannot leave a PASS."""
    session, code = finished(tmp_path, driver=driver, proxy=proxy)
    assert [what.split(" did not")[0] for what in session.meta["failures"]] == failures
    assert code is Exit.INCONCLUSIVE
    names = {row["name"] for row in json.loads((tmp_path / "summary.json").read_text())["validity"] if not row["ok"]}
    assert ("internal failures" in names) is bool(failures)


def test_a_password_in_the_targets_address_stays_out_of_the_record(tmp_path: Path) -> None:
    """meta.json says where the app is, not who may ask it."""
    order = Order(read(SCENARIO).unwrap(), SCENARIO, tmp_path, target="http://me:hunter2@127.0.0.1:8001")
    session = Session(order, Quiet())
    assert session.url == "http://127.0.0.1:8001"

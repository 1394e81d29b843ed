"""The library on real processes: each scenario shortened, against the hardened sample app.

What a shortened run may say: PASS, or INCONCLUSIVE because fewer operations show less. It may never blame the
hardened app, but for what that app is known to lack, and never lose an injection.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from end_to_end.running import run
from soak import count
from test_library import FILES, LIBRARY, reading

from chaosllm.scenario import Role

#: Of each kind of trouble one, in every `make test`.
SIX = (
    "rate-limits/retry-after-absent", "quota/monthly-spend-reached", "truncation/inside-an-event", "outage/short",
    "malformed/html-page", "leaks/error-text",
)  # fmt: skip
#: The sample apps have no such path: nothing is injected, and the run must say so.
NO_PATH = ("agents/", "cost/inflated-usage")
#: What the hardened app does not do, so that its verdict is FAIL and this its finding.
LACKS = {"leaks/secrets-in-answers": "sensitive_data_leaked", "leaks/harmful-markup": "unsafe_markup_passed"}
#: Of their length, where a third of it would end before each rule has had its time.
SCALES = {"replays/": "0.55", "outage/flapping": "0.5", "rate-limits/tokens-per-minute": "0.5"}
#: Reasons of a run that was too short, and of a machine that had too much to do; every other one is trouble.
SHORT = re.compile(
    r"needs |too short|too few|met a fault|interval holds the bound|lengthen|too close to tell|raise the"
)
BUSY = re.compile(r"late \(p99|generator lag|proxy lag|saturated")


def name_of(file: Path) -> str:
    return str(file.relative_to(LIBRARY).with_suffix(""))


def shortened(name: str, folder: Path, scale: str, *more: str) -> tuple[int, dict[str, Any], str]:
    """A scenario with shorter phases, against the hardened app."""
    folder.mkdir()
    return run(
        str(LIBRARY / f"{name}.yaml"), "--app", "hardened", "--duration-scale", scale, *more, cwd=folder, limit=240
    )


def trouble(name: str, code: int, summary: dict[str, Any]) -> list[str]:
    """What is wrong with the end of a shortened run; empty when nothing is."""
    found = [f"exit {code}"] if code not in (0, 4) else []
    found += [f"lost injections: {row}" for row in summary.get("injection", []) if _lost(row)]
    if code == 4:
        found += [reason for reason in summary["reasons"] if not SHORT.search(reason) and not BUSY.search(reason)]
    return [f"{name}: {one}" for one in found]


def _lost(row: dict[str, Any]) -> bool:
    fired, delivered = row["fired"] + row["capped"], row["delivered"] + row["in_flight"]
    return fired != row["planned"] or delivered != row["fired"]


@pytest.mark.end_to_end
@pytest.mark.alone
@pytest.mark.timeout(300)  # because a machine with other work took 138 s
def test_six_of_them(tmp_path: Path) -> None:
    """Each injects in its fault phases what it planned, loses nothing, and blames the hardened app for nothing."""
    quick = ("--set", "load.rate=20/s")

    def one(name: str) -> list[str]:
        code, summary, err = shortened(name, tmp_path / name.replace("/", "-"), "0.06", *quick)
        delivered = sum(row["delivered"] for row in summary.get("injection", []))
        return trouble(name, code, summary) + ([] if delivered else [f"{name}: nothing was injected: {err[-500:]}"])

    with ThreadPoolExecutor(2) as pool:
        assert [line for lines in pool.map(one, SIX) for line in lines] == []


@pytest.mark.end_to_end
@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.skipif(count(0, 1) == 0, reason="make soak alone runs the whole library")
@pytest.mark.parametrize("name", [name_of(file) for file in FILES])
def test_all_of_them(name: str, tmp_path: Path) -> None:
    """PASS or too short to tell; FAIL with the finding that is known; INCONCLUSIVE where the app has no such path."""
    faulty = any(phase.role is Role.FAULT for phase in reading(LIBRARY / f"{name}.yaml").unwrap().phases)
    scale = next((scale for start, scale in SCALES.items() if name.startswith(start)), "0.3")
    code, summary, err = shortened(name, tmp_path / "run", scale)
    rows = summary["injection"]
    if name.startswith(NO_PATH):
        assert code == 4, err
        assert [row["delivered"] for row in rows] == [0] * len(rows)
        return
    if name in LACKS:
        assert code == 1, err
        assert {one["code"] for one in summary["findings"] if one["severity"] == "critical"} == {LACKS[name]}
        return
    assert trouble(name, code, summary) == [], err[-2000:]
    assert not faulty or sum(row["delivered"] for row in rows)

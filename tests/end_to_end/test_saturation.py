"""A proxy driven beyond what one core can take says so, with the number; a calm one says how calm it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from running import in_peace, run, tiny

pytestmark = [pytest.mark.end_to_end, pytest.mark.alone]


def drive(tmp_path: Path, fanout: int, seconds: int, **changes: Any) -> tuple[int, dict[str, Any], str]:
    return run(
        *tiny(
            tmp_path, app="fanout_app.py", target={"timeout": "3s"}, load={"rate": "30/s", "arrivals": "constant"},
            phases=[{"name": "busy", "duration": f"{seconds}s", "role": "fault"}], **changes,
        ),
        cwd=tmp_path, env={"FANOUT": str(fanout)},
    )  # fmt: skip


def test_a_saturated_proxy_is_inconclusive_and_says_which_number(tmp_path: Path) -> None:
    """6 000 calls a second are more than one core takes: exit 4, the number, its limit, and what to change."""
    code, summary, err = drive(tmp_path, fanout=200, seconds=5, fail_on="none", objectives=["latency_p50(busy) <= 60s"])
    assert (code, summary["verdict"]) == (4, "inconclusive"), err
    failed = {one["name"]: one for one in summary["validity"] if not one["ok"]}
    limits = {"proxy CPU": "(at most 2)", "proxy lag by second": "(at most 2)", "proxy lag": "at most 50ms"}
    found = failed.keys() & limits
    assert found, summary["validity"]
    for name in found:
        assert limits[name] in failed[name]["what"]
        assert "--proxy-workers 2" in failed[name]["hint"] or "other work has the cores" in failed[name]["hint"]
        assert any(reason.startswith(f"{name}: ") for reason in summary["reasons"])
    assert [one["verdict"] for one in summary["objectives"]] == ["inconclusive"], "a latency that we spoiled"
    assert "note: the proxy " in err, "and was told while it ran"
    text = (tmp_path / "out" / "summary.md").read_text()
    assert "waited for it" in text


def test_a_calm_run_passes_and_shows_how_far_from_its_limits_it_was(tmp_path: Path) -> None:
    """Every process told of itself, in every second."""
    calm = ["success_rate(busy) >= 80%"]
    _, code, summary, err = in_peace(lambda place: drive(place, fanout=1, seconds=3, objectives=calm), tmp_path)
    assert (code, summary["verdict"]) == (0, "pass"), err
    rows = {one["process"]: one for one in summary["instrument"]["processes"]}
    app = rows.pop("app")  # which is watched from outside: how long it waited for a core, and no lag
    assert app["cpu"]["max"] > 0 and app["wait"]["p50"] < 0.5 and "lag" not in app
    assert set(rows) == {"proxy", "driver", "simulator"}
    assert all(0 < row["cpu"]["max"] < 0.9 and row["lag"]["p50"] < 0.05 for row in rows.values())

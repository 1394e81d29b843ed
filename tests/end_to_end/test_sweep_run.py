"""`chaosllm sweep` on real processes: an app without retries breaks where arithmetic says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import Started, tiny
from soak import count

pytestmark = [pytest.mark.end_to_end, pytest.mark.soak, pytest.mark.alone]

STORM = {
    "phases": [
        {"name": "baseline", "duration": "4s"},
        {"name": "storm", "duration": "12s", "rules": [{"fault": "error", "status": 500, "when": {"share": "10%"}}]},
    ],
    "objectives": ["success_rate(storm) >= 70%"],
    "load": {"rate": "40/s"},
    "fail_on": "none",
}


@pytest.mark.timeout(900)
@pytest.mark.skipif(not count(0, 1), reason="twelve runs take five minutes: `make soak`")
def test_an_app_without_retries_breaks_at_thirty_percent(tmp_path: Path) -> None:
    """Success is one less the share of failed calls, so 70 % breaks at 30 %, inside the stated interval."""
    scenario, *words = tiny(tmp_path, **STORM)
    vary = ("--vary", "rules.0.when.share=0%..80%", "--out", str(tmp_path / "out"), "--json")
    started = Started(("sweep", scenario, *vary, *words), tmp_path)
    code, out, err = started.end(800)
    assert started.left() == []
    assert code == 0, err
    breaking = json.loads(out)["breaking_point"]
    assert breaking["kind"] == "found"
    assert breaking["low"] <= 0.3 <= breaking["high"]
    assert breaking["high"] - breaking["low"] < 0.3
    assert (tmp_path / "out" / "sweep.png").stat().st_size > 5000

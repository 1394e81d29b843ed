"""A run that a real Prometheus stops, by a metric that really changes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from running import Started, scenario

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters" / "safety"))  # because the folder of tests is no package
from real_prometheus import FOUND, WHY, Metric, prometheus

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not FOUND, reason=WHY),
    pytest.mark.skipif("not __import__('os').environ.get('CHAOSLLM_SOAK')", reason="half a minute: make soak"),
]


def test_a_metric_that_changes_stops_the_run(tmp_path: Path) -> None:
    """Exit code 5, with query, server, bound and value in the words; soon after the metric went beyond its bound."""
    metric, server = Metric(), tmp_path / "prometheus"
    server.mkdir()
    with prometheus(server, scraped=metric) as port:
        watched = {"prometheus": f"http://127.0.0.1:{port}", "query": "sum(sick_users)", "above": 5}
        path = scenario(
            tmp_path,
            phases=[{"name": "baseline", "duration": "60s"}],
            stop_when=[watched | {"every": "500ms", "failures": 2}],
        )
        started = Started(("run", str(path), "--app", "hardened", "--out", str(tmp_path / "out")), tmp_path, {})
        events, ends = tmp_path / "out" / "events.jsonl", time.monotonic() + 200
        while not (events.exists() and events.read_text().count("\n") > 20):
            assert time.monotonic() < ends, "no load came"
            time.sleep(0.1)
        metric.set(7)
        code, _, told = started.end(200)
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    took = meta["clock"]["t0"] + meta["stop"]["t"] - metric.changed
    print(f"from the change to the stop: {took:.2f} s")
    assert code == 5, told
    assert f"`sum(sick_users)` of http://127.0.0.1:{port} is above 5, 2 times running: 7 now" in meta["stop"]["text"]
    assert 0 < took < 20  # a scrape each second and two askings half a second apart: some 2 s on a free machine


def test_a_query_that_is_none_refuses_the_run(tmp_path: Path) -> None:
    """Exit code 2 before anything starts, with the place in the query."""
    with prometheus(tmp_path) as port:
        wrong = {"prometheus": f"http://127.0.0.1:{port}", "query": "sum(sick_users", "above": 5}
        path = scenario(tmp_path, stop_when=[wrong])
        started = Started(("run", str(path), "--app", "hardened", "--out", str(tmp_path / "out")), tmp_path, {})
        code, _, told = started.end(200)
    assert code == 2, told
    text = " ".join(told.split())
    assert "refuses the query: bad_data, at its character 15 (status 400), so it could never stop the run" in text

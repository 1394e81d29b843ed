"""Control routes: asked all through the run, timed from when they were due, and written as they end."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic

import pytest

from chaosllm.adapters.driver.control import RATE, Controls

pytestmark = pytest.mark.alone


def asked(url: str, *routes: str, seconds: float = 2.0, deadline: float = 0.5, folder: Path | None = None) -> Controls:
    controls = Controls(routes, url, seconds=seconds, deadline=deadline, folder=folder)
    controls.run(monotonic())
    controls._group.join(timeout=deadline + 0.2)
    controls.close()
    return controls


def test_each_route_is_asked_at_its_rate(app: str, tmp_path: Path) -> None:
    """Good, refused, too slow and broken answers: each route twice a second, and all of it on disk."""
    routes = ("/chat", "/error", "/hang", "/reset")
    controls = asked(app, *routes, folder=tmp_path)
    stored = [json.loads(line) for line in (tmp_path / "control.jsonl").read_text().splitlines()]
    assert [one.to_json() for one in controls.found] == stored
    for place, route in enumerate(routes):
        mine = [one for one in controls.found if one.route == route]
        assert [one.t_due for one in mine] == pytest.approx([(place / 4 + k) / RATE for k in range(4)], abs=1e-6)
    by_route = {route: {one.status for one in controls.found if one.route == route} for route in routes}
    assert by_route == {"/chat": {200}, "/error": {503}, "/hang": {0}, "/reset": {0}}
    assert all(0.45 < one.t_end - one.t_due < 2.0 for one in controls.found if one.route == "/hang")
    assert all(one.failed is (one.route != "/chat") for one in controls.found)


def test_a_slow_route_does_not_slow_the_others(app: str) -> None:
    """Requests are due whatever became of those before, so a stall is in every one that fell into it."""
    controls = asked(app, "/slow?s=0.9", seconds=1.5, deadline=5.0)
    assert [one.status for one in controls.found] == [200] * 3
    assert all(0.9 <= one.t_end - one.t_due < 1.3 for one in controls.found), "one after the other the last took 1.7 s"


def test_without_routes_nothing_is_asked_or_written(app: str, tmp_path: Path) -> None:
    """An app that declares none is left alone."""
    assert asked(app, folder=tmp_path).found == []
    assert not (tmp_path / "control.jsonl").exists()

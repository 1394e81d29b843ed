"""A run whose load was a locustfile says so wherever its numbers are shown, and claims no open loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import run_factory as made

from chaosllm.renderers import Material
from chaosllm.renderers.html import MEMBER as HTML
from chaosllm.renderers.markdown import MEMBER as MARKDOWN
from chaosllm.renderers.terminal import MEMBER as TERMINAL
from chaosllm.scenario import Load
from chaosllm.validity import check
from chaosllm.verdict import judge

SAYS = "closed loop: latency counts from sending, so stalls hide"
TASKS = {"tasks": {"finished": 900, "raised": 0, "newest": ""}, "users_lost": 0, "elsewhere": 0}


def closed(*objectives: str, **driver: Any) -> Any:
    of = made.scenario(load=Load(locustfile="locustfile.py"), objectives=map(made.objective, objectives))
    run = made.run(of=of)
    known = {name: value for name, value in run.meta["driver"].items() if not name.startswith("lag")}
    run.meta = {**run.meta, "driver": known | TASKS | driver}  # type: ignore[dict-item]  # a mapping to be read
    return run


def failed(run: Any) -> dict[str, str]:
    return {one.name: f"{one.what} ({one.hint})" for one in check(run) if not one.ok}


def test_a_sound_closed_loop_passes_every_check() -> None:
    """No due time was fixed, so none is missed, and no check of an open loop stands in its list."""
    run = closed()
    run.samples = replace(run.samples, t_due=run.samples.t_sent)
    assert failed(run) == {}
    names = {one.name for one in check(run)}
    assert {"locustfile", "users"} <= names
    assert not {"generator lag", "load in baseline"} & names


@pytest.mark.parametrize(
    ("driver", "name", "says"),
    [
        ({"tasks": {"finished": 0, "raised": 9, "newest": "KeyError at locustfile.py:3"}}, "locustfile",
         "0 tasks of the locustfile came to their end, 9 raised, such as KeyError at locustfile.py:3"),
        ({"users_lost": 2}, "users", "2 of 10 users were gone before the run was over"),
    ],
)  # fmt: skip
def test_what_spoils_a_closed_loop(driver: Any, name: str, says: str) -> None:
    """A locustfile that trips over itself and users that leave make a run inconclusive, by their name."""
    assert says in failed(closed(**driver))[name]


def test_the_mark_stands_wherever_latency_does() -> None:
    """Summary, objectives, terminal, Markdown and page carry it; those of an open loop do not."""
    shown = judge(closed("latency_p95(storm) <= 5s", "success_rate(storm) >= 50%"))
    assert shown["loop"] == "closed"
    assert [row.get("note", "") for row in shown["objectives"]] == [SAYS, ""]
    material = Material(shown, meta={}, charts={})
    for member in (TERMINAL, MARKDOWN, HTML):
        assert SAYS in " ".join(member.render(material).split()), member.name
    open_loop = Material(judge(made.run()), meta={}, charts={})
    assert open_loop.summary["loop"] == "open"
    assert all("closed loop" not in renderer.render(open_loop) for renderer in (TERMINAL, MARKDOWN, HTML))

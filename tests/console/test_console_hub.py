"""The hub: the state is the fold of the events, bounded, and nobody who listens holds it up."""

from __future__ import annotations

import asyncio
import copy
import re
from importlib.resources import files
from typing import Any

import pytest
from fake_desk import FakeDesk
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosllm.adapters.console.hub import KEPT, Hub, PathError, blank, fold

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
PATHS = st.sampled_from(["status", "run", "run.rules.0.on", "run.rules.1", "run.series", "day.x", "findings.0", "new"])
LISTS = st.sampled_from(["said", "findings", "run.series", "run.rules", "status", "nothing.here"])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["tick", "note", "command", "say", "finding"]),
        st.dictionaries(PATHS, VALUES, max_size=2),
        st.dictionaries(LISTS, VALUES, max_size=2),
    ),
    max_size=12,
)


def started() -> Hub:
    hub = Hub(blank())
    hub.publish("run", set={"run": {"rules": [{"on": True}, {"on": False}], "series": []}})
    return hub


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_the_state_is_the_fold_from_any_event(events: list[Any]) -> None:
    """State at any seq and all later events give the state of now; an event that is refused leaves no trace."""
    hub = started()
    seen = {hub.state["seq"]: copy.deepcopy(hub.state)}
    for kind, sets, adds in events:
        before = copy.deepcopy(hub.state)
        try:
            hub.publish(kind, text="x", set=sets, add=adds)
        except PathError:
            assert hub.state == before
        seen[hub.state["seq"]] = copy.deepcopy(hub.state)
    for seq, state in seen.items():
        later = hub.since(seq)
        assert later is not None
        assert [event["seq"] for event in later] == [*range(seq + 1, hub.state["seq"] + 1)]
        for event in later:
            fold(state, event)
        assert state == hub.state


def test_what_is_published_is_nobody_elses() -> None:
    """Neither what a caller keeps nor a later event changes an event that was."""
    hub = started()
    rules = [{"on": True}]
    event = hub.publish("run", set={"run.rules": rules})
    rules[0]["on"] = False
    hub.publish("x", set={"run.rules.0.on": None})
    assert event["set"] == {"run.rules": [{"on": True}]}
    assert hub.state["run"]["rules"] == [{"on": None}]


def test_what_json_cannot_say_is_null() -> None:
    """NaN and infinity, which no browser reads, become null."""
    hub = started()
    assert hub.publish("tick", p95=float("nan"), set={"run.series": [float("inf"), 1.5]})["p95"] is None
    assert hub.state["run"]["series"] == [None, 1.5]


def test_long_lists_keep_the_newest() -> None:
    """Two hours of seconds, and 200 things said."""
    hub = started()
    for t in range(7300):
        hub.publish("tick", add={"run.series": {"t": t}})
    for at in range(250):
        hub.publish("say", text=str(at))
    assert [row["t"] for row in hub.state["run"]["series"]] == [*range(100, 7300)]
    assert [one["text"] for one in hub.state["said"]] == [str(at) for at in range(50, 250)]


def test_the_page_keeps_as_much_as_the_hub() -> None:
    """The table of assets/fold.js is the hub's."""
    text = files("chaosllm.adapters.console").joinpath("assets/fold.js").read_text(encoding="utf-8")
    table = text.partition("KEPT = {")[2].partition("};")[0]
    assert {name: int(most) for name, most in re.findall(r'"([\w.]+)": (\d+)', table)} == KEPT


def test_commands_and_notes_are_listed() -> None:
    """Commands, notes and what is said are in their lists of the state, as they were."""
    hub = started()
    event = hub.publish("command", who="console:Ada", do="pause", ok=True)
    hub.publish("note", who="api", text="n")
    hub.publish("warning", text="w")
    assert hub.state["commands"] == [{name: event[name] for name in event if name != "add"}]
    assert [one["text"] for one in hub.state["notes"] + hub.state["said"]] == ["n", "w"]


def test_what_follows_from_a_type_is_kept() -> None:
    """The verdict, when a run began and when a finding was seen; what the publisher says itself wins."""
    hub = Hub(clock=lambda: 5.0)
    hub.publish("run", set={"run": {"rules": []}})
    hub.publish("finding", code="hang", add={"findings": {"code": "hang"}})
    hub.publish("over", verdict="fail", exit=1, set={"status": "over"})
    assert hub.state["run"] == {"began": 5.0, "rules": []}
    assert hub.state["findings"] == [{"at": 5.0, "code": "hang"}]
    assert (hub.state["status"], hub.state["over"]) == ("over", {"verdict": "fail", "exit": 1})
    hub.publish("run", set={"run": {"began": 1.0}})
    assert hub.state["run"] == {"began": 1.0}


def test_what_is_no_longer_kept_is_not_bridged() -> None:
    """Events that left the ring, and such as are yet to come, cannot be had."""
    hub = Hub(ring=10)
    for _ in range(30):
        hub.publish("tick")
    assert hub.since(19) is None
    assert [event["seq"] for event in hub.since(20) or ()] == [*range(21, 31)]
    assert hub.since(30) == []
    assert hub.since(31) is None


def test_a_slow_listener_begins_anew() -> None:
    """A full queue is emptied for a sign to begin from the state; what follows comes in order, others lose nothing."""

    async def play() -> None:
        hub = Hub(queue=5)
        async with hub.subscribe() as slow, hub.subscribe() as quick:
            got = []
            for _ in range(12):
                hub.publish("tick")
                got.append(quick.get_nowait()["seq"])
            assert got == [*range(1, 13)]
            types = [(one["type"], one["seq"]) for one in (slow.get_nowait() for _ in range(slow.qsize()))]
            assert types[0] == ("state", 11)
            assert types[1:] == [("tick", 12)]
            hub.close()
            assert slow.get_nowait()["type"] == "end"

    asyncio.run(play())


def test_each_event_is_heard_once_for_the_log() -> None:
    """The log gets each event, as it was published, and none that was refused."""
    heard: list[dict[str, Any]] = []
    hub = Hub(heard=heard.append)
    event = hub.publish("say", text="a")
    with pytest.raises(PathError):
        hub.publish("say", text="b", set={"run.rules.0.on": True})
    assert heard == [event]


def test_a_repeat_of_an_id_is_done_once() -> None:
    """The same id, also at the same time, gets the first answer; a refusal is logged with its reason."""

    async def play() -> None:
        desk = FakeDesk()
        desk.open()
        desk.begin()
        share = {"do": "share", "rule": "storm.0", "share": "60%", "id": "a"}
        first, second = await asyncio.gather(desk.take(share, who="api"), desk.take(share, who="api"))
        assert first == second == await desk.take({"do": "stop", "id": "a"}, who="api")
        assert [do for do, _ in desk.obeyed] == ["share"]
        assert first["set"] == {"run.rules.0.share": 0.6}
        refused = await desk.take({"do": "share", "rule": "storm.8", "share": "60%"}, who="console:Ada")
        assert (refused["ok"], refused["who"]) == (False, "console:Ada")
        assert "storm.8" in refused["result"]["what"]
        assert len(desk.hub.state["commands"]) == 2
        assert not (await desk.take({"do": ["x"]}, who="api"))["ok"]
        broken = await desk.take({"do": "trigger", "rule": "storm.0", "count": "x"}, who="api")
        assert "this is a bug in chaosllm: ValueError" in broken["result"]["what"]

    asyncio.run(play())

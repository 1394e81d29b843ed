"""Sessions against a real app on loopback: requests of one user, one after the other, with what answers held."""

from __future__ import annotations

from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
from test_driver_dispatcher import Kept

from chaosllm.adapters.driver.client import Client
from chaosllm.adapters.driver.dispatcher import Dispatcher
from chaosllm.adapters.driver.judge import Judge
from chaosllm.adapters.driver.outgoing import Outgoing
from chaosllm.distribution import Fixed
from chaosllm.record import Outcome
from chaosllm.rows import prompts
from chaosllm.scenario import Good, Load, Operation, Phase, Role, Scenario, Session, Target, Upstream

TALK: dict[str, Any] = {"json": {"message": "{prompt}", "conversation": "{talk}"}, "take": {"talk": "$.id"}}


def dispatcher(
    url: str, *operations: Operation, session: Session, seconds: float = 1.0, rate: float = 20.0, cap: int = 500
) -> tuple[Dispatcher, Kept]:
    scenario = Scenario(
        name="load",
        phases=(Phase("baseline", seconds, Role.BASELINE),),
        upstreams=(Upstream("openai", "simulator"),),
        target=Target(url=url, operations=operations, sessions=(session,), timeout=20.0),
        load=Load(rate=rate, arrivals="constant", max_in_flight=cap),
    )
    kept = Kept()
    return Dispatcher(
        scenario,
        outgoing=Outgoing(scenario, url=url, rows=prompts(("Hello",)), environ={}),
        client=Client(url),
        judges=[Judge(operation, ()) for operation in operations],
        samples=kept,  # type: ignore[arg-type]  # all that the account does with it is add
    ), kept


def talk(path: str = "/talk", turn: str = "", **more: Any) -> Operation:
    """A turn of a conversation; `turn`: what a good answer holds."""
    given = TALK | {"answer": "$.answer"} | more
    if turn:
        given["good"] = Good(regex=turn)
    return Operation(path=path, **given)


@pytest.mark.alone
def test_turns_follow_each_other_and_carry_what_was_taken(app: str) -> None:
    """Each user's turns go to a conversation of their own, each due a pause after the answer before."""
    load, kept = dispatcher(app, talk(turn=r"turn \d$"), session=Session((0, 0, 0), think=Fixed(0.1)))
    load.run(monotonic())
    users: dict[int, list[Any]] = {}
    for sample in kept.samples:
        users.setdefault(sample.operation // 3, []).append(sample)
    assert sorted(users) == list(range(20))
    assert {sample.outcome for sample in kept.samples} == {Outcome.GOOD}
    whole = [turns for turns in users.values() if len(turns) == 3]
    assert len(whole) >= 12, "those who came before the last 0.3 s"
    for turns in whole:
        assert [turn.operation % 3 for turn in turns] == [0, 1, 2]
        for before, after in pairwise(turns):
            assert after.t_due - before.t_end == pytest.approx(0.1, abs=0.02)
            assert after.t_sent >= after.t_due
    assert all(sample.t_due < 1.0 for sample in kept.samples), "nothing begins after the run's end"
    told = load.totals()
    assert (told["due"], told["sent"], told["unfinished"]) == (len(kept.samples), len(kept.samples), 0)
    assert told["sessions_cut_short"] == 0


@pytest.mark.parametrize("lose", ["", "?lose=id"])
def test_a_session_is_one_conversation(app: str, lose: str) -> None:
    """The second turn comes in the conversation of the first; without its id each turn begins one, as a user would."""
    load, kept = dispatcher(app, talk("/talk" + lose, turn="turn 2$"), session=Session((0, 0)))
    load.run(monotonic())
    second = {sample.outcome for sample in kept.samples if sample.operation % 2}
    assert second == ({Outcome.WRONG} if lose else {Outcome.GOOD})


def test_a_step_that_lacks_what_it_needs_ends_the_session(app: str) -> None:
    """Later requests that cannot be made are not made, and the sessions are counted."""
    first = talk("/talk?lose=id", json={"message": "{prompt}", "conversation": None})
    load, kept = dispatcher(app, first, talk(take={}), session=Session((0, 1)))
    load.run(monotonic())
    assert len(kept.samples) == 20
    assert load.totals()["sessions_cut_short"] == 20


def test_a_value_that_fits_no_header_is_an_error_of_that_operation(app: str) -> None:
    """A line break from an answer begins no header of the next request."""
    first = talk("/talk?id=a%0D%0Ax-talk:%20b", json={"message": "{prompt}", "conversation": None})
    second = talk(headers={"x-talk": "{talk}"}, json={"message": "{prompt}", "conversation": "c"}, take={})
    load, kept = dispatcher(app, first, second, session=Session((0, 1)))
    load.run(monotonic())
    told = {(sample.outcome, sample.error) for sample in kept.samples if sample.operation % 2}
    assert told == {(Outcome.ERROR, "an answer held what no header may hold")}


@pytest.mark.alone
def test_a_dropped_step_ends_its_session(app: str) -> None:
    """Over the cap a step is dropped as any operation is, and the rest of its session is never due."""
    load, kept = dispatcher(app, talk("/slow?s=0.3"), session=Session((0,) * 50), cap=2, rate=10.0)
    load.run(monotonic())
    counts = load.account.counts
    assert counts.due == counts.sent + counts.dropped == len(kept.samples)
    assert counts.dropped >= 4
    for user in {sample.operation // 50 for sample in kept.samples if sample.outcome is Outcome.DROPPED}:
        last = max((sample for sample in kept.samples if sample.operation // 50 == user), key=lambda one: one.operation)
        assert last.outcome is Outcome.DROPPED


def test_the_preflight_goes_through_the_session(app: str) -> None:
    """A step is tried with what the steps before it gave; what cannot be taken is named."""
    first = talk("/talk", json={"message": "{prompt}", "conversation": None})
    second = talk(json={"message": "{prompt}", "conversation": "{talk}"}, take={"else": "$.nothing"}, turn="turn 2$")
    load, _ = dispatcher(app, first, second, session=Session((0, 1)))
    one, two = load.preflight(0), load.preflight(1)
    assert (one["outcome"], one["not_taken"]) == ("good", [])
    assert (two["outcome"], two["not_taken"], two["json_keys"]) == ("good", ["else"], ["answer", "id", "head"])

"""Thresholds of what users get of answers that came broken, or cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import run_factory as made
from run_factory import Operation, Try, only_in_storm
from thresholds import Threshold

from chaosllm.faults.empty import MEMBER as Empty
from chaosllm.faults.malformed import MEMBER as Malformed
from chaosllm.faults.refusal import MEMBER as Refusal
from chaosllm.faults.tool_call import MEMBER as ToolCall
from chaosllm.join import Run
from chaosllm.prints import print_ends, prints
from chaosllm.record import Outcome, RulePart
from chaosllm.scenario import Good, Rule, Target
from chaosllm.scenario import Operation as Asked

KEY = b"key of one run"
SAID = "The parcel left our warehouse on Monday and should reach you within three days at the latest"
OWN = "We cannot answer this right now, please try again in a few minutes or write to our support"
JSON = Malformed(shape="json")


def broken(
    answer: str = SAID,
    *,
    fault: Any = JSON,
    said: str = SAID,
    outcome: Outcome = Outcome.GOOD,
    hits: int = 400,
    repaired: bool = False,
    good: Good | None = None,
    **fields: Any,
) -> Run:
    """The last call of so many operations brings a broken answer; the user gets `answer`."""
    head, tail = print_ends(said, KEY)
    part = RulePart(made.RULE, fault.name, planned=True, fired=True, delivered=True)
    bad = Try(0.0, 0.1, 200, made.RULE, fields={"head": head, "tail": tail, "rules": [part]})

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        tries = [bad, Try(at=0.15)] if repaired else [bad]
        return Operation(outcome, tries=tries, fields={"prints": prints(answer, KEY)} | fields)

    of = made.scenario(rules=(Rule(made.RULE, fault),))
    if good is not None:
        of = replace(of, target=Target(timeout=10.0, operations=(Asked(good=good),)))
    return made.run(only_in_storm(conduct), of)


_NOTHING: dict[str, Any] = {"answer": "", "said": "", "outcome": Outcome.WRONG}

THRESHOLDS = (
    Threshold("malformed_accepted", "one is enough", lambda: broken(hits=0), lambda: broken(hits=1)),
    Threshold("malformed_accepted", "the user got what it said", lambda: broken(OWN), broken),
    Threshold("malformed_accepted", "it was the last attempt", lambda: broken(repaired=True), broken),
    Threshold(
        "malformed_accepted", "and is not marked as degraded", lambda: broken(outcome=Outcome.DEGRADED), broken
    ),
    Threshold("malformed_accepted", "nor an error", lambda: broken(outcome=Outcome.ERROR), broken),
    Threshold("malformed_accepted", "nor says so in the stream", lambda: broken(marks=["error_event"]), broken),
    Threshold(
        "malformed_accepted", "nothing is passed on as nothing",
        lambda: broken(**_NOTHING | {"answer": OWN}, fault=Empty()), lambda: broken(**_NOTHING, fault=Empty()),
    ),
    Threshold(
        "malformed_accepted", "the status says that it is fine",
        lambda: broken(**_NOTHING, fault=Empty(), status=503), lambda: broken(**_NOTHING, fault=Empty()),
    ),
    Threshold(
        "malformed_accepted", "a page is handed on",
        lambda: broken(OWN, said="", fault=Malformed(shape="html")),
        lambda: broken("Sign in to continue", said="", fault=Malformed(shape="html"), marks=["html"]),
    ),
    Threshold(
        "malformed_accepted", "a type that nobody asked for breaks no answer",
        lambda: broken(fault=Malformed(shape="content_type")), lambda: broken(fault=Malformed(shape="utf8")),
    ),
    Threshold(
        "malformed_accepted", "a partial refusal is a cut",
        lambda: broken(fault=Refusal(shape="partial")), lambda: broken(fault=Refusal()),
    ),
    Threshold(
        "malformed_accepted", "the same tool twice is no broken call",
        lambda: broken(fault=ToolCall(shape="repeated")), lambda: broken(fault=ToolCall(shape="cut")),
    ),
)  # fmt: skip

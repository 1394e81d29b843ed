"""An agent that begins again after a fault runs its side effect twice, and is told so; one that resumes does not."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from proxy_rig import ProxyChild, eventually, scenario
from simulator_served import simulators

from chaosllm import registry
from chaosllm.adapters.run_folder import events
from chaosllm.columns import Samples
from chaosllm.join import join
from chaosllm.mix import Mix
from chaosllm.reader import read
from chaosllm.record import Did, Outcome, Sample
from chaosllm.reference import reference

openai = pytest.importorskip("openai")
pytestmark = pytest.mark.end_to_end

OPERATIONS = 24
#: Strikes the calls that bring a tool's result, and no other.
FAULT = {"fault": "error", "status": 503, "when": {"share": "60%"}, "match": {"prompt": "receipt"}}
ASKED = {"json": "{prompt}"}
TARGET = {
    "operations": [
        ASKED | {"name": "mail", "side_effects": ["send_email"]},
        ASKED | {"name": "room", "side_effects": ["book_room"]},
    ]
}
ADDRESS = {"type": "string", "enum": ["ana@example.org"]}
SCHEMA = {"type": "object", "properties": {"to": ADDRESS}, "required": ["to"]}


def agent(client: openai.OpenAI, tool: str, message: str) -> str:
    """Ask, run the tool that the model calls, tell its result, until the model has no more to call."""
    said = [{"role": "user", "content": f"{message} Please use {tool}."}]
    tools = [{"type": "function", "function": {"name": tool, "parameters": SCHEMA}}]
    while True:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=said, tools=tools).choices[0].message
        if not answer.tool_calls:
            return answer.content
        said.append(answer.model_dump(exclude_none=True))
        for call in answer.tool_calls:
            result = json.dumps({"receipt": uuid.uuid4().hex})  # the tool runs: a receipt for each time it does
            said.append({"role": "tool", "tool_call_id": call.id, "content": result})


def test_a_repeated_side_effect_is_found(tmp_path: Path) -> None:
    """Of two agents under the same faults one repeats its tool; the finding names its calls and no other's."""
    told = scenario(("", FAULT), target=TARGET)
    of = read(json.dumps(told)).unwrap()
    mix = Mix(of.target, of.seed)
    with simulators("openai") as ready:
        proxy = ProxyChild(tmp_path / "run", told, {"openai": ready.origins["openai"]})
        client = openai.OpenAI(base_url=proxy.ready["reverse"]["openai"], api_key="none", timeout=60)

        def ask(number: int) -> None:
            message = f"Write to Ana. {reference(number, of.seed)}"
            if mix.name(number) == "room":  # careful: the client asks a failed call again, and at last gives up
                with suppress(openai.APIError):
                    agent(client.with_options(max_retries=1), "book_room", message)
                return
            for _ in range(9):  # careless: all of it once more
                try:
                    agent(client.with_options(max_retries=0), "send_email", message)
                except openai.APIError:
                    continue
                return

        with ThreadPoolExecutor(OPERATIONS) as users:
            list(users.map(ask, range(OPERATIONS)))
        eventually(lambda: proxy.status()["in_flight"] == 0)
        proxy.stop()
    seen = events(tmp_path / "run")
    due = {number: min(event.t for event in seen if event.operation == number) for number in range(OPERATIONS)}
    samples = [Sample(number, t, t, t_end=t + 5.0, outcome=Outcome.GOOD, status=200) for number, t in due.items()]
    run = join(of, Samples.of(samples), seen, {"driver": {"due": OPERATIONS}, "proxy": {}})
    (found,) = registry.member("findings", "duplicate_side_effect").find(run)
    assert (found.phase, found.severity) == ("on", "critical")
    calls = {event.call: event for event in run.events}
    assert {one.tool for call in found.evidence for one in calls[call].effects} == {"send_email"}
    struck = [event for event in run.events if event.did is Did.INJECTED]
    assert {one.tool for event in struck for one in event.effects} == {"send_email", "book_room"}
    again = {event.operation for event in struck if event.effects[0].tool == "send_email"}
    assert (found.count, found.of) == (len(again), len({event.operation for event in struck}))
    assert "ana@" not in (tmp_path / "run" / "events.jsonl").read_text(), "arguments are printed, never kept"

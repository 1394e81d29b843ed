"""What the official SDKs show through an explicit proxy, on HTTP/1.1 and HTTP/2, and where their texts end.

Every other fault is met in tests/conformance, through a base URL and by what an app sees alone.

The oracle was measured on raw sockets with openai 2.54 and anthropic 2.12, without any proxy. openai 3
wraps what 2.54 let through raw once a stream has begun; WRAPPED says how, and
`test_a_broken_stream_looks_the_same_without_the_proxy` shows that it does so without us too.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from unittest import mock

import pytest
import yaml
from proxy_rig import eventually

from chaosllm.units import TOKEN_CHARS_AT_MOST

openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
pytestmark = pytest.mark.end_to_end

#: One held phase offers every fault: a call's model is RULE..MODE..WAY, and each rule takes its own.
RULES = {
    "limit": {"fault": "rate_limit"},
    "overload-in": {"fault": "overload", "shape": "stream"},
    "500": {"fault": "error", "status": 500},
    **{f"cut-{one}": {"fault": "truncate", "shape": one} for one in ("honest", "clean", "abrupt", "event", "tool")},
    "stall": {"fault": "stall", "for": "ever"},
    "hang": {"fault": "hang", "for": "ever"},
    "reset-headers": {"fault": "reset", "at": "headers"},
    "reset-half": {"fault": "reset", "at": "50%"},
}  # fmt: skip
#: "Error xN": the exception and the requests on the wire (1 when not said); "=x": no exception, finish
#: reason x ("=" alone: none at all, the cut is silent); "-": not asked.
ORACLE = """
                chat                   chat_stream            responses_stream       messages                          messages_stream
ok              =stop                  =stop                  =completed             =end_turn                         =end_turn
limit           RateLimitError x3      RateLimitError x3      RateLimitError x3      RateLimitError x3                 RateLimitError x3
overload-in     InternalServerError x3 APIError               APIError               OverloadedError x3                APIStatusError
500             InternalServerError x3 InternalServerError x3 InternalServerError x3 InternalServerError x3            InternalServerError x3
cut-honest      =length                =length                =incomplete            =max_tokens                       =max_tokens
cut-clean       JSONDecodeError        =                      =                      JSONDecodeError                   =
cut-abrupt      APIConnectionError x3  RemoteProtocolError    RemoteProtocolError    APIConnectionError x3             RemoteProtocolError
cut-event       =stop                  =                      =                      =end_turn                         =
cut-tool        JSONDecodeError        =                      =                      JSONDecodeError                   =
stall           APITimeoutError x3     ReadTimeout            ReadTimeout            APITimeoutError x3                ReadTimeout
hang            APITimeoutError x3     APITimeoutError x3     APITimeoutError x3     APITimeoutError x3                APITimeoutError x3
reset-headers   APIConnectionError x3  ReadError              ReadError              APIConnectionError x3             ReadError
reset-half      APIConnectionError x3  ReadError              ReadError              APIConnectionError x3             ReadError
"""  # noqa: E501  # a table is read by its columns
WRAPPED = {
    "RemoteProtocolError": "APIConnectionError",
    "ReadError": "APIConnectionError",
    "ReadTimeout": "APITimeoutError",
}
#: Faults of streams whose exception is the transport's own.
BREAKS = ("cut-abrupt", "stall", "reset-headers", "reset-half")
#: In explicit mode: TLS with our CA, the provider's own host. A reset would break every call of an HTTP/2 client.
EXPLICIT = ("ok", "limit", "500", "cut-honest", "cut-clean", "cut-abrupt", "cut-tool", "stall", "hang", "reset-half")
#: Of these there is no text to compare.
SAID = ("limit", "500", "hang")
EXPLICIT_H2 = ("ok", "limit", "cut-clean", "cut-abrupt", "hang")
#: Seconds that the client itself waits for the next byte; every other wait of a call's is GENEROUS, because a
#: connection that a busy machine is late to take is no answer that does not come.
PATIENCE = {"stall": 2.5, "hang": 0.7}
GENEROUS, BARE = 30.0, 1.0

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
CLIENTS = {"openai": openai.OpenAI, "anthropic": anthropic.Anthropic}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
          "required": ["city", "unit"]}  # fmt: skip
FUNCTION = {"name": "weather", "parameters": SCHEMA}


@dataclass
class Seen:
    """What the application gets to know of one call."""

    error: str = ""
    status: int | None = None
    finish: str | None = None
    text: str = ""
    tool: object = ""


def said(tool):
    return "What is the weather in Paris?" if tool else "Tell me something."


def chat(client, model, seen, tool, **more):
    more |= {"tools": [{"type": "function", "function": FUNCTION}]} if tool else {}
    turns = [{"role": "user", "content": said(tool)}]
    answer = client.chat.completions.create(model=model, messages=turns, **more)
    if "stream" in more:
        return answer
    (choice,) = answer.choices
    seen.finish, seen.text = choice.finish_reason, choice.message.content or ""
    return None


def chat_stream(client, model, seen, tool):
    for chunk in chat(client, model, seen, tool, stream=True):
        for choice in chunk.choices:
            seen.text += choice.delta.content or ""
            seen.finish = choice.finish_reason or seen.finish
            for call in choice.delta.tool_calls or ():
                seen.tool += call.function.arguments or ""


def responses_stream(client, model, seen, tool):
    tools = [{"type": "function", "strict": False, **FUNCTION}] if tool else []
    for event in client.responses.create(model=model, input=said(tool), stream=True, tools=tools):
        if event.type == "response.output_text.delta":
            seen.text += event.delta
        elif event.type == "response.function_call_arguments.delta":
            seen.tool += event.delta
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            seen.finish = event.response.status


def ask_anthropic(model, tool):
    tools = {"tools": [{"name": "weather", "input_schema": SCHEMA}]} if tool else {}
    return {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": said(tool)}]} | tools


def messages(client, model, seen, tool):
    answer = client.messages.create(**ask_anthropic(model, tool))
    seen.finish, seen.text = answer.stop_reason, "".join(getattr(block, "text", "") for block in answer.content)


def messages_stream(client, model, seen, tool):
    for event in client.messages.create(stream=True, **ask_anthropic(model, tool)):
        if event.type == "content_block_delta":
            seen.text += getattr(event.delta, "text", "")
            seen.tool += getattr(event.delta, "partial_json", "")
        elif event.type == "message_delta":
            seen.finish = event.delta.stop_reason


def messages_helper(client, model, seen, tool):
    with client.messages.stream(**ask_anthropic(model, tool)) as stream:
        answer = stream.get_final_message()
    seen.finish, seen.text = answer.stop_reason, "".join(getattr(block, "text", "") for block in answer.content)
    seen.tool = next((block.input for block in answer.content if block.type == "tool_use"), "")


WAYS = {one.__name__: one for one in (chat, chat_stream, responses_stream, messages, messages_stream, messages_helper)}


def whose(way):
    return "anthropic" if way.startswith("messages") else "openai"


def meet(clients, mode, rule, way):
    """What one way of asking shows of one rule."""
    seen = Seen()
    client = clients[whose(way)]
    patience = BARE if mode == "bare" else PATIENCE.get(rule, GENEROUS)
    client = client.with_options(timeout=sys.modules[whose(way)].Timeout(GENEROUS, read=patience))
    try:
        WAYS[way](client, f"{rule}..{mode}..{way}", seen, "tool" in rule)
    except Exception as error:
        seen.error, seen.status = type(error).__name__, getattr(error, "status_code", None)
    return seen


def oracle():
    """{(rule, way): (exception or "", finish reason or None, requests)}, as the installed SDKs have it."""
    header, *lines = [line for line in ORACLE.splitlines() if line]
    begins = [header.index(f" {way}") + 1 for way in header.split()]
    found = {}
    for line in lines:
        for way, begin, end in zip(header.split(), begins, [*begins[1:], None], strict=True):
            name, _, times = line[begin:end].strip().partition(" x")
            if name == "-":
                continue
            if way in ("chat_stream", "responses_stream") and int(openai.__version__.partition(".")[0]) >= 3:
                name = WRAPPED.get(name, name)
            fine = name.startswith("=")
            found[line.split()[0], way] = ("" if fine else name, name[1:] or None if fine else None, int(times or 1))
    return found


EXPECTED = oracle()
CELLS = [
    *(("reverse", rule, way) for rule, way in EXPECTED if rule not in SAID),
    *(("explicit", rule, way) for rule, way in EXPECTED if rule in EXPLICIT),
    *(("explicit-h2", rule, way) for rule, way in EXPECTED if rule in EXPLICIT_H2),
]
HELPERS = [("reverse", rule, "messages_helper") for rule in ("ok-tool", "cut-tool", "cut-clean")]


@dataclass
class Rig:
    seen: dict
    events: dict  # of a model, in order of time
    versions: dict  # HTTP versions of a mode's answers
    counts: str  # what the proxy said at its end


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """All cells, asked at once through one `chaosllm proxy`."""
    folder = tmp_path_factory.mktemp("sdks")
    rules = [rule | {"match": {"model": f"{name}..*"}} for name, rule in RULES.items()]
    scenario = {
        "version": 1, "name": "sdks", "upstreams": [{"provider": name, "url": "simulator"} for name in KEYS],
        "phases": [{"name": "on", "duration": "60s", "rules": rules}],
    }  # fmt: skip
    (folder / "s.yaml").write_text(yaml.safe_dump(scenario))
    inherited = {name: value for name, value in os.environ.items() if name not in KEYS.values()}
    process = subprocess.Popen(
        [sys.executable, "-m", "chaosllm", "proxy", folder / "s.yaml", "--phase", "on", "--json", "--out", folder],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=inherited,
    )  # fmt: skip
    versions = defaultdict(set)
    try:
        env = json.loads(process.stdout.readline())["env"]
        shared = {mode: connect(env, mode, versions[mode]) for mode in ("reverse", "explicit")}
        cells = sorted((*CELLS, *HELPERS), key=lambda cell: cell[1] not in PATIENCE)  # the longest first
        # In httpcore's HTTP/2 a timeout of one stream breaks its whole connection, and so now and then do two threads
        # that use one at once (http2.py: _read_incoming_data; h2's state is changed outside the locks).
        clients = {
            cell: connect(env, cell[0], versions[cell[0]], whose(cell[2]))
            if cell[0] == "explicit-h2"
            else shared[cell[0]]
            for cell in cells
        }
        for way in WAYS:  # the SDKs build their models at first use, and not safely in several threads
            meet(shared["reverse"], "warm", "", way)
        with ThreadPoolExecutor(64) as pool:
            found = pool.map(lambda cell: meet(clients[cell], *cell), cells)
            seen = dict(zip(cells, found, strict=True))
        for client in (one for some in clients.values() for one in some.values()):
            client.close()  # because an HTTP/2 client that times out tells nobody before its connection ends
        log, ways = (
            folder / "events.jsonl",
            [way for mode, rule, way in CELLS if (mode, rule) == ("explicit-h2", "hang")],
        )
        eventually(lambda: all(log.read_text().count(f'"hang..explicit-h2..{way}"') == 3 for way in ways), within=60)
    finally:
        process.send_signal(signal.SIGINT)
        _, counts = process.communicate(timeout=30)
    events = defaultdict(list)
    for line in (folder / "events.jsonl").open():
        event = json.loads(line)
        events[event["model"]].append(event)
    in_order = {model: sorted(some, key=lambda one: one["t"]) for model, some in events.items()}
    return Rig(seen, in_order, versions, counts)


def connect(env, mode, versions, *names):
    """Clients that know nothing but the variables of the ready line; in explicit mode not the base URLs."""
    if mode != "reverse":
        env = {name: value for name, value in env.items() if not name.endswith("_BASE_URL")}
    bare = {name: value for name, value in os.environ.items() if not name.endswith(("_BASE_URL", "_API_KEY"))}
    hooks = {"response": [lambda response: versions.add(response.http_version)]}
    with mock.patch.dict(os.environ, bare | env, clear=True):
        return {
            name: make(http_client=sys.modules[name].DefaultHttpxClient(http2="h2" in mode, event_hooks=hooks))
            for name, make in CLIENTS.items()
            if name in (names or CLIENTS)
        }


@pytest.mark.parametrize(("mode", "rule", "way"), CELLS)
def test_a_fault_looks_as_without_a_proxy(rig, mode, rule, way):
    """The same exception or the same silence, as many requests, the same finish reason, exactly the text due."""
    seen = rig.seen[mode, rule, way]
    error, finish, requests = EXPECTED[rule, way]
    events = rig.events[f"{rule}..{mode}..{way}"]
    assert (seen.error, seen.finish, len(events)) == (error, finish, requests)
    assert [one.get("attempt", 0) for one in events] == list(range(requests))
    if error == "APIStatusError":
        assert seen.status == 200  # in a stream the status has been said already

    whole = rig.seen["reverse", "ok", way].text
    if not error and finish and rule in ("ok", "cut-event"):
        assert seen.text == whole
    elif rule == "cut-honest" or (way.endswith("stream") and rule in ("cut-clean", "cut-abrupt", "reset-half")):
        assert seen.text == whole[: len(whole) // 2]
    elif way.endswith("stream") and rule in ("cut-event", "stall", "overload-in"):
        place = len(whole) * (0.3 if rule == "overload-in" else 0.5)
        assert whole.startswith(seen.text)
        assert place - TOKEN_CHARS_AT_MOST - 1 < len(seen.text) <= place  # only whole events are before it
    else:
        assert seen.text == ""
    if rule == "cut-tool" and way.endswith("stream"):
        assert seen.tool
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(seen.tool)

    spared = rule == "ok" or (rule == "cut-event" and not way.endswith("stream"))
    for event in events:
        assert (event["did"] == "injected", event["origin"] == "injected") == (not spared, not spared)
        assert all(part["delivered"] is not spared for part in event.get("rules", ()))


def test_a_cut_tool_call_comes_out_repaired(rig):
    """anthropic's helper makes a valid dictionary of half the arguments, and raises nothing."""
    whole, cut = rig.seen[HELPERS[0]], rig.seen[HELPERS[1]]
    assert ({*whole.tool}, whole.finish) == ({"city", "unit"}, "tool_use")
    assert (cut.tool, cut.finish, cut.error) == ({"city": whole.tool["city"]}, None, "")
    assert (rig.seen[HELPERS[2]].error, rig.seen[HELPERS[2]].finish) == ("", None)


def test_the_modes_were_what_they_are_called(rig):
    """HTTP/2 was spoken where it was offered, and every call was recognised, none broke our own code."""
    assert rig.versions == {"reverse": {"HTTP/1.1"}, "explicit": {"HTTP/1.1"}, "explicit-h2": {"HTTP/2"}}
    assert ", 0 not recognised" in rig.counts
    assert "failures" not in rig.counts


FIRST = {
    "/chat/completions": b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"One "},"finish_reason":null}]}\n\n',
    "/responses": b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":1,'
    b'"item_id":"m","output_index":0,"content_index":0,"delta":"One ","logprobs":[]}\n\n',
    "/messages": b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"One "}}\n\n',
}


def break_off(connection):
    """A provider on a bare socket: the headers, one event, and then what the rule in the model's name says."""
    with suppress(OSError), connection:
        got = b""
        while not got.endswith(b"}"):
            got += connection.recv(65536)
        rule = next(rule for rule in BREAKS if f'"{rule}..'.encode() in got)
        event = next(event for path, event in FIRST.items() if path.encode() in got.partition(b" HTTP/1.1")[0])
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head + (b"%x\r\n%s\r\n" % (len(event), event) if rule != "reset-headers" else b""))
        if rule == "stall":
            connection.recv(1)  # until the client leaves
        elif rule.startswith("reset"):
            time.sleep(0.1)  # a reset must not overtake what came before it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_broken_stream_looks_the_same_without_the_proxy():
    """Raw sockets alone give the exceptions of the table: where it differs from the oracle, the SDK has changed."""
    cells = [cell for cell in EXPECTED if cell[0] in BREAKS and cell[1].endswith("stream")]
    assert len(cells) == 12
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener, ThreadPoolExecutor(40) as pool:

        def accept():
            with suppress(OSError):
                while True:
                    pool.submit(break_off, listener.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        clients = {name: make(base_url=url, api_key="k") for name, make in CLIENTS.items()}
        seen = [*pool.map(lambda cell: meet(clients, "bare", *cell), cells)]
        listener.shutdown(socket.SHUT_RDWR)
    found = [(cell, one.error) for cell, one in zip(cells, seen, strict=True)]
    assert found == [(cell, EXPECTED[cell][0]) for cell in cells]
    assert [one.text for one in seen] == ["" if rule == "reset-headers" else "One " for rule, _ in cells]

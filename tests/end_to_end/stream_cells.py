"""One cell of the matrix of streams: what is asked and served, what a player alone makes of it, what the wire showed.

The oracle is the plan, asked in this process, and a StreamPlayer fed the whole answer at once on a made-up clock:
how the bytes are split and when they come must change nothing of what it predicts.
"""

import asyncio
import json
from dataclasses import dataclass, field, replace
from random import Random

from stream_clients import WAYS, Ask, connect
from stream_upstream import CODINGS, NAME, Serving

from chaosllm.adapters.proxy import bodies
from chaosllm.adapters.proxy.exchange import Exchange
from chaosllm.adapters.proxy.players.actions import End, Finish, Send
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.streamed import StreamPlayer
from chaosllm.call import Request
from chaosllm.identity import REFERENCE_HEADER
from chaosllm.plan import Plan
from chaosllm.providers import Completion, Usage
from chaosllm.reader import read
from chaosllm.reference import reference
from chaosllm.registry import member, members

SEED = 7
#: Siblings are operations of their own.
SIBLINGS = 1 << 30
KEY = "ab" * 16
#: provider, endpoint of its simulated answers, path, whether its line ends are made CRLF, its own host
FRAMINGS = {
    "sse": ("openai", "/v1/chat/completions", False, "api.openai.com"),
    "sse-crlf": ("openai", "/v1/chat/completions", True, "api.openai.com"),
    "named": ("anthropic", "/v1/messages", False, "api.anthropic.com"),
    "gemini-sse": ("gemini", "/v1beta/models/{}:streamGenerateContent?alt=sse", False,
                   "generativelanguage.googleapis.com"),
    "array": ("gemini", "/v1beta/models/{}:streamGenerateContent", False, "generativelanguage.googleapis.com"),
    "ndjson": ("ollama", "/api/chat", False, "ollama.com"),
    "aws": ("bedrock", "/model/{}/converse-stream", False, "bedrock-runtime.us-east-1.amazonaws.com"),
}  # fmt: skip
PROVIDERS = ("openai", "anthropic", "gemini", "ollama", "bedrock")
WORDS = ("The ", "quick ", "brøwn ", "狐 ", "🦊 ", "jumps ", "over ", "the ", "lazy ", "dogs ", "of ", "Graz.")
TOOL = ("get_weather", '{"city": "Paris", "days": 3, "unit": "celsius"}')
FAULTS = {
    "plain": None,
    "pace": {"fault": "latency", "tokens": "150/s"},
    "jitter": {"fault": "latency", "tokens": "200/s", "jitter": "60%"},
    "late": {"fault": "latency", "first_token": "40ms", "hold": "first_token"},
    "late-paced": {"fault": "latency", "first_token": "30ms", "hold": "first_token", "tokens": "300/s"},
    "stall": {"fault": "stall", "at": "3 tokens", "for": "60ms"},
    "stall-share": {"fault": "stall", "at": "50%", "for": "60ms"},
    "stall-ever": {"fault": "stall", "at": "3 events", "for": "ever"},
    "cut-honest": {"fault": "truncate", "shape": "honest", "at": "50%"},
    "cut-honest-early": {"fault": "truncate", "shape": "honest", "at": "4 tokens"},
    "cut-clean": {"fault": "truncate", "shape": "clean", "at": "50%"},
    "cut-clean-event": {"fault": "truncate", "shape": "clean", "at": "4 events"},
    "cut-abrupt": {"fault": "truncate", "shape": "abrupt", "at": "4 events"},
    "cut-bytes": {"fault": "truncate", "shape": "abrupt", "at": "300 bytes"},
    "cut-event": {"fault": "truncate", "shape": "event", "at": "50%"},
    "cut-tool": {"fault": "truncate", "shape": "tool", "at": "50%"},
    "cut-length": {"fault": "truncate", "shape": "abrupt", "at": "50%", "body": "length"},
    "cut-close": {"fault": "truncate", "shape": "clean", "at": "5 tokens", "body": "close"},
    "cut-close-rst": {"fault": "truncate", "shape": "abrupt", "at": "5 tokens", "body": "close"},
    "reset": {"fault": "reset", "at": "50%"},
    "reset-headers": {"fault": "reset", "at": "headers"},
    "drop-end": {"fault": "drop", "what": "end", "match": {"provider": ["openai", "anthropic", "ollama", "bedrock"]}},
    "drop-usage": {"fault": "drop", "what": "usage"},
    "drop-finish": {"fault": "drop", "what": "finish"},
    "twice": {"fault": "duplicate", "at": "3 events"},
    "later": {"fault": "reorder", "at": "50%"},
    "usage-inflated": {"fault": "usage", "shape": "inflated"},
    "usage-wrong": {"fault": "usage", "shape": "contradictory"},
    "model": {"fault": "model_swap", "to": "another-model"},
    "tool-invalid": {"fault": "tool_call", "shape": "invalid"},
    "tool-cut": {"fault": "tool_call", "shape": "cut"},
    "tool-unknown": {"fault": "tool_call", "shape": "unknown_tool"},
    "tool-repeated": {"fault": "tool_call", "shape": "repeated"},
    "error": {"fault": "stream_error", "at": "50%", "kind": "server"},
    "error-finish": {"fault": "stream_error", "at": "finish", "kind": "server"},
    "spoilt": {"fault": "malformed", "shape": "json", "at": "3 events"},
    "said-before": {"fault": "content", "canary": ["card", "html"], "where": "start"},
    "said-after": {"fault": "content", "text": "wholly made up", "where": "end"},
    "repeated": {"fault": "repetition", "at": "50%", "tokens": "20 tokens"},
}
#: What the log must say alike, whoever plays; times and what depends on them are left out.
LOGGED = ("provider", "endpoint", "model", "stream", "did", "why", "origin", "rules", "status", "reason", "ended",
          "shape", "end_seen", "finish", "bytes", "head", "tail", "withheld")  # fmt: skip
#: "polite" is gzip for those who accept it, the others are what comes whatever is accepted.
SERVED = ("", "polite", "gzip", "br", "zstd")
DELIMITS = ("chunked", "length", "close")
SPLITS = ("events", "whole", "bits", "pairs")


@dataclass(frozen=True)
class Cell:
    """One stream: its fault, its framing, how it is served and who asks."""

    number: int
    fault: str = "plain"
    framing: str = "sse"
    way: str = "h1"
    delimit: str = "chunked"
    served: str = ""
    split: str = "events"
    upstream: str = "h1"  # h1, or over TLS h1-tls and h2
    sibling: bool = False
    gap: float = 0.0

    @property
    def provider(self):
        return FRAMINGS[self.framing][0]

    @property
    def coding(self):
        return "gzip" if self.served == "polite" else self.served

    @property
    def http2(self):
        return WAYS[self.way][0] == "h2"

    @property
    def tool(self):
        return self.fault.startswith("tool") or self.fault == "cut-tool"

    def ask(self, **more):
        """(path, headers, body) of the request."""
        return self._request(self.fault, self.number, **more)

    def _request(self, model, number, name="0", **more):
        path = FRAMINGS[self.framing][1].format(model)
        says = [{"role": "user", "content": "hi"}]
        match self.provider:
            case "gemini":
                body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
                tools = [{"functionDeclarations": [{"name": TOOL[0]}]}]
            case "bedrock":
                body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
                tools = {"tools": [{"toolSpec": {"name": TOOL[0], "inputSchema": {"json": {}}}}]}
            case "anthropic":
                body = {"model": model, "max_tokens": 99, "stream": True, "messages": says}
                tools = [{"name": TOOL[0], "input_schema": {"type": "object"}}]
            case _:
                body = {"model": model, "stream": True, "messages": says, "stream_options": {"include_usage": True}}
                tools = [{"type": "function", "function": {"name": TOOL[0]}}]
        if self.tool:
            body["toolConfig" if self.provider == "bedrock" else "tools"] = tools
        headers = (
            ("content-type", "application/json"), (REFERENCE_HEADER, reference(number, SEED)), (NAME, name),
            ("accept-encoding", self.coding or "identity"),
        )  # fmt: skip
        if WAYS[self.way][1:] == (False, "explicit"):
            path = f"http://{FRAMINGS[self.framing][3]}{path}"
        return Ask(path, json.dumps(body).encode(), headers, **more)

    def request(self):
        """As the plan sees it."""
        ask = self.ask()
        path = ask.path.removeprefix(f"http://{FRAMINGS[self.framing][3]}")
        return Request("POST", "x", path, ask.headers, ask.body, self.provider)

    def pieces(self, events):
        """The body as the upstream writes it, piece by piece."""
        whole = CODINGS[self.coding](b"".join(events))
        if self.split == "whole":
            return (whole,)
        if self.split == "bits":
            dice = Random(self.number)
            cuts = sorted(dice.randrange(len(whole) + 1) for _ in range(40))
            return tuple(
                piece for one, other in zip([0, *cuts], [*cuts, len(whole)], strict=True) if (piece := whole[one:other])
            )
        if self.coding:
            return tuple(whole[at : at + 100] for at in range(0, len(whole), 100))
        step = 2 if self.split == "pairs" else 1
        return tuple(b"".join(events[at : at + step]) for at in range(0, len(events), step))


@dataclass
class Seen:
    """What became of a cell, or what is to become of it."""

    body: bytes = b""
    end: str = ""
    logged: dict = field(default_factory=dict)
    chunks: list | None = None  # None: not promised
    seconds: float = field(default=0.0, compare=False)  # it took, or takes at least


def make_scenario():
    """One phase, one rule for each fault, found by the model of its name."""
    rules = [
        rule | {"match": rule.get("match", {}) | {"model": [name]}} for name, rule in FAULTS.items() if rule is not None
    ]
    upstreams = [{"provider": name, "url": "http://127.0.0.1:9"} for name in PROVIDERS]
    return {"version": 1, "name": "cells", "seed": SEED, "upstreams": upstreams,
            "phases": [{"name": "on", "duration": "60s", "rules": rules}]}  # fmt: skip


class Oracle:
    """Says of each cell what must be seen of it."""

    def __init__(self):
        scenario = read(json.dumps(make_scenario()).encode(), file="cells.yaml").unwrap()
        self._judged = {}
        self.plan = Plan(scenario, dict(members("providers")), key=bytes.fromhex(KEY), hold="on")

    def events(self, cell, call):
        """The answer's raw events."""
        tool = TOOL if cell.tool else None
        completion = Completion(
            "abc", "model-1", () if tool else WORDS, tool=tool, finish="tool" if tool else "stop", usage=Usage(7, 19)
        )
        provider = member("providers", cell.provider)
        events = list(provider.stream(completion, call, cell.request().json))
        if FRAMINGS[cell.framing][2]:
            events = [raw.replace(b"\n", b"\r\n") for raw in events]
        return events

    def judge(self, cell):
        """(its serving, what must be seen); a cell is asked for once only, as by its proxies."""
        if cell not in self._judged:
            self._judged[cell] = self._judge(cell)
        return self._judged[cell]

    def _judge(self, cell):
        request = cell.request()
        call = self.plan.identify(request)
        assert call is not None, cell
        decision = self.plan.decide(call, request, t=1.0, now=0.0)
        provider = member("providers", cell.provider)
        events = self.events(cell, call)
        pieces = cell.pieces(events)
        kind = dict(provider.stream_headers(Completion("a", "m", ()), call))["content-type"]
        serving = Serving(pieces, cell.delimit, cell.coding, kind, gap=cell.gap)
        if cell.served == "polite":
            plain = replace(serving, pieces=replace(cell, served="").pieces(events), coding="")
            serving = replace(serving, identity=plain)
        exchange = Exchange(decision, provider, ordinal=0, now=0.0, broke=_raise, reset=lambda *_: None, client="c")
        exchange.fit(http2=cell.http2)
        exchange.status, exchange.answered_by_upstream, exchange.t_answer = 200, True, 0.0
        script = exchange.decision.script
        played = any(bodies.in_body(step) for step in script)
        if played:
            exchange.player = StreamPlayer(call, provider, script)
            body, end, seconds = _play(exchange.player, [b"".join(events)])
        else:
            exchange.player = PassPlayer(call, provider, coding=cell.coding, streamed=True)
            body, end, seconds = _play(exchange.player, list(pieces))
        if end is None:
            exchange.client_left()
        else:
            exchange.ended(end)
        event = exchange.to_event(0.0, 100.0, bytes.fromhex(KEY)).to_json()
        self.plan.settle(decision, exchange.usage, t=1.0)
        kept = not played and cell.split in ("events", "pairs") and cell.delimit == "chunked" and cell.upstream != "h2"
        kept = kept and not cell.http2
        return serving, Seen(body, _end(cell, end), logged(event), [*pieces] if kept else None, seconds)

    def forget(self):
        """Cells that were asked for are not asked for again."""
        self._judged.clear()

    @staticmethod
    def alone(cell):
        """Whether its fault breaks more than its own stream."""
        rule = FAULTS[cell.fault] or {}
        return rule.get("fault") == "reset" or cell.fault == "cut-close-rst"


def _raise(error):
    raise error


def _play(player, parts):
    """All that a player sends, how it ends (None when it never does), and after how many seconds."""
    now, sent, over = 0.0, [], None
    for method, *args in ((player.start,), *((player.data, part) for part in parts), (player.end,)):
        over = over or _act(method(*args, now), sent)
        player.observe(now)
    while over is None and player.next_wake is not None:
        now = player.next_wake
        over = _act(player.wake(now), sent)
    player.observe(now)
    return b"".join(sent), over, now


def _act(actions, sent):
    sent += [action.data for action in actions if isinstance(action, Send)]
    return next((action.end for action in actions if isinstance(action, Finish)), None)


def _end(cell, end):
    match end:
        case End.PROPER | None:
            return "proper" if end else "left"
        case End.BROKEN:
            return "rst_stream" if cell.http2 else "fin"
        case _:
            return "reset"


def logged(event):
    found = {name: event[name] for name in LOGGED if name in event}
    if found.get("shape") or found.get("ended") == "broken":
        found.pop("withheld", None)  # how much is read of what is withheld is a matter of time
    asked, done = event.get("asked", {}), event.get("done", {})
    early = [kind for kind in ("wait", "stall") if done.get(kind, 9.9) < asked.get(kind, 0.0) - 0.0001]
    return found | {"asked": sorted(asked), "done": sorted(done), "early": early}


async def run(cell, seen, names, ready):
    """What the wire showed of a cell, and of siblings beside or after it; `names` are their two servings."""
    client = await connect(ready, cell.way, cell.provider, FRAMINGS[cell.framing][3])
    beside = replace(cell, number=SIBLINGS + cell.number, fault="plain")
    leave = len(seen.body) if seen.end == "left" else None
    ask = cell.ask(name=names[0], leave=leave, how="cancel" if cell.http2 else "fin")
    others = []
    try:
        if cell.http2:
            count = 2 if cell.sibling and not Oracle.alone(cell) else 0
            answer, *others = await asyncio.gather(
                client.ask(ask), *(client.ask(beside.ask(name=names[1])) for _ in range(count))
            )
        else:
            answer = await client.ask(ask)
            lives = answer.end == "proper" and {"transfer-encoding", "content-length"} & {*answer.headers}
            if cell.sibling and lives and answer.headers.get("connection") != "close":
                others = [await client.ask(beside.ask(name=names[1]))]
    finally:
        client.close()
    return answer, others

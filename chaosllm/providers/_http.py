"""HttpProvider: a provider that is a set of dialects found by path, and a table of refusals."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from chaosllm.call import Call, Request
from chaosllm.framing import Splitter
from chaosllm.providers import Answer, Budget, Completion, Part, Refusal, ToolRun, View
from chaosllm.providers._json import at
from chaosllm.providers.dialects import Dialect
from chaosllm.providers.dialects._tool_runs import runs_of
from chaosllm.providers.refusals import (
    FINAL_STATUSES,
    Headers,
    Template,
    Wait,
    as_asked,
    cloudflare_page,
    key_of,
    wait_of,
)
from chaosllm.script import Reply
from chaosllm.wish import Wish


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path and what is spoken there.

    The pattern is matched against the whole path without its query. A group `model` is the model
    where the path names it, a group `stream` means streaming where the path says so (Gemini, Bedrock).
    `query`, where there is one, must be found in the query too (Gemini's `alt=sse`); the first that fits counts.
    """

    name: str
    path: re.Pattern[str]
    dialect: Dialect
    query: re.Pattern[str] | None = None


class HttpProvider(ABC):
    """A provider made of endpoints and a table of refusals; subclasses spell errors and limit headers."""

    name: str
    summary: str
    title: str
    hosts: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    base_path: str
    settings: tuple[tuple[str, str], ...] = ()
    #: Models that the simulator lists; any name is answered.
    models: tuple[str, ...] = ()
    attempt_headers: tuple[str, ...] = ("x-stainless-retry-count",)
    leaks: tuple[str, ...]
    #: Whether refusals carry retry-after-ms beside retry-after.
    milliseconds: bool = False
    #: What the provider can do beside its refusals, the limits they tell of, and what its dialects can.
    skills: frozenset[str] = frozenset()

    def __init__(self, endpoints: tuple[Endpoint, ...], templates: Mapping[str, Template]) -> None:
        self._endpoints = endpoints
        self._dialects = {endpoint.name: endpoint.dialect for endpoint in endpoints}
        self._templates = dict(templates)
        self.refusals = tuple(templates)
        self.paths = tuple(dict.fromkeys(_readable(endpoint.path) for endpoint in endpoints))
        own = frozenset(ability for endpoint in endpoints for ability in endpoint.dialect.abilities)
        limits = frozenset(
            name.replace("rate_limit", "bucket") for name in templates if name.startswith("rate_limit/")
        ) - {"bucket/too_large"}  # it says that a call is larger than another limit
        self.abilities = frozenset(templates) | limits | own | self.skills

    @property
    def rows(self) -> Mapping[str, Template]:
        """Its table of refusals, for docs/providers.md."""
        return self._templates

    @property
    def kinds_of_call(self) -> tuple[Call, ...]:
        """A call of each kind that could come: each endpoint, streamed or not, with tools or not."""
        return tuple(
            Call("", self.name, endpoint.name, "", stream, tools=tools, embeds=endpoint.dialect.embeds)
            for endpoint in self._endpoints
            for stream in ((False, True) if endpoint.dialect.streams else (False,))
            for tools in ((False,) if endpoint.dialect.embeds else (False, True))
        )

    def read(self, request: Request) -> Call | None:
        """The call in a request; a broken body is still a call, of no model."""
        if request.method != "POST":
            return None
        if request.upstream is None:
            host = request.host.partition(":")[0].lower()
            if not any(fnmatchcase(host, pattern) for pattern in self.hosts):
                return None
        elif request.upstream != self.name:
            return None
        path, _, query = request.path.partition("?")
        for endpoint in self._endpoints:
            if endpoint.query is not None and endpoint.query.search(query) is None:
                continue
            if (match := endpoint.path.fullmatch(path)) is not None:
                return self._read(endpoint, match.groupdict(), request, path)
        return None

    def _read(self, endpoint: Endpoint, said: dict[str, str | None], request: Request, path: str) -> Call:
        body: dict[str, Any] = request.json if isinstance(request.json, dict) else {}
        dialect = endpoint.dialect
        model = unquote(said.get("model") or "") or body.get("model")
        limits = (at(body, *name.split(".")) for name in dialect.max_tokens_fields)
        asked = body.get("stream")  # null and nothing mean the same, to Ollama too (server/routes.go)
        by_default = asked is None and dialect.streams_by_default
        stream = dialect.streams and (bool(said.get("stream")) or asked is True or by_default)
        return Call(
            id="",
            provider=self.name,
            endpoint=endpoint.name,
            model=model if isinstance(model, str) else "",
            stream=stream,
            prompt_tokens=dialect.prompt_tokens(body),
            max_tokens=next((limit for limit in limits if type(limit) is int and limit >= 0), None),
            tools=bool(body.get("tools") or body.get("functions")),
            embeds=dialect.embeds,
            counted=not stream or dialect.says_usage(body),
            path=path,  # without the query, because Gemini takes its key there
        )

    def prompt(self, request: Request) -> str:
        """All text in the request, newest last; "" when there is none."""
        path = request.path.partition("?")[0]
        body = request.json
        for endpoint in self._endpoints:
            if isinstance(body, dict) and endpoint.path.fullmatch(path):
                return "\n".join(endpoint.dialect.prompt(body))
        return ""

    def tool_runs(self, call: Call, body: dict[str, Any], tools: Collection[str]) -> Iterator[ToolRun]:
        """Which of these tools the app has run."""
        return runs_of(self._dialect(call).tool_steps(body), tools)

    def splitter(self, call: Call) -> Splitter:
        """A new splitter for the call's stream."""
        return self._dialect(call).splitter()

    def part(self, call: Call, raw: bytes) -> Part:
        """What one raw event says."""
        return self._dialect(call).part(raw)

    def clip(self, call: Call, raw: bytes, keep: int) -> bytes:
        """The event with the first `keep` characters of its text or tool arguments."""
        return self._dialect(call).clip(raw, keep)

    def honest_tail(self, call: Call, raw: bytes, delivered: str, finish: str = "length") -> bytes:
        """A later event of an honestly cut stream."""
        return self._dialect(call).honest_tail(raw, delivered, finish)

    def view(self, call: Call, raw: bytes, *, whole: bool = False) -> View | None:
        """An event or a whole answer, opened to be changed."""
        return self._dialect(call).view(raw, whole=whole)

    def payload(self, call: Call, raw: bytes) -> bytes:
        """The payload of one raw event."""
        return self._dialect(call).framing.read(raw).data.encode()

    def reframe(self, call: Call, raw: bytes, data: bytes) -> bytes:
        """The raw event with another payload."""
        return self._dialect(call).framing.replace(raw, data)

    def event(self, call: Call, raw: bytes, data: bytes, name: str = "") -> bytes:
        """Another event that follows `raw`, named where `raw` is."""
        framing = self._dialect(call).framing
        said = framing.read(raw).name
        return framing.write((name or said) if said else None, data)

    def words(self, call: Call) -> Mapping[str, str]:
        """The dialect's finish values."""
        return self._dialect(call).words

    def answer(self, call: Call, body: bytes) -> Answer:
        """What a whole answer says."""
        return self._dialect(call).answer(body)

    def shorten(self, call: Call, body: bytes, keep: int, finish: str = "length") -> bytes:
        """The whole answer with less text and the reason `finish`."""
        return self._dialect(call).shorten(body, keep, finish)

    def text_offset(self, call: Call, body: bytes, keep: int) -> int:
        """Where character `keep` of the text stands in the body."""
        return self._dialect(call).text_offset(body, keep)

    def refuse(
        self, refusal: Refusal, call: Call, *, now: float, token: int, budgets: tuple[Budget, ...] = ()
    ) -> Reply:
        """The refusal on the wire; raises ValueError for one that this provider cannot spell."""
        key, reason = key_of(refusal, self._templates)
        template = self._template(key)
        if refusal.message:
            literal = refusal.message.replace("{", "{{").replace("}", "}}")
            template = replace(template, message=literal, again="", more="")
        status = refusal.status or template.status
        template = replace(template, status=status)  # for bodies that repeat it
        retryable = not (template.final or status in FINAL_STATUSES)
        says = template.waits or refusal.asked or refusal.html
        wait = wait_of(refusal, now=now, milliseconds=self.milliseconds) if says else Wait((), None, None)
        if refusal.html:
            headers, body = self._page(status, token=token)
            headers += wait.headers
        else:
            headers, body = self._spell(key, template, refusal, call, wait, now=now, token=token, budgets=budgets)
        return Reply(status, as_asked(headers, refusal, wait), body, reason, wait.seconds, retryable)

    def stream_error(self, refusal: Refusal, call: Call, *, token: int) -> tuple[bytes, ...]:
        """The raw in-band events with which a 200 stream breaks off."""
        template = self._template(key_of(refusal, self._templates)[0])
        error = self._streamed(template, self._message(template, refusal, call, None, token=token))
        return self._dialect(call).stream_error(error, refusal, call, self._request_id(token))

    def wish(self, call: Call, body: dict[str, Any]) -> Wish:
        """Simulator: what the request asks for, and the required fields that it lacks."""
        dialect = self._dialect(call)
        wish = dialect.wish(body)
        missing = tuple(field for field in dialect.required if not body.get(field))
        if call.model and not missing:
            return wish
        return replace(wish, missing=missing if call.model else ("model", *missing))

    def listing(self, path: str) -> Any:
        """Simulator: the models, as OpenAI lists them."""
        if not path.endswith("/models"):
            return None
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in self.models]
        return {"object": "list", "data": models}

    def complete(self, completion: Completion, call: Call, request: Any) -> tuple[Headers, bytes]:
        """Simulator: headers and body of a whole answer."""
        body = self._dialect(call).complete(completion, request)
        return (("content-type", "application/json"), *self._good_headers(completion)), body

    def stream_headers(self, completion: Completion, call: Call) -> Headers:
        """Simulator: the headers of a streamed answer."""
        return (("content-type", self._dialect(call).framing.content_type), *self._good_headers(completion))

    def stream(self, completion: Completion, call: Call, request: Any) -> Iterator[bytes]:
        """Simulator: the raw events of a streamed answer."""
        return self._dialect(call).stream(completion, request)

    @abstractmethod
    def limit_headers(self, budgets: tuple[Budget, ...], *, now: float) -> Headers:
        """The rate-limit headers of a good answer; a budget that has no header here is left out."""

    @abstractmethod
    def _spell(
        self, key: str, template: Template, refusal: Refusal, call: Call, wait: Wait, *, now: float, token: int,
        budgets: tuple[Budget, ...],
    ) -> tuple[Headers, bytes]:  # fmt: skip
        """Headers and JSON body of a refusal."""

    @abstractmethod
    def _error(self, template: Template, message: str) -> dict[str, Any]:
        """The error object, as it stands in bodies and in streams."""

    def _streamed(self, template: Template, message: str) -> dict[str, Any]:
        """The error object inside a stream, for providers that spell it otherwise there."""
        return self._error(template, message)

    @abstractmethod
    def _message(self, template: Template, refusal: Refusal, call: Call, wait: float | None, *, token: int) -> str:
        """The template's message with the numbers filled in."""

    @abstractmethod
    def _request_id(self, token: int) -> str:
        """A request id of this provider's form."""

    @abstractmethod
    def _good_headers(self, completion: Completion) -> Headers:
        """Headers of a good answer beside its content type."""

    def _page(self, status: int, *, token: int) -> tuple[Headers, bytes]:
        """Headers and body of an HTML page in the API's place; Cloudflare's, unless the provider's edge has its own."""
        return cloudflare_page(status, next(iter(self.hosts), "upstream").removeprefix("*."), token=token)

    def _dialect(self, call: Call) -> Dialect:
        """What is spoken in this call; overridden where the endpoint alone does not say."""
        return self._dialects[call.endpoint]

    def _template(self, key: str) -> Template:
        try:
            return self._templates[key]
        except KeyError:
            raise ValueError(
                f"{self.name} has no refusal {key!r}, expected one of {', '.join(self.refusals)}"
            ) from None


def _readable(path: re.Pattern[str]) -> str:
    """A path pattern for people: groups as {name} or their first word, what is optional left out, no escapes."""

    def group(match: re.Match[str]) -> str:
        name, said, optional = match.groups()
        if optional or said == ".*":
            return ""
        first = said.partition("|")[0]
        return first if re.fullmatch(r"[\w/-]+", first) else f"{{{name}}}"

    text = re.sub(r"\(\?![^()]*\)", "", path.pattern)
    return re.sub(r"\\(.)", r"\1", re.sub(r"\(\?P<(\w+)>([^()]*)\)(\??)", group, text))

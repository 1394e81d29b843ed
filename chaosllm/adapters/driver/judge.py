"""What the user got: judges one answer as it stands in memory, and keeps none of its text.

Laws:
1. An answer is judged from its status, headers and body alone; no clock, no socket.
2. Trouble comes first: a status that is no success, a stream without its end or with an error in
   it is an error, whatever text came; then a declared fallback is degraded; then an answer that
   misses a `good` condition is wrong; the rest is good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jsonpath_rfc9535 as jsonpath

from chaosllm import registry
from chaosllm.faults import Planting
from chaosllm.prints import prints
from chaosllm.record import Outcome
from chaosllm.scenario import Operation, Scenario

#: How much of an answer is searched for leaks; error texts and traces are short and come early.
_SEARCH_AT_MOST = 64 * 1024

#: What a stack trace looks like; each row is one runtime. Blanks are sought within a line and lengths are bounded,
#: because a model that says nothing but line breaks must not stop the load (20 000 of them took 5 s).
_TRACES = (
    r"Traceback \(most recent call last\)",  # Python
    r'^[ \t]*File "[^"\n]+", line \d+',  # Python, without its head
    r"^[ \t]+at (?:async )?[\w.$<>\[\] ]+ \([^()\n]*:\d+:\d+\)",  # Node
    r"^[ \t]+at (?:async )?(?:file://|node:|/)[^\s()]+:\d+:\d+",  # Node, anonymous
    r"^[ \t]+at [\w.$]+\([\w$]+\.(?:java|kt|scala):\d+\)",  # JVM
    r"\bException in thread \"",  # JVM, its head
    r"^goroutine \d+ \[[\w ,]+\]:",  # Go
    r"\bpanic: .{0,500}\n\n?goroutine ",  # Go, its head
    r"^[ \t]+at [\w.`<>]+\([^)\n]*\) in [^\n]+:line \d+",  # .NET
    r"<title>(?:Werkzeug Debugger|[^<]*// Werkzeug Debugger)|You're seeing this error because you have <code>DEBUG",
)
_TRACE = re.compile("|".join(f"(?:{pattern})" for pattern in _TRACES), re.MULTILINE)
_HTML = re.compile(r"^\s*(?:<!doctype html|<html[\s>])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one answer; `text` is for the caller's counting and is never stored."""

    outcome: Outcome
    error: str
    text: str
    marks: tuple[str, ...]
    answer_found: bool
    json_keys: tuple[str, ...] = ()  # top-level keys of a JSON body, for a preflight that finds no answer


class Judge:
    """Knows the operation's conditions, compiled once."""

    def __init__(self, operation: Operation, leaks: Iterable[str], planted: Iterable[tuple[str, str]] = ()) -> None:
        """`leaks` find provider text that no user should see, `planted` (with their marks) what faults had it say.

        Raises ValueError for a JSONPath, a pattern or a schema that cannot be read; the reader has
        found those before.
        """
        self.operation = operation
        degraded = operation.degraded
        self._answer = _path(operation.answer)
        self._degraded_json = _path(degraded.json) if degraded else None
        self._degraded_text = _pattern(degraded.text) if degraded else None
        self._failed_json = _path(operation.failed.get("json"))
        self._end_json = _path(operation.end if operation.end and operation.end.startswith("$") else None)
        self._take = {name: jsonpath.compile(path) for name, path in operation.take.items()}
        self._good = _pattern(operation.good.regex)
        self._schema = _schema(operation.good.schema)
        patterns = [f"(?:{leak})" for leak in leaks]
        self._leak = re.compile("|".join(patterns)) if patterns else None
        self._planted = [(mark, re.compile(sign, re.IGNORECASE)) for mark, sign in dict.fromkeys(planted)]

    def whole(self, status: int, headers: Mapping[str, str], body: bytes, seconds: float) -> Judgement:
        """Judges an answer that came to its end in one piece."""
        raw = body.decode("utf-8", "replace")
        document = _json(raw)
        found, text = self._find(document, raw)
        marks = self._marks(status, headers, raw, is_json=document is not None) + self.canaries(raw, text)
        keys = tuple(str(key)[:40] for key in list(document)[:20]) if isinstance(document, dict) else ()
        if not self._acceptable(status):
            return Judgement(Outcome.ERROR, f"HTTP {status}", text, marks, found, keys)
        if self._failed_json is not None and document is not None and _true(self._failed_json, document):
            return Judgement(Outcome.ERROR, "failed marker", text, marks, found, keys)
        outcome, error = self._content(status, headers, document, text, found=found, seconds=seconds)
        if self.operation.stream == "sse" and outcome is not Outcome.DEGRADED:
            outcome, error = Outcome.ERROR, "not an event stream"
        return Judgement(outcome, error, text, marks, found, keys)

    def marks(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """What is to be noted of an answer that broke off."""
        raw = body.decode("utf-8", "replace")
        return self._marks(status, headers, raw, is_json=False) + self.canaries(raw)

    def canaries(self, *said: str) -> tuple[str, ...]:
        """The marks of what faults planted and the user got, be it as text or inside the strings of a JSON body."""
        return tuple(mark for mark, sign in self._planted if any(sign.search(text) for text in said))

    def taken(self, body: bytes) -> dict[str, Any]:
        """What an answer holds of all that is to be taken from it; each the first that is found and not null."""
        document = _json(body.decode("utf-8", "replace")) if self._take else None
        found = {name: _matches(path, document) for name, path in self._take.items()} if document is not None else {}
        values = {name: next((one for one in several if one is not None), None) for name, several in found.items()}
        return {name: value for name, value in values.items() if value is not None}

    def stream(self) -> StreamJudge:
        """A judge of one event stream."""
        return StreamJudge(self)

    def _acceptable(self, status: int) -> bool:
        return 200 <= status < 300 or status == self.operation.good.status

    def _find(self, document: Any, raw: str) -> tuple[bool, str]:
        """Whether there is an answer, and its text."""
        if self._answer is None:
            return bool(raw.strip()), raw
        if document is None:
            return False, ""
        values = [value for value in _matches(self._answer, document) if value is not None]
        return bool(values), "".join(_text(value) for value in values)

    def _content(
        self, status: int, headers: Mapping[str, str], document: Any, text: str, *, found: bool, seconds: float
    ) -> tuple[Outcome, str]:
        degraded = self.operation.degraded
        if degraded is not None and (
            (degraded.header is not None and degraded.header.lower() in headers)
            or (self._degraded_json is not None and document is not None and _true(self._degraded_json, document))
            or (self._degraded_text is not None and self._degraded_text.search(text) is not None)
        ):
            return Outcome.DEGRADED, ""
        if error := self._missing(status, document, text, found, seconds):
            return Outcome.WRONG, error
        return Outcome.GOOD, ""

    def _missing(self, status: int, document: Any, text: str, found: bool, seconds: float) -> str:
        """The first `good` condition that does not hold; "" when all do."""
        good = self.operation.good
        if status != good.status:
            return f"HTTP {status}"
        if not found:
            wants_json = self._answer is not None and self.operation.stream == "none"
            return "not JSON" if wants_json and document is None else "no answer text"
        if len(text) < good.min_chars:
            return "answer too short"
        if good.json and _json(text) is None:
            return "answer is not JSON"
        if self._good is not None and self._good.search(text) is None:
            return "answer misses the pattern"
        if self._schema is not None and not _valid(self._schema, text):
            return "answer misses the schema"
        if good.max_latency is not None and seconds > good.max_latency:
            return "too slow"
        return ""

    def _marks(self, status: int, headers: Mapping[str, str], raw: str, *, is_json: bool) -> tuple[str, ...]:
        # A trace or an error text often comes inside a JSON string, its line ends and quotes escaped.
        head = raw[:_SEARCH_AT_MOST].replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
        refused = not self._acceptable(status)
        noted = {
            "provider_error": self._leak is not None and self._leak.search(head) is not None,
            "stack_trace": _TRACE.search(head) is not None,
            "html": _HTML.match(head) is not None or headers.get("content-type", "").startswith("text/html"),
            "retry_after": refused and "retry-after" in headers,
            "json_error": refused and is_json,
        }
        return tuple(mark for mark, seen in noted.items() if seen)


class StreamJudge:
    """Judges one event stream: events in, text out, the judgement at the end."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._pieces: list[str] = []
        self._raw: list[str] = []
        self._searched = 0
        self._document: Any = None  # the last event that is JSON, for a degraded marker in it
        self._degraded: Any = None
        self._failed = ""
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the declared end has come."""
        return self._ended

    def event(self, name: str, data: str) -> str:
        """Takes one event; returns the answer text in it."""
        if self._ended:
            return ""
        judge, operation = self._judge, self._judge.operation
        self._keep(data)
        if operation.end is not None and operation.end in (data.strip(), name):
            self._ended = True
            return ""
        if name in ("error", operation.failed.get("event")):
            self._failed = f"event: {name}"
            return ""
        structured = judge._answer or judge._end_json or judge._failed_json or judge._degraded_json
        document = _json(data) if structured is not None else None
        if document is not None:
            if judge._failed_json is not None and _true(judge._failed_json, document):
                self._failed = "failed marker"
            if judge._degraded_json is not None and self._degraded is None and _true(judge._degraded_json, document):
                self._degraded = document
            self._ended = judge._end_json is not None and _true(judge._end_json, document)
            self._document = document
        text = judge._find(document, data)[1]
        if text:
            self._pieces.append(text)
        return text

    def done(self, status: int, headers: Mapping[str, str], seconds: float, broken: str = "") -> Judgement:
        """The judgement; `broken` is the client's error kind when the stream did not end properly."""
        judge = self._judge
        text = "".join(self._pieces)
        marks = judge._marks(status, headers, "\n".join(self._raw), is_json=False) + judge.canaries(text)
        if self._ended:
            marks = ("end_seen", *marks)
        if self._failed:
            marks = ("error_event", *marks)
        if not judge._acceptable(status):
            outcome, error = Outcome.ERROR, f"HTTP {status}"
        elif self._failed:
            outcome, error = Outcome.ERROR, self._failed
        elif broken and not self._ended:  # what breaks after the declared end takes nothing from the user
            outcome, error = Outcome.ERROR, broken
        elif judge.operation.end is not None and not self._ended:
            outcome, error = Outcome.ERROR, "no end event"
        else:
            document = self._degraded if self._degraded is not None else self._document
            outcome, error = judge._content(status, headers, document, text, found=bool(text), seconds=seconds)
        return Judgement(outcome, error, text, marks, bool(text))

    def _keep(self, data: str) -> None:
        """Holds the beginning of the stream for the search for leaks."""
        if self._searched < _SEARCH_AT_MOST:
            self._raw.append(data)
            self._searched += len(data)


def telltales(scenario: Scenario) -> tuple[list[str], list[tuple[str, str]]]:
    """What no user should see, as `Judge` takes it: text of providers, and what the scenario's faults plant.

    Of the providers that the app calls, because what one says in plain words another's app may say by itself.
    """
    leaks = [leak for one in scenario.upstreams for leak in registry.member("providers", one.provider).leaks]
    planting = [rule.fault for rule in scenario.rules if isinstance(rule.fault, Planting)]
    return leaks, [one for fault in planting for one in fault.planted()]


def printed(text: str, key: bytes) -> list[int]:
    """The prints of an answer under the run's key; none without a key."""
    return prints(text, key) if key else []


def _path(expression: str | None) -> Any:
    if expression is None:
        return None
    try:
        return jsonpath.compile(expression)
    except jsonpath.JSONPathError as error:
        raise ValueError(f"{expression!r} is no JSONPath: {str(error).splitlines()[0]}") from None


def _pattern(expression: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(expression) if expression is not None else None
    except re.error as error:
        raise ValueError(f"{expression!r} is no regular expression: {error}") from None


def _schema(schema: dict[str, Any] | None) -> Any:
    if schema is None:
        return None
    import jsonschema  # noqa: PLC0415  # late, because few scenarios have one and it loads much

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"target.operation.good.schema: {error.message}") from None
    return kind(schema)


def _valid(schema: Any, text: str) -> bool:
    document = _json(text)
    # An answer that is plain text is still a JSON string to a schema that asks for one.
    return bool(schema.is_valid(document if document is not None else text))


def _json(text: str) -> Any:
    """The document in a text; None when it is not JSON (a bare null is no answer either)."""
    if not text or text[0] not in ' \t\r\n{["-0123456789tfn':
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _matches(path: Any, document: Any) -> list[Any]:
    if not isinstance(document, dict | list):
        return []
    try:
        return list(path.find(document).values())
    except (jsonpath.JSONPathError, RecursionError):
        return []


def _true(path: Any, document: Any) -> bool:
    return any(_matches(path, document))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

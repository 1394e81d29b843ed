"""What a user sends: the operation's request with its row and its reference; reads no file and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from chaosllm.adapters.driver.template import NOTHING, Cutter, Row, Template, in_json, in_url, plain
from chaosllm.errors import Blame, ChaosError
from chaosllm.identity import REFERENCE_HEADER
from chaosllm.mix import Mix
from chaosllm.reference import reference, traceparent
from chaosllm.rows import PROMPT, Rows
from chaosllm.scenario import Operation, Scenario
from chaosllm.trigger import draw

_BODIES = ("POST", "PUT", "PATCH")
#: What no header may hold: line breaks would begin another header.
_UNFIT = frozenset("\r\n\0")
_NOTHING: Row = {}


class UnfitError(Exception):
    """An answer held what the next request cannot: the text is the sample's error kind."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as it goes out; `target` is path and query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Outgoing:
    """Makes the request of each operation: the same one for the same seed and index."""

    def __init__(self, scenario: Scenario, *, url: str, rows: Rows, environ: Mapping[str, str]) -> None:
        """`url` is the app's. Raises ChaosError for a variable that is not set, and for what no header may hold."""
        self._correlate = scenario.load.correlate
        self._seed = scenario.seed
        self._mix = Mix(scenario.target, scenario.seed)
        if taken := {name: NOTHING for operation in scenario.target.operations for name in operation.take}:
            rows = Rows((*rows.columns, *taken), tuple({**taken, **row} for row in rows.rows))
        self._rows = rows.rows
        cutter = Cutter(rows.columns, environ)
        self._requests = [
            _Request(operation, at, url, cutter, rows) for operation, at in _placed(scenario.target.operations)
        ]

    @property
    def carries_prompt(self) -> bool:
        """Whether every request has a place for the prompt, and so for the reference in it."""
        return all(PROMPT in request.columns for request in self._requests)

    def place(self, index: int) -> int:
        """Which of the target's operations operation `index` is."""
        return self._mix.place(index)

    def wants(self, place: int) -> frozenset[str]:
        """What one of the target's operations wants to be filled with."""
        return self._requests[place].wants

    def ask(self, index: int, place: int | None = None, taken: Row = _NOTHING) -> Ask:
        """The request of operation `index`; `place` asks for one of the target's operations out of turn.

        `taken` is what earlier answers of its session held. Raises UnfitError when that cannot be sent.
        """
        request = self._requests[self.place(index) if place is None else place]
        try:
            return request.ask({**self._row(index), **taken}, self._references(index))
        except UnicodeEncodeError:
            raise UnfitError("an answer held half of a surrogate pair") from None

    def _row(self, index: int) -> Row:
        row = self._rows[int(draw(self._seed, PROMPT, index) * len(self._rows))]
        if self._correlate == "prompt" and PROMPT in row:
            return {**row, PROMPT: f"{plain(row[PROMPT])} {reference(index, self._seed)}"}
        return row

    def _references(self, index: int) -> tuple[tuple[str, str], ...]:
        """The headers that name the operation, where headers do."""
        if self._correlate != "header":
            return ()
        return (
            (REFERENCE_HEADER, reference(index, self._seed)),
            ("traceparent", traceparent(index, self._seed)),
        )


class _Request:
    """One of the target's operations, its places found."""

    def __init__(self, operation: Operation, at: str, url: str, cutter: Cutter, rows: Rows) -> None:
        """`at` is where the operation stands in the scenario, for what is said of it."""
        parts = urlsplit(url)
        self._method = operation.method.upper()
        query = parts.query and f"{'&' if '?' in operation.path else '?'}{parts.query}"
        self._target = Template([parts.path.rstrip("/"), *cutter.cut(operation.path + query, in_url, f"{at}.path")])
        standard = {
            "host": parts.netloc.rpartition("@")[2],
            "user-agent": "chaosllm",
            "accept": "text/event-stream" if operation.stream == "sse" else "*/*",
            # Compression would hold events back in the app's encoder and so bend every time to first token.
            "accept-encoding": "identity",
        }
        if operation.json is not None:
            standard["content-type"] = "application/json"
        given = {
            name.lower(): _header(value, f"{at}.headers.{name}", cutter, rows)
            for name, value in operation.headers.items()
        }
        if operation.cookies:
            crumbs = "; ".join(f"{name}={value}" for name, value in operation.cookies.items())
            given["cookie"] = _header(crumbs, f"{at}.cookies", cutter, rows)
        self._headers = {name: Template([value]) for name, value in standard.items()} | given
        is_json = "content-type" in given and given["content-type"].fill(rows.rows[0]).startswith("application/json")
        self._body = Template(
            cutter.cut(operation.body or "", in_json if is_json else plain, f"{at}.body")
            if operation.json is None
            else cutter.json(operation.json, f"{at}.json")
        )

    @property
    def columns(self) -> frozenset[str]:
        """The columns that its path and body want."""
        return self._target.columns | self._body.columns

    @property
    def wants(self) -> frozenset[str]:
        """The columns that all of it wants."""
        return self.columns.union(*(value.columns for value in self._headers.values()))

    def ask(self, row: Row, more: tuple[tuple[str, str], ...]) -> Ask:
        """The request for a row, with some more headers."""
        own = tuple((name, value.fill(row).strip()) for name, value in self._headers.items())
        if any(_UNFIT & set(value) or not value.isascii() for _, value in own):
            raise UnfitError("an answer held what no header may hold")
        headers = (*own, *more)
        body = self._body.fill(row).encode()
        if body or self._method in _BODIES:
            headers = (*headers, ("content-length", str(len(body))))
        return Ask(self._method, self._target.fill(row), headers, body)


def _placed(operations: Sequence[Operation]) -> Iterable[tuple[Operation, str]]:
    """Each operation and how an author would point to it."""
    for operation in operations:
        yield operation, f"target.operations.{operation.name}" if operation.name else "target.operation"


def _header(text: str, at: str, cutter: Cutter, rows: Rows) -> Template:
    template = Template(cutter.cut(text, plain, at))
    for row in rows.rows if template.columns else rows.rows[:1]:
        value = template.fill(row)
        if _UNFIT & set(value) or not value.isascii():
            # The value itself may be a secret and is not shown.
            raise ChaosError(
                f"{at} holds a character that no HTTP header may hold",
                hint="header values are ASCII on one line; look for a line break at the end of the variable",
                blame=Blame.SCENARIO,
            )
    return template

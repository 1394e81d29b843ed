"""A call: one attempt of the app to reach a provider, as the proxy sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from json import JSONDecodeError, loads
from typing import Any


@dataclass(frozen=True)
class Request:
    """The call as it came. Transient: it is matched and read, never recorded.

    `path` holds the query too. `headers` are (lower-case name, value) pairs. `body` is decoded
    (no content-encoding). `upstream` is the provider name of the reverse listener that took the
    request, or None in explicit mode, where the host tells.
    """

    method: str
    host: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    upstream: str | None = None

    def header(self, name: str) -> str | None:
        """The first value of a header by lower-case name, or None."""
        return self._first.get(name)

    @cached_property
    def _first(self) -> dict[str, str]:
        return dict(reversed(self.headers))  # the first of a name wins, because it comes last here

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None when it is not JSON."""
        try:
            return loads(self.body)
        except (JSONDecodeError, UnicodeDecodeError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Call:
    """What a provider reads out of a request, and who asked for it; no prompt, no key.

    `operation` is the index of the user's operation (from the nonce or the trace header), None
    when unknown; `asks` is its name, "" where the scenario has but one, without a name. `index`
    counts the different calls of one operation, `attempt` the tries of one call, both from 0.
    `identity` is what chance hangs on (law 5). Tokens are estimates before the answer: see
    `units.estimate_tokens`.
    """

    id: str
    provider: str
    endpoint: str
    model: str
    stream: bool
    identity: str = ""
    operation: int | None = None
    index: int = 0
    attempt: int = 0
    prompt_tokens: int = 0
    max_tokens: int | None = None
    tools: bool = False
    embeds: bool = False  # it asks for vectors, not for text
    counted: bool = True  # its answer says what it used; OpenAI's streams do so only when they are asked to
    asks: str = ""
    path: str = ""
    fingerprint: str = ""
    traces: tuple[str, ...] = ()  # hashes of the ids that its headers bear; only where no operation is known
    declared: int | None = None  # the number that the SDK gave this attempt, from 0
    key_hash: str = ""  # which API key, without the key: a keyed hash, for buckets
    extra: dict[str, Any] = field(default_factory=dict)  # what only its own provider understands

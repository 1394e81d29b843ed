"""Who asked: finds the operation, the call and the attempt behind a request, and what chance hangs on.

Laws:
1. Identity is the operation reference in the prompt, else the trace header, else fingerprint and
   occurrence, each with the index of the call within it (DESIGN law 5).
2. Nothing kept here holds a prompt or a key: both are hashed with the run's key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from chaosllm.call import Call, Request
from chaosllm.providers import Provider
from chaosllm.reference import operation_of, operation_of_trace
from chaosllm.store import Memory, Store, Tally
from chaosllm.trace_ids import hashed, trace_ids

#: The operation that a preflight asks for; no load reaches it.
PREFLIGHT = 0xFFFF_FFFF
#: The header in which our driver (`correlate: header`) or the app itself names the operation.
REFERENCE_HEADER = "x-chaosllm-ref"
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_KEY_IN_QUERY = re.compile(r"[?&]key=([^&]+)")
#: Of a signed request the access key alone, because its date and signature change with every request (AWS SigV4).
_SIGNER = re.compile(r"AWS4-[\w-]+ Credential=([^/,\s]+)")
_ATTEMPT_NUMBER = re.compile(r"\d+")


@dataclass(slots=True)
class _Seen:
    """What one operation (or trace) has asked so far."""

    tries: dict[str, int] = field(default_factory=dict)  # of each distinct call, in the order of their first ones
    calls: int = 0  # all attempts

    def enrol(self, fingerprint: str, declared: int) -> tuple[int, int, int]:
        """(index of the distinct call, attempt, calls before it)."""
        tries = self.tries.get(fingerprint)
        index = len(self.tries) if tries is None else [*self.tries].index(fingerprint)
        attempt = max(declared, tries or 0)
        self.tries[fingerprint] = attempt + 1
        self.calls += 1
        return index, attempt, self.calls - 1

    def pack(self) -> object:
        """As Piece says."""
        return [self.tries, self.calls]

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """As Piece says; JSON keeps the order of names."""
        return cls(*packed)


@dataclass(slots=True)
class _Repeated:
    """How often one request came whose operation nobody knows, and the tries of its latest occurrence."""

    count: int = 0  # occurrences
    tries: int = 0  # the next attempt, at least
    calls: int = 0

    def enrol(self, declared: int) -> tuple[int, int, int]:
        """(occurrence, attempt, calls of it before); the same once more is a new one, but for a declared retry."""
        if not declared:
            self.count += 1
            if self.count > 1:
                self.tries = self.calls = 0
        attempt = max(declared, self.tries)
        self.tries = attempt + 1
        self.calls += 1
        return max(0, self.count - 1), attempt, self.calls - 1

    def pack(self) -> object:
        """As Piece says."""
        return [self.count, self.tries, self.calls]

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """As Piece says."""
        return cls(*packed)


class Census:
    """Counts the calls of each operation; the one owner of attempt numbers in a run."""

    def __init__(self, seed: int, key: bytes, *, correlate: str, store: Store | None = None) -> None:
        self._seed = seed
        self._key = key
        self._correlate = correlate
        self._store = store or Memory()

    def enrol(self, call: Call, request: Request, provider: Provider) -> tuple[Call, int]:
        """The call with id, identity, operation, index, attempt, fingerprint and key hash filled in.

        Beside it the ordinal: how many calls, retries included, its operation had made before.
        """
        fingerprint = self._hash(f"{call.provider} {call.path}".encode() + b"\0" + request.body)
        operation = self._operation(request, provider)
        told = _declared_attempt(request, provider)
        declared = told or 0
        trace = _trace(request) if operation is None else None
        if operation is None and trace is None:
            enrol = partial(_Repeated.enrol, declared=declared)
            occurrence, attempt, ordinal = self._store.change(f"fp:{fingerprint}", _Repeated, enrol)
            who, index = f"fp:{fingerprint}:{occurrence}", 0
        else:
            who = f"op:{operation}" if operation is not None else f"trace:{trace}"
            seen = partial(_Seen.enrol, fingerprint=fingerprint, declared=declared)
            index, attempt, ordinal = self._store.change(who, _Seen, seen)
        if operation is not None:
            name = f"op-{operation}/call-{ordinal}"
        else:
            name = f"call-{self._store.change('calls', Tally, Tally.next)}"
        enrolled = replace(
            call,
            id=name,
            identity=f"{who}:{index}",
            operation=operation,
            index=index,
            attempt=attempt,
            fingerprint=fingerprint,
            traces=() if operation is not None else hashed(trace_ids(request.header), self._seed),
            declared=told,
            key_hash=self._hash("\0".join(keys(request)).encode()),
        )
        return enrolled, ordinal

    def _operation(self, request: Request, provider: Provider) -> int | None:
        if self._correlate == "none":
            return None
        header = request.header(REFERENCE_HEADER)
        if header is not None and (found := operation_of(header, self._seed)) is not None:
            return found
        trace = _trace(request)
        if trace is not None and (found := operation_of_trace(trace, self._seed)) is not None:
            return found
        return operation_of(provider.prompt(request), self._seed)

    def _hash(self, data: bytes) -> str:
        return hashlib.blake2b(data, key=self._key, digest_size=8).hexdigest()


def keys(request: Request) -> Iterator[str]:
    """The API key, wherever it may stand: in a header, or in the query (Gemini's `?key=`)."""
    yield from (_key_in(request.header(name) or "") for name in _KEY_HEADERS)
    yield from _KEY_IN_QUERY.findall(request.path)


def _key_in(header: str) -> str:
    """What of a header names its key."""
    match = _SIGNER.match(header)
    return match[1] if match else header


def _trace(request: Request) -> str | None:
    match = _TRACEPARENT.match(request.header("traceparent") or "")
    return match[1] if match else None


def _declared_attempt(request: Request, provider: Provider) -> int | None:
    """The attempt number that the SDK's own header declares, from 0; None when it says nothing."""
    for name in provider.attempt_headers:
        if (value := request.header(name)) is not None and (match := _ATTEMPT_NUMBER.search(value)):
            # amz-sdk-request counts from 1 ("attempt=1; max=3"), x-stainless-retry-count from 0.
            return max(0, int(match[0]) - (1 if "attempt=" in value else 0))
    return None

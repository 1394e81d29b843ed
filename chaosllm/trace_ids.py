"""Trace ids: what a request's headers say of whose request it is, and the hash under which that is kept.

An id is no secret, but may name a user: what is on disk is its hash, salted with the run's seed, so that the same
id in an access log can be recognised and nothing else can.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

#: Headers that go with one request of a user through all that it causes, the surest first: W3C Trace Context, B3,
#: AWS X-Ray, Google Cloud; then ids that proxies and frameworks make; an idempotency key is the same in each retry.
HEADERS = (
    "traceparent",
    "x-b3-traceid",
    "b3",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-request-id",
    "x-correlation-id",
    "idempotency-key",
)
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_X_RAY = re.compile(r"(?:^|;)\s*root=([^;\s]+)")
_B3 = re.compile(r"^([0-9a-f]{16,32})-[0-9a-f]{16}(?:-.*)?$")
_CLOUD = re.compile(r"^([0-9a-f]{32})/")
_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
#: Characters of an id; what is longer is no id.
_LONGEST = 200


def trace_id(value: str) -> str:
    """The id in a header or a log's field, in one spelling; "" for what is none."""
    text = value.strip().lower()
    if not text or text == "-" or len(text) > _LONGEST:
        return ""
    for pattern in (_TRACEPARENT, _X_RAY, _CLOUD):
        if (match := pattern.search(text)) is not None:
            return match[1]
    if _UUID.match(text):
        return text.replace("-", "")
    return match[1] if (match := _B3.match(text)) is not None else text


def trace_ids(header: Callable[[str], str | None]) -> list[str]:
    """The ids that a request bears, the surest first."""
    found = (trace_id(header(name) or "") for name in HEADERS)
    return [*dict.fromkeys(one for one in found if one)]


def hashed(ids: Sequence[str], seed: int) -> tuple[str, ...]:
    """The ids as they are kept."""
    return tuple(hashlib.blake2b(f"trace:{seed}:{one}".encode(), digest_size=8).hexdigest() for one in ids)

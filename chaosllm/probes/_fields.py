"""Kinds of values that probes share: each is checked by itself, and says what would work."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from chaosllm.units import Duration, spelt

#: Of a URL, a query or a pattern; keeps messages and the compiling of a pattern small.
_LONGEST = 2000
#: What an HTTP header may be called (RFC 9110, section 5.6.2).
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VARIABLE = re.compile(r"\$\{env:[A-Za-z_][A-Za-z0-9_]*\}")


def _text(value: object, expected: str) -> str:
    if not isinstance(value, str) or not value or len(value) > _LONGEST or re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError(f"expected {expected}")
    return value


def url(value: object) -> str:
    """A URL of http or https, without a user's name."""
    text = _text(value, "a URL such as http://127.0.0.1:9090")
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or " " in text:
        raise ValueError(f"found {text[:80]!r}, expected a URL such as http://127.0.0.1:9090")
    if "@" in urlsplit(text).netloc:
        raise ValueError("found a user name in the URL: send it in `headers`, with ${env:NAME}")
    return text


def place(value: object) -> str:
    """A URL, or a path on the app under test."""
    if isinstance(value, str) and value.startswith("/") and not value.startswith("//") and " " not in value:
        return _text(value, "a path such as /healthz")
    try:
        return url(value)
    except ValueError as error:
        raise ValueError(f"{error}, or a path on the app such as /healthz") from None


def _pattern(value: object) -> str:
    text = _text(value, "a regular expression")
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"found {text[:80]!r}, which is no regular expression: {error}") from None
    return text


def _query(value: object) -> str:
    return _text(" ".join(value.split()) if isinstance(value, str) else value, "a query on one line, such as up")


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError('expected a mapping, such as {authorization: "Bearer ${env:TOKEN}"}')  # noqa: TRY004  # pydantic collects a ValueError alone
    for name, text in value.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"found {str(name)[:40]!r}, expected the name of a header")
        if not isinstance(text, str) or re.search(r"[\r\n\x00]", text):
            raise ValueError(f"{name}: expected text on one line")  # its value may be a secret
        if "${env:" in _VARIABLE.sub("", text):
            raise ValueError(f"{name}: found `${{env:` that is no variable, expected ${{env:NAME}}")
    return dict(value)


def _statuses(value: object) -> tuple[int, ...]:
    listed = value if isinstance(value, list | tuple) else [value]
    for one in listed:
        if isinstance(one, bool) or not isinstance(one, int) or not 100 <= one <= 599:
            raise ValueError(f"found {one!r}, expected a status such as 200, or a list of them")
    if not listed:
        raise ValueError("found no status, expected one such as 200")
    return tuple(listed)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"found {str(value)[:40]!r}, expected a plain number such as 0.05")
    return float(value)


def _more_than_none(value: float) -> float:
    if value <= 0:
        raise ValueError("found 0, expected more than 0")
    return value


def shown(text: str) -> str:
    """A URL as it may be shown: what stands in its query may be a secret."""
    return text.partition("?")[0].partition("#")[0]


def _after(check: Any) -> Any:
    from pydantic import AfterValidator  # noqa: PLC0415  # late, because the proxy is handed what was read

    return AfterValidator(check)


_STATUS = {"type": "integer", "minimum": 100, "maximum": 599}
_TEXT = {"type": "string"}
type Url = Annotated[str, *spelt(url, _TEXT | {"pattern": r"^https?://[^\s@]+$"})]
type Place = Annotated[str, *spelt(place, _TEXT | {"pattern": r"^(https?://\S|/)\S*$"})]
type Pattern = Annotated[str, *spelt(_pattern, _TEXT)]
type Query = Annotated[str, *spelt(_query, _TEXT)]
type Headers = Annotated[
    dict[str, str], *spelt(_headers, {"type": "object", "additionalProperties": {"type": "string"}})
]
type Statuses = Annotated[
    tuple[int, ...], *spelt(_statuses, {"anyOf": [_STATUS, {"type": "array", "items": _STATUS, "minItems": 1}]})
]
type Number = Annotated[float, *spelt(_number, {"type": "number"})]
type Positive = Annotated[Duration, _after(_more_than_none)]

"""Strings with units at the edges <-> plain numbers inside: seconds, shares of 1, per second (law 7).

Each parser takes what YAML gives, returns a float or int, and raises ValueError with a sentence
that says what would work. A bare number is an error wherever a unit is needed, except 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"^(\d+(?:\.\d+)?)\s*/\s*(ms|s|sec|second|m|min|minute|h|hour|d|day)$")
_PER = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0,
}  # fmt: skip
_SHARE = re.compile(r"^(\d+(?:\.\d+)?)\s*%$")
_MONEY = re.compile(r"^(\d+(?:\.\d+)?)\s*(USD)$")
_SPEND = re.compile(r"^(\d+(?:\.\d+)?)\s*USD\s*/\s*(min|minute|h|hour|d|day)$")
_TOKENS = re.compile(r"^(\d[\d_]*)\s*tokens?$")
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B$", re.IGNORECASE)
_COUNTED = re.compile(r"^(\d+(?:\.\d+)?)\s*(tokens?|events?|bytes?)$")

#: A stream event up to this long is one token, because OpenAI-style streams send one token an event
#: and English tokens are at most about this long; a longer text is 4 characters a token (OpenAI's
#: rule of thumb). An estimate, and called one wherever it is shown.
TOKEN_CHARS_AT_MOST = 12
CHARS_PER_TOKEN = 4


#: Characters of a quantity: more digits would be infinite as a float, and the search for the parts of a
#: duration is quadratic.
_LONGEST = 64


def _text(value: object) -> str:
    """The text of a quantity; "" for what cannot be one."""
    return value.strip() if isinstance(value, str) and len(value) <= _LONGEST else ""


def _found(value: object) -> str:
    if value is None:
        return "found nothing"
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"found {value[:_LONGEST]!r}..."
    return f"found {value!r}" if not isinstance(value, bool) else f"found {str(value).lower()}"


def parse_duration(value: object) -> float:
    """Seconds from "250ms", "2s", "1m30s", "1h"; a bare number other than 0 is an error."""
    text = _text(value)
    parts = _DURATION_PART.findall(text)
    if parts and _DURATION_PART.sub("", text).strip() == "":
        return math.fsum(float(number) * _SECONDS[unit] for number, unit in parts)
    if value == 0 and not isinstance(value, bool):
        return 0.0
    hint = f', such as "{value}s"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    raise ValueError(
        f"{_found(value)}, expected a duration with its unit (ms, s, m, h){hint or ', such as 250ms or 1m30s'}"
    )


def parse_share(value: object) -> float:
    """A share of 1 from "40%"; 0 and 1 may come bare."""
    if match := _SHARE.match(_text(value)):
        share = float(match[1]) / 100
        if share <= 1:
            return share
        raise ValueError(f"{_found(value)}, expected a share of at most 100%")
    if value in (0, 1) and not isinstance(value, bool):
        return float(value)
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
    meant = number * 100 if number < 1 else number
    hint = f', such as "{meant:g}%"' if 0 < meant <= 100 else ", such as 40%"
    raise ValueError(f"{_found(value)}, expected a percentage{hint}")


def parse_rate(value: object) -> float:
    """Events per second from "20/s", "60/min", "600/h"."""
    if match := _RATE.match(_text(value)):
        return float(match[1]) / _PER[match[2]]
    hint = (
        f', such as "{value}/s"'
        if isinstance(value, int | float) and not isinstance(value, bool)
        else ", such as 20/s or 60/min"
    )
    raise ValueError(f"{_found(value)}, expected a rate{hint}")


def parse_money(value: object) -> float:
    """US dollars from "5 USD"."""
    if match := _MONEY.match(_text(value)):
        return float(match[1])
    raise ValueError(f"{_found(value)}, expected an amount such as 5 USD")


def parse_spend(value: object) -> tuple[float, float]:
    """(US dollars, seconds in which they come back) from "2 USD/h"; more than nothing."""
    if (match := _SPEND.match(_text(value))) and float(match[1]) > 0:
        return float(match[1]), _PER[match[2]]
    raise ValueError(f"{_found(value)}, expected an amount over time such as 2 USD/h or 10 USD/day")


def parse_tokens(value: object) -> int:
    """A number of tokens from "50000 tokens"."""
    if match := _TOKENS.match(_text(value)):
        return int(match[1].replace("_", ""))
    raise ValueError(f"{_found(value)}, expected a number of tokens such as 50000 tokens")


def parse_size(value: object) -> int:
    """Bytes from "500MB", "2GB" (powers of 1000, as disks are sold) or "1.5GiB" (of 1024)."""
    if match := _SIZE.match(_text(value)):
        power = " kmgt".index(match[2].lower() or " ")
        return round(float(match[1]) * float(1024 if match[3] else 1000) ** power)
    raise ValueError(f"{_found(value)}, expected a size such as 500MB or 2GB")


def parse_counted(value: object) -> tuple[float, str]:
    """(number, unit) from "50%", "20 tokens", "3 events", "200 bytes"; the unit is that of `script.Unit`."""
    if match := _COUNTED.match(_text(value)):
        return float(match[1]), match[2].rstrip("s") + "s"
    if _text(value).endswith("%"):
        return parse_share(value), "share"
    raise ValueError(f"{_found(value)}, expected a place such as 50%, 20 tokens, 3 events or 200 bytes")


def format_duration(seconds: float) -> str:
    """The shortest usual spelling: "250ms", "2s", "1m30s", "1.5s"."""
    if seconds <= 0:
        return "0s"
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + (f"{rest}s" if rest else "")


def format_share(share: float) -> str:
    """A percentage with at most one decimal: "40%", "99.5%"; more where it would read as none or all: "0.01%"."""
    spelt = f"{share * 100:.1f}".removesuffix(".0")
    for places in (2, 3, 4):
        if spelt not in ("0", "100") or share in (0, 1):
            break
        spelt = f"{share * 100:.{places}f}".rstrip("0").removesuffix(".")
    return spelt + "%"


def format_size(size: float) -> str:
    """Bytes with at most one decimal, in powers of 1000: "812 B", "3.2 MB", "1.4 GB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.1f}".removesuffix(".0") + f" {unit}" if size < 10 else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def estimate_tokens(text: str) -> int:
    """An estimate of the tokens in a piece of text; 0 for none."""
    if not text:
        return 0
    return 1 if len(text) <= TOKEN_CHARS_AT_MOST else max(1, round(len(text) / CHARS_PER_TOKEN))


def spelt(parser: Callable[[object], object], schema: Mapping[str, object]) -> tuple[Any, ...]:
    """What makes a type of values that `parser` reads, and that a JSON schema describes, for `Annotated`.

    pydantic is loaded when a type is first looked into, because the proxy, which is handed what was read, needs none.
    """
    from pydantic import BeforeValidator, WithJsonSchema  # noqa: PLC0415  # as said above

    return BeforeValidator(parser), WithJsonSchema(dict(schema))


def _typed(parser: Callable[[object], object], pattern: str, example: str) -> tuple[Any, ...]:
    return spelt(parser, {"type": "string", "pattern": pattern, "examples": [example]})


type Duration = Annotated[float, *_typed(parse_duration, r"^(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$", "250ms")]
type Share = Annotated[float, *_typed(parse_share, r"^\d+(\.\d+)?\s*%$", "40%")]
type Rate = Annotated[float, *_typed(parse_rate, r"^\d+(\.\d+)?\s*/\s*\w+$", "20/s")]
type Money = Annotated[float, *_typed(parse_money, r"^\d+(\.\d+)?\s*USD$", "5 USD")]
type Tokens = Annotated[int, *_typed(parse_tokens, r"^\d[\d_]*\s*tokens?$", "50000 tokens")]

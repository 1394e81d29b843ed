"""Values of a log's fields: times, durations, statuses, in all the spellings that logs have."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from chaosllm.access_log import UnusableError

#: Characters of a value that are shown, and of one that is read.
_SHOWN, _LONGEST = 60, 100
#: 2001 to 2286 as UNIX seconds: ten digits. Milli-, micro- and nanoseconds have three more each.
_UNIX = ((1e9, 1.0), (1e12, 1e-3), (1e15, 1e-6), (1e18, 1e-9))
#: Python's logging writes a comma before milliseconds; ISO 8601 allows either.
_ISO = re.compile(r"^\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d(:?\d\d([.,]\d+)?)?\s*(Z|[+-]\d\d:?\d\d|[+-]\d\d)?$", re.IGNORECASE)
#: The common log format's `30/Nov/2026:15:56:19 +0000`, with or without brackets.
_CLF = re.compile(r"^\[?(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?: ([+-])(\d\d)(\d\d))?\]?$")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|\u00b5s|\u03bcs|ms|h|m|s)")
UNITS = {
    "ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip
#: Seconds that a request may take: more is a wrong unit.
_MOST_SECONDS = 86_400.0


def shown(value: Any) -> str:
    """A value as an error may show it: short, and without control characters."""
    text = ascii(value if isinstance(value, str) else str(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...'"


def number(value: Any) -> float | None:
    """The number in a value, None when it is none."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | str)
        or len(str(value)[: _LONGEST + 1]) > _LONGEST
    ):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def time_of(value: Any) -> tuple[float, bool, bool]:
    """(UNIX seconds, whether its zone is known, whether it is finer than a second); raises UnusableError."""
    if (found := number(value)) is not None:
        for least, factor in _UNIX:
            if least <= found < 10 * least:
                return found * factor, True, factor < 1 or found != int(found)
        raise UnusableError(f"time {shown(value)} is no UNIX time of this age", "give seconds, ms, us or ns since 1970")
    text = value.strip() if isinstance(value, str) and len(value) <= _LONGEST else ""
    if match := _CLF.match(text):
        return _clf(match), match[7] is not None, False
    if _ISO.match(text):
        when = _iso(text)
        zone = when.tzinfo is not None
        return (when if zone else when.replace(tzinfo=UTC)).timestamp(), zone, when.microsecond > 0
    raise UnusableError(
        f"time {shown(value)} is none that we know", "such as 2026-11-30T15:56:19.123Z, or UNIX seconds"
    )


def _iso(text: str) -> datetime:
    plain = text.upper().replace(",", ".")
    plain = re.sub(r"(\.\d{6})\d+", r"\1", plain)  # nanoseconds, which datetime does not take
    plain = re.sub(r"\s+(Z|[+-]\d)", r"\1", plain)
    try:
        return datetime.fromisoformat(plain)
    except ValueError as error:
        raise UnusableError(f"time {shown(text)} is on no calendar") from error


def _clf(match: re.Match[str]) -> float:
    if match[2] not in _MONTHS:
        raise UnusableError(f"time {shown(match[0])} is on no calendar")
    zone = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    try:
        when = datetime(
            int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]), int(match[4]), int(match[5]), int(match[6]),
            tzinfo=timezone(-zone if match[7] == "-" else zone),
        )  # fmt: skip
    except ValueError as error:
        raise UnusableError(f"time {shown(match[0])} is on no calendar") from error
    return when.timestamp()


def seconds_of(value: Any, unit: str, name: str) -> float:
    """Seconds; `unit` is that of a bare number, "" where nothing tells it; raises UnusableError."""
    text = value.strip() if isinstance(value, str) and len(value) <= _LONGEST else ""
    parts = _PART.findall(text)
    if parts and not _PART.sub("", text).strip():
        found: float | None = math.fsum(float(count) * UNITS[part] for count, part in parts)
    else:
        found = number(value)
        if found is not None and not unit:
            raise UnusableError(
                f"duration {shown(value)} has no unit, and the name `{name}` tells none",
                f"say it: --map duration_ms={name}, or duration_s, duration_us, duration_ns",
            )
        found = None if found is None else found * UNITS[unit]
    if found is None:
        raise UnusableError(f"duration {shown(value)} is none", 'give a number, or text such as "12.5ms"')
    if not 0 <= found <= _MOST_SECONDS:
        raise UnusableError(
            f"duration {shown(value)} is {found:g} s, which no request takes", f"say its unit: --map duration_ms={name}"
        )
    return found


def status_of(value: Any) -> int:
    """The HTTP status, 0 where none was sent; raises UnusableError."""
    if value in ("-", "", "0", 0, "000") and not isinstance(value, bool):
        return 0
    found = number(value)
    if found is None or found != int(found) or not 100 <= found <= 599:
        raise UnusableError(f"status {shown(value)} is no HTTP status", "give 100 to 599, or 0 where none was sent")
    return int(found)


def flag_of(value: Any) -> bool:
    """Whether a flag is set."""
    return value is True or str(value).strip().lower()[:10] in ("true", "1", "yes", "y", "on")

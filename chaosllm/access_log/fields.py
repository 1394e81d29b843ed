"""Fields of a log: which of them is the time, the status, the duration, in the makes of logs that are about.

Names are compared in lower case with `-` for `_`; parts of parts are joined by dots (`request.method`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosllm.access_log import UnusableError
from chaosllm.spelling import suggest

#: What may stand before the `=` of --map.
TARGETS = (
    "time", "status", "duration", "duration_s", "duration_ms", "duration_us", "duration_ns", "id", "trace", "path",
    "outcome", "degraded",
)  # fmt: skip

#: nginx names `msec` and `time_iso8601`; Caddy `ts`; ECS and Elastic `@timestamp`; Envoy `start_time`; Traefik
#: `StartUTC`; Python's logging `asctime`.
_TIMES = (
    "time", "ts", "timestamp", "@timestamp", "msec", "time_iso8601", "start_time", "startutc", "started_at", "datetime",
    "date_time", "time_local", "asctime", "event_time", "logged_at", "t", "date",
)  # fmt: skip
_STATUSES = (
    "status", "status_code", "code", "response_code", "http_status", "http_status_code", "statuscode",
    "response.status", "response.status_code", "http.response.status_code", "http.status_code", "res.statuscode",
    "httprequest.status",     "downstreamstatus", "response_status", "sc_status", "s",
)  # fmt: skip
#: With the unit that the name stands for; "" where it tells none.
_DURATIONS: Mapping[str, str] = {
    "request_time": "s",  # nginx: seconds with milliseconds
    "responsetime": "ms",  # pino-http and morgan
    "event.duration": "ns",  # ECS
    "httprequest.latency": "s",
    **dict.fromkeys(
        (
            "duration", "latency", "response_time", "elapsed", "took", "process_time", "time_taken",
            "request_timetaken", "request_duration", "response_duration", "total_time", "http.duration",
        ),
        "",
    ),
}  # fmt: skip
_SUFFIXES = {
    **dict.fromkeys(("_ms", "_msec", "_millis", "_milliseconds", ".ms"), "ms"),
    **dict.fromkeys(("_us", "_usec", "_micros", "_microseconds", ".us"), "us"),
    **dict.fromkeys(("_ns", "_nsec", "_nanos", "_nanoseconds", ".ns"), "ns"),
    **dict.fromkeys(("_s", "_sec", "_secs", "_seconds"), "s"),
}
_STEMS = (
    "duration",
    "latency",
    "response_time",
    "elapsed",
    "took",
    "time",
    "request_time",
    "process_time",
    "time_taken",
)
_IDS = (
    "trace_id", "traceid", "trace.id", "traceparent", "otel.trace_id", "request_id", "req_id", "requestid",
    "request.id", "x_request_id", "http.request.id", "correlation_id", "x_correlation_id", "req.id",
    "request.headers.x_request_id",     "request.headers.traceparent", "idempotency_key",
)  # fmt: skip
_PATHS = (
    "path", "uri", "url", "request_uri", "request.uri", "request.path", "url.path", "requestpath", "req.url",
    "http.target", "http.path", "httprequest.requesturl", "request_path", "request",
)  # fmt: skip
#: Depth and number of fields that are looked at: a record that has more is no access log's.
_DEEPEST, _MOST = 4, 500


@dataclass(slots=True)
class Names:
    """Which fields are what; `given` is --map, target -> field as the log spells it."""

    given: Mapping[str, str] = field(default_factory=dict)

    def pick(self, record: Mapping[str, Any], target: str, names: tuple[str, ...]) -> tuple[str, Any]:
        """(name, value) of the field, ("", None) when the record has none."""
        wanted = (plain(self.given[target]),) if target in self.given else names
        for name in wanted:
            if name in record and record[name] is not None:
                return name, record[name]
        return "", None

    def time(self, record: Mapping[str, Any]) -> tuple[str, Any]:
        """The time's field."""
        return self.pick(record, "time", _TIMES)

    def status(self, record: Mapping[str, Any]) -> tuple[str, Any]:
        """The status' field."""
        return self.pick(record, "status", _STATUSES)

    def path(self, record: Mapping[str, Any]) -> str:
        """The path that was asked, without the query; "" where the log has none."""
        _, value = self.pick(record, "path", _PATHS)
        words = str(value or "")[:4096].split()
        text = words[1] if len(words) >= 2 else words[0] if words else ""  # nginx's $request is "POST /chat HTTP/1.1"
        text = text.split("?", 1)[0]
        return "/" + text.split("://", 1)[1].partition("/")[2] if "://" in text else text

    def ids(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Every id that may tell whose request it was."""
        names = [plain(self.given[one]) for one in ("trace", "id") if one in self.given] or _IDS
        found = (record.get(name) for name in names)
        return tuple(
            str(one) for one in found if isinstance(one, str | int) and one != "" and not isinstance(one, bool)
        )

    def duration(self, record: Mapping[str, Any]) -> tuple[str, Any, str]:
        """(name, value, unit of a bare number); ("", None, "") when the record has none."""
        for target in self.given:
            if target.startswith("duration"):
                name = plain(self.given[target])
                unit = target.partition("_")[2]
                return (
                    (name, record[name], unit or _unit(name, record))
                    if record.get(name) is not None
                    else ("", None, "")
                )
        for name in _DURATIONS:
            if record.get(name) is not None:
                return name, record[name], _unit(name, record)
        for name, value in record.items():
            if value is not None and (unit := _suffix(name)) and name.removesuffix(_ending(name)) in _STEMS:
                return name, value, unit
        return "", None, ""

    def outcome(self, record: Mapping[str, Any]) -> tuple[Any, Any]:
        """(the outcome's value, the degraded flag's); None where the log has none."""
        return self.pick(record, "outcome", ("outcome",))[1], self.pick(record, "degraded", ("degraded", "fallback"))[1]


def _unit(name: str, record: Mapping[str, Any]) -> str:
    """The unit of a bare number: from the name, else from the make of log."""
    if unit := _DURATIONS.get(name) or _suffix(name):
        return unit
    if name != "duration":
        return ""
    if "downstreamstatus" in record:
        return "ns"  # Traefik
    if "response_code" in record and "start_time" in record:
        return "ms"  # Envoy
    if str(record.get("logger", "")).startswith("http.log.access") or record.get("msg") == "handled request":
        return "s"  # Caddy
    return ""


def _ending(name: str) -> str:
    return next((end for end in sorted(_SUFFIXES, key=len, reverse=True) if name.endswith(end)), "")


def _suffix(name: str) -> str:
    return _SUFFIXES.get(_ending(name), "")


def plain(name: str) -> str:
    """A name in the spelling that names are compared in."""
    return name.strip().lower().replace("-", "_")


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with parts of parts at the top; of a list its first."""
    found: dict[str, Any] = {}
    for name, value in _parts(record, "", 0):
        if len(found) >= _MOST:
            break
        found.setdefault(name, value)
    return found


def _parts(record: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        name = before + plain(str(key))
        if isinstance(value, list):
            value = value[0] if value else None  # noqa: PLW2901  # a header's values: the first counts
        if isinstance(value, Mapping):
            if depth < _DEEPEST:
                yield from _parts(value, f"{name}.", depth + 1)
        else:
            yield name, value


def mapping(text: str) -> dict[str, str]:
    """--map: "time=ts,status=code" as target -> field; raises UnusableError."""
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        target, equals, name = part.partition("=")
        target = target.strip()
        if not equals or not name.strip():
            raise UnusableError(f"found {part!r}, expected WHAT=FIELD", "such as time=ts,duration_ms=latency")
        if target not in TARGETS:
            raise UnusableError(f"found {target!r}, which is none of {', '.join(TARGETS)}", suggest(target, TARGETS))
        found[target] = name.strip()
    return found

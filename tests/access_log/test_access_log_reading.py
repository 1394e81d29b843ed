"""Access logs as they are in the world, and as nobody should write them."""

from __future__ import annotations

import json

import pytest

from chaosllm.access_log import MOST_PROBLEMS, Log, UnusableError
from chaosllm.access_log.fields import mapping
from chaosllm.access_log.reading import form_of, read

#: 2026-11-30T15:56:19Z
AT = 1796054179.0


def parsed(*lines: str | bytes, form: str = "jsonl", given: str = "", time_is: str = "auto") -> Log:
    raw = [(at + 1, one if isinstance(one, bytes) else one.encode()) for at, one in enumerate(lines)]
    return read(raw, form, given=mapping(given), time_is=time_is)  # type: ignore[arg-type]


NGINX = (
    '{"time_iso8601":"2026-11-30T15:56:19+00:00","remote_addr":"10.0.0.1","request":"POST /chat?x=1 HTTP/1.1",'
    '"status":"200","request_time":"0.512","request_id":"5f0c6b6f7c2f4f0e9b3a0d3f6e1b2a4c"}'
)
CADDY = (
    '{"level":"info","ts":1796054179.25,"logger":"http.log.access.log0","msg":"handled request","request":'
    '{"remote_ip":"::1","method":"POST","uri":"/chat","headers":{"X-Request-Id":["abc-1"]}},"duration":0.25,"status":503}'
)
ENVOY = (
    '{"start_time":"2026-11-30T15:56:19.123Z","method":"POST","path":"/chat","response_code":200,"duration":512,'
    '"upstream_service_time":"511","request_id":"7a9e1f3c-2b4d-4e6f-8a0b-1c2d3e4f5a6b"}'
)
TRAEFIK = (
    '{"ClientHost":"::1","DownstreamStatus":429,"Duration":1500000000,"RequestPath":"/chat",'
    '"StartUTC":"2026-11-30T15:56:19.123456789Z","time":"2026-11-30T15:56:20Z"}'
)
GUNICORN = (
    '{"time": "[30/Nov/2026:15:56:19 +0000]", "status": "200", "duration_us": "512000", "path": "/chat", '
    '"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}'
)
PYTHON = (
    '{"asctime": "2026-11-30 15:56:19,500", "name": "uvicorn.access", "status_code": 500, "duration_ms": 12.5, '
    '"path": "/chat", "request_id": "r-1"}'
)
PINO = '{"level":30,"time":1796054179123,"req":{"id":7,"url":"/chat"},"res":{"statusCode":200},"responseTime":42}'
ECS = (
    '{"@timestamp":"2026-11-30T15:56:19.000Z","http":{"response":{"status_code":200}},"event":{"duration":250000000},'
    '"url":{"path":"/chat"},"trace":{"id":"0af7651916cd43dd8448eb211c80319c"}}'
)
GCP = (
    '{"timestamp":"2026-11-30T15:56:19.5Z","httpRequest":{"requestUrl":"https://app.example/chat?a=1","status":200,'
    '"latency":"0.123456s"}}'
)


@pytest.mark.parametrize(
    ("line", "start", "seconds", "status", "ids"),
    [
        (NGINX, AT - 0.512, 0.512, 200, 1),
        (CADDY, AT, 0.25, 503, 1),
        (ENVOY, AT + 0.123, 0.512, 200, 1),
        (TRAEFIK, AT + 1 - 1.5, 1.5, 429, 0),  # `time` comes before `StartUTC`, and is the end
        (GUNICORN, AT - 0.512, 0.512, 200, 1),
        (PYTHON, AT + 0.5 - 0.0125, 0.0125, 500, 1),
        (PINO, AT + 0.123 - 0.042, 0.042, 200, 1),
        (ECS, AT - 0.25, 0.25, 200, 1),
        (GCP, AT + 0.5 - 0.123456, 0.123456, 200, 0),
    ],
    ids=["nginx", "caddy", "envoy", "traefik", "gunicorn", "python", "pino", "ecs", "gcp"],
)
def test_common_logs_just_work(line: str, start: float, seconds: float, status: int, ids: int) -> None:
    """A line of a common make is read with nothing said of its fields."""
    log = parsed(line)
    assert not log.problems
    (entry,) = log.entries
    assert entry.start == pytest.approx(start, abs=1e-4)
    assert (entry.seconds, entry.status, entry.path) == (pytest.approx(seconds), status, "/chat")
    assert len(entry.ids) == ids


def test_csv_with_a_header_is_read() -> None:
    """A CSV log is read by the names in its header, whatever separates its values."""
    for mark in ",;\t":
        head, row = ["ts", "code", "latency_ms", "path", "degraded"], [f"{AT}", "200", "250", "/chat", "true"]
        log = parsed(mark.join(head), mark.join(row), form="csv")
        assert [(one.seconds, one.status, one.outcome) for one in log.entries] == [(0.25, 200, "degraded")]
        assert log.flags


def test_a_map_names_what_names_do_not() -> None:
    """--map reads a log whose fields nobody could guess."""
    log = parsed(
        json.dumps({"wann": AT, "was": 200, "wie_lang": 80, "wer": "x"}),
        given="time=wann,status=was,duration_ms=wie_lang,id=wer",
        time_is="start",
    )
    (entry,) = log.entries
    assert (entry.start, entry.seconds, entry.ids) == (AT, 0.08, ("x",))


def test_a_unit_is_never_guessed() -> None:
    """A bare number under a name without a unit is a problem that says how to tell it."""
    log = parsed(json.dumps({"time": AT, "status": 200, "duration": 12}))
    assert not log.entries
    ((line, what, hint),) = log.problems
    assert line == 1 and "no unit" in what and "--map duration_ms=duration" in hint


@pytest.mark.parametrize("text", ["0.25s", "250ms", "250000us", "250000\u00b5s", "0m0.25s"])
def test_a_duration_may_bring_its_unit(text: str) -> None:
    """A unit in the value wins."""
    assert parsed(json.dumps({"time": AT, "status": 200, "duration": text})).entries[0].seconds == pytest.approx(0.25)


@pytest.mark.parametrize("value", [AT, AT * 1e3, AT * 1e6, AT * 1e9, f"{AT}"])
def test_unix_times_are_told_by_their_size(value: float | str) -> None:
    """Seconds, milli-, micro- and nanoseconds since 1970 are the same time."""
    log = parsed(json.dumps({"ts": value, "status": 200, "duration_s": 0}))
    assert log.entries[0].start == pytest.approx(AT, abs=1e-3)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('{"status":200,"duration_s":1}', "no time"),
        (f'{{"time":{AT},"duration_s":1}}', "no status"),
        (f'{{"time":{AT},"status":200}}', "no duration"),
        ('{"time":"yesterday","status":200,"duration_s":1}', "none that we know"),
        ('{"time":17,"status":200,"duration_s":1}', "no UNIX time"),
        ('{"time":"2026-02-30T00:00:00Z","status":200,"duration_s":1}', "calendar"),
        ('{"time":"30/Nix/2026:15:56:19 +0000","status":200,"duration_s":1}', "calendar"),
        (f'{{"time":{AT},"status":"teapot","duration_s":1}}', "no HTTP status"),
        (f'{{"time":{AT},"status":999,"duration_s":1}}', "no HTTP status"),
        (f'{{"time":{AT},"status":true,"duration_s":1}}', "no HTTP status"),
        (f'{{"time":{AT},"status":200,"duration_s":-1}}', "no request takes"),
        (f'{{"time":{AT},"status":200,"duration_s":1e300}}', "no request takes"),
        (f'{{"time":{AT},"status":200,"duration_s":NaN}}', "is none"),
        (f'{{"time":{AT},"status":200,"duration_s":[]}}', "no duration"),
        ("=cmd|' /C calc'!A0", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ("\x1b[2J\x1b]0;owned\x07", "no JSON object"),
        ("{" * 100_000, "no JSON object"),
        ('{"a":' * 50_000, "no JSON object"),
    ],
)
def test_a_bad_line_is_told_and_the_others_kept(line: str, word: str) -> None:
    """What cannot be used is told with its line; no line after it is lost, and no escape reaches a terminal."""
    log = parsed(line, NGINX)
    assert len(log.entries) == 1 and log.bad == 1
    ((number, what, hint),) = log.problems
    assert number == 1 and word in what
    assert (what + hint).isprintable() and len(what + hint) < 400


def test_bytes_that_are_no_text_are_told() -> None:
    """Zero bytes, foreign encodings and endless lines are problems of their line alone."""
    log = read(
        [(1, b"\x00\x01\x02\n"), (2, "caf\xe9".encode("latin-1")), (3, None), (4, b"\n"), (5, NGINX.encode())],
        "jsonl", given={},
    )  # fmt: skip
    assert [number for number, *_ in log.problems] == [1, 2, 3]
    assert len(log.entries) == 1 and log.lines == 4


def test_csv_takes_hostile_values_for_text() -> None:
    """Formulas, stray quotes and lines of other lengths cost their own line alone."""
    good = f"{AT},200,0.1,/chat"
    log = parsed(
        "time,status,duration_s,path", good, f'{AT},200,0.1,"=HYPERLINK(""http://x"")"', f'{AT},200,0.1,"open',
        f"{AT},200", "=1+1,=2,=3,=4", good, form="csv",
    )  # fmt: skip
    assert len(log.entries) == 3
    assert [number for number, *_ in log.problems] == [4, 5, 6]


def test_problems_are_counted_beyond_those_kept() -> None:
    """Of a million bad lines the first are told, and all are counted."""
    log = parsed(*["nonsense"] * 500, NGINX)
    assert len(log.problems) == MOST_PROBLEMS and log.bad == 500 and len(log.entries) == 1


def test_formats_are_told_by_name_or_first_line() -> None:
    """A file's name or its first line says how to read it; a common log format is none that we read."""
    assert form_of("a.log", b"\xef\xbb\xbf{}") == "jsonl"
    assert form_of("a.csv", b"") == form_of("a.txt", b"time;status") == "csv"
    assert form_of("a.ndjson", b"junk") == "jsonl"
    assert form_of("a.log", b'127.0.0.1 - - [30/Nov/2026:15:56:19 +0000] "POST /chat HTTP/1.1" 200 5') is None


def test_a_map_that_is_none_says_what_would_do() -> None:
    """A mistake in --map names the nearest right name."""
    with pytest.raises(UnusableError, match="none of time") as caught:
        mapping("tme=ts")
    assert "time" in caught.value.hint
    with pytest.raises(UnusableError, match="WHAT=FIELD"):
        mapping("time")
    assert mapping("") == {}

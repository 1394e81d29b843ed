"""Logs that nginx 1.22 really wrote, in the zone of Berlin: its default format, and JSON with less than is wanted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from chaosllm.adapters.access_log import Ask, _read, whole_seconds
from chaosllm.errors import ChaosError, Exit

COMBINED = """\
127.0.0.1 - - [30/Nov/2026:21:25:04 +0100] "POST /chat HTTP/1.1" 200 2 "-" "Python-urllib/3.11"
127.0.0.1 - - [30/Nov/2026:21:25:04 +0100] "\\x16\\x03\\x01 rubbish" 400 157 "-" "-"
"""
TIMES = {
    "msec": "1796070304.038",
    "time_iso8601": "2026-11-30T21:25:04+01:00",
    "time_local": "30/Nov/2026:21:25:04 +0100",
}


def line(time: str, **more: object) -> str:
    """Tried at a server that was down, then at another one, as nginx says in `upstream_response_time`."""
    told = {time: TIMES[time], "request_time": 0.026, "upstream_response_time": "0.000, 0.022", "status": 200}
    return json.dumps(told | {"request": "POST /chat?q=%22x%22 HTTP/1.1"} | more) + "\n"


def read(folder: Path, data: bytes):
    path = folder / "access.log"
    path.write_bytes(data)
    return _read(Ask(path))


@pytest.mark.parametrize(("time", "whole"), [("msec", False), ("time_iso8601", True), ("time_local", True)])
def test_each_of_its_times(tmp_path: Path, time: str, whole: bool) -> None:
    """Read in its zone, as the end of the request; where it is told to the second alone, that is known."""
    log = read(tmp_path, (line(time) * 6).encode())
    assert (log.bad, log.naive) == (0, False)
    assert {(one.path, one.status, one.seconds) for one in log.entries} == {("/chat", 200, 0.026)}
    assert log.entries[0].start == pytest.approx(1796070304 - 0.026 + (0 if whole else 0.038))
    assert whole_seconds(log) is whole


def test_rubbish_on_the_port_is_a_line_too(tmp_path: Path) -> None:
    """What is no HTTP has a status and no path that counts."""
    log = read(tmp_path, line("msec", request="\x16\x03\x01 rubbish", status=400).encode())
    assert (log.bad, log.entries[0].status) == (0, 400)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (COMBINED.encode(), "is in the common or combined log format, which holds no duration"),
        (COMBINED.replace("- -", "- me", 1).encode(), "is in the common or combined log format"),
        (gzip.compress(line("msec").encode()), "is compressed (gzip)"),
        (b"just some words\n", "expected JSON lines, or CSV"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, data: bytes, words: str) -> None:
    """It is said in words, as the caller's mistake."""
    with pytest.raises(ChaosError) as caught:
        read(tmp_path, data)
    assert words in str(caught.value)
    assert caught.value.exit_code is Exit.USAGE


def test_without_a_duration(tmp_path: Path) -> None:
    """Each line is told with the fields that it has; what an upstream took is not taken for it."""
    log = read(tmp_path, b'{"msec":"1796070304.038","upstream_response_time":"0.022","status":200}\n')
    assert (log.bad, log.entries) == (1, [])
    assert "there is no duration" in log.problems[0][1]
    assert "the fields are msec, upstream_response_time, status" in log.problems[0][2]

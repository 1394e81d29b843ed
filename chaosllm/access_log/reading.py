"""Lines of a log to requests: CSV with a header, or a JSON object a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from chaosllm.access_log import LONGEST_LINE, Entry, Log, UnusableError
from chaosllm.access_log.fields import Names, flat
from chaosllm.access_log.values import flag_of, seconds_of, shown, status_of, time_of
from chaosllm.record import OUTCOMES, Outcome

type Form = Literal["csv", "jsonl"]
#: When a line's time is: of the request's start, of its end, or as the field's name tells.
type TimeIs = Literal["auto", "start", "end"]

#: A line with its number; None for one that was too long to read.
type Line = tuple[int, bytes | None]

_DELIMITERS = ",;\t|"
_OUTCOMES = {str(one) for one in OUTCOMES if one is not Outcome.DROPPED}


def form_of(name: str, start: bytes) -> Form | None:
    """The format that a file's name and its first lines tell; None when they tell none that we read."""
    lowered = name.lower()
    if lowered.endswith((".csv", ".tsv")):
        return "csv"
    # Not the first line alone: servers write a word in plain text before they begin to log.
    if any(line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") for line in start.split(b"\n")):
        return "jsonl"
    if lowered.endswith((".jsonl", ".ndjson")):
        return "jsonl"
    first = _text(start.split(b"\n", 1)[0])
    named = {part.strip().strip('"').lower() for one in _DELIMITERS for part in first.split(one)}
    return "csv" if named & {"time", "ts", "timestamp", "@timestamp", "datetime", "status", "status_code"} else None


def read(lines: Iterable[Line], form: Form, *, given: Mapping[str, str], time_is: TimeIs = "auto") -> Log:
    """Every request of the log, and a problem for each line that is none."""
    log, names = Log(), Names(given)
    records = _csv(lines, log) if form == "csv" else _jsonl(lines, log)
    for line, record in records:
        log.lines += 1
        try:
            log.entries.append(_entry(line, record, names, time_is, log))
        except UnusableError as error:
            log.wrong(line, str(error), error.hint)
    return log


def _entry(line: int, record: Mapping[str, Any], names: Names, time_is: TimeIs, log: Log) -> Entry:
    name, value = names.time(record)
    if not name:
        raise UnusableError("there is no time", _which("time", record, names))
    at, zoned, fine = time_of(value)
    named, code = names.status(record)
    if not named:
        raise UnusableError("there is no status", _which("status", record, names))
    status = status_of(code)
    called, took, unit = names.duration(record)
    if not called:
        raise UnusableError(
            "there is no duration, without which nothing can be said of latency", _which("duration_ms", record, names)
        )
    seconds = seconds_of(took, unit, called)
    outcome = _outcome(record, names, log)
    log.naive |= not zoned
    log.coarse &= not fine
    starts = time_is == "start" or (time_is == "auto" and "start" in name)
    log.starts = starts
    start = at if starts else at - seconds
    return Entry(line, start, seconds, status, outcome, names.ids(record), names.path(record))


def _outcome(record: Mapping[str, Any], names: Names, log: Log) -> str:
    word, degraded = names.outcome(record)
    if word is not None and str(word)[:20].strip().lower() in _OUTCOMES:
        log.flags = True
        return str(word).strip().lower()
    if word is not None and "outcome" in names.given:
        raise UnusableError(f"outcome {shown(word)} is none", f"one of {', '.join(sorted(_OUTCOMES))}")
    if degraded is not None:
        log.flags = True
        return "degraded" if flag_of(degraded) else ""
    return ""


def _which(target: str, record: Mapping[str, Any], names: Names) -> str:
    """What to say for --map; the fields that there are."""
    there = ", ".join(shown(name)[1:-1] for name in [*record][:12]) or "none"
    if target.split("_", maxsplit=1)[0] in {one.split("_")[0] for one in names.given}:
        return f"--map names a field that is not here; the fields are {there}"
    return f"name its field, as --map {target}=FIELD; the fields are {there}"


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip("\ufeff\r\n")


def _decoded(line: Line, log: Log) -> str | None:
    """The text of a line; None for one that is empty, or none, which is told."""
    number, raw = line
    if raw is None:
        log.lines += 1
        log.wrong(
            number, f"the line is longer than {LONGEST_LINE >> 20} MB", "an access log has a line for each request"
        )
        return None
    if b"\0" in raw:
        log.lines += 1
        log.wrong(number, "the line holds zero bytes: it is no text", "give the log as text; unpack a compressed one")
        return None
    try:
        return raw.decode("utf-8").strip("\ufeff\r\n")
    except UnicodeDecodeError:
        log.lines += 1
        log.wrong(number, "the line is not UTF-8", "write the log in UTF-8")
        return None


def _jsonl(lines: Iterable[Line], log: Log) -> Iterator[tuple[int, dict[str, Any]]]:
    for line in lines:
        text = _decoded(line, log)
        if text is None or not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield line[0], flat(value)
        else:
            log.lines += 1
            array = text.lstrip().startswith("[") and '"' in text
            hint = "write one object a line, as `jq -c '.[]'` does" if array else "an object in braces on each line"
            log.wrong(line[0], f"{shown(text[:40])} is no JSON object", hint)


def _csv(lines: Iterable[Line], log: Log) -> Iterator[tuple[int, dict[str, Any]]]:
    # Line by line, because one stray quote must not swallow the rest of the log; no access log breaks a value.
    head: list[str] | None = None
    delimiter = ","
    for line in lines:
        text = _decoded(line, log)
        if text is None or not text.strip():
            continue
        if head is None:
            delimiter = max(_DELIMITERS, key=text.count)
        try:
            row = next(csv.reader([text], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration) as error:
            log.lines += 1
            log.wrong(line[0], f"the line is no CSV: {error}", "quote a value that holds a quote or a delimiter")
            continue
        if head is None:
            head = [name.strip() for name in row]
            continue
        if len(row) != len(head):
            log.lines += 1
            log.wrong(
                line[0], f"{len(row)} values, the header names {len(head)}", "give each line as many as the header"
            )
            continue
        yield line[0], flat({name: value if value != "" else None for name, value in zip(head, row, strict=True)})

"""Reads an access log's file and writes its requests into a run folder, as the samples that an attached run lacks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from chaosllm.access_log import LONGEST_LINE, Log
from chaosllm.access_log.reading import Form, Line, TimeIs, form_of, read
from chaosllm.access_log.samples import Imported, imported, summary
from chaosllm.adapters import run_folder
from chaosllm.columns import Samples
from chaosllm.errors import Blame, ChaosError, Exit, Problem, Where
from chaosllm.join import Run
from chaosllm.sources import ACCESS_LOG, DRIVER, source_of

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
#: How a line of nginx's `combined`, and of Apache's `common`, begins: host, identity, user, time, request.
_COMMON = re.compile(rb'\S+ \S+ \S[^\n"]{0,200} ?\[\d{1,2}/\w{3}/\d{4}:[\d:]{8} [+-]\d{4}\] "')
#: Lines from which on times without a fraction are no chance, and seconds by which a sum of floats may be off.
_FEW, _WHOLE = 5, 1e-5


@dataclass(frozen=True, slots=True)
class Ask:
    """What the command line says of a log; None is "find out"."""

    path: Path
    form: Form | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    time_is: TimeIs = "auto"


@dataclass(frozen=True, slots=True)
class Told:
    """What to tell of a log that was taken in."""

    used: int
    problems: list[Problem]
    more: int  # problems beyond those
    notes: list[str]


def take_in(folder: Path, ask: Ask) -> Told:
    """Make the log's requests the run's samples; raises ChaosError when the log or the run has none to give."""
    meta = run_folder.meta(folder)
    if source_of(meta) == DRIVER:
        raise _usage(
            f"{folder} was driven by our own load, which saw more than an access log tells",
            "give --access-log with a run of `chaosllm proxy --attach`",
        )
    run = run_folder.load(folder)
    t0 = (meta.get("clock") or {}).get("t0_unix")
    if not isinstance(t0, int | float):
        raise _usage(f"{folder} has no clock: no call came, and no phase began", "attach again")
    log = _read(ask)
    problems = [Problem(Where(str(ask.path), line), what, hint) for line, what, hint in log.problems]
    found, zone = _fitting(log, run, float(t0))
    if not found.samples:
        raise _nothing(ask, log, found, (float(t0), float(t0) + run.scenario.duration), problems)
    _write(folder, found)
    account = dict(summary(found, log, ask.path.name))
    stored = json.loads((folder / run_folder.META).read_bytes())
    run_folder.write_json(folder / run_folder.META, stored | {"source": ACCESS_LOG, "access_log": account})
    return Told(len(found.samples), problems, log.bad - len(problems), [*_notes(log, found, zone)])


def _fitting(log: Log, run: Run, t0: float) -> tuple[Imported, str]:
    """The import, with times that have no zone as UTC, or as this machine's where only that fits the run."""
    found = imported(log, run.scenario, run.events, t0, end=run.end)
    here = datetime.fromtimestamp(t0).astimezone()
    offset = here.utcoffset()
    if log.naive and not found.samples and offset:
        local = imported(log, run.scenario, run.events, t0, end=run.end, offset=-offset.total_seconds())
        if local.samples:
            return local, f"{here:%z}"
    return found, "UTC"


def _read(ask: Ask) -> Log:
    try:
        with ask.path.open("rb") as file:
            start = file.read(1 << 16)
            if kind := next((kind for magic, kind in _COMPRESSED.items() if start.startswith(magic)), ""):
                raise _usage(f"{ask.path} is compressed ({kind})", "unpack it first")
            if not start.strip():
                raise _usage(f"{ask.path} is empty", "give a log with a line for each request")
            form = ask.form or form_of(ask.path.name, start)
            if form is None:
                if _COMMON.match(start):
                    raise _usage(
                        f"{ask.path} is in the common or combined log format, which holds no duration",
                        "log JSON instead: docs/attach.md has a log_format for nginx",
                    )
                raise _usage(
                    f"{ask.path}: found {start[:60].decode('utf-8', 'replace')!a}, expected JSON lines, or CSV with "
                    "a header",
                    "log JSON instead of the common log format, or say --access-log-format",
                )
            file.seek(0)
            return read(_lines(file), form, given=ask.given, time_is=ask.time_is)
    except OSError as error:
        raise _usage(f"{ask.path} cannot be read: {(error.strerror or str(error)).lower()}", "name the log") from error


def _lines(file: BinaryIO) -> Iterator[Line]:
    """Lines with their numbers, none of them longer than is read at once."""
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        else:
            yield number, raw


def _write(folder: Path, found: Imported) -> None:
    columns = Samples.of(found.samples)
    names = (
        "operation", "t_due", "t_sent", "t_first", "t_last", "t_end", "status", "chunks", "chars", "gap_max", "outcome",
    )  # fmt: skip
    half = folder / f".{run_folder.SAMPLES}.half"
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        np.savez_compressed(file, **{name: getattr(columns, name) for name in names})
    half.replace(folder / run_folder.SAMPLES)
    lines = (
        json.dumps(
            {"operation": one.operation, "outcome": str(one.outcome), "error": one.error, "traces": list(ids)},
            separators=(",", ":"),
        )
        for one, ids in zip(found.samples, found.ids, strict=True)
    )
    run_folder.write(folder / run_folder.SAMPLES_TEXT, "".join(f"{line}\n" for line in lines))


def _notes(log: Log, found: Imported, zone: str) -> Iterator[str]:
    if log.naive:
        yield f"the log's times have no zone and were taken as {zone}"
    if found.outside:
        yield f"{found.outside:,} requests before or after the run, or that its end cut off, were left out"
    if found.elsewhere:
        most = ", ".join(f"{ascii(path)[1:-1][:40]} ({count:,})" for path, count in found.elsewhere.most_common(3))
        yield f"{sum(found.elsewhere.values()):,} requests of other paths were left out: {most}"
    if found.skew is None:
        yield (
            "whether the log's clock and the proxy's agree is not known: too few calls bear an id that the log has; "
            "both were taken for one"
        )
    elif found.skew:
        which = "ahead" if found.skew > 0 else "behind"
        yield f"the log's clock was {abs(found.skew):.3g} s {which}, and was put right"
    if whole_seconds(log):
        yield (
            "the log's times are whole seconds, so a request near the edge of a phase may count to its neighbour; "
            "nginx has milliseconds in $msec"
        )
    if not log.starts:
        yield "a line's time was taken as the end of its request; --time-is start says otherwise"


def whole_seconds(log: Log) -> bool:
    """Whether no line tells the time closer than to the second; of a few lines that may be chance."""
    times = [one.start if log.starts else one.start + one.seconds for one in log.entries]
    return len(times) >= _FEW and all(abs(at - round(at)) < _WHOLE for at in times)


def _nothing(ask: Ask, log: Log, found: Imported, run: tuple[float, float], problems: list[Problem]) -> ChaosError:
    """Why no request could be used."""
    told = "".join(f"\n  {problem}" for problem in problems)
    rest = f"\n  and {log.bad - len(problems):,} more" if log.bad > len(problems) else ""
    if found.span is not None:
        return _usage(
            f"{ask.path} does not overlap the run: its requests are of {_when(found.span[0])} to "
            f"{_when(found.span[1])}, the run of {_when(run[0])} to {_when(run[1])}",
            "give the log of that time; a time without a zone is taken as UTC",
        )
    if found.elsewhere:
        most = ", ".join(f"{ascii(path)[1:-1][:40]} ({count:,})" for path, count in found.elsewhere.most_common(5))
        return _usage(f"{ask.path} has no request of the scenario's target.operation, only {most}", "check its path")
    if not log.lines:
        return _usage(f"{ask.path} is empty", "give a log with a line for each request")
    return _usage(f"none of {log.lines:,} lines of {ask.path} can be used:{told}{rest}", "")


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _usage(what: str, hint: str) -> ChaosError:
    return ChaosError(what, hint=hint, blame=Blame.TOOL, exit_code=Exit.USAGE)

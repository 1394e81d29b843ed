"""Run folders: makes them, fills them, and reads them back; the only file that knows their names.

Laws:
1. A folder is 0700 and its files 0600, because they say what an app did and when.
2. A file that replaces another appears whole or not at all.
3. Reading forgives what a kill leaves behind (a cut-off last line or record, a missing file) and
   says what is missing; it refuses only what is no run folder.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from chaosllm.adapters import run_meta
from chaosllm.chunk_gaps import MOST
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.record import OUTCOMES, SCHEMA, Control, Event

if TYPE_CHECKING:
    import numpy as np

    from chaosllm.join import Run

SCENARIO = "scenario.yaml"
META = "meta.json"
EVENTS = "events.jsonl"
SAMPLES = "samples.npz"
SAMPLES_RAW = "samples.bin"  # while running: fixed-width records, so that a kill loses nothing
SAMPLES_TEXT = "samples.jsonl"
CONTROL = "control.jsonl"
SUMMARY = "summary.json"
REPORT = "report.html"
MARKDOWN = "summary.md"
PLOTS = "plots"

#: What a folder may hold for `--out` to take it over: only an earlier run of ours.
_OURS = {
    SCENARIO, META, EVENTS, SAMPLES, SAMPLES_RAW, SAMPLES_TEXT, CONTROL, SUMMARY, REPORT, MARKDOWN, PLOTS, "junit.xml",
    "ca",
}  # fmt: skip
#: What is a folder of files in it; the second holds a run's CA and goes with the run's end.
INNER = (PLOTS, "ca")
_LOGS = re.compile(r"^(app|proxy|driver|simulator|crash)\.log$")
#: What `write` leaves behind when it is killed.
_HALF = re.compile(r"^\.(.+)\.half$")

#: A record of samples.bin: struct "<QdddddiiidB", 69 bytes.
_RECORD = [
    ("operation", "<u8"), ("t_due", "<f8"), ("t_sent", "<f8"), ("t_first", "<f8"), ("t_last", "<f8"),
    ("t_end", "<f8"), ("status", "<i4"), ("chunks", "<i4"), ("chars", "<i4"), ("gap_max", "<f8"), ("outcome", "u1"),
]  # fmt: skip


def is_ours(name: str) -> bool:
    """Whether a run writes a file or a folder of this name into its run folder."""
    half = _HALF.match(name)
    name = half[1] if half else name
    return name in _OURS or bool(_LOGS.match(name))


def create(name: str, out: Path | None, now: datetime) -> Path:
    """A new run folder `reports/<name>-<time>`, or `out`; raises ChaosError when `out` is somebody else's."""
    if out is None:
        stem = f"{name}-{now:%Y%m%d-%H%M%S}"
        parent = Path("reports")
        parent.mkdir(exist_ok=True)
        for number in range(1000):
            folder = parent / (stem if number == 0 else f"{stem}-{number + 1}")
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return folder
        raise ChaosError(f"{parent / stem} exists a thousand times over", hint="clear out the reports folder")
    if out.exists():
        _take_over(out)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    out.chmod(0o700)
    return out


def _take_over(out: Path) -> None:
    """Empty an earlier run's folder; raises ChaosError for a file or a folder with anything else in it."""
    if not out.is_dir():
        raise ChaosError(f"--out {out} is a file", hint="name a new folder", exit_code=Exit.USAGE)
    inside = [*out.iterdir()]
    if not inside:
        return
    foreign = sorted(path.name for path in inside if not is_ours(path.name))
    if foreign or not (out / META).exists():
        raise ChaosError(
            f"--out {out} is not empty and not an earlier run (it holds {(foreign or [inside[0].name])[0]})",
            hint="name a new folder",
            exit_code=Exit.USAGE,
        )
    for path in inside:
        if path.is_dir() and not path.is_symlink():
            for plot in path.iterdir():
                plot.unlink()
            path.rmdir()
        else:
            path.unlink()


def write(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all; makes a missing folder below the run folder."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    half.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON; NaN and infinity, which JSON lacks, become null."""
    write(path, json.dumps(finite(value), indent=1, ensure_ascii=False) + "\n")


def finite(value: Any) -> Any:
    """The value without NaN and infinity, which JSON lacks: they become None."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124  # NaN
        return None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value


def open_log(path: Path) -> int:
    """A file descriptor of mode 0600 to append to; the caller closes it."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def pack_samples(folder: Path) -> int:
    """Turn samples.bin into samples.npz; a cut-off last record is passed over. The number of samples kept."""
    raw = folder / SAMPLES_RAW
    if not raw.exists():
        return 0
    import numpy as np  # noqa: PLC0415  # late, because --help and start-up must not pay for it

    record = np.dtype(_RECORD)
    data = raw.read_bytes()
    rows = np.frombuffer(data[: len(data) - len(data) % record.itemsize], dtype=record)
    half = folder / f".{SAMPLES}.half"
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        columns: dict[str, Any] = {name: np.ascontiguousarray(rows[name]) for name, _ in _RECORD}
        np.savez_compressed(file, **columns)
    half.replace(folder / SAMPLES)
    raw.unlink()
    return len(rows)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a line file; a line that is none (cut off by a kill) is passed over."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                value = _json(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value


def _json(text: bytes) -> Any:
    """The value, without halves of surrogate pairs, which no output can bear; raises ValueError, RecursionError."""
    value = json.loads(text.decode("utf-8"))
    if b"\\ud" in text or b"\\uD" in text:
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def events(folder: Path) -> list[Event]:
    """The calls of a run; a line that is no event is passed over."""
    return [event for stored in lines(folder / EVENTS) if (event := _event(stored)) is not None]


def _event(stored: dict[str, Any]) -> Event | None:
    try:
        event = Event.from_json(stored)
    except (ValueError, KeyError, TypeError):
        return None
    times = (event.t_answer, event.t_first, event.t_end, event.retry_after, event.client_timeout, event.late_max)
    counts = (event.index, event.attempt, event.ordinal, event.bytes, event.tokens_in, event.tokens_out)
    words = (event.call, event.provider, event.endpoint, event.model, event.phase, event.why, event.reason, event.shape)
    sound = (
        all(isinstance(found, list) for found in (event.head, event.tail, event.withheld, event.late))
        and all(isinstance(found, dict) for found in (event.asked, event.done))
        and run_meta.number(event.t)
        and all(time is None or run_meta.number(time) for time in times)
        and all(_count(count) for count in counts)
        and all(count is None or _count(count) for count in (event.operation, event.status))
        and all(isinstance(word, str) for word in words)
        and all(isinstance(one.tool, str) for one in event.effects)
        and all(_count(part) for one in event.effects for part in (one.arguments, one.id, one.result))
        and all(isinstance(part.rule, str) and isinstance(part.why, str) for part in event.rules)
        and all(_count(part) for ends in (event.head, event.tail, event.withheld, event.late) for part in ends)
        and all(run_meta.number(part) for parts in (event.asked, event.done) for part in parts.values())
    )
    return event if sound else None


def _count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 1 << 63


def meta(folder: Path) -> dict[str, Any]:
    """meta.json; raises ChaosError when the folder is no run folder, or of a schema newer than ours."""
    what = "does not exist" if not folder.exists() else "is a file" if not folder.is_dir() else ""
    try:
        found = {} if what else _json((folder / META).read_bytes())
    except FileNotFoundError:
        what = f"is no run folder: it has no {META}"
        found = {}
    except (ValueError, RecursionError):
        what = f"cannot be read: its {META} is no JSON"
        found = {}
    except OSError as error:
        what = f"cannot be read: its {META}: {(error.strerror or str(error)).lower()}"
        found = {}
    if not what and not isinstance(found, dict):
        what = f"cannot be read: its {META} is no object"
    schema = found.get("schema", SCHEMA) if isinstance(found, dict) else SCHEMA
    if not what and not (isinstance(schema, int) and schema <= SCHEMA):
        what = f"has schema {str(schema)[:40]}, this chaosllm reads up to {SCHEMA}"
    if what:
        raise ChaosError(f"{folder} {what}", hint="name a folder that `chaosllm run` made", exit_code=Exit.USAGE)
    kept, lost = run_meta.sound(found)
    return kept | ({"unreadable": lost} if lost else {})


def missing(folder: Path) -> list[str]:
    """The records that a finished run has and this folder lacks."""
    wanted = [SCENARIO, META, EVENTS, SAMPLES_TEXT]
    lacks = [name for name in wanted if not (folder / name).is_file()]
    if not (folder / SAMPLES).is_file() and not (folder / SAMPLES_RAW).is_file():
        lacks.append(SAMPLES)
    return lacks


def load(folder: Path) -> Run:
    """The run in a folder, to be judged; raises ChaosError when it is none or its scenario is gone."""
    from chaosllm.join import Samples, join  # noqa: PLC0415  # late: brings NumPy
    from chaosllm.reader import read  # noqa: PLC0415  # late: brings pydantic

    found = meta(folder)
    path = folder / SCENARIO
    if not path.is_file():
        raise ChaosError(f"{folder} has no {SCENARIO}", hint="name a whole run folder", exit_code=Exit.USAGE)
    text = path.read_bytes()
    scenario = read(text, file=str(path)).unwrap()
    columns = _columns(folder)
    texts = _texts(folder, columns["operation"])
    samples = Samples(**columns, error=texts.error, marks=texts.marks, prints=texts.prints, gaps=texts.gaps)
    found["missing"] = [*missing(folder), *(f"{name} of {META}" for name in found.pop("unreadable", ()))]
    if found.get("scenario", ours := run_meta.digest(text)) != ours:
        found["missing"].append(f"{SCENARIO} as it was run (it was changed since)")
    if SAMPLES_TEXT not in found["missing"] and texts.lost:
        found["missing"].append(f"{SAMPLES_TEXT} of {texts.lost} operations")
    calls = events(folder)
    found["events_read"] = len(calls)
    return join(scenario, samples, calls, found, control=_controls(folder))


@dataclass(slots=True)
class _Texts:
    """What samples.jsonl says of each row; `lost` are the rows that it says nothing of."""

    error: list[str]
    marks: list[tuple[str, ...]]
    prints: list[Sequence[int]]
    gaps: list[Sequence[int]]
    lost: int = 0


def _texts(folder: Path, operations: np.ndarray[Any, Any]) -> _Texts:
    """Read line by line into columns: a million rows as objects of their own would take a gigabyte."""
    n = len(operations)
    rows = {int(operation): row for row, operation in enumerate(operations)}
    found = _Texts([""] * n, [()] * n, [()] * n, [()] * n)
    told = bytearray(n)
    known: dict[tuple[str, ...], tuple[str, ...]] = {}  # marks are few, and the same for most
    for line in lines(folder / SAMPLES_TEXT):
        operation = line.get("operation")
        row = rows.get(operation) if isinstance(operation, int) else None
        if row is None:
            continue
        told[row] = 1
        found.error[row] = sys.intern(str(line.get("error", "")))
        if marks := _words(line.get("marks")):
            found.marks[row] = known.setdefault(tuple(marks), tuple(marks))
        if prints := line.get("prints"):
            found.prints[row] = array("I", _prints(prints))
        if gaps := _gaps(line.get("gaps")):
            found.gaps[row] = gaps
    found.lost = n - sum(told)
    return found


def _columns(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    import numpy as np  # noqa: PLC0415  # late, as above

    record = np.dtype(_RECORD)
    if (folder / SAMPLES_RAW).is_file():  # the run was killed before it could be packed: read, change nothing
        data = (folder / SAMPLES_RAW).read_bytes()
        rows = np.frombuffer(data[: len(data) - len(data) % record.itemsize], dtype=record)
        return {name: np.ascontiguousarray(rows[name]) for name, _ in _RECORD}
    empty = np.empty(0, dtype=record)
    if not (folder / SAMPLES).is_file():
        return {name: empty[name] for name, _ in _RECORD}
    try:
        with np.load(folder / SAMPLES, allow_pickle=False) as stored:
            return _sound({name: stored[name] for name, _ in _RECORD})
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise ChaosError(
            f"{folder / SAMPLES} cannot be read ({type(error).__name__})",
            hint="the file is cut off or not ours",
            blame=Blame.TOOL,
        ) from error


def _sound(columns: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """The columns, when they fit together and hold what they should; raises ValueError."""
    if len({column.shape for column in columns.values()}) > 1 or columns["operation"].ndim != 1:
        raise ValueError("columns of several lengths")
    for name, kind in _RECORD:
        if columns[name].dtype.kind not in ("f" if "f" in kind else "iu"):
            raise ValueError(f"{name} holds no numbers")
    if (columns["outcome"] >= len(OUTCOMES)).any():
        raise ValueError("an outcome that there is not")
    return columns


def _words(stored: Any) -> list[str]:
    return [word for word in stored if isinstance(word, str)] if isinstance(stored, list) else []


def _gaps(stored: Any) -> list[int]:
    if not isinstance(stored, list) or len(stored) % 2 or not all(_count(one) and one < 1 << 31 for one in stored):
        return []
    return stored if all(one <= MOST for one in stored[::2]) else []


def _controls(folder: Path) -> list[Control]:
    """What came of the control routes; a line that is none is passed over, and so is a file that is not there."""
    return [
        Control(line["route"], line["t_due"], line["t_end"], line["status"])
        for line in lines(folder / CONTROL)
        if isinstance(line.get("route"), str)
        and run_meta.number(line.get("t_due"))
        and run_meta.number(line.get("t_end"))
        and _count(line.get("status"))
    ]


def _prints(stored: str) -> list[int]:
    try:
        raw = base64.b64decode(stored)
    except (ValueError, TypeError):
        return []
    return [int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw) - len(raw) % 4, 4)]

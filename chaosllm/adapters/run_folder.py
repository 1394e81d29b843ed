"""Run folders: makes them, fills them, and reads them back; the only file that knows their names.

Laws:
1. A folder is 0700 and its files 0600, because they say what an app did and when.
2. A file that replaces another appears whole or not at all.
3. Reading forgives what a kill leaves behind (a cut-off last line or record, a missing file) and
   says what is missing; it refuses only what is no run folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from chaosllm.adapters import run_lines, run_meta
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.record import OUTCOMES, SCHEMA, Control, Event
from chaosllm.sources import ACCESS_LOG, ATTACHED, source_of

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
LOG = "log.jsonl"  # commands and what else happened (supervisor/log.py writes it)
SUMMARY = "summary.json"
REPORT = "report.html"
MARKDOWN = "summary.md"
PLOTS = "plots"

#: What a folder may hold for `--out` to take it over: only an earlier run of ours.
_OURS = {
    SCENARIO, META, EVENTS, SAMPLES, SAMPLES_RAW, SAMPLES_TEXT, CONTROL, SUMMARY, REPORT, MARKDOWN, PLOTS, "junit.xml",
    "ca", LOG,
}  # fmt: skip
#: What is a folder of files in it; the second holds a run's CA and goes with the run's end.
INNER = (PLOTS, "ca")
_LOGS = re.compile(r"^(app|proxy|driver|simulator|crash)\.log$")
#: What `write` leaves behind when it is killed.
_HALF = re.compile(r"^\.(.+)\.half$")
#: Lines of a log that are read: an hour of fifty commands a second.
MOST_EVENTS = 200_000

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
    return run_lines.objects(path)


def events(folder: Path) -> list[Event]:
    """The calls of a run; a line that is no event is passed over."""
    return run_lines.events(folder / EVENTS)


def log(folder: Path) -> Iterator[dict[str, Any]]:
    """The events of a log; a line that is none is passed over, and so is all that is beyond MOST_EVENTS."""
    return islice(lines(folder / LOG), MOST_EVENTS)


def meta(folder: Path) -> dict[str, Any]:
    """meta.json; raises ChaosError when the folder is no run folder, or of a schema newer than ours."""
    what = "does not exist" if not folder.exists() else "is a file" if not folder.is_dir() else ""
    try:
        found = {} if what else run_lines.value((folder / META).read_bytes())
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
    attached = source_of(meta(folder)) == ATTACHED  # which has no samples, as its name says
    wanted = [SCENARIO, META, EVENTS, *([] if attached else [SAMPLES_TEXT])]
    lacks = [name for name in wanted if not (folder / name).is_file()]
    if not attached and not (folder / SAMPLES).is_file() and not (folder / SAMPLES_RAW).is_file():
        lacks.append(SAMPLES)
    return lacks


def load(folder: Path) -> Run:
    """The run in a folder, to be judged; raises ChaosError when it is none or its scenario is gone."""
    with run_lines.uncollected():
        return _load(folder)


def _load(folder: Path) -> Run:
    from chaosllm.columns import Samples  # noqa: PLC0415  # late: brings NumPy
    from chaosllm.grouping import linked  # noqa: PLC0415  # as above
    from chaosllm.join import join  # noqa: PLC0415  # as above
    from chaosllm.live.steering import Steering  # noqa: PLC0415  # late, as reading
    from chaosllm.live.told import commands  # noqa: PLC0415  # as above
    from chaosllm.reader import read  # noqa: PLC0415  # late: brings pydantic

    found = meta(folder)
    path = folder / SCENARIO
    if not path.is_file():
        raise ChaosError(f"{folder} has no {SCENARIO}", hint="name a whole run folder", exit_code=Exit.USAGE)
    text = path.read_bytes()
    scenario = read(text, file=str(path)).unwrap()
    columns = _columns(folder)
    texts = run_lines.texts(folder / SAMPLES_TEXT, columns["operation"])
    samples = Samples(**columns, error=texts.error, marks=texts.marks, prints=texts.prints, gaps=texts.gaps)
    found["missing"] = [*missing(folder), *(f"{name} of {META}" for name in found.pop("unreadable", ()))]
    if found.get("scenario", ours := run_meta.digest(text)) != ours:
        found["missing"].append(f"{SCENARIO} as it was run (it was changed since)")
    if SAMPLES_TEXT not in found["missing"] and texts.lost:
        found["missing"].append(f"{SAMPLES_TEXT} of {texts.lost} operations")
    calls = events(folder)
    found["events_read"] = len(calls)
    found["commands"], found["commands_left_out"] = commands(log(folder))
    found["written"] = []  # whatever a file says of it: nobody retimed a phase
    if (said := found.get("steering")) is not None:
        try:
            written, scenario = scenario, Steering.from_json(scenario, said).timed
            found["written"] = [phase.duration for phase in written.phases]
        except (KeyError, ValueError):
            found["steering"] = None
            found["missing"].append(f"steering of {META}")
    if source_of(found) == ACCESS_LOG:
        calls = linked(calls, texts.traces)
    return join(scenario, samples, calls, found, control=_controls(folder))


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


def _controls(folder: Path) -> list[Control]:
    """What came of the control routes; a line that is none is passed over, and so is a file that is not there."""
    return [
        Control(line["route"], line["t_due"], line["t_end"], line["status"])
        for line in lines(folder / CONTROL)
        if isinstance(line.get("route"), str)
        and run_meta.number(line.get("t_due"))
        and run_meta.number(line.get("t_end"))
        and run_lines.count(line.get("status"))
    ]

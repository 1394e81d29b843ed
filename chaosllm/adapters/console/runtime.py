"""Which runs of this user are live: a file each, in a folder that is the user's alone, gone when the run is.

The file holds the token, because `chaosllm ctl` needs it; it is the one secret that we write down, under 0600, in a
folder that the system empties when the user logs out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosllm.errors import ChaosError


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that can be talked to."""

    url: str
    token: str
    name: str
    kind: str  # run, gameday or proxy
    folder: str  # "" where it has none
    pid: int
    began: float  # UNIX seconds


def place() -> Path:
    """The folder of the files, made if it is not there; raises ChaosError where it cannot be the user's alone."""
    import platformdirs  # noqa: PLC0415  # late, because most verbs need none

    try:
        with warnings.catch_warnings():
            # It tells where it falls back to when XDG_RUNTIME_DIR is unset; that place is as private.
            warnings.simplefilter("ignore")
            folder = Path(platformdirs.user_runtime_dir("chaosllm"))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.lstat()
        if hasattr(os, "getuid") and seen.st_uid != os.getuid():
            raise PermissionError(None, "it belongs to somebody else", str(folder))
        if seen.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise ChaosError(
            f"there is no place for the files of live runs: {(error.strerror or str(error)).lower()}",
            hint="point XDG_RUNTIME_DIR to a folder of mode 0700 that is yours",
        ) from error
    return folder


@contextlib.contextmanager
def announced(url: str, token: str, *, name: str, kind: str, folder: Path | None = None) -> Iterator[LiveRun]:
    """Let `chaosllm ctl` find this run until the block ends."""
    run = LiveRun(url, token, name, kind, str(folder.resolve()) if folder else "", os.getpid(), round(time.time(), 3))
    path = place() / f"{run.pid}-{_slug(name)}-{url.rpartition(':')[2]}.json"
    told = {field: getattr(run, field) for field in run.__slots__}
    # Written beside and moved, so that nobody reads half of it.
    beside = path.with_suffix(f".{os.urandom(4).hex()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(told, file)
        beside.replace(path)
        yield run
    finally:
        beside.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def find() -> list[LiveRun]:
    """The live runs, the oldest first; files of runs whose process is gone are removed."""
    found = []
    for path in sorted(place().glob("*.json")):
        run = _read(path)
        if run is None:
            continue
        if alive(run.pid):
            found.append(run)
        else:
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda run: run.began)


def alive(pid: int) -> bool:
    """Whether there is such a process of this user."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # somebody else's now, so ours is gone
    return True


def _read(path: Path) -> LiveRun | None:
    """What a file tells; None for one that is not ours to read, or not whole."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return LiveRun(
            str(told["url"]), str(told["token"]), str(told["name"]), str(told["kind"]), str(told["folder"] or ""),
            int(told["pid"]), float(told["began"]),
        )  # fmt: skip
    return None


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "run"

"""`chaosllm clean`: removes old run folders, and asks first."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.errors import ChaosError, Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chaosllm.adapters.old_runs import Found, Old
    from chaosllm.retention import Retention

#: Runs that stay when nothing else is asked.
KEEP = 20
_DAY = 86400.0


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm clean\n"
    "  chaosllm clean --keep 5 --dry-run\n"
    "  chaosllm clean --older-than 14d --keep 3\n"
    "  chaosllm clean --max-size 2GB --yes\n"
    "  chaosllm clean reports/nightly --keep 30 --yes --json\n\n"
    "Only run folders are removed, known by their files, sweeps with all of their runs, game days with all of their "
    "steps, and a suite's page once no run is left in its folder; a sweep and a day count as one. A folder that holds "
    "anything else stays, and so do baselines, reports/sample, a run that is being written, and whatever a link "
    "leads to. Without a terminal to ask on, it takes --yes."
)
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("reports"))
@click.option(
    "--keep", metavar="N", type=click.IntRange(0),
    help=f"The newest N stay, whatever else is asked; alone: all others go.  [default: {KEEP} when nothing is asked]",
)  # fmt: skip
@click.option("--older-than", metavar="AGE", help="Remove what began longer ago than this, such as 14d or 12h.")
@click.option("--max-size", metavar="SIZE", help="Remove the oldest until all take at most this, such as 2GB.")
@click.option("-y", "--yes", is_flag=True, help="Remove without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what goes and what stays as one JSON object on stdout.")
def command(
    *,
    folder: Path,
    keep: int | None,
    older_than: str | None,
    max_size: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Remove old run folders below DIR (reports), the oldest first; shows which, with their sizes, and asks."""
    from chaosllm.adapters.old_runs import find  # noqa: PLC0415  # late, so that --help stays quick

    wanted = _wanted(keep, older_than, max_size)
    now = time.time()
    found = find(_checked(folder), now)
    why = wanted.going([old.stored for old in found.runs], now)
    going = sorted((old for old in found.runs if old.stored.name in why), key=lambda old: old.stored.started)
    _list(found, going, why, now, folder=folder, say=_sayer(on_stderr=as_json))
    removed: list[str] = []
    failed: dict[str, str] = {}
    if going and not dry_run and (yes or _asked(going)):
        _remove(going, removed, failed)
    if as_json:
        click.echo(json.dumps(_machine(found, why, removed, failed, folder=folder)))
    for name, what in failed.items():
        click.echo(f"error: {_clean(name)} could not be removed: {_clean(what)}", err=True)
    if removed:
        freed = sum(old.stored.size for old in going if old.stored.name in removed)
        click.echo(f"removed {_runs(len(removed))}, {_size(freed)}", err=True)
    return Exit.COULD_NOT_RUN if failed else Exit.PASS


def _wanted(keep: int | None, older_than: str | None, max_size: str | None) -> Retention:
    from chaosllm.retention import Retention  # noqa: PLC0415  # late, as above
    from chaosllm.units import parse_duration, parse_size  # noqa: PLC0415  # as above

    age = _read("--older-than", older_than, parse_duration)
    size = _read("--max-size", max_size, parse_size)
    if keep is None and age is None and size is None:
        keep = KEEP
    return Retention(keep, age, size)


def _read[T](option: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _checked(folder: Path) -> Path:
    """The folder; raises ChaosError for one that is not to be cleaned."""
    from chaosllm.adapters import run_folder  # noqa: PLC0415  # late, as above
    from chaosllm.adapters.gameday.record import DAY  # noqa: PLC0415  # as above

    what, hint = "", "name the folder that holds the run folders"
    if folder.is_symlink():
        what, hint = "is a link, and no link is followed", f"name what it leads to: {folder.resolve()}"
    elif folder.exists() and not folder.is_dir():
        what = "is a file"
    elif (folder / run_folder.META).exists():
        what = "is a run folder itself"
    elif (folder / DAY).exists():
        what = "is the folder of a game day itself"
    elif not folder.exists() and folder != Path("reports"):
        what = "does not exist"
    if what:
        raise ChaosError(f"{folder} {what}", hint=hint, exit_code=Exit.USAGE)
    return folder


def _asked(going: Sequence[Old]) -> bool:
    """Whether the user says yes; raises ChaosError where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ChaosError(
            "there is no terminal to ask on, and nothing was removed",
            hint="--yes removes without asking, --dry-run only says what would go",
            exit_code=Exit.USAGE,
        )
    if click.confirm(f"remove {_runs(len(going))} for good?", err=True):
        return True
    click.echo("nothing was removed", err=True)
    return False


def _remove(going: Sequence[Old], removed: list[str], failed: dict[str, str]) -> None:
    from chaosllm.adapters.old_runs import NotOursError, remove  # noqa: PLC0415  # late, as above

    for old in going:
        try:
            remove(old)
        except NotOursError as why:
            failed[old.stored.name] = str(why)
        except OSError as error:
            failed[old.stored.name] = (error.strerror or str(error)).lower()
        else:
            removed.append(old.stored.name)


def _list(
    found: Found,
    going: Sequence[Old],
    why: Mapping[str, str],
    now: float,
    *,
    folder: Path,
    say: Callable[[str], None],
) -> None:
    """What would go, the oldest first, what stays, and what looks like a run and is not touched."""
    if not found.runs and not found.left:
        say(f"there is no run folder in {_clean(folder)}")
        return
    rows = [
        (_clean(one.path), _size(one.stored.size), _age(now - one.stored.started), _clean(one.verdict)) for one in going
    ]
    reasons = [why[one.stored.name] for one in going]
    wide = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for (path, size, age, verdict), reason in zip(rows, reasons, strict=True):
        say(f"  {path:<{wide[0]}}  {size:>{wide[1]}}  {age:>{wide[2]}}  {verdict:<{wide[3]}}  {reason}")
    for left in found.left:
        say(f"  {_clean(left.path)} stays: {_clean(left.why)}")
    total, goes = (sum(old.stored.size for old in some) for some in (found.runs, going))
    stay = len(found.runs) - len(going)
    goes_text = f"{_runs(len(going))} to go, {_size(goes)}" if going else "nothing to go"
    say(f"{goes_text}; {_runs(stay)} to stay, {_size(total - goes)}")


def _machine(
    found: Found, why: Mapping[str, str], removed: Sequence[str], failed: Mapping[str, str], *, folder: Path
) -> dict[str, Any]:
    from datetime import UTC, datetime  # noqa: PLC0415  # late, as above

    def row(old: Old) -> dict[str, Any]:
        return {
            "folder": str(old.path), "scenario": old.scenario, "verdict": old.verdict, "bytes": old.stored.size,
            "started": datetime.fromtimestamp(old.stored.started, UTC).isoformat(timespec="seconds"),
            "goes": old.stored.name in why, "why": why.get(old.stored.name, ""), "removed": old.stored.name in removed,
        } | ({"error": failed[old.stored.name]} if old.stored.name in failed else {})  # fmt: skip

    newest = sorted(found.runs, key=lambda old: -old.stored.started)
    return {
        "dir": str(folder),
        "runs": [row(old) for old in newest],
        "left": [{"folder": str(left.path), "why": left.why} for left in found.left],
        "freed": sum(old.stored.size for old in found.runs if old.stored.name in removed),
    }


def _sayer(*, on_stderr: bool) -> Callable[[str], None]:
    def say(text: str) -> None:
        click.echo(text, err=on_stderr)

    return say


def _runs(number: int) -> str:
    return f"{number} run{'' if number == 1 else 's'}"


def _age(seconds: float) -> str:
    """In whole days, below two in hours, below one in minutes."""
    for unit, word in ((_DAY, "days"), (3600.0, "h")):
        if seconds >= (2 if unit == _DAY else 1) * unit:
            return f"{int(seconds // unit)} {word} old"
    return f"{max(0, int(seconds // 60))} min old"


def _size(size: int) -> str:
    from chaosllm.units import format_size  # noqa: PLC0415  # late, as above

    return format_size(size)


def _clean(value: object) -> str:
    from chaosllm.renderers._words import clean  # noqa: PLC0415  # late, as above

    return clean(value)

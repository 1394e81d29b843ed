"""The argument that names a scenario file, and where the scenarios are that come with chaosllm."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

#: Inside the package when installed, beside it in a checkout. In this order, because beside an installed
#: package there may be a stranger's `scenarios`.
_SHIPPED = (Path(__file__).parents[1] / "_scenarios", Path(__file__).parents[2] / "scenarios")


#: Beside the groups of scenarios, what is made of them (DESIGN section 4), and what they include.
_SUITES, _DAYS = "suites", "gamedays"
_OTHERS = {_SUITES, _DAYS, "parts"}


def shipped() -> list[Path]:
    """The scenario files that come with chaosllm, group by group; below the current folder as one would type them."""
    folder = _folder()
    if folder is None:
        return []
    paths = [path for path in folder.rglob("*.yaml") if not _OTHERS & {*path.relative_to(folder).parts}]
    return [_short(path) for path in sorted(paths, key=lambda path: (path.parent != folder, path))]


def shipped_suites() -> list[Path]:
    """The suites that come with chaosllm, as `shipped` gives the scenarios."""
    return _beside(_SUITES)


def shipped_days() -> list[Path]:
    """The game-day plans that come with chaosllm, as `shipped` gives the scenarios."""
    return _beside(_DAYS)


def _beside(name: str) -> list[Path]:
    folder = _folder()
    return [_short(path) for path in sorted((folder / name).glob("*.yaml"))] if folder else []


def group_of(path: Path) -> str:
    """The group of a scenario of ours: the folder it lies in, "" for one that lies beside the groups."""
    folder = _folder()
    parent = path.resolve().parent
    return "" if folder is None or parent == folder.resolve() else parent.name


def _folder() -> Path | None:
    return next((folder for folder in _SHIPPED if folder.is_dir()), None)


class ScenarioFile(click.Path):
    """A path; one that is missing and named like a scenario, suite or plan of ours is answered with its path."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does, after a look at what people type in place of a path."""
        text = str(value)
        if text == "-":
            raise click.UsageError(
                "`-`: a scenario is taken from a file, because it may name files beside it; only validate reads `-`"
            )
        if not Path(text).exists() and (near := _near(Path(text))):
            raise click.UsageError(f"there is no file {text}; did you mean {' or '.join(map(str, near))}?")
        return super().convert(value, param, ctx)


def _near(path: Path) -> list[Path]:
    """Up to three scenarios, suites or plans of ours that a missing path looks like, whatever group they are in."""
    ours: dict[str, list[Path]] = {}
    for one in (*shipped(), *shipped_suites(), *shipped_days()):
        ours.setdefault(one.stem, []).append(one)
        if group := group_of(one):  # latency-spike for latency/spike
            ours.setdefault(f"{group}-{one.stem}", []).append(one)
    words = [path.stem, f"{path.parent.name}-{path.stem}"] if path.parent.name else [path.stem]
    found = [near for word in words for near in difflib.get_close_matches(word, ours, n=1, cutoff=0.8)]
    return list(dict.fromkeys(one for near in found for one in ours[near]))[:3]


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path

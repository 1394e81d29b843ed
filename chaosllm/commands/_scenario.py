"""The argument that names a scenario file, and where the scenarios are that come with chaosllm."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

#: Inside the package when installed, beside it in a checkout. In this order, because beside an installed
#: package there may be a stranger's `scenarios`.
_SHIPPED = (Path(__file__).parents[1] / "_scenarios", Path(__file__).parents[2] / "scenarios")


def shipped() -> list[Path]:
    """The scenario files that come with chaosllm, by name; below the current folder as one would type them."""
    folder = next((folder for folder in _SHIPPED if folder.is_dir()), None)
    return [_short(path) for path in sorted(folder.glob("*.yaml"))] if folder else []


class ScenarioFile(click.Path):
    """A path; one that is missing and named like a scenario of ours is answered with that one's path."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does, after a look at what people type in place of a path."""
        text = str(value)
        if text == "-":
            raise click.UsageError(
                "`-`: a scenario is taken from a file, because it may name files beside it; only validate reads `-`"
            )
        if not Path(text).exists():
            ours = {path.stem: path for path in shipped()}
            near = difflib.get_close_matches(Path(text).stem, ours, n=1, cutoff=0.8)
            if near:
                raise click.UsageError(f"there is no file {text}; did you mean {ours[near[0]]}?")
        return super().convert(value, param, ctx)


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path

"""`--tag`, `--only` and `--skip`: which of many scenarios a command takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.errors import Blame, ChaosError, Exit, Problem, ScenarioError, Where

if TYPE_CHECKING:
    from chaosllm.adapters.suite_file import Chosen
    from chaosllm.reader import Reading

#: Before a tag: none of the scenarios that have it.
_NOT = "not:"
_LISTED = 24  # names in a list that a reader still reads


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for: any of the tags and none of the `not:` ones, any of `only`, none of `skip`."""

    tags: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def takes(self, name: str, path: Path, tags: Sequence[str]) -> bool:
        """Whether a scenario is taken; a glob is held against its name, and against FOLDER/FILE without the ending."""
        names = (name, f"{path.resolve().parent.name}/{path.stem}")
        wanted = [tag for tag in self.tags if not tag.startswith(_NOT)]
        return (
            (not wanted or any(tag in tags for tag in wanted))
            and not any(tag.removeprefix(_NOT) in tags for tag in self.tags if tag.startswith(_NOT))
            and (not self.only or any(fnmatchcase(one, glob) for one in names for glob in self.only))
            and not any(fnmatchcase(one, glob) for one in names for glob in self.skip)
        )

    def nothing(self, names: Sequence[str], tags: Sequence[str]) -> ChaosError:
        """The error for a selection that leaves nothing of the scenarios of these names and tags."""
        asked = [f"--tag {tag}" for tag in self.tags]
        asked += [f"--only {glob}" for glob in self.only] + [f"--skip {glob}" for glob in self.skip]
        there = f"there {'are' if len(names) != 1 else 'is'} {_some(names)}"
        tagged = f"tags: {', '.join(sorted(set(tags)))}" if tags else "none has a tag"
        # What was not asked for is not listed: the library's names hide its tags.
        known = [there] * bool(self.only or self.skip or not tags) + [tagged] * bool(self.tags)
        return ChaosError(
            f"{' '.join(asked)} leaves nothing of {len(names)} scenario{'s' * (len(names) != 1)}",
            hint="; ".join(known),
            blame=Blame.SCENARIO,
            exit_code=Exit.USAGE,
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more; `chaosllm list scenarios` shows ours" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


def selecting[F: Callable[..., Any]](function: F) -> F:
    """Give a command the three options, which it takes as `tags`, `only` and `skip`."""
    options = (
        click.option("--tag", "tags", metavar="TAG", multiple=True, help="Scenarios of this tag; not:TAG: without it."),
        click.option("--only", metavar="GLOB", multiple=True, help="Scenarios of this name or FOLDER/FILE, a glob."),
        click.option("--skip", metavar="GLOB", multiple=True, help="All but those of this name or FOLDER/FILE."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def read_all(
    found: Sequence[Chosen],
    selection: Selection,
    settings: Sequence[str] = (),
    scale: float = 1.0,
    *,
    starts: bool = True,
    environ: Mapping[str, str] | None = os.environ,
) -> list[tuple[Path, Reading]]:
    """The scenarios that are taken, all read before the first is run.

    Raises ScenarioError with the problems of all, also of those that might not be taken: a file that
    cannot be read tells neither its name nor its tags. Raises ChaosError when none is taken.
    """
    sound: list[tuple[Path, Reading]] = []
    problems: list[Problem] = []
    for one in found:
        try:
            made = one.readings(settings, duration_scale=scale, starts=starts, environ=environ)
            for reading in made:
                reading.unwrap()
        except ScenarioError as error:
            problems += [problem for problem in error.problems if problem not in problems]
        except ChaosError as error:
            if len(found) == 1:
                raise
            problems.append(Problem(Where(str(one.path), 1, 1), error.what.removeprefix(f"{one.path} "), error.hint))
        else:
            sound += [(one.path, reading) for reading in made]
    if problems:
        raise ScenarioError(problems)
    every = [(path, reading, reading.unwrap()) for path, reading in sound]
    taken = [(path, reading) for path, reading, one in every if selection.takes(one.name, path, one.tags)]
    if not taken:
        raise selection.nothing([one.name for *_, one in every], [tag for *_, one in every for tag in one.tags])
    return taken

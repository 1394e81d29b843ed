"""`load: {locustfile: FILE}`: what cannot stand beside a locustfile, and what of the file itself cannot run."""

from __future__ import annotations

import ast
from collections.abc import Callable

from chaosllm import scenario as model
from chaosllm.errors import Level
from chaosllm.language.model import ScenarioFile
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.spelling import shorten
from chaosllm.units import format_duration

#: Keys of an open loop, and why a locustfile leaves them nothing to say.
_OPEN = {
    "rate": "users ask again when they have their answer: say how many there are with load.users",
    "arrivals": "users ask again when they have their answer, after the locustfile's wait_time",
    "shape": "load.users are there all the time",
    "prompts": "the locustfile says what its users ask",
    "max_in_flight": "no more requests are in flight than load.users",
}


def check_locustfile(
    document: Document,
    problems: Problems,
    read: Callable[[Path, str], str | None],
    *,
    whole: ScenarioFile,
    phases: list[model.Phase],
) -> None:
    """Note what of a closed loop cannot be meant; `read` gives a file's text, or notes why it has none."""
    given = document.data.get("load") or {}
    if whole.load.locustfile is None:
        for key in ("users", "spawn_rate"):
            if key in given:
                what = f"`{key}` is of a locustfile, and there is none"
                problems.add(document.where_key(("load", key)), what, "write rate: 10/s, or add locustfile: FILE")
        return
    for key, why in _OPEN.items():
        if key in given:
            problems.add(
                document.where_key(("load", key)), f"found `{key}` beside `locustfile`", f"leave it out: {why}"
            )
    if given.get("correlate") == "prompt":
        what = "a locustfile's prompts carry no reference, so they cannot be correlated by it"
        problems.add(
            document.where(("load", "correlate")), what, "leave it out: each request has a header that names it"
        )
    _arrivals(document, problems, whole, phases)
    _text(document, problems, read, whole.load.locustfile)


def _arrivals(document: Document, problems: Problems, whole: ScenarioFile, phases: list[model.Phase]) -> None:
    """Users who are still arriving when the app is measured make the phases' loads differ."""
    rate = whole.load.spawn_rate
    calm = next((phase for phase in phases if phase.role is not model.Role.WARMUP), None)
    if rate is not None and calm is not None and whole.load.users / rate > calm.start + 1:
        problems.add(
            document.where(("load", "spawn_rate")),
            f"the last user comes after {format_duration(whole.load.users / rate)}, inside {calm.name} or later",
            "raise spawn_rate, or give the first phase role: warmup and time enough",
            Level.WARNING,
        )


def _text(document: Document, problems: Problems, read: Callable[[Path, str], str | None], name: str) -> None:
    where = document.where(("load", "locustfile"))
    if not name.endswith(".py"):
        problems.add(where, f"found {shorten(name)}, expected a Python file", "such as locustfile.py")
        return
    text = read(("load", "locustfile"), name) or ""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        problems.add(where, f"{name} is no Python{line}: {said}", f"mend it; `locust -f {name}` must run it too")

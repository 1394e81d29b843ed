"""`turns`, `steps`, `take` and `think`: what of a session cannot be meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chaosllm.errors import Level
from chaosllm.language.asking import AskedFile, OperationFile, RequestFile
from chaosllm.language.model import ScenarioFile
from chaosllm.language.places import places_in
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.spelling import cut

#: Requests of one session, at most: more is a load of its own, and numbers of operations are 32 bits.
LONGEST = 100
_OF_A_SESSION = {"name", "weight", "turns", "think", "steps"}


def check_sessions(document: Document, problems: Problems, whole: ScenarioFile) -> None:
    """Note what cannot be meant of sessions."""
    target = whole.target
    listed: list[tuple[Path, OperationFile]] = [
        (("target", "operations", at), one) for at, one in enumerate(target.operations or ())
    ]
    if target.operation is not None:
        listed.append((("target", "operation"), target.operation))
    for path, one in listed:
        _Session(document, problems, path, one).check(closed=whole.load.locustfile is not None)


class _Session:
    """The checks of one of the things that users do."""

    def __init__(self, document: Document, problems: Problems, path: Path, given: OperationFile) -> None:
        self.document, self.problems, self.path, self.given = document, problems, path, given
        self.steps = given.steps if isinstance(given, AskedFile) else None

    def add(self, path: Path, what: str, hint: str, level: Level = Level.ERROR) -> None:
        self.problems.add(self.document.where_key((*self.path, *path)), what, hint, level)

    def check(self, *, closed: bool) -> None:
        """All of them."""
        given, requests = self.given, self.requests()
        for key in ("turns", "steps", "think", "take"):
            if closed and key in given.model_fields_set:
                self.add(
                    (key,), f"found `{key}` beside a locustfile", "leave it out: the locustfile says what users do"
                )
        if given.think is not None and given.turns == 1 and len(requests) == 1:
            self.add(("think",), "`think` comes between requests, and here is one", "add turns: 3, or steps")
        if given.turns * len(requests) > LONGEST:
            what = f"a user makes {given.turns * len(requests)} requests, expected at most {LONGEST}"
            self.add(("turns",), what, "make `turns` less, and the load's rate higher")
        if self.steps is not None:
            for key in sorted(given.model_fields_set - _OF_A_SESSION):
                shown = key.rstrip("_")
                self.add((shown,), f"found `{shown}` beside `steps`", "put it into the step that it is of")
            self.names([step.name for step in self.steps])
        for path, request in requests:
            if request.take and request.stream == "sse":
                what = "an event stream is no JSON document, so nothing can be taken from it"
                self.add((*path, "take"), what, "take it from a step that answers with JSON, or leave `stream` out")
        self.uses(requests)

    def requests(self) -> Sequence[tuple[Path, RequestFile]]:
        """Each request of one turn, with its place under the operation."""
        if self.steps is None:
            return [((), self.given)]
        return [(("steps", at), step) for at, step in enumerate(self.steps)]

    def names(self, names: list[str]) -> None:
        """Each step has a name of its own."""
        for at, name in enumerate(names):
            if name in names[:at]:
                line = self.document.where((*self.path, "steps", names.index(name), "name")).line
                self.add(("steps", at, "name"), f"there are two steps `{cut(name)}`", f"the first is on line {line}")

    def uses(self, requests: Sequence[tuple[Path, RequestFile]]) -> None:
        """What is taken is used, and not before it is taken."""
        wants = [set(places_in(_raw(request))) for _, request in requests]
        again = self.given.turns > 1
        for at, (path, request) in enumerate(requests):
            for name in request.take:
                if not any(name in want for want in (wants if again else wants[at + 1 :])):
                    early = any(name in want for want in wants)
                    what = f"`{cut(name)}` is taken, and no later request wants it"
                    hint = (
                        "it is wanted before: change the order" if early else f'write "{{{cut(name)}}}" where it goes'
                    )
                    self.add((*path, "take", name), what, hint, Level.ERROR if early else Level.WARNING)


def _raw(request: RequestFile) -> Iterator[Any]:
    return iter((request.path, request.headers, request.cookies, request.json_, request.body))

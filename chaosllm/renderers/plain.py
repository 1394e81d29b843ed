"""The run as plain lines for the log of a CI job: no colour, no box, one fact a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from chaosllm.renderers import Material
from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words

_MARKS = {"pass": "ok  ", "fail": "FAIL"}


class Plain:
    """What `gate` prints."""

    name: ClassVar = "plain"
    summary: ClassVar = "plain lines, for the log of a CI job"
    file: ClassVar[str | None] = None

    def render(self, material: Material) -> str:
        """The lines, with the last line end."""
        return text(material) + "\n"


def text(material: Material) -> str:
    """Verdict first, then what it rests on."""
    return "\n".join(_lines(material))


def _lines(material: Material) -> Iterator[str]:
    summary = material.summary
    word, _ = words.VERDICTS.get(str(summary.get("verdict")), words.VERDICTS["inconclusive"])
    yield f"{word} {words.clean(summary.get('scenario', ''))} (seed {words.clean(summary.get('seed'))})"
    if source := words.source(summary):
        yield f"  note {source}"
    if lost := users.lost(summary):
        yield f"  {lost}"
    for one in summary.get("objectives", ()):
        why = f": {words.clean(one['why'])}" if one.get("why") else ""
        mark = _MARKS.get(str(one.get("verdict")), "?   ")
        yield f"  {mark} {words.clean(one.get('text'))}: measured {words.objective_value(one)}{why}"
    for one in words.worst(summary.get("findings", ())):
        evidence = ", ".join(words.clean(name) for name in list(one.get("evidence", ()))[:3])
        mark = "FAIL" if one.get("fails") else "note"
        where = f" in phase {words.clean(one['phase'])}" if one.get("phase") else ""
        name = f"{words.clean(one.get('code'))} ({words.clean(one.get('severity'))})"
        yield f"  {mark} {name}{where}: {words.clean(words.sentence(one))} [{evidence}]"
        if known := words.accepted(one):
            yield f"       {words.clean(known)}"
    for check in summary.get("validity", ()):
        if not check.get("ok"):
            yield f"  ?    {words.clean(check.get('what'))}: {words.clean(check.get('hint'), longest=500)}"
    yield f"  {words.injected(summary.get('injection', ()))}"
    if score := users.score(summary.get("score")):
        yield f"  {score}"
    if first := words.fix_first(summary):
        yield f"  fix first: {words.clean(first, longest=1000)}"
    if material.report:
        yield f"  report: {words.clean(material.report, longest=1000)}"


MEMBER = Plain()

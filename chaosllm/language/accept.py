"""`accept`: findings that somebody answers for until a date, as a scenario or a suite writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from chaosllm import scenario as model
from chaosllm.errors import Level, Problem
from chaosllm.language.kinds import Model, PhaseName, Text
from chaosllm.language.overrides import FILE
from chaosllm.language.yaml_nodes import Document, Problems
from chaosllm.registry import members
from chaosllm.spelling import cut, shorten, suggest

#: Days; longer ahead than a year a date is no date any more but a way to say for ever.
FAR = 366


def _day(value: str) -> str:
    try:
        sound = re.fullmatch(r"\d{4}-\d\d-\d\d", value) and date.fromisoformat(value)
    except ValueError:
        sound = None
    if not sound:
        raise ValueError(f'found {shorten(value)}, expected a day, quoted: "2026-12-31"')
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("found nothing, expected a few words")
    return value


class AcceptFile(Model):
    """A finding that is known, and does not fail the run until its day has passed."""

    finding: str
    phase: PhaseName | None = None
    owner: Annotated[Text, AfterValidator(_said)]
    reason: Annotated[Text, AfterValidator(_said)]
    until: Annotated[str, AfterValidator(_day), Field(description='the last day that it holds, quoted: "2026-12-31"')]


def check_accept(document: Document, problems: Problems, phases: Sequence[str] | None) -> None:
    """Note findings that do not exist or are accepted twice, and phases that do not exist; None: any phase."""
    listed = document.data.get("accept")
    known = members("findings")
    first: dict[tuple[str, object], int] = {}
    for at, item in enumerate(listed if isinstance(listed, list) else []):
        code = item.get("finding") if isinstance(item, dict) else None
        if not isinstance(code, str):
            continue
        where, phase = document.where(("accept", at, "finding")), item.get("phase")
        if code not in known:
            problems.add(where, f"there is no finding `{cut(code)}`", suggest(code, known))
        elif (code, str(phase)) in first:
            problems.add(where, f"`{code}` is accepted twice", f"the first is on line {first[code, str(phase)]}")
        first.setdefault((code, str(phase)), where.line)
        if phases is not None and isinstance(phase, str) and phase not in phases:
            there = document.where(("accept", at, "phase"))
            problems.add(there, f"there is no phase `{cut(phase)}`", suggest(phase, phases))


def build_accept(found: Sequence[AcceptFile], document: Document) -> tuple[model.Acceptance, ...]:
    """What is accepted, with the place of each day."""
    return tuple(
        model.Acceptance(
            one.finding, one.owner, one.reason, one.until, one.phase, document.where(("accept", at, "until"))
        )
        for at, one in enumerate(found)
    )


def warn_of_days(accepted: Sequence[model.Acceptance], today: date) -> list[Problem]:
    """Warnings of days that have passed, and of those too far ahead to be held to."""
    found = []
    for one in accepted:
        if one.where is None or one.where.file == FILE:  # of a suite, which is warned of by itself
            continue
        days = (date.fromisoformat(one.until) - today).days
        if days < 0:
            what = f"`{one.finding}` is accepted until {one.until}, which has passed"
            found.append(Problem(one.where, what, "mend it, or agree on another day", Level.WARNING))
        elif days > FAR:
            what = f"`{one.finding}` is accepted until {one.until}, over a year ahead"
            found.append(Problem(one.where, what, "set a day on which somebody looks again", Level.WARNING))
    return found

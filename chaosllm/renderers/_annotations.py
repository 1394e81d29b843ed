"""GitHub's workflow commands that mark what went wrong at the scenario's own lines.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions: `::error file=F,line=L,title=T::TEXT`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaosllm.errors import Where
from chaosllm.renderers import _words as words
from chaosllm.scenario import Scenario

#: GitHub shows ten of a step and drops the others without a word.
MOST = 9
_KINDS = ("error", "warning", "notice")


def fitting(found: Iterable[str]) -> list[str]:
    """At most MOST of them, the gravest first where they are more, the last of which says how many were left out."""
    every = list(found)
    if len(every) <= MOST:
        return every
    ranked = sorted(every, key=lambda line: next(at for at, kind in enumerate(_KINDS) if line.startswith(f"::{kind}")))
    left = len(every) - MOST + 1
    return [*ranked[: MOST - 1], annotation("notice", None, f"{left} more", "the summary and the report name them all")]


def lines(scenario: Scenario, summary: Mapping[str, Any], *, passes: bool) -> Iterator[str]:
    """One for each failed or undecided objective, each finding, and each check that failed.

    `passes`: whether what is undecided passes, and so is a warning only. Objectives point at their own line, findings
    at the rule whose fault they met.
    """
    wheres = {one.text: one.where for one in scenario.objectives}
    level = "warning" if passes else "error"
    for one in summary.get("objectives", ()):
        text = str(one.get("text"))
        if one.get("verdict") == "fail":
            yield annotation("error", wheres.get(text), f"{text} failed", f"measured {words.objective_value(one)}")
        elif one.get("verdict") != "pass":
            yield annotation(level, wheres.get(text), f"{text} is undecided", str(one.get("why") or ""))
    for one in words.worst(summary.get("findings", ())):
        phases = scenario.judged(str(one.get("phase"))) if one.get("phase") else ()
        where = next((rule.where for phase in phases for rule in phase.rules if rule.where), None)
        title = f"{one.get('code')} ({one.get('severity')})"
        kind = "error" if one.get("fails") else "notice" if words.holds(one) else "warning"
        yield annotation(kind, where, title, f"{words.sentence(one)} {one.get('advice', '')}")
    for check in summary.get("validity", ()):
        if not check.get("ok"):
            yield annotation(
                level, None, f"{check.get('name')} spoils the run", f"{check.get('what')}: {check.get('hint')}"
            )


def annotation(kind: str, where: Where | None, title: str, text: str) -> str:
    """One workflow command; a place that is no file, such as --set, is left out."""
    at = f"file={_property(where.file)},line={where.line},col={where.column}," if where and where.line else ""
    at = "" if where is not None and where.file.startswith("--") else at
    return f"::{kind} {at}title={_property(words.clean(title))}::{_data(words.clean(text, longest=2000))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

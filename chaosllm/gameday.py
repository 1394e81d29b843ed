"""A game day: who takes part, which steps they take, what each expects, and how what was seen differs from that.

Laws:
1. Nothing here knows a value that came by `${env:NAME}`: webhooks keep the variable's name.
2. What is expected is held against summary.json alone, so that it can be held against it again years later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chaosllm.errors import Level, Problem, Where
from chaosllm.scenario import Scenario
from chaosllm.units import format_duration, format_share

type Occasion = Literal["stop", "critical", "approval", "over"]

#: On what somebody can be paged.
OCCASIONS: tuple[Occasion, ...] = ("stop", "critical", "approval", "over")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who takes part. `name` may be "" where only the role is known."""

    role: str
    name: str = ""
    does: str = ""

    def to_json(self) -> dict[str, str]:
        """The row of day.json."""
        return {"role": self.role, "name": self.name, "does": self.does}


@dataclass(frozen=True, slots=True)
class Approval:
    """What a step waits for. `by` is a role, "" for anybody; `file` is relative to the plan's folder, None for none."""

    by: str = ""
    file: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """As the state and day.json hold it."""
        return {"by": self.by, "file": self.file}


@dataclass(frozen=True, slots=True)
class Expect:
    """What the team expects to see. `findings` None: any may come; (): none may."""

    verdict: Literal["pass", "fail"] | None = None
    findings: tuple[str, ...] | None = None
    objectives: tuple[str, ...] = ()
    summary: str = ""

    def __bool__(self) -> bool:
        """Whether anything is expected that a run can be held against."""
        return self.verdict is not None or self.findings is not None or bool(self.objectives)

    def words(self) -> str:
        """All of it in one line; "" where nothing is expected."""
        summary = self.summary.strip().removesuffix(".")  # more may follow
        told = [summary] if summary else []
        told += [f"verdict {self.verdict.upper()}"] if self.verdict else []
        if self.findings is not None:
            told.append(f"findings: {', '.join(self.findings)}" if self.findings else "no findings")
        return "; ".join([*told, *self.objectives])

    def to_json(self) -> dict[str, Any]:
        """The entry of day.json."""
        return {
            "verdict": self.verdict,
            "findings": None if self.findings is None else [*self.findings],
            "objectives": [*self.objectives],
            "summary": self.summary,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Expect:
        """What `to_json` wrote."""
        codes = found.get("findings")
        return cls(
            found.get("verdict"),
            None if codes is None else tuple(codes),
            tuple(found.get("objectives") or ()),
            str(found.get("summary") or ""),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Who is told, and of what. `webhook` may hold `${env:NAME}`, unfilled."""

    webhook: str
    when: tuple[Occasion, ...] = OCCASIONS
    where: Where | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RollbackCheck:
    """Asked after each step: is the app well again? `http` is a path on the step's target, or a URL."""

    http: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Without a `scenario` it cannot start, and `problems` say why; with one they are warnings.

    `sets` are changes as `--set` takes them, and `places` where each stands in the plan. `as_run` is the text of the
    scenario with all changes made; files that it names lie in `base`.
    """

    number: int  # from 1
    name: str
    kind: Literal["scenario", "fault"]
    what: str  # the scenario's path from the plan's folder, or the fault's name
    where: Where = field(compare=False)
    expect: Expect = field(default_factory=Expect)
    approval: Approval | None = None  # None: it begins by itself
    disabled: tuple[str, ...] = ()  # rules that begin switched off
    duration_scale: float = 1.0
    sets: tuple[str, ...] = ()
    places: tuple[Where, ...] = field(default=(), compare=False)
    scenario: Scenario | None = None
    as_run: str = ""
    base: Path | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def error(self) -> dict[str, str] | None:
        """Why it cannot start, as the state and day.json say it; None where it can."""
        if self.scenario is not None:
            return None
        wrong = [one for one in self.problems if one.level is Level.ERROR]
        if not wrong:
            return {"what": f"{self.what} was not read", "hint": ""}
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return {"what": f"{wrong[0].where}: {wrong[0].what}{more}", "hint": wrong[0].hint}

    @property
    def hypothesis(self) -> str:
        """The scenario's, on one line."""
        return " ".join(self.scenario.hypothesis.split()) if self.scenario else ""

    def to_json(self) -> dict[str, Any]:
        """What of a step in day.json is known before it begins."""
        return {
            "number": self.number, "name": self.name, "kind": self.kind, "what": self.what,
            "hypothesis": self.hypothesis, "expect": self.expect.to_json(), "error": self.error,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class GameDay:
    """What a plan says. `source` is its text, variables unfilled; times are seconds, None where there is no bound."""

    name: str
    steps: tuple[Step, ...]
    summary: str = ""
    roles: tuple[Person, ...] = ()
    time_box: float | None = None
    stop_when: tuple[Any, ...] = ()  # as the plan spells them; they are in each step's scenario too
    safety_lever: str | None = None
    dead_man: float | None = None
    rollback: tuple[RollbackCheck, ...] = ()
    pages: tuple[Page, ...] = ()
    source: str = ""

    @property
    def duration(self) -> float:
        """Seconds of the phases of all steps that can start."""
        return sum(one.scenario.duration for one in self.steps if one.scenario is not None)

    def to_json(self) -> dict[str, Any]:
        """What of day.json is known before the day begins."""
        return {
            "schema": 1, "gameday": self.name, "summary": self.summary, "time_box": self.time_box,
            "roles": [one.to_json() for one in self.roles], "steps": [one.to_json() for one in self.steps],
        }  # fmt: skip


def differences(expect: Expect, summary: Mapping[str, Any]) -> list[str]:
    """What a run showed that was not expected, and what was expected and not shown; a sentence each, [] for nothing.

    A finding that its scenario accepts surprises nobody, and is not told. One that is the reason of the verdict is told
    with it, because the same thing told twice reads as two surprises.
    """
    told = _of_verdict(expect, summary)
    strange = _strange(expect, summary)
    if told and (code := next((one for one in strange if _why(summary).startswith(f"{one} (")), None)):
        told = [told[0].replace(", saw", f" and {_wanted(expect)}, saw", 1)]
        del strange[code]
    told += _of_findings(expect, summary, strange)
    judged = {str(one.get("text")): one for one in summary.get("objectives") or ()}
    for text in expect.objectives:
        row = judged.get(text)
        if row is None:
            told.append(f"expected {text}, which was not judged")
        elif row.get("verdict") == "fail":
            told.append(f"expected {text}, measured {_measured(row)}")
        elif row.get("verdict") != "pass":
            told.append(f"expected {text}, which is undecided: {row.get('why') or 'too little was seen'}")
    return told


def as_expected(expect: Expect, summary: Mapping[str, Any]) -> bool | None:
    """Whether a run showed what was expected; None where nothing was, and of a run that decides nothing."""
    if not expect or summary.get("verdict") not in ("pass", "fail"):
        return None
    return not differences(expect, summary)


def _of_verdict(expect: Expect, summary: Mapping[str, Any]) -> list[str]:
    seen = str(summary.get("verdict") or "no verdict")
    if expect.verdict is None or expect.verdict == seen:
        return []
    why = _why(summary)
    return [f"expected {expect.verdict.upper()}, saw {seen.upper()}" + (f": {why}" if why else "")]


def _why(summary: Mapping[str, Any]) -> str:
    """The first reason of a verdict."""
    return str(next(iter(summary.get("reasons") or ()), ""))


def _strange(expect: Expect, summary: Mapping[str, Any]) -> dict[str, str]:
    """Code -> severity of the findings that nobody expected; of several of a code the first, which is the worst."""
    strange: dict[str, str] = {}
    for row in summary.get("findings") or () if expect.findings is not None else ():
        accepted = row.get("accepted")
        if row.get("code") not in (expect.findings or ()) and (not accepted or accepted.get("expired")):
            strange.setdefault(str(row.get("code")), str(row.get("severity")))
    return strange


def _wanted(expect: Expect) -> str:
    return f"nothing but {', '.join(expect.findings)}" if expect.findings else "no findings"


def _of_findings(expect: Expect, summary: Mapping[str, Any], strange: Mapping[str, str]) -> list[str]:
    if expect.findings is None:
        return []
    told = [f"expected {_wanted(expect)}, saw {code} ({severity})" for code, severity in strange.items()]
    seen = {row.get("code") for row in summary.get("findings") or ()}
    withheld = summary.get("findings_withheld") or ()
    for code in expect.findings:
        if code in withheld:
            told.append(f"expected {code}, which could not be looked for: calls could not be matched to operations")
        elif code not in seen:
            told.append(f"expected {code}, did not see it")
    return told


def _measured(row: Mapping[str, Any]) -> str:
    """The value of an objective's row, in its unit."""
    value = row.get("value")
    if not isinstance(value, int | float):
        return str(row.get("why") or "nothing")
    match row.get("unit"):
        case "share":
            return format_share(value)
        case "seconds":
            return format_duration(value)
        case "usd":
            return f"{value:.4g} USD"
        case "count":
            return f"{value:g}"
    return f"{value:.3g}"

"""The keys that a game-day plan may hold, their types and units: one model for the reader and for the JSON Schema."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from chaosllm.gameday import OCCASIONS
from chaosllm.language.asking import LoadFile, TargetFile
from chaosllm.language.kinds import Expression, FileName, Model, Name, Positive, Text, check_http_url
from chaosllm.language.model import UpstreamFile
from chaosllm.language.suite import check_scenario_path
from chaosllm.spelling import shorten
from chaosllm.variables import VARIABLE

STEPS_AT_MOST = 100


def _approval(value: object) -> object:
    if value == "each":
        return {}
    if value == "none":
        return None
    if not isinstance(value, dict):
        example = "each, none, or a mapping such as {by: lead, file: go-storm}"
        raise ValueError(f"found {shorten(value)}, expected {example}")  # noqa: TRY004  # pydantic collects no TypeError
    return value


def _lever(value: str) -> str:
    if "://" in value:
        return check_http_url(value)
    if not value.strip() or "\x00" in value:
        raise ValueError(f"found {shorten(value)}, expected a file or a URL, such as /tmp/chaos-off")
    return value


def check_webhook(value: str) -> str:
    """A URL, all or part of which may come from the environment."""
    if VARIABLE.fullmatch(value):
        return value
    if "${" in VARIABLE.sub("", value):
        raise ValueError("found `${` that is no variable, expected ${env:NAME}")
    if "@" in VARIABLE.sub("x", value).partition("://")[2].partition("/")[0]:
        raise ValueError('found a user name in the URL: take all of it from the environment, "${env:PAGER_URL}"')
    check_http_url(VARIABLE.sub("x", value))
    return value


def _well(value: str) -> str:
    if value.startswith("/") and not re.search(r"[\s\x00-\x1f]", value):
        return value
    try:
        return check_http_url(value)
    except ValueError:
        found = f"found {shorten(value)}, expected a path of the app such as /healthz, or a URL"
        raise ValueError(found) from None


class PersonFile(Model):
    """Somebody who takes part."""

    role: Annotated[Name, Field(description="such as lead; approvals name it")]
    name: Annotated[str, Field(description="who it is today")] = ""
    does: Annotated[str, Field(description="what they do on the day, for the runbook")] = ""


class ApprovalFile(Model):
    """What a step waits for before it begins."""

    by: Annotated[Name | None, Field(description="the role that approves; without it anybody who holds the token")] = (
        None
    )
    file: Annotated[
        FileName | None, Field(description="the step is approved when this file is there, beside or below the plan")
    ] = None


type Approving = Annotated[ApprovalFile | None, BeforeValidator(_approval)]


class ExpectFile(Model):
    """What the team expects to see; the post-mortem holds it against what was seen."""

    verdict: Annotated[Literal["pass", "fail"] | None, Field(description="how the run is to end")] = None
    findings: Annotated[
        list[str] | None, Field(description="the findings that are expected, and no others; [] for none at all")
    ] = None
    objectives: Annotated[
        list[Expression], Field(description="judged with the scenario's own, such as success_rate(storm) >= 95%")
    ] = []
    summary: Annotated[str, Field(description="in words, such as: users get the fallback")] = ""


class DayStepFile(Model):
    """A scenario, or a single fault with a baseline before it and a recovery after it."""

    scenario: Annotated[
        Annotated[str, AfterValidator(check_scenario_path)] | None,
        Field(description="its path from here, such as ../calm.yaml; it may lead into the folder above, not further"),
    ] = None
    fault: Annotated[str | None, Field(description="one fault; `chaosllm list faults` shows all")] = None
    name: Annotated[Name | None, Field(description="needed when a scenario or a fault stands here twice")] = None
    set: Annotated[
        dict[str, Any], Field(description="changes to it, as `run --set` makes them, such as {load.rate: 5/s}")
    ] = {}
    duration_scale: Annotated[
        float, Field(gt=0, lt=10_000, description="multiplies its phases' durations, such as 0.5")
    ] = 1.0
    # not `off`, which YAML 1.1 reads as false; and it is the word of `ctl disable`
    disabled: Annotated[
        list[str], Field(description="rules that begin switched off, such as storm.1, to be switched on by hand")
    ] = []
    approval: Annotated[
        Approving, Field(description="what the step waits for: each (a yes by anybody), none, or {by, file}")
    ] = None
    expect: Annotated[ExpectFile, Field(default_factory=ExpectFile, description="what the team expects to see")]
    with_: Annotated[
        dict[str, Any],
        Field(
            alias="with", description="the fields of the fault's rule, such as {first_token: 3s, when: {share: 50%}}"
        ),
    ] = {}
    baseline: Annotated[Positive | None, Field(description="of a fault: how long all is well before it (20s)")] = None
    duration: Annotated[Positive | None, Field(description="of a fault: how long it lasts (30s)")] = None
    recovery: Annotated[Positive | None, Field(description="of a fault: how long all is well after it (20s)")] = None


class PageFile(Model):
    """Who is told, and of what."""

    webhook: Annotated[
        str, AfterValidator(check_webhook), Field(description='the URL that is posted to, such as "${env:PAGER_URL}"')
    ]
    when: Annotated[
        list[Literal["stop", "critical", "approval", "over"]],
        Field(min_length=1, description="stop, a critical finding, an approval that is waited for, the day is over"),
    ] = [*OCCASIONS]


class RollbackFile(Model):
    """A question that shows whether the app is well again."""

    http: Annotated[str, AfterValidator(_well), Field(description="a path on the step's target, or a URL")]
    status: Annotated[int, Field(ge=100, le=599, description="the status of an app that is well")] = 200


class DayFile(Model):
    """A game day: steps that a team takes together, each with what it expects."""

    version: Annotated[Literal[1], Field(description="of the language: 1")]
    gameday: Annotated[Name, Field(description="the plan's name; this key tells a plan from a scenario")]
    summary: Annotated[Text, Field(description="what the team wants to learn")] = ""
    target: Annotated[
        TargetFile | None, Field(description="the app; each key of it replaces that of every step's scenario")
    ] = None
    upstreams: Annotated[
        list[UpstreamFile] | None, Field(min_length=1, description="of the steps that are single faults")
    ] = None
    load: Annotated[LoadFile | None, Field(description="of the steps that are single faults")] = None
    roles: Annotated[list[PersonFile], Field(description="who takes part, and what each does")] = []
    time_box: Annotated[Positive | None, Field(description="the day is stopped when it has lasted so long")] = None
    approval: Annotated[
        Approving, Field(description="of steps that do not say it: each (the default), none, or {by: lead}")
    ] = ApprovalFile()
    steps: Annotated[
        list[DayStepFile], Field(min_length=1, max_length=STEPS_AT_MOST, description="what is done, in this order")
    ]
    stop_when: Annotated[
        list[Any], Field(description="stop everything when one of these holds, such as success_rate(last 10s) < 20%")
    ] = []
    safety_lever: Annotated[
        Annotated[str, AfterValidator(_lever)] | None,
        Field(description="a file or a URL; while it is set nothing starts, and what runs is stopped"),
    ] = None
    dead_man: Annotated[
        Positive | None, Field(description="injection ends when no console was heard for so long, such as 30s")
    ] = None
    rollback: Annotated[list[RollbackFile], Field(description="asked after each step: is the app well again?")] = []
    page: Annotated[list[PageFile], Field(description="who is told by webhook, and of what")] = []


def stem(path: str) -> str:
    """A step's name from its scenario's path, as far as letters go."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", posixpath.splitext(posixpath.basename(path))[0]).strip("-._")[:80] or "step"

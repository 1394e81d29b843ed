"""`target` and `load`: the app under test, what its users ask, and how many of them come, as it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from chaosllm import scenario as model
from chaosllm.arrivals import Arrivals
from chaosllm.distribution import DurationDistribution
from chaosllm.language.kinds import (
    CookieName,
    FileName,
    JsonPath,
    Model,
    PhaseName,
    Positive,
    PositiveRate,
    Regex,
    Route,
    Taken,
    Text,
    ToolNames,
    check_http_url,
    check_json_schema,
    check_method,
)
from chaosllm.language.offer import ShapeFile, shape_of

_STEPS = 100  # requests of one session, at most
#: How uneven the gaps of gamma arrivals are unless said otherwise: twice as uneven as chance.
_BURSTY = 2.0


class GoodFile(Model):
    """What makes an answer good; all that are given must hold."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    min_chars: Annotated[int, Field(ge=0)] = 1
    json_: Annotated[bool, Field(alias="json", description="the text must be JSON")] = False
    regex: Regex | None = None
    schema_: Annotated[
        Annotated[dict[str, Any], AfterValidator(check_json_schema)] | None,
        Field(alias="schema", description="a JSON Schema that the text must satisfy"),
    ] = None
    max_latency: Positive | None = None


class DegradedFile(Model):
    """How the app declares a fallback answer; any that is given and found."""

    header: str | None = None
    json_: Annotated[JsonPath | None, Field(alias="json", description="a JSONPath that finds something true")] = None
    text: Regex | None = None


class RequestFile(Model):
    """One request; `{prompt}` is replaced in json, body, path and headers."""

    method: Annotated[str, AfterValidator(check_method)] = "POST"
    path: Route = "/"
    headers: Annotated[dict[str, Text], Field(description="values may hold ${env:NAME}")] = {}
    cookies: Annotated[dict[CookieName, Text], Field(description="values may hold ${env:NAME}")] = {}
    json_: Annotated[Any, Field(alias="json", description="the body, as YAML")] = None
    body: str | None = None
    stream: Literal["none", "sse"] = "none"
    answer: Annotated[JsonPath | None, Field(description="where the text is; without it the whole body")] = None
    end: Annotated[str | None, Field(description="sse: what ends a whole answer")] = None
    failed: Annotated[dict[str, str], Field(description="sse: what says that the answer failed")] = {}
    good: Annotated[GoodFile, Field(default_factory=GoodFile)]
    degraded: DegradedFile | None = None
    take: Annotated[
        dict[Taken, JsonPath],
        Field(description="what the session's next requests need of a JSON answer: name -> JSONPath, for `{name}`"),
    ] = {}
    side_effects: Annotated[
        ToolNames, Field(description="tools that must not run twice for one of these, such as send_email")
    ] = []


class OperationFile(RequestFile):
    """What one user asks of the app, once or several times in a row."""

    turns: Annotated[int, Field(ge=1, le=_STEPS, description="how often one user asks it, one after the other")] = 1
    think: Annotated[
        DurationDistribution | None,
        Field(description="the user's pause after each answer: a duration, or a distribution"),
    ] = None


class StepFile(RequestFile):
    """One of the requests of a session."""

    name: PhaseName


class AskedFile(OperationFile):
    """One of several things that users ask of the app."""

    name: PhaseName
    weight: Annotated[float, Field(gt=0, le=1_000_000, description="how often, beside the others")] = 1.0
    steps: Annotated[
        list[StepFile] | None,
        Field(min_length=1, max_length=_STEPS, description="a session: requests that one user makes in this order"),
    ] = None


class StartFile(Model):
    """How to start the app behind the proxy."""

    command: Annotated[list[str], Field(min_length=1)]
    ready: Route | None = None
    env: dict[str, Text] = {}


class TargetFile(Model):
    """The app under test."""

    url: Annotated[str, AfterValidator(check_http_url)] = "http://127.0.0.1:8000"
    start: StartFile | None = None
    operation: OperationFile | None = None
    operations: Annotated[
        list[AskedFile] | None, Field(min_length=1, max_length=100, description="several, each with a name")
    ] = None
    timeout: Annotated[Positive, Field(description="the user's deadline; past it the operation is a hang")] = 30.0
    control: Annotated[list[Route], Field(description="routes that need no LLM")] = []


class LoadFile(Model):
    """Open-loop load, or a locustfile's closed loop."""

    rate: PositiveRate = 5.0
    arrivals: Arrivals = "poisson"
    cv: Annotated[float | None, Field(gt=0, le=20, description="gamma: how uneven the gaps are; poisson has 1")] = None
    shape: Annotated[ShapeFile | None, Field(description="a load that changes in the course of the run")] = None
    prompts: Annotated[
        FileName | None, Field(description="a file: .txt with one prompt a line, .csv with a header row, or .jsonl")
    ] = None
    max_in_flight: Annotated[int, Field(ge=1, le=100_000)] = 500
    correlate: Literal["prompt", "header", "none"] = "prompt"
    locustfile: Annotated[FileName | None, Field(description="the team's own, in place of rate and operation")] = None
    users: Annotated[int, Field(ge=1, le=100_000, description="of the locustfile, all the time")] = 10
    spawn_rate: Annotated[PositiveRate | None, Field(description="of the locustfile; else all come at once")] = None


def target_of(found: TargetFile) -> model.Target:
    """The target that is meant."""
    start = found.start
    return model.Target(
        url=found.url.rstrip("/"),
        start=model.Start(tuple(start.command), start.ready, start.env) if start else None,
        operations=tuple(operations_of(found)),
        sessions=tuple(sessions_of(found)),
        timeout=found.timeout,
        control=tuple(found.control),
    )


def load_of(found: LoadFile, until: float, read: Callable[[str], str] | None) -> model.Load:
    """The load that is meant, of a run of `until` seconds; `read` gives the text of a file that it names."""
    plain = found.model_dump(exclude={"shape", "cv"})
    return model.Load(**plain, shape=shape_of(found.shape, until, read), cv=found.cv or _BURSTY)


def operations_of(found: TargetFile) -> Iterator[model.Operation]:
    """Every operation, the steps of sessions too."""
    if found.operation is not None:
        yield _operation(found.operation)
    for one in found.operations or ():
        if one.steps is None:
            yield _operation(one, one.name, one.weight)
        for step in one.steps or ():
            yield _operation(step, f"{one.name}.{step.name}", one.weight)


def sessions_of(found: TargetFile) -> Iterator[model.Session]:
    """What each user does; nothing where all of them ask one operation each."""
    asked = [found.operation] if found.operation is not None else found.operations or []
    if all(one.turns == 1 and (not isinstance(one, AskedFile) or one.steps is None) for one in asked):
        return
    place = 0
    for one in asked:
        steps = len(one.steps or (None,)) if isinstance(one, AskedFile) else 1
        yield model.Session(tuple(range(place, place + steps)) * one.turns, getattr(one, "weight", 1.0), one.think)
        place += steps


def _operation(found: RequestFile, name: str = "", weight: float = 1.0) -> model.Operation:
    good, degraded = found.good, found.degraded
    return model.Operation(
        name=name,
        weight=weight,
        method=found.method,
        path=found.path,
        headers=found.headers,
        cookies=found.cookies,
        json=found.json_,
        body=found.body,
        stream=found.stream,
        answer=found.answer,
        end=found.end,
        failed=found.failed,
        good=model.Good(good.status, good.min_chars, good.json_, good.regex, good.schema_, good.max_latency),
        degraded=model.Degraded(degraded.header, degraded.json_, degraded.text) if degraded else None,
        take=found.take,
        side_effects=tuple(found.side_effects),
    )

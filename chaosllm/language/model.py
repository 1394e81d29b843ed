"""The scenario language: the keys a file may hold, their types and units (contract, DESIGN section 4).

One model for the reader and for the JSON Schema. Values come out in base units; what needs a second
key, a registry or a file to judge is the reader's. `target`, `load`, `when` and `match` have files of their own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from chaosllm.language.accept import AcceptFile
from chaosllm.language.asking import LoadFile, TargetFile
from chaosllm.language.kinds import (
    Expression,
    FileName,
    Lever,
    Model,
    Name,
    PhaseName,
    Positive,
    RoleName,
    Stop,
    check_origin,
)
from chaosllm.language.match import MatchFile
from chaosllm.language.when import WhenFile
from chaosllm.units import Money, Share


class UpstreamFile(Model):
    """Where a provider's calls go."""

    provider: str
    url: Annotated[str, AfterValidator(check_origin), Field(description='"simulator", or an origin')]
    ca: Annotated[FileName | None, Field(description="a file of roots to trust for it")] = None


class RuleFile(Model):
    """What every rule may hold beside its fault's own fields."""

    fault: str
    when: Annotated[WhenFile, Field(default_factory=WhenFile)]
    match: Annotated[MatchFile, Field(default_factory=MatchFile)]
    name: PhaseName | None = None


class PhaseFile(Model):
    """A stretch of the run."""

    name: PhaseName
    duration: Positive
    role: RoleName | None = None
    block: Annotated[PhaseName | None, Field(description="phases of one block are judged together by its name")] = None
    rules: Annotated[list[Any], Field(description="what goes wrong, in order")] = []


class LimitsFile(Model):
    """The most that may be touched."""

    hosts: list[str] = []
    max_duration: Positive | None = None
    max_active_faults: Annotated[Share, Field(description="of the calls in flight, at once")] = 1.0
    max_spend: Money | None = None
    safety_lever: Annotated[
        Lever | None,
        Field(description="a file, or a URL: while it is set nothing starts, and what runs is stopped"),
    ] = None


class PriceFile(Model):
    """What a million tokens of a model cost."""

    input: Money
    output: Money


class ScenarioFile(Model):
    """One chaos experiment for an LLM application."""

    include: Annotated[
        FileName | list[FileName] | None,
        Field(description="files in this folder whose keys are taken where this file has none"),
    ] = None
    parameters: Annotated[
        dict[str, str | int | float | bool | None],
        Field(description="names that stand for values: ${rate} in a value, --set rate=10/s on the command line"),
    ] = {}
    vary: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=1)]],
        Field(description="makes a scenario of each combination, such as {load.rate: [10/s, 20/s]}"),
    ] = {}
    version: Literal[1]
    name: Name
    hypothesis: str = ""
    seed: int = 0
    tags: list[str] = []
    target: Annotated[TargetFile, Field(default_factory=TargetFile)]
    upstreams: Annotated[list[UpstreamFile], Field(min_length=1)]
    load: Annotated[LoadFile, Field(default_factory=LoadFile)]
    phases: Annotated[list[PhaseFile], Field(min_length=1)]
    objectives: Annotated[list[Expression], Field(description="success_rate(storm) >= 95%")] = []
    limits: Annotated[LimitsFile, Field(default_factory=LimitsFile)]
    stop_when: Annotated[
        list[Stop], Field(description="success_rate(last 10s) < 20%, or a probe such as {http: /healthz}")
    ] = []
    fail_on: Annotated[Literal["critical", "major", "none"], Field(description="findings that fail the run")] = (
        "critical"
    )
    accept: Annotated[list[AcceptFile], Field(description="findings that are known and do not fail the run yet")] = []
    prices: Annotated[
        dict[str, PriceFile],
        Field(description="what a million tokens of a model cost, such as {my-model: {input: 1 USD, output: 4 USD}}"),
    ] = {}

"""`match`: which calls a rule may touch, as it is written, and what is known of it before any call comes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from chaosllm import scenario as model
from chaosllm.call import Call
from chaosllm.language.kinds import Globs, KeyHashes, Model, Numbers, Operations, Regex


class RangeFile(Model):
    """Whole numbers, both ends included; either may be left out."""

    from_: Annotated[int, Field(alias="from", ge=0)] = 0
    to: Annotated[int | None, Field(ge=0)] = None


class MatchFile(Model):
    """Which calls a rule may touch; globs, of which one must fit."""

    provider: Globs = []
    endpoint: Globs = []
    model: Globs = []
    path: Globs = []
    header: Annotated[dict[str, str], Field(description="name: glob")] = {}
    prompt: Annotated[Regex | None, Field(description="a regular expression")] = None
    prompt_tokens: Annotated[RangeFile | None, Field(description="how long the prompt is, by estimate")] = None
    key: Annotated[KeyHashes, Field(description="the API key, by its SHA-256")] = []
    tools: bool | None = None
    stream: bool | None = None
    attempt: Numbers = []
    operation: Operations = []
    not_: Annotated[MatchFile | None, Field(alias="not")] = None
    any_: Annotated[list[MatchFile], Field(alias="any")] = []
    all_: Annotated[list[MatchFile], Field(alias="all")] = []


def match_of(found: MatchFile) -> model.Match:
    """The match that is meant."""
    return model.Match(
        provider=tuple(found.provider),
        endpoint=tuple(found.endpoint),
        model=tuple(found.model),
        path=tuple(found.path),
        header=found.header,
        prompt=found.prompt,
        prompt_tokens=model.Range(found.prompt_tokens.from_, found.prompt_tokens.to) if found.prompt_tokens else None,
        key=tuple(found.key),
        tools=found.tools,
        stream=found.stream,
        attempt=tuple(found.attempt),
        operation=tuple(found.operation),
        not_=match_of(found.not_) if found.not_ else None,
        any_=tuple(match_of(one) for one in found.any_),
        all_=tuple(match_of(one) for one in found.all_),
    )


def could_fit(match: MatchFile, call: Call) -> bool:
    """Whether such a call could fit, by what is known of it before any call comes."""
    known = {"provider", "endpoint", "stream", "tools"}
    return (
        (not match.provider or any(fnmatchcase(call.provider, glob) for glob in match.provider))
        and (not match.endpoint or any(fnmatchcase(call.endpoint, glob) for glob in match.endpoint))
        and match.stream in (None, call.stream)
        and match.tools in (None, call.tools)
        and (not match.any_ or any(could_fit(one, call) for one in match.any_))
        and all(could_fit(one, call) for one in match.all_)
        and not (match.not_ is not None and match.not_.model_fields_set <= known and could_fit(match.not_, call))
    )


def can_match(match: MatchFile, provider: str) -> bool:
    """Whether a call of this provider could fit; a `not` counts where it names nothing but providers."""
    return (
        (not match.provider or any(fnmatchcase(provider, glob) for glob in match.provider))
        and (not match.any_ or any(can_match(one, provider) for one in match.any_))
        and all(can_match(one, provider) for one in match.all_)
        and not (match.not_ is not None and _all_match(match.not_, provider))
    )


def _all_match(match: MatchFile, provider: str) -> bool:
    """Whether every call of this provider fits."""
    return match.model_fields_set == {"provider"} and can_match(match, provider)

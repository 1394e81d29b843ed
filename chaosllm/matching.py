"""Which calls a rule may touch."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase

from chaosllm.call import Call, Request
from chaosllm.identity import keys
from chaosllm.providers import Provider
from chaosllm.scenario import Match, Range


def matches(match: Match, call: Call, request: Request, provider: Provider) -> bool:
    """Whether every condition given holds; a Match with none fits every call."""
    return (
        _fits(match.provider, call.provider)
        and _fits(match.endpoint, call.endpoint)
        and _fits(match.model, call.model)
        and _fits(match.path, call.path)
        and all(fnmatchcase(request.header(name.lower()) or "", glob) for name, glob in match.header.items())
        and (match.prompt_tokens is None or _within(match.prompt_tokens, call.prompt_tokens))
        and (not match.key or _opens_with(match.key, request))
        and (match.tools is None or match.tools == call.tools)
        and (match.stream is None or match.stream == call.stream)
        and (not match.attempt or call.attempt in match.attempt)
        and (not match.operation or call.operation in match.operation or asks(match.operation, call.asks))
        and (match.prompt is None or re.search(match.prompt, provider.prompt(request)) is not None)
        and (match.not_ is None or not matches(match.not_, call, request, provider))
        and (not match.any_ or any(matches(one, call, request, provider) for one in match.any_))
        and all(matches(one, call, request, provider) for one in match.all_)
    )


def asks(wanted: tuple[int | str, ...], name: str) -> bool:
    """Whether an operation of this name is among the wanted; the name of a session stands for all its steps."""
    return bool(name) and (name in wanted or name.partition(".")[0] in wanted)


def _fits(globs: tuple[str, ...], value: str) -> bool:
    return not globs or any(fnmatchcase(value, glob) for glob in globs)


def _within(size: Range, number: int) -> bool:
    return size.from_ <= number and (size.to is None or number <= size.to)


def _opens_with(wanted: tuple[str, ...], request: Request) -> bool:
    """Whether a key of the request, without the scheme before it, has one of these hashes."""
    found = [hashlib.sha256(key.rpartition(" ")[2].encode()).hexdigest() for key in keys(request) if key]
    return any(digest.startswith(beginning) for digest in found for beginning in wanted)

"""Malformed: the provider answers 200 with something that is not what it documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._answers import headers_of, reply, token_of, typed
from chaosllm.place import Place
from chaosllm.providers import Refusal
from chaosllm.script import Headers, Piece, Position, Replace, Reply, Script, Spoil, Unit

#: What a captive portal or a single sign-on sends in place of the API.
_PAGE = (
    b'<!DOCTYPE html>\n<html lang="en">\n<head><title>Sign in</title></head>\n'
    b'<body><form method="post" action="/login"><h1>Sign in to continue</h1></form></body>\n</html>\n'
)
_SPOILED = ("json", "missing_field", "unknown_field", "utf8")

Shape = Literal[
    "json", "html", "empty", "empty_object", "error_object", "content_type", "encoding", "missing_field",
    "unknown_field", "utf8", "tool_arguments",
]  # fmt: skip


@dataclass(frozen=True)
class Malformed:
    """Status 200, and yet no answer that a client can read, or not all of it.

    Shapes: json (one event of a stream is cut inside, a whole body in its middle), html (a login page),
    empty (no body, no event), empty_object ({} and nothing else), error_object (the provider's error as the
    body of a 200), content_type (text/plain on a good answer), encoding (says gzip, is not), missing_field and
    unknown_field (of one event, or of the body), utf8 (bytes that are none inside the text), tool_arguments
    (no JSON in them).
    `at` is the event of a stream that is hit.
    """

    name: ClassVar[str] = "malformed"
    summary: ClassVar[str] = "status 200, but not what the provider documents: broken JSON, HTML, an empty body ..."
    about: ClassVar[Mapping[str, str]] = {
        "shape": "what is wrong with the answer",
        "at": "which event of a stream is hit",
    }
    only_with: ClassVar[Mapping[str, tuple[str, tuple[str, ...]]]] = {
        "at": ("shape", ("json", "missing_field", "unknown_field", "utf8"))
    }
    example: ClassVar[str] = "{fault: malformed, shape: error_object, when: {share: 20%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    shape: Shape = "json"
    at: Place = field(default=Position(0.5, Unit.SHARE))

    def applies(self, call: Call) -> bool:
        """Arguments are those of calls that offer tools."""
        return call.tools if self.shape == "tool_arguments" else True

    def needs(self) -> tuple[str, ...]:
        """Tools, where their arguments are meant."""
        return ("replace/tool",) if self.shape == "tool_arguments" else ()

    def says(self) -> str:
        """What happens to a call, in words."""
        return {
            "json": "an answer of status 200 holds broken JSON",
            "html": "a login page comes in place of the answer, with status 200",
            "empty": "nothing comes in the body of a status 200",
            "empty_object": "{} comes in place of the answer, with status 200",
            "error_object": "the provider's error comes as the body of a status 200",
            "content_type": "a good answer comes as text/plain",
            "encoding": "an answer says that it is gzip, and is not",
            "missing_field": "a field is missing in an answer of status 200",
            "unknown_field": "an answer holds a field that nobody knows",
            "utf8": "the text of an answer holds bytes that are not UTF-8",
            "tool_arguments": "the arguments of a tool call are no JSON",
        }[self.shape]

    def script(self, context: Context) -> Script:
        """An answer in the provider's place, or an edit of its own."""
        if self.shape in _SPOILED:
            return (Spoil(self.shape, self.at),)
        match self.shape:
            case "content_type":
                return (Headers((("content-type", "text/plain"),)),)
            case "encoding":
                return (Headers((("content-encoding", "gzip"),)),)
            case "tool_arguments":
                return (Replace(Piece.TOOL, "invalid"),)
            case _:
                return (self._instead(context),)

    def _instead(self, context: Context) -> Reply:
        reason = f"{self.name}/{self.shape}"
        if self.shape == "html":
            return reply((("content-type", "text/html; charset=utf-8"),), _PAGE, reason)
        if self.shape == "empty":
            return reply(headers_of(context), b"", reason, stream=context.call.stream)
        if self.shape == "empty_object":
            return reply(typed(headers_of(context), "application/json"), b"{}", reason)
        refused = context.provider.refuse(
            Refusal("error", "server"), context.call, now=context.now, token=token_of(context)
        )
        return reply(typed(headers_of(context), "application/json"), refused.body, reason)


MEMBER = Malformed

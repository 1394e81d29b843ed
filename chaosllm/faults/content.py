"""Content: the answer says what no user should see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from chaosllm.call import Call
from chaosllm.canaries import CANARIES, mark_of
from chaosllm.faults import Context
from chaosllm.faults._answers import answer_with, completion_of
from chaosllm.script import Piece, Replace, Script
from chaosllm.units import spelt

_ONE = {"enum": [*CANARIES]}


def _canaries(value: object) -> tuple[str, ...]:
    """Kinds of canaries, from one or from a list."""
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed:
        raise ValueError(f"found no canary, expected one or more of {', '.join(CANARIES)}")
    for kind in listed:
        if not isinstance(kind, str) or kind not in CANARIES:
            raise ValueError(f"found {str(kind)[:40]!r}, expected one or more of {', '.join(CANARIES)}")
    return tuple(dict.fromkeys(listed))


type Canaries = Annotated[
    Any,  # a tuple of str
    *spelt(_canaries, {"anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]}),
]


@dataclass(frozen=True)
class Content:
    """The model says a canary, or a text of yours, at the start or the end of its answer, or in its place.

    Canaries are made-up secrets (card, ssn, api_key, email, system_prompt), markup that does harm where it is shown
    as it is (html, link) and an instruction to whatever reads the answer (injection). Of several each call
    gets one, by seeded chance.
    An app that hands one on to its users is found out by `sensitive_data_leaked` or `unsafe_markup_passed`.
    """

    name: ClassVar[str] = "content"
    summary: ClassVar[str] = "the answer says a canary: a made-up secret, harmful markup, an injected instruction"
    about: ClassVar[Mapping[str, str]] = {
        "canary": "what it says: one of these for each call",
        "text": "what it says, in place of a canary",
        "where": "before the answer's own text, after it, or in its place",
    }
    example: ClassVar[str] = "{fault: content, canary: [card, api_key], when: {share: 30%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    canary: Canaries = ()
    text: Annotated[str | None, Field(min_length=1, max_length=10_000)] = None
    where: Literal["start", "end", "replace"] = "end"

    def __post_init__(self) -> None:
        """One of the two says what; raises ValueError."""
        if bool(self.canary) == (self.text is not None):
            found = "both" if self.canary else "neither"
            raise ValueError(f"found {found} of `canary` and `text`, expected one: canary: [card], or text: ...")

    def applies(self, call: Call) -> bool:
        """Calls that ask for text."""
        return not call.embeds

    def planted(self) -> tuple[tuple[str, str], ...]:
        """As Planting says."""
        if self.text is not None:
            return ((mark_of("text"), re.escape(self.text)),)
        return tuple((mark_of(kind), CANARIES[kind].sign) for kind in self.canary)

    def says(self) -> str:
        """What happens to a call, in words."""
        what = f"a canary ({', '.join(self.canary)})" if self.canary else "a text of yours"
        place = {"start": "before its own text", "end": "after its own text", "replace": "in place of its own text"}
        return f"the model says {what} {place[self.where]}"

    def script(self, context: Context) -> Script:
        """An answer in the model's place, or an edit of its own."""
        said = self.text or CANARIES[self.canary[int(context.draw("canary") * len(self.canary))]].text
        if self.where == "replace":
            return (answer_with(context, completion_of(context, text=said), f"{self.name}/{self.where}"),)
        return (Replace(Piece.TEXT, "before" if self.where == "start" else "after", said),)


MEMBER = Content

"""Refusal: the model, or the provider's filter, will not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._answers import answer_with, completion_of, token_of
from chaosllm.faults._words import where
from chaosllm.place import Place
from chaosllm.providers import Refusal
from chaosllm.script import Cut, Position, Script, Shape, Unit

_TEXT = "I'm sorry, but I can't help with that request."


@dataclass(frozen=True)
class RefusalFault:
    """The model declines (`refusal`), or the provider's filter strikes (`content_filter`).

    Shapes: answer (status 200, and the finish reason or the refusal field says so), status (the request
    itself is refused with 400), partial (the answer begins, and breaks off at `at` with that reason).
    """

    name: ClassVar[str] = "refusal"
    summary: ClassVar[str] = "the model declines, or the provider's content filter strikes"
    about: ClassVar[Mapping[str, str]] = {
        "kind": "who says no: the model, or the provider's filter",
        "shape": "a whole answer, a status 400, or an answer that breaks off",
        "at": "partial: where the answer breaks off",
    }
    only_with: ClassVar[Mapping[str, tuple[str, tuple[str, ...]]]] = {"at": ("shape", ("partial",))}
    example: ClassVar[str] = "{fault: refusal, kind: content_filter, when: {share: 10%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Literal["refusal", "content_filter"] = "refusal"
    shape: Literal["answer", "status", "partial"] = "answer"
    at: Place = field(default=Position(0.5, Unit.SHARE))

    def applies(self, call: Call) -> bool:
        """Calls that ask for text."""
        return not call.embeds

    def needs(self) -> tuple[str, ...]:
        """A provider that says so in this shape."""
        if self.shape == "status":
            return ("error/content_filter",)
        if self.kind == "content_filter":
            return ("filter/answer",)
        return (f"refusal/{self.shape}",)

    def says(self) -> str:
        """What happens to a call, in words."""
        who = "the provider's content filter strikes" if self.kind == "content_filter" else "the model declines"
        how = {"answer": "a whole answer says so", "status": "status 400", "partial": f"breaking off {where(self.at)}"}
        return f"{who}: {how[self.shape]}"

    def script(self, context: Context) -> Script:
        """A refusal, an answer in the model's place, or an honest cut with another reason."""
        if self.shape == "status":
            said = Refusal("error", "content_filter")
            return (context.provider.refuse(said, context.call, now=context.now, token=token_of(context)),)
        finish = "refusal" if self.kind == "refusal" else "filter"
        if self.shape == "partial":
            return (Cut(self.at, Shape.HONEST, finish),)
        text = _TEXT if finish == "refusal" else ""
        return (answer_with(context, completion_of(context, text=text, finish=finish), f"{self.name}/{self.kind}"),)


MEMBER = RefusalFault

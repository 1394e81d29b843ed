"""Tool call: the model asks for a tool in a way that the app cannot trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.script import Piece, Replace, Script


@dataclass(frozen=True)
class ToolCall:
    """The tool call of an answer is wrong; the answer is whole and says that it is done.

    Shapes: cut (half of the arguments), invalid (they are no JSON), unknown_tool (a tool that was never
    offered, named `tool`), wrong_types (a text where a number was asked for, and so on), repeated (the same
    call once more). Calls that offer no tools are left alone; an answer that calls none is counted as skipped.
    """

    name: ClassVar[str] = "tool_call"
    summary: ClassVar[str] = "a tool call with cut, invalid or wrongly typed arguments, of an unknown tool, or repeated"
    about: ClassVar[Mapping[str, str]] = {
        "shape": "what is wrong with the tool call",
        "tool": "unknown_tool: the name that is called",
    }
    only_with: ClassVar[Mapping[str, tuple[str, tuple[str, ...]]]] = {"tool": ("shape", ("unknown_tool",))}
    example: ClassVar[str] = "{fault: tool_call, shape: invalid}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    shape: Literal["cut", "invalid", "unknown_tool", "wrong_types", "repeated"] = "invalid"
    tool: str = "lookup_order_history"

    def applies(self, call: Call) -> bool:
        """Calls that offer tools."""
        return call.tools

    def needs(self) -> tuple[str, ...]:
        """A provider whose tool calls can be changed so."""
        return ({"unknown_tool": "replace/tool_name", "repeated": "repeat/tool"}.get(self.shape, "replace/tool"),)

    def says(self) -> str:
        """What happens to a call, in words."""
        return {
            "cut": "the arguments of a tool call are cut in half",
            "invalid": "the arguments of a tool call are no JSON",
            "unknown_tool": f"the model calls a tool that was never offered, {self.tool}",
            "wrong_types": "the arguments of a tool call have wrong types",
            "repeated": "the model calls the same tool twice",
        }[self.shape]

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; an edit needs none
        """One edit."""
        if self.shape == "unknown_tool":
            return (Replace(Piece.TOOL_NAME, "unknown", self.tool),)
        return (Replace(Piece.TOOL, self.shape),)


MEMBER = ToolCall

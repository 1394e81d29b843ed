"""Prints of an answer that was cut or broken, so that it is known again in what a user got; never its text."""

from __future__ import annotations

import re

from chaosllm.adapters.proxy.players.actions import Notes
from chaosllm.call import Call
from chaosllm.prints import print_ends
from chaosllm.providers import Provider
from chaosllm.record import Event
from chaosllm.script import Piece, Replace, Reply, Spoil, Step

#: Of an answer in the provider's place no more is read than this, bytes: ours are short.
_READ_AT_MOST = 1 << 20


def put_prints(event: Event, notes: Notes, reply: Reply | None, *, call: Call, provider: Provider, key: bytes) -> None:
    """Print what the app got of a cut or broken answer, and what of a cut one was withheld."""
    if notes.shape or notes.withheld:
        delivered, withheld = "".join(notes.delivered), "".join(notes.withheld)
        event.head, event.tail = print_ends(delivered, key)
        event.withheld = print_ends(_from_a_whole_word(delivered, withheld), key)[0]
    elif reply is not None and 200 <= reply.status < 300:
        event.head, event.tail = print_ends(_said(call, provider, reply.body[:_READ_AT_MOST]), key)
    elif any(map(_breaks, notes.played)):
        # Who calls a tool mostly says nothing beside it: then what can reach a user is what the tool was asked for.
        event.head, event.tail = print_ends("".join(notes.delivered or notes.arguments), key)


def _breaks(step: Step) -> bool:
    return isinstance(step, Spoil) or (isinstance(step, Replace) and step.what in (Piece.TOOL, Piece.TOOL_NAME))


def _said(call: Call, provider: Provider, body: bytes) -> str:
    """The model's text in an answer of ours."""
    if not call.stream:
        return provider.answer(call, body).text
    splitter = provider.splitter(call)
    return "".join(provider.part(call, raw).text for raw in (*splitter.feed(body), splitter.rest()) if raw)


def _from_a_whole_word(delivered: str, withheld: str) -> str:
    """What was withheld, without the second half of a word that was cut in two."""
    return re.sub(r"^\w+", "", withheld) if re.search(r"\w$", delivered) else withheld

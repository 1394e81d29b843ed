"""What a flow carries from our addon to its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from mitmproxy.http import HTTPFlow

from chaosllm.adapters.proxy.players.actions import End, Player

#: Where a flow carries its visit.
KEY = "chaosllm"


class Visit(Protocol):
    """What a flow carries from the addon to its stream."""

    player: Player | None  # set when the response's headers came
    goes_away: bool  # the call is killed, and GOAWAY is to be said first
    left: asyncio.Event  # the client has gone
    path: str  # which way the body took: "", "fast" or "layers"

    freed: Callable[[bytes], None] | None  # takes what a player held that is let go

    @property
    def touches_body(self) -> bool:
        """Whether the script holds, changes or breaks the answer's body."""

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of events."""

    @property
    def delayed(self) -> bool:
        """Whether the whole body comes later than the upstream sends it."""

    def leaves(self) -> None:
        """The client goes, even while a hook holds its call."""

    def began(self, now: float) -> None:
        """The answer's headers went to the app."""

    def headers(self, flow: HTTPFlow) -> None:
        """The body of a held answer is known; set the headers to announce it with."""

    def upstream_failed(self, why: str) -> None:
        """The upstream could not be reached, or broke off."""

    def client_left(self) -> None:
        """The client went before the answer was over."""

    def ended(self, end: End) -> None:
        """The answer ends as its player asked."""

    def reset(self) -> None:
        """Break the client's connection with RST."""

    def failed(self, error: Exception) -> None:
        """Our own code broke; the rest of the answer passes untouched."""

"""Which steps touch an answer's body, what plays them, and how a played body is delimited towards the client."""

from __future__ import annotations

from mitmproxy.http import Request, Response

from chaosllm.adapters.proxy.players.actions import Player
from chaosllm.adapters.proxy.players.lingering import LingeringPlayer
from chaosllm.adapters.proxy.players.paced import PacedPlayer, suffices
from chaosllm.adapters.proxy.players.streamed import StreamPlayer
from chaosllm.adapters.proxy.players.whole import WholePlayer
from chaosllm.call import Call
from chaosllm.providers import Provider
from chaosllm.script import (
    Cut,
    Drop,
    Duplicate,
    Headers,
    Insert,
    Linger,
    Pace,
    Place,
    Reorder,
    Repeat,
    Replace,
    Reset,
    Script,
    Spoil,
    Stall,
    Step,
    Wait,
)

#: Announced for a stream that is cut short of its Content-Length: longer than any answer.
_MORE_THAN_COMES = "10000000"


def in_body(step: Step) -> bool:
    """Whether a step takes hold once the answer's headers have gone, and so needs a player of its own."""
    match step:
        case Pace() | Stall() | Cut() | Insert() | Linger():
            return True
        case Drop() | Replace() | Duplicate() | Reorder() | Spoil() | Repeat():
            return True
        case Wait(place=place) | Reset(at=place):
            return place not in (Place.ACCEPT, Place.REQUEST)
        case _:
            return False


def player(call: Call, provider: Provider, script: Script) -> Player:
    """What plays the body steps of a script on a good answer."""
    steps = tuple(step for step in script if in_body(step) and not isinstance(step, Linger))
    chosen: Player
    if not call.stream:
        chosen = WholePlayer(call, provider, steps)
    elif suffices(steps):
        chosen = PacedPlayer(call, provider, steps)
    else:
        chosen = StreamPlayer(call, provider, steps)
    late = next((step for step in script if isinstance(step, Linger)), None)
    return chosen if late is None else LingeringPlayer(chosen, late)


def says_coding(step: Step) -> bool:
    """Whether a step names a content-encoding of the answer."""
    return isinstance(step, Headers) and any(name == "content-encoding" for name, _ in step.set)


def say(response: Response, headers: tuple[tuple[str, str | None], ...]) -> None:
    """Set headers of an answer, each in its old place where it has one; None takes it away."""
    for name, text in headers:
        if text is None:
            response.headers.pop(name, None)
        else:
            response.headers[name] = text


def coded(coding: str) -> str:
    """Why a body could not be played."""
    return f"the upstream answered in {coding} though asked not to"


def frame(request: Request, response: Response, body: str, *, stream: bool) -> None:
    """Give a played answer a framing that tells a proper end from a break, whatever the upstream's was.

    `body` is `Cut.body`. A whole answer's length is announced when its body is known (`Exchange.headers`).
    """
    if request.is_http2:  # it frames by itself
        response.headers.pop("content-length", None)
        return
    if (
        "content-length" not in response.headers
        and "chunked" not in response.headers.get("transfer-encoding", "").lower()
    ):
        # mitmproxy reads from these same headers whether the upstream's connection, now at its end, lives on.
        response.headers["connection"] = "close"
    response.http_version = "HTTP/1.1"
    if body == "close":
        response.headers.pop("content-length", None)
        response.headers.pop("transfer-encoding", None)
        response.headers["connection"] = "close"  # which alone ends it then (RFC 9112, section 6.3)
    elif body == "length" and stream:
        response.headers.pop("transfer-encoding", None)
        response.headers["content-length"] = _MORE_THAN_COMES
        response.headers["connection"] = "close"  # so that no client waits for ever for what was announced
    elif stream or body == "chunked":
        response.headers.pop("content-length", None)  # because a cut makes it a lie
        response.headers["transfer-encoding"] = "chunked"

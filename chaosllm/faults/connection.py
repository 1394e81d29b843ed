"""Connection: none comes about, or the one that carries the call breaks or closes late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._words import where
from chaosllm.place import parse_position
from chaosllm.script import Breach, Door, Linger, Place, Position, Reset, Script, Unit, Unreachable
from chaosllm.units import format_duration, parse_duration

#: Where HTTP/2 breaks when the scenario does not say.
_HALF = Position(0.5, Unit.SHARE)
#: How late a slow connection closes when the scenario does not say: longer than it takes to notice, shorter than
#: the time-outs of the SDKs (60 s and more).
_LATE = 5.0
_UNREACHABLE = ("refused", "dns", "tls_handshake", "certificate")
_BREACHES = {"rst_stream": Breach.RST_STREAM, "goaway": Breach.GOAWAY}


def parse_at(value: object) -> Place | Position:
    """`request`, else a Position."""
    if value is Place.REQUEST or value == Place.REQUEST.value:
        return Place.REQUEST
    try:
        return parse_position(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {Place.REQUEST.value}") from None


@dataclass(frozen=True)
class ConnectionFault:
    """No connection comes about, or it breaks as HTTP/2 does, or it closes without an answer, or late.

    - `refused`, `dns`: nobody is there. Behind a base URL the port really refuses (ECONNREFUSED) for whole
      seconds: `share`, `every` and `first` choose seconds of the phase, because a port refuses everybody or nobody,
      and the kernel does not tell who came. Through the explicit proxy each connection to the provider's own
      host is reset when it begins TLS, because a proxy's 502 raises other exceptions than a provider that is away.
      A name that does not resolve raises what a refused connection raises, so `dns` does the same.
    - `tls_handshake` (an alert, handshake failure) and `certificate` (a chain that holds, for another host's
      name) need the explicit proxy; a base URL is plain HTTP.
    - `close`: the request was read, and the connection closes (FIN) without a byte of answer.
    - `slow_close`: an answer that is whole and only ends when the connection does, which it does `for` later.
      Not on HTTP/2, which has an end of its own, and not for streams, whose readers leave at the end event.
    - `rst_stream`, `goaway`: HTTP/2 alone, so the explicit proxy. `at: request` is before the answer; a goaway there
      says that the call was not begun. A goaway closes the connection for all calls on it.

    Which exceptions official SDKs raise at each, with and without the proxy: docs/decisions/0007-connection-faults.md.
    """

    name: ClassVar[str] = "connection"
    summary: ClassVar[str] = "no connection comes about, or it breaks as HTTP/2 does, or closes with no answer or late"
    about: ClassVar[Mapping[str, str]] = {
        "kind": "what goes wrong with the connection",
        "at": "rst_stream and goaway: where the answer breaks, or `request` for before it",
        "for": "slow_close: how late the connection closes; 5s unless said otherwise",
    }
    example: ClassVar[str] = "{fault: connection, kind: refused, when: {share: 30%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", validate_by_name=True, validate_by_alias=True
    )

    kind: Literal["refused", "dns", "tls_handshake", "certificate", "close", "slow_close", "rst_stream", "goaway"]
    at: Annotated[
        Any,  # Place | Position | None; Any, because pydantic would validate it a second time
        BeforeValidator(parse_at),
        WithJsonSchema({"type": "string", "examples": [Place.REQUEST.value, "50%"]}),
    ] = None
    for_: Annotated[
        float | None,
        BeforeValidator(parse_duration),
        Field(alias="for"),
        WithJsonSchema({"type": "string", "examples": ["5s"]}),
    ] = None

    def __post_init__(self) -> None:
        if self.at is not None and self.kind not in _BREACHES:
            raise ValueError(f"found `at` with kind: {self.kind}, expected kind: {' or '.join(_BREACHES)}")
        if self.for_ is not None and self.kind != "slow_close":
            raise ValueError(f"found `for` with kind: {self.kind}, expected kind: slow_close")

    @property
    def at_accept(self) -> bool:
        """Whether it strikes connections, and no call."""
        return self.kind in _UNREACHABLE

    def strike(self, door: Door) -> Script | None:
        """Nobody there is a matter of ports and tunnels; of TLS a reverse listener is asked, and the play says no."""
        if not self.at_accept:
            return None
        absent = self.kind in ("refused", "dns")
        if door is (Door.LISTENER if absent else Door.PORT):
            return None
        return (Unreachable(self.kind),)

    def says(self) -> str:
        """What happens to a call, in words."""
        at, late = where(self.at or _HALF), format_duration(_LATE if self.for_ is None else self.for_)
        return {
            "refused": "nobody listens: connections to the provider are refused",
            "dns": "the provider's name leads nowhere, as if DNS had failed",
            "tls_handshake": "the TLS handshake with the provider fails",
            "certificate": "the provider shows the certificate of another host",
            "close": "the connection closes without a byte of answer",
            "slow_close": f"a whole answer comes, and the connection closes {late} late",
            "rst_stream": f"the HTTP/2 stream is reset {at}",
            "goaway": f"the HTTP/2 connection says GOAWAY {at}",
        }[self.kind]

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; a break needs none
        """One break, or one late end; nothing for kinds that strike connections."""
        if self.kind == "close":
            return (Reset(Place.REQUEST, Breach.FIN),)
        if self.kind == "slow_close":
            return (Linger(_LATE if self.for_ is None else self.for_),)
        if self.kind in _BREACHES:
            return (Reset(self.at or _HALF, _BREACHES[self.kind]),)
        return ()

    def applies(self, call: Call) -> bool:
        """A late close means nothing to a stream."""
        return not (self.kind == "slow_close" and call.stream)


MEMBER = ConnectionFault

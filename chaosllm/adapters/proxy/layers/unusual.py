"""Upstreams that mitmproxy 12.2 cannot cope with: trailers after a chunked body, headers that it refuses."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from h11 import EndOfMessage
from h11._readers import ChunkedReader
from mitmproxy import connection
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import _events, _http1

#: (owner, names): see `contract`.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_http1, ("Http1Client",)),
    (_http1.Http1Connection, ("read_body",)),
    (_events.ErrorCode, ("KILL",)),
    (ChunkedReader, ("__call__",)),
)
#: Attributes that exist on instances only, by the class whose `__init__` or annotations must name them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (http.HttpClient, ("child_layer",)),
    (_http1.Http1Connection, ("body_reader",)),
)

type Commands[T] = Generator[commands.Command, Any, T]


class _Reader(ChunkedReader):
    """Passes trailers over, for which mitmproxy raises NotImplementedError and leaves the client hanging."""

    def __call__(self, buf: Any) -> Any:
        """The next event."""
        event = super().__call__(buf)
        return EndOfMessage() if isinstance(event, EndOfMessage) and event.headers else event


class _Client(_http1.Http1Client):
    """Reads bodies whose trailers do no harm."""

    def read_body(self, event: Any) -> Commands[None]:
        """As mitmproxy's."""
        if type(self.body_reader) is ChunkedReader:
            self.body_reader.__class__ = _Reader
        yield from super().read_body(event)


def http1_client(
    parent: http.HttpLayer, server: connection.Server, passed: Callable[[layer.Layer], bool] | None = None
) -> _http1.Http1Client | None:
    """The HTTP/1 client of a connection; None where there is none. `passed` is asked about each layer before it."""
    found: layer.Layer | None = parent.connections.get(server)
    while found is not None and not isinstance(found, _http1.Http1Client):
        if passed is not None and not passed(found):
            return None
        found = getattr(found, "child_layer", None)
    return found


def allow_trailers(parent: http.HttpLayer, server: connection.Server) -> None:
    """Make the client of an upstream connection one that passes trailers over; before its body is read."""
    client = http1_client(parent, server)
    if type(client) is _http1.Http1Client:
        client.__class__ = _Client


def without_page[T](work: Commands[T], met: Callable[[], None]) -> Commands[T]:
    """Carry `work` out; where it refuses an answer, `met` is called and the client sees no page of mitmproxy's."""
    said: Any = None
    while True:
        try:
            command = work.send(said)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if isinstance(command, commands.CloseConnection):
            met()
        elif isinstance(command, http.SendHttp) and isinstance(command.event, _events.ResponseProtocolError):
            command.event.code = _events.ErrorCode.KILL  # without a status of its own the connection is closed
        said = yield command

"""The HTTP layer of one connection, made ours: its streams are driven by players.

Law: nothing is patched globally. The HTTP layers of our own connections become our subclass, in the public
`next_layer` hook, after mitmproxy's own addon has decided.
"""

from __future__ import annotations

from typing import Any

from h2.connection import H2Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._http2 import Http2Server

from chaosllm.adapters.proxy.fast.relay import Course
from chaosllm.adapters.proxy.layers.drive import Kick
from chaosllm.adapters.proxy.layers.stream import Commands, PlayedStream

#: (owner, names): see `contract`.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (http, ("HttpLayer",)),
    (http.HttpLayer, ("_handle_event", "make_stream", "event_to_child")),
    (events, ("ConnectionEvent", "DataReceived", "Wakeup")),
    (commands, ("SendData", "CloseConnection")),
    (H2Connection, ("close_connection", "data_to_send")),
)
#: Attributes that exist on instances only, by the class whose `__init__` must set them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (http.HttpLayer, ("streams", "command_sources", "connections")),
    (Http2Server.__base__, ("h2_conn",)),
)


def adopt(next_layer: layer.NextLayer, course: Course | None) -> list[PlayedLayer]:
    """Make the HTTP layers just chosen for a connection ours; returns them. Without a `course` mitmproxy drives it."""
    chosen = [one for one in next_layer.context.layers if type(one) is http.HttpLayer]
    for one in chosen:
        one.__class__ = PlayedLayer
        if isinstance(one, PlayedLayer):
            one.course = course
    return [one for one in chosen if isinstance(one, PlayedLayer)]


class PlayedLayer(http.HttpLayer):
    """mitmproxy's HTTP layer, with streams that a player can drive."""

    course: Course | None = None
    answering = False  # an event of an upstream connection is being carried out

    def _handle_event(self, event: events.Event) -> Commands:
        """Know whose event it is; go on where a relay left a body."""
        self.answering = isinstance(event, events.ConnectionEvent) and event.connection is not self.context.client
        try:
            if isinstance(event, events.Wakeup) and isinstance(event.command, Kick):
                stream = self.command_sources.get(event.command)
                if stream is None:
                    return  # its answer has ended meanwhile
                if isinstance(stream, PlayedStream) and stream.relay is not None and event.command is stream.relay.back:
                    del self.command_sources[event.command]
                    self.answering = True
                    left = events.DataReceived(stream.flow.server_conn, stream.relay.left)
                    yield from self.event_to_child(stream.relay.route.client, left)
                    return
            yield from super()._handle_event(event)
        finally:
            self.answering = False

    def make_stream(self, stream_id: int) -> Commands:
        """A stream of ours for each request."""
        stream = self.streams[stream_id] = PlayedStream(self.context.fork(), stream_id)
        stream.layer = self
        yield from self.event_to_child(stream, events.Start())

    @property
    def idle(self) -> bool:
        """Whether no request of its client is under way."""
        return not self.streams

    def go_away(self, last: int | None) -> Commands:
        """Say GOAWAY to an HTTP/2 client and close; `last` is the last stream begun, None for all that came.

        NO_ERROR, as a server says it that is restarted or drained (RFC 9113, section 6.8).
        """
        wire = self.connections[self.context.client]
        if isinstance(wire, Http2Server):
            wire.h2_conn.close_connection(last_stream_id=last)
            yield commands.SendData(self.context.client, wire.h2_conn.data_to_send())
        yield commands.CloseConnection(self.context.client)

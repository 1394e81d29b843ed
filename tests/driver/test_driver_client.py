"""What the client times and what it calls an error, against a real server on loopback."""

from __future__ import annotations

import socket
from time import monotonic

import gevent
import pytest

from chaosllm.adapters.driver.client import Client, ExchangeError
from chaosllm.adapters.driver.exchange import Exchange
from chaosllm.adapters.driver.judge import Judge
from chaosllm.adapters.driver.outgoing import Ask
from chaosllm.record import Outcome, Sample
from chaosllm.scenario import Operation

pytestmark = pytest.mark.alone

OPERATION = Operation(path="/chat", answer="$.answer")
STREAM = Operation(path="/stream", answer="$.text", stream="sse", end="[DONE]")


def get(target: str, method: str = "POST") -> Ask:
    return Ask(method, target, (("host", "app"), ("content-length", "2")), b"{}")


def sample(client: Client, operation: Operation, target: str, deadline: float = 5.0) -> Sample:
    exchange = Exchange(Judge(operation, ()))
    began = monotonic()
    with gevent.Timeout(deadline, False) as timer:
        try:
            client.exchange(get(target), exchange.started, exchange.piece)
            exchange.ended(monotonic())
        except ExchangeError as error:
            exchange.ended(monotonic(), str(error))
        timer.close()
        return exchange.result(0, 0.0, began, began, b"key")[0]
    exchange.given_up(monotonic())
    return exchange.result(0, 0.0, began, began, b"key")[0]


def test_time_to_first_token_is_exact(app: str) -> None:
    """The first non-empty text of a stream is timed to a few milliseconds, and so are its gaps."""
    client = Client(app)
    samples = [sample(client, STREAM, "/stream") for _ in range(3)]
    best = min(samples, key=lambda s: (s.t_first or 9) + s.gap_max)  # the machine may stall one, not all
    assert best.t_first == pytest.approx(0.200, abs=0.012)
    assert best.gap_max == pytest.approx(0.050, abs=0.012)
    assert best.t_last == pytest.approx(0.450, abs=0.020)
    assert {(s.chunks, s.outcome, s.chars) for s in samples} == {(6, Outcome.GOOD, 36)}
    assert all("end_seen" in s.marks for s in samples)


@pytest.mark.parametrize(
    ("target", "stream", "error"),
    [
        ("/no-end", True, "no end event"),
        ("/cut", True, "connection closed mid-answer"),
        ("/error-event", True, "event: error"),
        ("/half", False, "connection closed mid-answer"),
        ("/close", False, "connection closed before an answer"),
        ("/reset", False, "ConnectionResetError"),
        ("/garbage", False, "not HTTP"),
        ("/big", False, "body over 8 MB"),
        ("/redirect", False, "HTTP 302"),
        ("/error", False, "HTTP 503"),
        ("/chat", True, "not an event stream"),
    ],
)
def test_each_bad_end_has_its_own_word(app: str, target: str, stream: bool, error: str) -> None:
    """Every way in which an exchange goes wrong is an error with its own short kind."""
    got = sample(Client(app), STREAM if stream else OPERATION, target)
    assert (got.outcome, got.error) == (Outcome.ERROR, error)


def test_what_came_before_a_cut_is_kept(app: str) -> None:
    """The pieces of a stream that breaks are counted and printed."""
    got = sample(Client(app), STREAM, "/cut")
    assert (got.chunks, got.chars, len(got.prints)) == (2, 8, 1)


def test_a_compressed_answer_is_read(app: str) -> None:
    """An app that compresses although asked not to is understood."""
    assert sample(Client(app), OPERATION, "/gzip").outcome is Outcome.GOOD


def test_past_the_deadline_is_a_hang(app: str) -> None:
    """An answer that does not come within the user's deadline is a hang, ended when the user gave up."""
    got = sample(Client(app), OPERATION, "/hang", deadline=0.2)
    assert got.outcome is Outcome.HANG
    assert 0.19 < got.t_end < 2.0, "the app answers after half a minute"


def test_a_refused_connection_is_an_error() -> None:
    """Nobody listening is an error with the system's name for it."""
    with socket.socket() as held:  # so that nobody else listens there meanwhile
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert sample(Client(f"http://127.0.0.1:{port}"), OPERATION, "/").error == "ConnectionRefusedError"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_sent_twice(app: str, method: str) -> None:
    """A connection that breaks is not tried again, for no method."""

    def seen() -> int:
        return _seen(client).get("/close", 0)

    client = Client(app)
    before = seen()
    with pytest.raises(ExchangeError):
        client.exchange(get("/close", method), lambda *_: None, lambda *_: None)
    assert seen() - before == 1


def test_a_connection_closed_while_idle_is_not_used(app: str) -> None:
    """A server that closes after each answer costs no operation."""
    client = Client(app)
    for _ in range(5):
        assert sample(client, OPERATION, "/once").outcome is Outcome.GOOD
        gevent.sleep(0.01)


def test_connections_are_kept_alive(app: str) -> None:
    """Answers that allow it leave their connection for the next operation."""
    client = Client(app)
    for _ in range(5):
        sample(client, OPERATION, "/chat")
    assert len(client._idle) == 1
    client.close()


def _seen(client: Client) -> dict[str, int]:
    import json

    body = bytearray()
    client.exchange(get("/seen"), lambda *_: None, lambda data, _: body.extend(data))
    return dict(json.loads(body)["seen"])

"""Lets an answer pass untouched, in the same chunks at the same time, and reads a copy once it has gone."""

# ruff: noqa: ARG002  # every player is told the time; one that holds nothing does not need it

from __future__ import annotations

from chaosllm.adapters.proxy.players.actions import Action, End, Finish, Notes, Send
from chaosllm.adapters.proxy.players.decoding import Decoder
from chaosllm.call import Call
from chaosllm.providers import Part, Provider
from chaosllm.providers._reading import EventReader
from chaosllm.units import estimate_tokens

#: A whole answer is read up to this size; real ones are some kB, and embeddings at most a few MB.
_READ_AT_MOST = 16 << 20
#: What may be unread of a stream whose first text is known: reading much at once costs a third of reading each piece.
_UNREAD_AT_MOST = 64 << 10


class PassPlayer:
    """Sends each piece as it came; `coding` is the body's content-encoding.

    After the first text of a stream nothing in it says when, and so it is read later, before anyone sees the notes.
    """

    held = 0
    ending = False

    def __init__(self, call: Call, provider: Provider, *, coding: str = "", streamed: bool) -> None:
        self.next_wake: float | None = None
        self._notes = Notes()
        self._call = call
        self._provider = provider
        self._decoder = Decoder(coding)
        self._reader = (
            EventReader(lambda: provider.splitter(call), lambda raw: provider.part(call, raw)) if streamed else None
        )
        self._body = bytearray()
        self._unread: list[bytes] = []
        self._size = 0  # of what is unread
        self._later = False  # it may stay unread for a while
        self._ended = False

    @property
    def notes(self) -> Notes:
        """What was read, all of it where the time of reading does not matter."""
        if self._later and self._unread:
            self._read(0.0)
        return self._notes

    @notes.setter
    def notes(self, notes: Notes) -> None:
        self._notes = notes

    def start(self, now: float) -> list[Action]:
        """Nothing is held."""
        return []

    def data(self, data: bytes, now: float) -> list[Action]:
        """Send it on at once."""
        self._unread.append(data)
        self._size += len(data)
        return [Send(data)]

    def keep(self, piece: bytes) -> bool:
        """Take bytes that are being sent on, to be read some time; False (and nothing is done) when not now."""
        if not self._later or self._size >= _UNREAD_AT_MOST:
            return False
        self._unread.append(piece)
        self._size += len(piece)
        return True

    def sent(self, pieces: list[bytes], now: float) -> None:
        """As `data` and then `observe`, for bytes that have been sent on already."""
        self._unread += pieces
        self._size += sum(map(len, pieces))
        if not self._later or self._size >= _UNREAD_AT_MOST:
            self._read(now)

    def end(self, now: float) -> list[Action]:
        """End as the upstream did."""
        self._ended = self._notes.complete = True
        return [Finish(End.PROPER)]

    def broken(self, now: float) -> list[Action]:
        """Break as the upstream did."""
        self._ended = True
        return [Finish(End.BROKEN)]

    def wake(self, now: float) -> list[Action]:
        """Nothing waits."""
        return []

    def observe(self, now: float) -> None:
        """Read what has been sent since the last time, at the latest when it is much, or all."""
        if self._later and self._size < _UNREAD_AT_MOST and not self._ended:
            return
        self._read(now)
        if self._ended and self._reader is not None:
            self._note(self._reader.end(), now)
        elif self._ended:
            self._read_whole(now)

    def abandon(self) -> bytes:
        """Nothing is held back."""
        self._unread.clear()
        self._size = 0
        return b""

    def _read(self, now: float) -> None:
        data = b"".join(self._unread)
        self._notes.bytes += self._size
        self._unread.clear()
        self._size = 0
        if len(self._body) >= _READ_AT_MOST:
            return
        plain = self._decoder.feed(data)
        if self._reader is None:
            self._body += plain
        else:
            self._note(self._reader.feed(plain), now)

    def _note(self, parts: list[Part], now: float) -> None:
        notes = self._notes
        for part in parts:
            if part.text:
                notes.tokens += estimate_tokens(part.text)
            if part.tool:
                notes.tokens += estimate_tokens(part.tool)
            if part.usage is not None:
                notes.bill(part.usage)
            if part.finish:
                notes.finish = part.finish
            if part.end:
                notes.end_seen = True
        notes.events += len(parts)
        if not self._later and any(part.text or part.tool for part in parts):
            self._later = True
            if notes.t_first is None:
                notes.t_first = now

    def _read_whole(self, now: float) -> None:
        answer = self._provider.answer(self._call, bytes(self._body))
        self._body.clear()
        self._notes.bill(answer.usage)
        self._notes.finish = answer.finish
        self._notes.tokens = estimate_tokens(answer.text) + estimate_tokens(answer.tool)
        if answer.text or answer.tool:
            self._notes.t_first = now

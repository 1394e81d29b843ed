"""One operation's answer as it comes in: what arrived when, and what it came to; holds it in memory only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chaosllm.adapters.driver.judge import Judge, Judgement, StreamJudge, printed
from chaosllm.chunk_gaps import place
from chaosllm.framing.sse import SseSplitter, parse_event
from chaosllm.record import Outcome, Sample


class Exchange:
    """Takes the pieces of one answer with their times, and becomes a sample. Times in are monotonic."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._stream: StreamJudge | None = None
        self._splitter = SseSplitter()
        self._headers: Mapping[str, str] = {}
        self._body = bytearray()
        self._error = ""
        self._hung = False
        self._first: float | None = None
        self._last: float | None = None
        self._end = 0.0
        self._gap_max = 0.0
        self._gaps: Counter[int] = Counter()
        self._chunks = 0
        self.size = 0
        self.status = 0

    @property
    def streamed(self) -> bool:
        """Whether the answer is read event by event."""
        return self._stream is not None

    def started(self, status: int, headers: dict[str, str]) -> None:
        """Status and headers came."""
        self.status, self._headers = status, headers
        streamed = headers.get("content-type", "").lower().startswith("text/event-stream")
        if streamed and self._judge.operation.stream == "sse":
            self._stream = self._judge.stream()

    def piece(self, data: bytes, now: float) -> None:
        """Bytes of the body came."""
        self.size += len(data)
        if self._stream is None:
            self._body += data
            return
        for raw in self._splitter.feed(data):
            self._event(raw, now)

    def _event(self, raw: bytes, now: float) -> None:
        assert self._stream is not None  # noqa: S101  # for the type checker; piece() has looked
        was_over = self._stream.ended
        event = parse_event(raw)
        if event.data == "" and event.name is None:
            return  # a comment: keep-alives are no answer
        if self._stream.event(event.name or "", event.data):
            self._note(now)
        if self._stream.ended and not was_over:
            self._end = now  # what comes after the declared end is none of the user's

    def _note(self, now: float) -> None:
        """Answer text came."""
        if self._last is not None:
            self._gap_max = max(self._gap_max, now - self._last)
            self._gaps[place(now - self._last)] += 1
        self._first = now if self._first is None else self._first
        self._last = now
        self._chunks += 1

    def taken(self) -> dict[str, Any]:
        """What the answer holds for the next requests of its session."""
        return self._judge.taken(bytes(self._body)) if self.status and not self.streamed else {}

    def ended(self, now: float, error: str = "") -> None:
        """The exchange is over; `error` is the client's word for a bad end."""
        if self._stream is not None and not error and (rest := self._splitter.rest()):
            self._event(rest, now)  # a last event without its blank line: line-based clients take it
        self._error = error
        self._end = self._end or now

    def given_up(self, now: float) -> None:
        """The user's deadline passed."""
        self._hung = not (self._stream is not None and self._stream.ended)
        self._end = self._end or now

    def result(self, index: int, due: float, began: float, t0: float, key: bytes) -> tuple[Sample, Judgement]:
        """The sample, with times since `t0`, and the judgement behind it."""
        seconds = self._end - t0 - due
        judgement = self._judgement(seconds)
        outcome, error = judgement.outcome, judgement.error
        if self._hung:
            outcome, error = Outcome.HANG, "nothing whole within the deadline"
        if self._stream is None and judgement.text and not self._hung and not self._error:
            self._note(self._end)  # the text of a whole answer is there when all of it is
        sample = Sample(
            operation=index,
            t_due=due,
            t_sent=began - t0,
            t_first=None if self._first is None else self._first - t0,
            t_last=None if self._last is None else self._last - t0,
            t_end=self._end - t0,
            outcome=outcome,
            status=self.status,
            chunks=self._chunks,
            gap_max=self._gap_max,
            chars=len(judgement.text),
            error=error,
            prints=printed(judgement.text, key),
            marks=list(judgement.marks),
            gaps=[number for pair in sorted(self._gaps.items()) for number in pair],
        )
        return sample, judgement

    def _judgement(self, seconds: float) -> Judgement:
        if self._stream is not None:
            return self._stream.done(self.status, self._headers, seconds, self._error)
        if self._error or self._hung:
            marks = self._judge.marks(self.status, self._headers, bytes(self._body)) if self.status else ()
            return Judgement(Outcome.ERROR, self._error, "", marks, answer_found=False)
        return self._judge.whole(self.status, self._headers, bytes(self._body), seconds)

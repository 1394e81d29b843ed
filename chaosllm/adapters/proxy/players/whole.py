"""Plays a script on a whole (non-streaming) answer: the body is held until it is known, then shaped and sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chaosllm.adapters.proxy.players.actions import Action, Begin, End, Finish, Notes, Send
from chaosllm.adapters.proxy.players.marks import Marked, marks
from chaosllm.call import Call
from chaosllm.providers import Answer, Provider
from chaosllm.rewriting import rewrite
from chaosllm.rewriting.events import count_kept, last_words, run_on, runaway, spoil
from chaosllm.script import (
    Cut,
    Drop,
    Duplicate,
    Insert,
    Pace,
    Place,
    Position,
    Reorder,
    Repeat,
    Replace,
    Reset,
    Script,
    Shape,
    Spoil,
    Stall,
    Step,
    Unit,
    Wait,
)
from chaosllm.units import estimate_tokens

#: The most of one answer that is held, bytes: OpenAI's largest (2048 inputs, 3072 dimensions, base64) has 34 MB.
HELD_AT_MOST: Final = 64 << 20
_TOO_LARGE = "the answer was larger than 64 MiB, and passed as it came"


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bytes that leave `after` seconds from the headers; a step is noted as played when they do."""

    after: float
    data: bytes


class WholePlayer:
    """Plays body steps on one answer that comes in a piece.

    A pace holds the answer back for as long as its tokens would take, as a provider does that
    answers only when it has generated all. `length` is the Content-Length to announce. Edits come
    first, in the order written; cuts, resets and stalls fall on the body that they leave. An answer of more than
    64 MiB is not held, but passes as it comes, and its steps are skipped.
    """

    held = 0  # because nothing can be told before all has come
    ending = False  # what of a cut is still held is let go as far as it goes

    def __init__(self, call: Call, provider: Provider, script: Script) -> None:
        self.notes = Notes()
        self.next_wake: float | None = None
        self.length: int | None = 0
        self._call = call
        self._provider = provider
        self._script = script
        self._body = bytearray()
        self._begin_at: float | None = None
        self._loaded = 0.0
        self._pieces: list[_Piece] = []
        self._end: End | None = End.PROPER  # None: never, the answer stalls for ever
        self._kept = b""  # behind a stall for ever
        self._over = False
        self._passes = False  # as it comes
        self._t_headers: float | None = None

    def start(self, now: float) -> list[Action]:
        """The headers were sent: send what is due, or reset."""
        self._t_headers = now
        return self._pass_on(now) if self._passes else self._advance(now, now)

    def data(self, data: bytes, now: float) -> list[Action]:
        """Keep it, as long as it is not too much."""
        self._body += data
        if self._passes:
            return self._pass_on(now)
        if len(self._body) <= HELD_AT_MOST:
            return []
        self._passes = True
        self.length = None
        self.notes.skipped.update(dict.fromkeys(self._script, _TOO_LARGE))
        return [Begin()]

    def end(self, now: float) -> list[Action]:
        """The body is known: shape it and set the schedule."""
        if self._passes:
            self._over = self.notes.complete = True
            return [Finish(End.PROPER)]
        body = bytes(self._body)
        answer = self._provider.answer(self._call, body)
        self._loaded = now
        self.notes.complete = True
        self.notes.bill(answer.usage)
        self.notes.tokens = estimate_tokens(answer.text) + estimate_tokens(answer.tool)
        self._begin_at = now + self._pace(answer)
        edited = self._edit(body)
        if edited != body:
            self.notes.ours = True
            answer = self._provider.answer(self._call, edited)
        self.notes.finish = answer.finish
        if answer.text:
            self.notes.delivered.append(answer.text)
        if answer.tool:
            self.notes.arguments.append(answer.tool)
        self._shape(edited, answer)
        if self._unread:
            self._unsay()
        self._body.clear()
        return self.wake(now)

    def broken(self, now: float) -> list[Action]:  # noqa: ARG002  # a player's signature
        """Nothing was sent yet, so the app sees no answer at all; or, of one that is not held, the break."""
        self._over = True
        return [Finish(End.BROKEN)]

    def wake(self, now: float) -> list[Action]:
        """Send the headers when they are due, then the body."""
        if self._over or self._begin_at is None:
            return []
        if self._t_headers is not None:
            return self._advance(now, self._t_headers)
        if self._begin_at > now:
            self.next_wake = self._begin_at
            return []
        self.next_wake = None
        if any(isinstance(step, Pace) for step in self._script):
            self.notes.did("pace", now - self._loaded)
        return [Begin()]

    def observe(self, now: float) -> None:
        """Nothing to do: the answer was read before it was shaped."""

    def _pass_on(self, now: float) -> list[Action]:
        data = bytes(self._body)
        self._body.clear()
        self.notes.bytes += len(data)
        self.notes.t_first = now if self.notes.t_first is None else self.notes.t_first
        return [Send(data)]

    def abandon(self) -> bytes:
        """What is not sent yet; the length announced holds for it."""
        self._over = True
        rest = bytes(self._body) or b"".join((*(piece.data for piece in self._pieces), self._kept))
        self.length = self.length or len(rest)
        return rest

    def _pace(self, answer: Answer) -> float:
        """Seconds that the answer's tokens take at the slowest pace asked for."""
        paces = [step for step in self._script if isinstance(step, Pace)]
        if not paces:
            return 0.0
        self.notes.played.update(paces)
        tokens = answer.usage.output_tokens if answer.usage is not None else self.notes.tokens
        seconds = tokens / min(step.tokens_per_second for step in paces)
        self.notes.ask("pace", seconds)
        return seconds

    def _edit(self, body: bytes) -> bytes:
        """The body as its edits leave it; each is noted as played or skipped."""
        for step in self._script:
            done, why = body, ""
            match step:
                case Drop() | Replace():
                    done, why = rewrite(self._call, self._provider, step, body)
                case Duplicate() | Reorder():
                    why = "a whole answer has no events"
                case Spoil(how=how):
                    done = next(iter(spoil(self._call, self._provider, body, how, whole=True)), body)
                    why = "the answer has nothing there to damage" if done == body else ""
                case Repeat():
                    done, why = self._run_away(step, body)
                case _:
                    continue
            if why:
                self.notes.skipped[step] = why
            else:
                self.notes.played.add(step)
            body = done
        return body

    def _shortened(self, body: bytes, answer: Answer, keep: int, finish: str) -> bytes:
        """The whole answer with less text, a reason, and a usage that counts what is left."""
        final = self._provider.shorten(self._call, body, keep, finish)
        return count_kept(self._call, self._provider, final, answer.text[:keep], answer.text[keep:], whole=True)

    def _run_away(self, step: Repeat, body: bytes) -> tuple[bytes, str]:
        """The body with the last words before a place said again and again; or why not."""
        answer = self._provider.answer(self._call, body)
        if not last_words(answer.text):
            return body, "the answer has no text"
        keep, _, why = self._find(step, step.at, body, answer)
        if why:
            return body, why
        keep = max(keep, len(answer.text.split(maxsplit=1)[0]))  # there must be something to say again
        said = tuple(runaway(answer.text[:keep], step.tokens))
        shortened = self._shortened(body, answer, keep, "length")
        view = self._provider.view(self._call, shortened, whole=True)
        if view is None:
            return body, "the answer cannot be read"
        run_on(view, "".join(said), sum(map(estimate_tokens, said)))
        return view.close(), ""

    @property
    def _unread(self) -> bool:
        """Whether the body ends before it can be read, cut as no provider would say it."""
        return self._end is not End.PROPER or (self.notes.cut and self.notes.shape != Shape.HONEST.value)

    def _unsay(self) -> None:
        """No edit reaches an app that gets half a document."""
        edits = [step for step in self.notes.played if isinstance(step, Drop | Replace | Spoil | Repeat)]
        self.notes.played.difference_update(edits)
        self.notes.skipped.update(dict.fromkeys(edits, "the answer was ended before it could be read"))

    def _shape(self, body: bytes, answer: Answer) -> None:
        """Make the pieces to send, and how it all ends.

        They are timed from the headers, because an app sees a wait or a stall from there on: one that was timed from
        here would be shorter for it by as long as the headers take to leave.
        """
        after = 0.0
        waits = [step for step in self._script if isinstance(step, Wait) and step.place is Place.HEADERS]
        self.notes.played.update(waits)
        if waits:
            self.notes.ask("wait", sum(step.seconds for step in waits))
            after += sum(step.seconds for step in waits)
        self.length = len(body)
        final = body
        stalls: list[tuple[int, Stall]] = []
        early = next((step for step in self._script if isinstance(step, Reset) and step.at is Place.HEADERS), None)
        if early is not None:
            final, self._end = b"", End.of(early)
            self._took(early)
        for mark in marks(self._script) if early is None else ():
            step = mark.step
            if isinstance(step, Duplicate | Reorder | Spoil | Repeat):
                continue  # played already
            keep, offset, why = self._find(step, mark.at, body, answer)
            if why:
                self.notes.skipped[step] = why
            elif isinstance(step, Stall):
                stalls.append((offset, step))
            elif (cut := self._cut(step, body, answer, keep, offset)) is None:
                self.notes.skipped[step] = "a cut there leaves the answer as it is"
            else:
                final = cut
                self._took(step)
                break
        sent = 0
        for offset, stall in sorted(stalls, key=lambda found: found[0]):
            place = min(offset, len(final))
            self._pieces.append(_Piece(after, final[sent:place]))
            sent = place
            self.notes.played.add(stall)
            if stall.seconds is None:
                self._end, self._kept = None, final[sent:]
                self.notes.ours = True
                return
            self.notes.ask("stall", stall.seconds)
            after += stall.seconds
        self._pieces.append(_Piece(after, final[sent:]))

    def _took(self, step: Step) -> None:
        self.notes.played.add(step)
        self.notes.ours = True

    def _find(self, step: Marked, position: Position, body: bytes, answer: Answer) -> tuple[int, int, str]:
        """(characters kept, byte offset, why not) of a position in a whole answer."""
        if isinstance(step, Insert):
            return 0, 0, "a whole answer has no place for an event"
        if isinstance(step, Cut) and step.shape is Shape.EVENT:
            return 0, 0, "a whole answer has no events to cut"
        in_tool = isinstance(step, Cut) and step.shape is Shape.TOOL
        if in_tool and (not answer.tool or answer.text):
            return 0, 0, "the answer calls no tool" if not answer.tool else "the answer has text before its tool call"
        said = answer.text or answer.tool
        tokens = estimate_tokens(said)
        match position.unit:
            case Unit.EVENTS:
                return 0, 0, "a whole answer has no events to count"
            case Unit.BYTES:
                if position.value >= len(body):
                    return 0, 0, f"the answer ended before {position.value:g} bytes"
                return int(len(said) * position.value / len(body)), int(position.value), ""
            case Unit.FINISH:
                return 0, 0, "a whole answer has no place after its finish reason"
            case Unit.SHARE:
                share = position.value
            case Unit.TOKENS:
                if position.value >= tokens:
                    return 0, 0, f"the answer ended before {position.value:g} tokens"
                share = position.value / tokens
        if not said:
            return 0, int(share * len(body)), ""
        keep = int(share * len(said) + 1e-9)
        return keep, self._provider.text_offset(self._call, body, keep), ""

    def _cut(self, step: Marked, body: bytes, answer: Answer, keep: int, offset: int) -> bytes | None:
        """The bytes that a cut or a reset leaves, None where all; sets the length announced and how it ends."""
        shape = step.shape if isinstance(step, Cut) else None
        if isinstance(step, Cut) and shape is Shape.HONEST:
            final = self._shortened(body, answer, keep, step.finish)
            said = self._provider.answer(self._call, final)
            if said == answer:  # an answer of vectors says neither text nor why it ends
                return None
            self.notes.finish = said.finish
        else:
            final = body[:offset]
            if len(final) == len(body) and shape not in (None, Shape.ABRUPT):
                return None
            self.notes.finish = None
        self.notes.delivered = [answer.text[:keep]]
        self.notes.withheld = [answer.text[keep:]]
        if isinstance(step, Reset):
            self._end = End.of(step)
            return final
        self.notes.shape = (shape or Shape.CLEAN).value
        if shape is Shape.ABRUPT:
            # A body that the connection's end delimits is only broken by RST: a FIN would end it properly.
            self._end = End.RESET if isinstance(step, Cut) and step.body == "close" else End.BROKEN
        else:
            self.length = len(final)
            self.notes.cut = True
        return final

    def _advance(self, now: float, begun: float) -> list[Action]:
        out = b""
        self.next_wake = None
        while self._pieces and begun + self._pieces[0].after <= now:
            piece = self._pieces.pop(0)
            out += piece.data
        if out and self.notes.t_first is None:
            self.notes.t_first = now
        self.notes.bytes += len(out)
        actions: list[Action] = [Send(out)] if out else []
        if self._pieces:
            self.next_wake = begun + self._pieces[0].after
        elif self._end is not None:
            self._over = True
            self._measure(now - begun)
            actions.append(Finish(self._end))
        return actions

    def _measure(self, took: float) -> None:
        """What the waits and stalls came to, together: they follow each other without a gap."""
        asked = {kind: self.notes.asked[kind] for kind in ("wait", "stall") if kind in self.notes.asked}
        for kind, seconds in asked.items():
            others = sum(value for name, value in asked.items() if name != kind)
            self.notes.did(kind, max(0.0, took - others) if seconds else 0.0)

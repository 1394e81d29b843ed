"""Edits on a stream, one stage each: raw events in, raw events out, as if the provider had said so.

Laws:
1. The events that come out are the same however the stream was fed.
2. An event that an edit does not concern comes out byte for byte.
3. Only tool arguments are held back, until they are whole; all else keeps its time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaosllm.call import Call
from chaosllm.providers import Part, Provider, Slots, View
from chaosllm.providers._json import at, load
from chaosllm.rewriting import values
from chaosllm.rewriting.events import with_text
from chaosllm.script import Drop, Edit, Piece, Replace

#: Why a tool call stays as it is.
NO_ARGUMENTS = "the tool call has no arguments to change"
#: The most of one tool call that is kept, bytes; the steps on a longer one are given up.
_KEPT_AT_MOST = 16 << 20
_TOO_LONG = "the tool call was longer than 16 MiB"

type Change = Callable[[dict[str, Any], Slots], bool]


class Stage:
    """One edit; `played` once it changed something, else `why` says what was missing."""

    def __init__(self, edit: Edit, why: str) -> None:
        self.edit = edit
        self.why = why
        self.played = False

    def feed(self, raw: bytes) -> list[bytes]:
        """The events in place of this one."""
        raise NotImplementedError

    def end(self) -> list[bytes]:
        """What is still held back, and what the edit puts at the end."""
        return []

    def held(self) -> bytes:
        """What is held back, as it came."""
        return b""


class Dropped(Stage):
    """The event that ends a stream falls out, with the finish reason where it rides on it."""

    def __init__(self, edit: Edit, why: str, call: Call, provider: Provider) -> None:
        super().__init__(edit, why)
        self._part: Callable[[bytes], Part] = lambda raw: provider.part(call, raw)

    def feed(self, raw: bytes) -> list[bytes]:
        """All but the end."""
        if not self._part(raw).end:
            return [raw]
        self.played = True
        return []


class Changed(Stage):
    """Each event's document is changed by itself; an event of which nothing is left falls out."""

    def __init__(self, edit: Edit, why: str, call: Call, provider: Provider, change: Change) -> None:
        super().__init__(edit, why)
        self._view: Callable[[bytes], View | None] = lambda raw: provider.view(call, raw)
        self._change = change

    def feed(self, raw: bytes) -> list[bytes]:
        """The event, changed where it says what is meant."""
        view = self._view(raw)
        if view is None or not self._change(view.document, view.slots):
            return [raw]
        self.played = True
        fresh = view.close() if view.document else b""
        return [fresh] if fresh else []


class Arguments(Stage):
    """The arguments of each tool call otherwise; fragments are held until the call is whole."""

    def __init__(self, edit: Edit, why: str, call: Call, provider: Provider, how: str) -> None:
        super().__init__(edit, why)
        self._call = call
        self._provider = provider
        self._how = how
        self._events: list[tuple[bytes, str]] = []  # held: raw, and the fragment in it
        self._size = 0  # bytes held
        self._gave_up = False

    def feed(self, raw: bytes) -> list[bytes]:
        """What may leave now."""
        if self._gave_up:
            return [raw]
        part, view = self._provider.part(self._call, raw), self._provider.view(self._call, raw)
        slots = view.slots if view is not None else Slots()
        if view is not None and _whole_arguments(view):
            before = self._release()
            changed = values.damage_all(view.document, slots, self._how)
            self._count(changed)
            return [*before, view.close() if changed else raw]
        if part.tool:
            before = self._release() if slots.tool_name else []
            return [*before, *self._keep(raw, part.tool)]
        if not self._events:
            return [raw]
        if slots.tool_name or part.finish or part.end or part.text:
            return [*self._release(), raw]
        return self._keep(raw, "")

    def end(self) -> list[bytes]:
        """The arguments that were held."""
        return self._release()

    def held(self) -> bytes:
        """The events held, as they came."""
        return b"".join(raw for raw, _ in self._events)

    def _keep(self, raw: bytes, fragment: str) -> list[bytes]:
        """Hold an event; all that is held, as it came, once it is too much."""
        self._events.append((raw, fragment))
        self._size += len(raw)
        if self._size <= _KEPT_AT_MOST:
            return []
        self._gave_up, self.why = True, _TOO_LONG
        out, self._events = [one for one, _ in self._events], []
        return out

    def _count(self, changed: bool) -> None:
        self.played = self.played or changed
        self.why = NO_ARGUMENTS

    def _release(self) -> list[bytes]:
        """The held events, which now say the new arguments; one of which nothing is left falls out."""
        held = self._events
        whole = "".join(fragment for _, fragment in held)
        fresh = values.damage(whole, self._how) if whole else None
        if whole:
            self._count(fresh is not None)
        out = [raw for raw, _ in held]
        if fresh is not None:
            # Cut arguments keep their fragments; longer ones are spread over them.
            stretch = 1.0 if len(fresh) <= len(whole) else len(fresh) / len(whole)
            out, come = [], 0
            for raw, fragment in held:
                start, come = round(come * stretch), come + len(fragment)
                said = self._say(raw, fresh[start : round(come * stretch)]) if fragment else raw
                out += [said] if said else []
        self._events, self._size = [], 0
        return out

    def _say(self, raw: bytes, fragment: str) -> bytes:
        """The event with another fragment; nothing for one that said no more than its own."""
        view = self._provider.view(self._call, raw)
        if view is None or (not fragment and not view.slots.tool_name):
            return b""
        for number, path in enumerate(view.slots.tool):
            values.put(view.document, path, "" if number else fragment)
        return view.close()


class Repeated(Stage):
    """The last tool call once more: after its own events, or inside the event that holds calls whole."""

    def __init__(self, edit: Edit, why: str, call: Call, provider: Provider) -> None:
        super().__init__(edit, why)
        self._call = call
        self._provider = provider
        self._events: list[bytes] = []  # of the last call that came in fragments
        self._size = 0  # bytes kept
        self._number: int | None = None
        self._shift = 0  # of the numbers that OpenAI's Responses gives its events

    def feed(self, raw: bytes) -> list[bytes]:
        """The event, after the repeated call where the calls are over."""
        part, view = self._provider.part(self._call, raw), self._provider.view(self._call, raw)
        over = part.finish is not None or part.end
        if view is None:
            return [*(self._again(None) if over else []), raw]
        document, slots = view.document, view.slots
        if part.tool and not self._events and _whole_arguments(view):
            if self.played or not values.repeat_call(document, slots):
                return [raw]
            self.played = True
            return [view.close()]
        if not over:
            self._note(raw, view)
        number = document.get("sequence_number")
        before = self._again(number) if over else []
        changed = False
        if self._shift and isinstance(number, int):
            document["sequence_number"] = number + self._shift
            changed = True
        if over and self.played and not part.tool:  # Responses says all of its output again at its end
            changed = values.repeat_call(document, slots) or changed
        return [*before, view.close() if changed else raw]

    def end(self) -> list[bytes]:
        """The repeated call, of a stream that says nothing after its calls."""
        return self._again(None)

    def _note(self, raw: bytes, view: View) -> None:
        """Keep the events of the last call."""
        number = values.call_number(view.document, view.slots)
        if view.slots.tool_name and (not self._events or number != self._number):
            self._events, self._number, self._size = [raw], number, len(raw)
        elif self._events and (view.slots.tool or (number is not None and number == self._number)):
            self._events.append(raw)
            self._size += len(raw)
            if self._size > _KEPT_AT_MOST:
                self._events, self.why = [], _TOO_LONG

    def _again(self, number: Any) -> list[bytes]:
        """The kept events as those of a further call; `number` is that of the event they stand before."""
        out: list[bytes] = []
        for raw in self._events:
            view = self._provider.view(self._call, raw)
            if view is not None and values.as_next_call(view.document, view.slots):
                if isinstance(number, int):
                    view.document["sequence_number"] = number + len(out)
                out.append(view.close())
        self._events = []
        self._shift += len(out)
        self.played = self.played or bool(out)
        return out


class Spoken(Stage):
    """A text of ours before or after the answer's own, in whatever says all of it again, and in the usage."""

    def __init__(self, edit: Edit, why: str, call: Call, provider: Provider, text: str, *, before: bool) -> None:
        super().__init__(edit, why)
        self._call = call
        self._provider = provider
        self._text = text
        self._before = before
        self._last = b""  # the last event with text
        self._shift = 0  # of the numbers that OpenAI's Responses gives its events

    def feed(self, raw: bytes) -> list[bytes]:
        """The event; with our text in it where it is the first, or after an event of ours once the text is over."""
        view = self._provider.view(self._call, raw)
        if view is None:
            return [raw]
        if self.played:
            return [self._later(raw, view)]
        part = self._provider.part(self._call, raw)
        if part.text and (self._before or part.finish is not None or part.end):
            self.played = values.speak(view.document, view.slots, self._text, before=self._before)
            return [view.close() if self.played else raw]
        if part.text:
            self._last = raw
        elif self._last and not self._before:
            numbered = isinstance(view.document.get("sequence_number"), int)
            ours, self._shift = self._event(), 1 if numbered else 0
            return [*ours, self._later(raw, view)]
        return [raw]

    def end(self) -> list[bytes]:
        """Our text, of a stream that says nothing after its own."""
        return [] if self.played or not self._last or self._before else self._event()

    def _event(self) -> list[bytes]:
        self.played = True
        return [with_text(self._call, self._provider, self._last, f" {self._text}", 1)]

    def _later(self, raw: bytes, view: View) -> bytes:
        """An event after our text agrees with it."""
        changed = values.speak_again(view.document, view.slots, self._text, before=self._before)
        number = view.document.get("sequence_number")
        if self._shift and isinstance(number, int):
            view.document["sequence_number"] = number + self._shift
            changed = True
        return view.close() if changed else raw


def _whole_arguments(view: View) -> bool:
    """Whether the arguments in an event are whole: said again, JSON values, or all of a call that it names."""
    slots, document = view.slots, view.document
    if any(at(document, *path) for path in slots.tool_again):
        return True
    said = [at(document, *path) for path in slots.tool]
    if not any(said):
        return False
    if any(not isinstance(one, str) for one in said):
        return True
    return bool(slots.tool_name) and all(isinstance(load(one), dict) for one in said)


def stage(edit: Drop | Replace, call: Call, provider: Provider) -> Stage:
    """The stage that plays an edit; raises ValueError for one that there is none for."""
    match edit:
        case Drop(what=Piece.END):
            return Dropped(edit, WHY[Piece.END], call, provider)
        case Drop(what=Piece.FINISH):
            return Changed(edit, WHY[Piece.FINISH], call, provider, _FinishGone())
        case Replace(what=Piece.TOOL, how="repeated"):
            return Repeated(edit, WHY[Piece.TOOL], call, provider)
        case Replace(what=Piece.TOOL, how=how):
            return Arguments(edit, WHY[Piece.TOOL], call, provider, how)
        case Replace(what=Piece.TEXT, how=how, value=str(text)):
            return Spoken(edit, WHY[Piece.TEXT], call, provider, text, before=how == "before")
        case _:
            return Changed(edit, WHY[edit.what], call, provider, change(edit))


def change(edit: Drop | Replace) -> Change:
    """What an edit does to one document; raises ValueError for one that no document can show."""
    match edit:
        case Drop(what=Piece.USAGE):
            return values.drop_usage
        case Drop(what=Piece.FINISH):
            return _drop_finish_of_whole
        case Replace(what=Piece.USAGE, how="inflated", value=float() | int() as factor):
            return lambda document, slots: values.inflate(document, slots, factor)
        case Replace(what=Piece.USAGE, how="contradictory"):
            return values.contradict
        case Replace(what=Piece.MODEL, value=str(name)):
            return lambda document, slots: values.say(document, slots.model, name)
        case Replace(what=Piece.TOOL_NAME, value=str(name)):
            return lambda document, slots: values.say(document, slots.tool_name, name)
        case Replace(what=Piece.TOOL, how="repeated"):
            return values.repeat_call
        case Replace(what=Piece.TOOL, how=how):
            return lambda document, slots: values.damage_all(document, slots, how)
        case Replace(what=Piece.TEXT, how=how, value=str(text)):
            return lambda document, slots: values.speak(document, slots, text, before=how == "before")
        case Replace(what=Piece.VECTORS, how="fewer"):
            return values.fewer_vectors
        case Replace(what=Piece.VECTORS, how=how):
            return lambda document, slots: values.change_vectors(document, slots, how)
        case _:
            raise ValueError(f"no document shows {edit}")


class _FinishGone:
    """Finish values fall out: null where the stream's own earlier events have null, else without their key."""

    def __init__(self) -> None:
        self._null: set[str] = set()

    def __call__(self, document: dict[str, Any], slots: Slots) -> bool:
        """Whether the document said why the answer ends."""
        changed = values.drop_finish(document, slots, self._null.__contains__)
        if not changed:
            self._look(document)
        return changed

    def _look(self, document: dict[str, Any]) -> None:
        stack: list[Any] = [document]
        while stack:
            one = stack.pop()
            if isinstance(one, dict):
                self._null.update(key for key, inner in one.items() if inner is None)
                stack += one.values()
            elif isinstance(one, list):
                stack += one


def _drop_finish_of_whole(document: dict[str, Any], slots: Slots) -> bool:
    """Null, as OpenAI and Anthropic write what is not there; no key in the camel case of Google's and Amazon's."""
    return values.drop_finish(document, slots, lambda key: key.islower())


#: Why an edit changed nothing, by what it is about.
WHY = {
    Piece.END: "the answer has no end event",
    Piece.USAGE: "the answer says no usage",
    Piece.FINISH: "the answer says no finish reason",
    Piece.TOOL: "the answer calls no tool",
    Piece.TOOL_NAME: "the answer calls no tool",
    Piece.MODEL: "the answer names no model",
    Piece.VECTORS: "the answer has no vectors",
    Piece.TEXT: "the answer says no text",
}

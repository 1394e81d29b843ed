"""One document changed at its slots: usage, finish, model, tools and vectors said otherwise; each says whether it did.

Keys are told by their names, because each provider counts under names of its own and all of them say token
(OpenAI prompt_tokens, Gemini candidatesTokenCount, Bedrock inputTokens) but Ollama's eval_count.
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import math
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

from chaosllm.providers import Slots
from chaosllm.providers._json import Path, at, dump, load, whole_pairs
from chaosllm.units import estimate_tokens

type Json = dict[str, Any]

_COUNT = re.compile(r"token|^(prompt_)?eval_count$", re.IGNORECASE)
_OUTPUT = re.compile(r"output|completion|candidates|^eval_count$", re.IGNORECASE)
_TOTAL = re.compile("total", re.IGNORECASE)
#: A count from here on is left alone: its product may be no number.
_MOST = 2**63
#: Where a tool call's own id stands in the providers that give it one, and what must not be searched for it.
_IDS = frozenset({"id", "call_id", "item_id", "toolUseId", "tool_call_id"})
_ARGUMENTS = frozenset({"arguments", "input", "args", "parameters"})
#: Where an event says which of several tool calls it belongs to.
_INDEXES = ("index", "output_index", "contentBlockIndex")


def put(document: Json, path: Path, value: Any) -> None:
    """Set what stands at a path that exists."""
    at(document, *path[:-1])[path[-1]] = value


def say(document: Json, paths: tuple[Path, ...], value: str) -> bool:
    """The same string at each path: a model's name, a tool's."""
    changed = any(at(document, *path) != value for path in paths)
    for path in paths:
        put(document, path, value)
    return changed


def counts(document: Json, slots: Slots) -> Iterator[tuple[Json, str]]:
    """Each token count of the usage objects, as its holder and its key.

    A usage object that is the document itself (Ollama) is not searched below its first level.
    """
    for path in slots.usage:
        found = at(document, *path)
        if isinstance(found, dict):
            yield from _counts(found, deep=bool(path))


def _counts(holder: Json, *, deep: bool) -> Iterator[tuple[Json, str]]:
    for key, value in list(holder.items()):
        if deep and isinstance(value, dict | list):
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    yield from _counts(inner, deep=True)
        elif _COUNT.search(key) and isinstance(value, int | float) and not isinstance(value, bool):
            yield from ((holder, key),) if abs(value) < _MOST else ()


def drop_usage(document: Json, slots: Slots) -> bool:
    """No usage object; where the counts stand in the document itself, none of them."""
    for path in slots.usage:
        if path:
            at(document, *path[:-1]).pop(path[-1], None)
    if () in slots.usage:
        for holder, key in list(_counts(document, deep=False)):
            del holder[key]
    return bool(slots.usage)


def inflate(document: Json, slots: Slots, factor: float) -> bool:
    """`factor` times each count; whole numbers stay whole."""
    changed = False
    for holder, key in counts(document, slots):
        before = holder[key]
        holder[key] = round(before * factor) if isinstance(before, int) else before * factor
        changed = changed or holder[key] != before
    return changed


def contradict(document: Json, slots: Slots) -> bool:
    """Half of each total, so that it is no sum; where there is no total, no output is counted."""
    found = list(counts(document, slots))
    totals = [(holder, key) for holder, key in found if _TOTAL.search(key)]
    for holder, key in totals:
        holder[key] = holder[key] // 2 if holder[key] else 1
    if totals:
        return True
    spoken = [(holder, key) for holder, key in found if _OUTPUT.search(key) and holder[key]]
    for holder, key in spoken:
        holder[key] = 0
    return bool(spoken)


def grow(document: Json, slots: Slots, tokens: int) -> None:
    """That many more output tokens, in the totals too."""
    for holder, key in counts(document, slots):
        if _TOTAL.search(key) or _OUTPUT.search(key):
            holder[key] += tokens


def shrink(document: Json, slots: Slots, share: float) -> bool:
    """That share of the output tokens less, in the totals too; False where no output is counted."""
    output = next((holder[key] for holder, key in counts(document, slots) if _OUTPUT.search(key)), None)
    if output is None:
        return False
    grow(document, slots, -round(output * share))
    return True


def speak(document: Json, slots: Slots, text: str, *, before: bool) -> bool:
    """A text of ours before the answer's first words, or after its last ones; False where it has none."""
    said = [path for path in slots.text if at(document, *path)]
    if not said:
        return False
    path = said[0 if before else -1]
    put(document, path, _joined(at(document, *path), text, before=before))
    speak_again(document, slots, text, before=before)
    return True


def speak_again(document: Json, slots: Slots, text: str, *, before: bool) -> bool:
    """The same in what says an answer's text once more, and in its usage; False where there is neither."""
    said = [path for path in slots.text_again if at(document, *path)]
    for path in said[:1] if before else said[-1:]:
        put(document, path, _joined(at(document, *path), text, before=before))
    grow(document, slots, estimate_tokens(text))
    return bool(said or slots.usage)


def _joined(said: str, text: str, *, before: bool) -> str:
    return f"{text} {said}" if before else f"{said} {text}"


def drop_finish(document: Json, slots: Slots, empty: Callable[[str], bool]) -> bool:
    """No finish value: null under a key for which `empty` says so, else no key."""
    for path in slots.finish:
        key = str(path[-1])
        if empty(key):
            put(document, path, None)
        else:
            at(document, *path[:-1]).pop(path[-1], None)
    return bool(slots.finish)


def damage_all(document: Json, slots: Slots, how: str) -> bool:
    """Each of the whole tool arguments damaged; False where none can be."""
    changed = False
    for path in (*slots.tool, *slots.tool_again):
        arguments = at(document, *path)
        fresh = damage(arguments, how) if arguments else None
        if fresh is not None:
            put(document, path, fresh)
            changed = True
    return changed


def damage(arguments: Any, how: str) -> Any:
    """Tool arguments, a text or a JSON value, that are cut, invalid or of wrong types; None where that cannot be.

    An object that is no text cannot be broken as JSON. Cut, it has its first pairs only, which is what
    anthropic's SDK makes of cut arguments (PROVIDERS section 0, fact 3); invalid, a text stands in its place.
    """
    text = arguments if isinstance(arguments, str) else dump(arguments).decode()
    if how == "cut":
        if isinstance(arguments, str):
            return text[: len(text) // 2] if text else None
        kept = whole_pairs(text, len(text) // 2)
        return kept if kept != arguments else None
    if how == "invalid":
        broken = text.replace('"', "'")  # as Python writes a dict, a slip that models do make
        return broken if load(broken) is None else text + "}"
    value = load(text)
    if not isinstance(value, dict) or not value:
        return None
    wrong = {key: _otherwise(one) for key, one in value.items()}
    return dump(wrong).decode() if isinstance(arguments, str) else wrong


def _otherwise(value: Any) -> Any:
    """The value as another type: a text as a list of it, all else as its text."""
    return [value] if isinstance(value, str) else json.dumps(value)


def repeat_call(document: Json, slots: Slots) -> bool:
    """The last whole tool call once more, under another id."""
    calls = at(document, *slots.tool_calls) if slots.tool_calls is not None else None
    if not isinstance(calls, list) or slots.tool_calls is None:
        return False
    depth = len(slots.tool_calls)
    paths = (*slots.tool, *slots.tool_again, *slots.tool_name)
    numbers = [int(path[depth]) for path in paths if path[:depth] == slots.tool_calls]
    if not numbers:
        return False
    again = copy.deepcopy(calls[max(numbers)])
    _rename(again)
    for holder in (again, at(again, "function")):  # Ollama has it in there
        if isinstance(at(holder, "index"), int):
            holder["index"] += 1
    calls.append(again)
    return True


def as_next_call(document: Json, slots: Slots) -> bool:
    """Make an event of one tool call the same event of the call after it; False for an event of no call."""
    numbered = {id(holder): (holder, key) for holder, key in _numbered(document, slots)}
    for holder, key in numbered.values():
        holder[key] += 1
    for path in (*slots.tool, *slots.tool_name):
        for end in range(len(path)):
            if isinstance(holder := at(document, *path[:end]), dict):
                holder.pop("role", None)  # OpenAI's first delta has it, and the SDK's helper joins it to the first
    _rename({key: value for key, value in document.items() if key != "id"})  # that one is the answer's
    if isinstance(name := document.get("item_id"), str) and name:
        document["item_id"] = other_id(name)
    return bool(numbered)


def call_number(document: Json, slots: Slots) -> int | None:
    """Which of several tool calls an event belongs to, None where it does not say."""
    return next((int(holder[key]) for holder, key in _numbered(document, slots)), None)


def _numbered(document: Json, slots: Slots) -> Iterator[tuple[Json, str]]:
    """Where an event numbers its tool calls: in the nearest object around what it says of them."""
    paths: tuple[Path, ...] = (*slots.tool, *slots.tool_name) or ((),)
    for path in paths:
        for end in range(len(path), -1, -1):
            holder = at(document, *path[:end])
            key = next((key for key in _INDEXES if isinstance(at(holder, key), int)), None)
            if key is not None:
                yield holder, key
                break


def _rename(value: Any) -> None:
    """Other ids for tool calls, the same for the same id."""
    stack = [value]
    while stack:  # because documents may nest deeper than calls may
        one = stack.pop()
        if isinstance(one, list):
            stack += one
        elif isinstance(one, dict):
            for key, inner in one.items():
                if key in _IDS and isinstance(inner, str) and inner:
                    one[key] = other_id(inner)
                elif key not in _ARGUMENTS:
                    stack.append(inner)


def other_id(name: str) -> str:
    """An id of the same form."""
    return name[:-1] + ("B" if name[-1] != "B" else "C")


def fewer_vectors(document: Json, slots: Slots) -> bool:
    """No vector for the last input."""
    vectors = at(document, *slots.vector_list) if slots.vector_list is not None else None
    if not isinstance(vectors, list) or not vectors:
        return False
    vectors.pop()
    return True


def change_vectors(document: Json, slots: Slots, how: str) -> bool:
    """Half of each vector's dimensions (shorter), or NaN as its first number (nan).

    JSON has no NaN: among numbers it is the bare token that Python and JavaScript serializers write.
    """
    changed = False
    for path in slots.vectors:
        vector = at(document, *path)
        fresh = _packed(vector, how) if isinstance(vector, str) else _vector(vector, how)
        if fresh is not None:
            put(document, path, fresh)
            changed = True
    return changed


def _vector(vector: Any, how: str) -> list[Any] | None:
    if not isinstance(vector, list) or not vector:
        return None
    return vector[: len(vector) // 2] if how == "shorter" else [math.nan, *vector[1:]]


def _packed(vector: str, how: str) -> str | None:
    """The same in base64 of little-endian 32-bit floats."""
    try:
        data = base64.b64decode(vector, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) < 4 or len(data) % 4:
        return None
    fresh = data[: len(data) // 8 * 4] if how == "shorter" else struct.pack("<f", math.nan) + data[4:]
    return base64.b64encode(fresh).decode()

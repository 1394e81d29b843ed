"""Nearest names: what a misspelt word probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: difflib is quadratic in the length of a word; no name of ours is half as long.
_LONGEST = 60
_LISTED = 24  # names in a list that a reader still reads


def nearest(word: str, choices: Iterable[str]) -> list[str]:
    """Up to three choices that look like `word`, the likeliest first; none for a very long word."""
    if len(word) > _LONGEST:
        return []
    by_plain = {choice.lower().replace("-", "_"): choice for choice in choices}
    plain_word = word.lower().replace("-", "_")
    found = get_close_matches(plain_word, by_plain, n=3, cutoff=0.6)
    found = found or [plain for plain in by_plain if plain_word in plain.split("_")][:3]  # azure: azure_openai
    return [by_plain[plain] for plain in found]


def suggest(word: str, choices: Iterable[str]) -> str:
    """A hint: "did you mean `x`?", else what may stand here; "" when nothing may."""
    names = [cut(one) for one in choices]
    close = nearest(word, names)
    if close:
        return f"did you mean {' or '.join(f'`{name}`' for name in close[:2])}?"
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"expected one of {cut(', '.join(names[:_LISTED]), 600)}{more}"


def cut(text: str, length: int = 60) -> str:
    """A name as it may stand in a sentence: on one line, and cut when long."""
    plain = text if text[: length + 1].isprintable() else repr(text[: length + 1])[1:-1]
    return plain if len(plain) <= length else plain[:length] + "..."


def shorten(value: object, length: int = 60) -> str:
    """What was found, as it may stand in a sentence: quoted, and cut when long."""
    if isinstance(value, bool) or value is None:
        return "nothing" if value is None else str(value).lower()
    if isinstance(value, dict):
        keys = ", ".join(str(key) for key in list(value)[:4])
        text = f"a mapping ({keys}{', ...' if len(value) > 4 else ''})"
    elif isinstance(value, list | tuple):
        text = f"a list of {len(value)}"
    else:
        text = repr(value[: length + 1] if isinstance(value, str) else value)
    return text if len(text) <= length else text[:length] + "..."

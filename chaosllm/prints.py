"""Prints: keyed hashes of word shingles, so that a cut answer is known again without its text.

The proxy prints what it delivered before a cut and what it withheld, and the side effects that an app has had; the
driver prints what the user got. The key lives only for the run, so the prints say nothing once it is over.
"""

from __future__ import annotations

import hashlib
import re

_WORD = re.compile(r"\w+")
WORDS = 3  # a shingle: long enough that two answers seldom share one, short enough for a few withheld words
AT_MOST = 128  # shingles kept from each end of an answer: bounds a sample at about 1.4 kB


def shingles(text: str) -> list[str]:
    """Runs of WORDS lower-case words, in order; one shorter run for a shorter text, none for no word."""
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return []
    return [" ".join(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))]


def print_whole(text: str, key: bytes) -> int:
    """One print of a whole text, 32 bits; half a surrogate pair, which JSON can say, counts as a question mark."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), key=key, digest_size=4).digest(), "big")


def prints(text: str, key: bytes) -> list[int]:
    """Prints of an answer, 32 bits each, in order; of a long one the first and last AT_MOST."""
    found = shingles(text)
    if len(found) > 2 * AT_MOST:
        found = found[:AT_MOST] + found[-AT_MOST:]
    return [print_whole(shingle, key) for shingle in found]


def print_ends(text: str, key: bytes, count: int = 4) -> tuple[list[int], list[int]]:
    """Prints of the first and of the last `count` shingles of a text."""
    found = shingles(text)
    return [print_whole(s, key) for s in found[:count]], [print_whole(s, key) for s in found[-count:]]

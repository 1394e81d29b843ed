"""Readable prose out of a seed and a prompt: the same two give the same words, on every machine.

Laws:
1. Nothing of the prompt is echoed, so no nonce and no secret can come back in an answer.
2. Two prompts that differ only in their `[ref:...]` nonce get different words of about the same number.
3. No piece is longer than `units.TOKEN_CHARS_AT_MOST`, so that one piece is one token by every count of ours.
"""

# ruff: noqa: SIM905  # a vocabulary reads better as text than as a list of 64 quoted words

from __future__ import annotations

import hashlib
import re
from struct import unpack

from chaosllm.units import TOKEN_CHARS_AT_MOST

WORDS_LEAST, WORDS_MOST = 40, 120
WORDS_EMBEDDED = 64  # bounds the time that the embedding of a long text takes
_REF = re.compile(r"\s*\[ref:[0-9a-f]{8}\]")

# 64 of each, because one byte of a digest, masked, then picks a word with equal chance.
# Adjectives and nouns begin with no vowel, so that "a" is right before all of them.
_ADJECTIVES = (
    "bitter blue brief bright brisk broken calm careful cheerful clever coastal cold copper crooked curious dark "
    "distant dusty faint famous fragile friendly frozen gentle golden green hidden hollow humble late little lively "
    "lonely long loyal marble mellow modest muddy narrow nervous northern painted pale patient polite proud quiet "
    "restless round rusty silver simple slow solemn steady stubborn sturdy sunny tidy velvet wandering wooden yellow"
).split()
_NOUNS = (
    "baker barn barrel basket bell bridge brook button candle captain carpet cart castle cellar clock cloud coat cook "
    "cottage crane door drum farmer feather ferry field fiddle forest garden gate harbour hedge hill kettle ladder "
    "lantern letter market meadow mill miller mirror morning painter paper parade pebble pilot pond puddle river road "
    "sailor shepherd shop spoon stone table teapot tower train valley window winter"
).split()
_VERBS = (
    "admired answered arranged avoided balanced borrowed brightened carried chased circled collected covered crossed "
    "described discovered divided doubted drew echoed embraced entered explored faced filled followed forgot found "
    "framed gathered greeted guarded guided handled heard helped ignored imagined invited joined lifted mended missed "
    "noticed opened ordered outlived passed pictured polished praised reached recalled remembered sheltered sketched "
    "surprised tested trusted visited warmed watched welcomed weighed wrote"
).split()
_LINKS = (
    "above across after against along among around before behind below beneath beside between beyond by despite during "
    "for from inside into like near opposite outside over past through toward under until without"
).split() * 2
_OPENINGS = (
    "Afterwards Again Already Always Briefly Calmly Carefully Certainly Clearly Curiously Daily Early Elsewhere Even "
    "Eventually Everywhere Evidently Finally Fortunately Gently Gradually Happily Hence Here However Indeed Instead "
    "Lately Later Likewise Luckily Meanwhile Mostly Nearby Nonetheless Next Normally Now Often Once Perhaps Presently "
    "Quietly Rarely Really Seldom Shortly Similarly Simply Slowly Sometimes Somewhere Soon Still Strangely Suddenly "
    "Surely Then There Today Tonight Twice Usually Yesterday"
).split()
_SLOTS = {"O": _OPENINGS, "A": _ADJECTIVES, "N": _NOUNS, "V": _VERBS, "L": _LINKS}
_SHAPES = (
    "The A N V the A N L the N.",
    "Any N L the A N V every N.",
    "The N L the N V a A N, and the A N V it.",
    "No A N V the N L the A N.",
    "Each N V its A N L the N.",
    "One A N V the N, but the A N V the N.",
    "The A N and the A N V the N.",
    "Some A N V a N L that A N.",
    "That A N V the N, so the N V the A N L the N.",
    "Another N L the A N V the A N.",
    "The N of the A N V a A N.",
    "This A N V the A N L a A N.",
    "My A N V the N L the A N.",
    "Our N V the A N, though a A N V the N.",
    "Their A N L the N V another A N.",
    "Your N V the A N while the N V the N.",
)
#: A sentence: its words, and by their places the 64 to pick from; the others are fixed.
type _Sentence = tuple[tuple[str, ...], tuple[tuple[int, tuple[str, ...]], ...]]


def _sentence(words: list[str]) -> _Sentence:
    bare = [word.rstrip(".,") for word in words]
    picks = tuple(
        (place, tuple(f" {pick}{word[len(slot) :]}" for pick in _SLOTS[slot]))
        for place, (word, slot) in enumerate(zip(words, bare, strict=True))
        if slot in _SLOTS
    )
    return tuple(f" {word}" for word in words), picks


# By the kind that a die of 32 gives: opened by an adverb, then the same without.
_SENTENCES = tuple(
    _sentence(words)
    for words in (
        *(["O", *(shape[0].lower() + shape[1:]).split()] for shape in _SHAPES),
        *(shape.split() for shape in _SHAPES),
    )
)
_LONGEST = max(len(words) for words, _ in _SENTENCES)


class Dice:
    """Numbers that follow from a seed and some text alone."""

    def __init__(self, seed: int, text: str) -> None:
        self._root = f"{seed}\x1f{text}".encode()

    def bytes(self, count: int, salt: str = "") -> bytes:
        """`count` bytes; a longer draw with the same salt begins with the shorter one."""
        return hashlib.shake_128(salt.encode() + b"\x1f" + self._root).digest(count)

    def share(self, salt: str) -> float:
        """A number in (0, 1)."""
        return (int.from_bytes(self.bytes(6, salt)) + 0.5) / (1 << 48)

    def below(self, limit: int, salt: str) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int.from_bytes(self.bytes(6, salt)) * limit >> 48


def without_nonce(prompt: str) -> str:
    """The prompt less its operation references."""
    return _REF.sub("", prompt)


def prose(seed: int, prompt: str) -> tuple[str, ...]:
    """The words of an answer in the pieces a stream sends them in; 40 to 120 words in whole sentences.

    The number of words follows from the prompt without its nonce, the words from all of it.
    """
    wanted = WORDS_LEAST + Dice(seed, without_nonce(prompt)).below(WORDS_MOST - WORDS_LEAST - _LONGEST + 1, "words")
    # At most 1 byte for the kind of each sentence and 1 for each word in it.
    dice = iter(Dice(seed, prompt).bytes(2 * WORDS_MOST, "prose"))
    pieces: list[str] = []
    while (start := len(pieces)) < wanted:
        words, picks = _SENTENCES[next(dice) & 31]
        pieces += words
        for place, options in picks:
            pieces[start + place] = options[next(dice) & 63]
    pieces[0] = pieces[0][1:]
    return tuple(pieces)


def split(text: str) -> tuple[str, ...]:
    """Any text in pieces of at most one token each, as a stream would send it."""
    return tuple(re.findall(rf"(?s)\s?\S{{1,{TOKEN_CHARS_AT_MOST - 1}}}|\s", text))


def vector(seed: int, text: str, dimensions: int) -> tuple[float, ...]:
    """A unit vector for an embedding: near to another only when the texts share words.

    A sum of one direction for each word, so that a search over simulated embeddings finds
    texts that overlap, which a single hash of the whole text would not.
    """
    words = set(re.findall(r"\w+", without_nonce(text).lower())) or {""}
    total = [0] * dimensions
    for word in sorted(words)[:WORDS_EMBEDDED]:
        digest = Dice(seed, word).bytes(2 * dimensions, "vector")
        total = list(map(int.__add__, total, unpack(f"<{dimensions}h", digest)))
    length = sum(number * number for number in total) ** 0.5 or 1.0
    return tuple(number / length for number in total)

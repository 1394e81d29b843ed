"""`${env:NAME}` in a scenario: which variables it wants, what fills them, and how their values are kept out of sight.

Whatever comes by a variable is taken for a secret: a value that may be seen is better a parameter.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

from chaosllm.scenario import Scenario

VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
#: What stands where a secret stood.
HIDDEN = "***"
#: Characters of the shortest value that is hidden: a shorter one is found in any text, and hides nothing but that.
SHORTEST = 6
#: The key of a record that is never a secret, and that prices are looked up by.
_OPEN = "model"
_URL_SAFE = str.maketrans("+/", "-_")


def names(value: Any) -> Iterator[str]:
    """The variables that the texts in a value name."""
    if isinstance(value, str):
        yield from VARIABLE.findall(value)
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            yield from names(key)
            yield from names(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from names(inside)


def filled(text: str, environ: Mapping[str, str]) -> str:
    """A text with its variables filled in; one that is not set leaves nothing."""
    return VARIABLE.sub(lambda found: environ.get(found[1], ""), text)


def secrets_of(scenario: Scenario, environ: Mapping[str, str]) -> dict[str, str]:
    """The values that the scenario takes from the environment, by their variables."""
    target = scenario.target
    wanted = [*names(target.url), *names(target.start.env if target.start else {})]
    for one in target.operations:
        wanted += [*names(one.path), *names(one.headers), *names(one.cookies), *names(one.json), *names(one.body)]
    for watched in scenario.probes:
        wanted += names(getattr(watched.probe, "headers", None))
    return {name: environ[name] for name in dict.fromkeys(wanted) if name in environ}


def too_short(scenario: Scenario, environ: Mapping[str, str]) -> list[str]:
    """A sentence for each value that is too short to be hidden."""
    return [
        f"the value of {name} has under {SHORTEST} characters, too few to be hidden in what the run records"
        for name, value in secrets_of(scenario, environ).items()
        if 0 < len(value.strip()) < SHORTEST
    ]


def _in_base64(text: str) -> Iterator[str]:
    """What stands of a text in base64, whatever stands before it and behind it there (such as `user:` in Basic)."""
    data = text.encode(errors="surrogateescape")
    for lead in range(3):
        coded = b64encode(bytes(lead) + data).decode()
        own = coded[(lead * 8 + 5) // 6 : (lead + len(data)) * 8 // 6]  # six bits a character, none of them shared
        yield from (own, own.translate(_URL_SAFE))


class Redactor:
    """Hides values, as they are and as JSON, HTML, URLs, Python and base64 spell them."""

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {
            spelling
            for value in values
            for text in (value, value.strip())
            if len(value.strip()) >= SHORTEST
            for spelling in (
                text,
                json.dumps(text)[1:-1],
                json.dumps(text, ensure_ascii=False)[1:-1],
                quote(text, safe=""),
                quote_plus(text),
                escape(text),
                repr(text)[1:-1],
                *_in_base64(text),
            )
        }
        longest = sorted(spellings, key=len, reverse=True)
        self.longest = max((len(spelling.encode(errors="replace")) for spelling in longest), default=0)
        self._found = re.compile("|".join(map(re.escape, longest)) or r"(?!)")
        encoded = [re.escape(spelling.encode(errors="surrogateescape")) for spelling in longest]
        self._bytes = re.compile(b"|".join(encoded) or rb"(?!)")

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return self.longest > 0

    def text(self, text: str) -> str:
        """A text without them."""
        return self._found.sub(HIDDEN, text)

    def raw(self, data: bytes) -> bytes:
        """Bytes without them."""
        return self._bytes.sub(HIDDEN.encode(), data)

    def past(self, data: bytes, at: int) -> int:
        """The end of the value that lies across `at` in `data`; `at` when none does."""
        return next((found.end() for found in self._bytes.finditer(data) if found.start() < at < found.end()), at)

    def finds(self, data: bytes) -> bool:
        """Whether there is something to hide in `data`."""
        return self._bytes.search(data) is not None

    def value(self, value: Any) -> Any:
        """Plain data without them; keys, and the names of models, stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: inside if key == _OPEN else self.value(inside) for key, inside in value.items()}
        return [self.value(inside) for inside in value] if isinstance(value, list) else value

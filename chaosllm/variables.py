"""`${env:NAME}` in a scenario: which variables it wants, what fills them, and how their values are kept out of sight.

Whatever comes by a variable is taken for a secret: a value that may be seen is better a parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
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


def secrets_of(scenario: Scenario, environ: Mapping[str, str]) -> list[str]:
    """The values that the scenario takes from the environment."""
    target = scenario.target
    wanted = [*names(target.url), *names(target.start.env if target.start else {})]
    for one in target.operations:
        wanted += [*names(one.path), *names(one.headers), *names(one.cookies), *names(one.json), *names(one.body)]
    return [environ[name] for name in dict.fromkeys(wanted) if name in environ]


class Redactor:
    """Hides values, as they are and as JSON and URLs spell them."""

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

    def last(self, data: bytes) -> int:
        """Where the last value in `data` ends, 0 for none."""
        return max((found.end() for found in self._bytes.finditer(data)), default=0)

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

"""A scenario put together from its parts, before the language itself is looked at.

    files included -> scenarios varied -> settings -> parameters -> groups of phases -> durations scaled

Laws:
1. Each step works on plain data with places, so what is found wrong later still stands where it was written.
2. What was put together can be written out again flat: the text needs no other file for its keys, no setting,
   and reads as the same scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from chaosllm.errors import Where
from chaosllm.language.includes import follow
from chaosllm.language.model import ScenarioFile
from chaosllm.language.overrides import Setting, apply, parse
from chaosllm.language.parameters import Given, declared, fill, uses
from chaosllm.language.repeats import expand
from chaosllm.language.scaling import rescale
from chaosllm.language.variants import Variant, variants
from chaosllm.language.yaml_nodes import Document, Problems, compose
from chaosllm.spelling import shorten

KEYS = (*ScenarioFile.model_fields, "rules")  # what the first word of a setting may be


@dataclass(frozen=True, slots=True)
class Parts:
    """A file with what it includes, and the scenarios to be made of it."""

    document: Document
    settings: Sequence[Setting]
    variants: Sequence[Variant]
    composed: bool  # of more than the text says by itself
    text: str
    vary: Where


def gather(
    text: str | bytes, file: str, load: Callable[[str], str] | None, sets: Sequence[str], problems: Problems
) -> Parts | None:
    """The parts of a scenario; None, with the problems noted, when they cannot be read at all."""
    found = compose(text, file, problems)
    if found is None:
        return None
    if not isinstance(found.data, dict):
        what = f"found {shorten(found.data)}, expected a mapping with version, name, upstreams and phases"
        problems.add(found.where(()), what)
        return None
    document = follow(found, file, load, problems)
    if document is None:
        return None
    settings = parse(sets, problems)
    composed = document is not found or bool(sets) or any(key in document.data for key in ("parameters", "vary"))
    made = variants(document, settings, problems)
    return Parts(document, settings, made, composed, as_text(text), document.where_key(("vary",)))


def as_text(text: str | bytes) -> str:
    """What a file holds, whatever it holds."""
    return text if isinstance(text, str) else text.decode(errors="replace")


def put_together(
    parts: Parts, variant: Variant, scale: float, problems: Problems
) -> tuple[Document, str | Mapping[str, Any]]:
    """One scenario of the file as a flat document, and its source: the file's text, or data that reads as the same."""
    document = parts.document
    if len(parts.variants) > 1:
        document = Document(deepcopy(document.data), dict(document.values), dict(document.keys), document.size)
    settings = [*variant.settings, *parts.settings]
    named = [one for one in settings if len(one.parts) == 1 and one.parts[0] not in KEYS]
    used = uses(document.data) if settings else set()
    apply(document, [one for one in settings if one not in named], problems)
    own = declared(document, problems, KEYS)
    fill(document, own, {one.parts[0]: Given(one.value, one.where) for one in named}, problems, KEYS, replaced=used)
    if variant.suffix and isinstance(document.data.get("name"), str):
        document.data["name"] += variant.suffix
    repeated = expand(document, problems)
    if scale != 1.0:
        rescale(document.data, scale)
    changed = parts.composed or repeated or scale != 1.0
    return document, document.data if changed else parts.text

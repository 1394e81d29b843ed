"""`vary`: one file that makes many scenarios, one for each combination of values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chaosllm.language.overrides import Setting
from chaosllm.language.yaml_nodes import NODES_AT_MOST, Document, Path, Problems
from chaosllm.spelling import cut, shorten

VARIANTS_AT_MOST = 100
_NODES_IN_ALL = 10 * NODES_AT_MOST  # so that reading them all takes seconds at most
_NAME_AT_MOST = 80  # characters, as of any scenario's name


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the scenarios that a file makes: what its name ends with, and what is set in it."""

    suffix: str = ""
    settings: tuple[Setting, ...] = ()


def variants(document: Document, settings: Sequence[Setting], problems: Problems) -> list[Variant]:
    """The scenarios that `vary` makes, which is taken out; one, as the file stands, without it.

    The first key changes slowest. A key that `settings` name is theirs, and does not vary.
    """
    block = document.data.pop("vary", None)
    if block is None:
        return [Variant()]
    if not isinstance(block, dict):
        hint = "such as {load.rate: [10/s, 20/s]}"
        problems.add(document.where(("vary",)), f"found {shorten(block)}, expected a mapping", hint)
        return [Variant()]
    fixed = {one.parts for one in settings}
    axes = []
    for key, values in block.items():
        path: Path = ("vary", key)
        parts = tuple(key.split("."))
        if not all(parts) or parts[0] in ("include", "vary", "parameters"):
            problems.add(document.where_key(path), f"found {shorten(key)} in `vary`", "expected a path or a parameter")
        elif not isinstance(values, list) or not values:
            what = f"vary.{cut(key)}: found {shorten(values)}, expected a list of values"
            problems.add(document.where(path), what, "such as [10/s, 20/s]")
        elif parts not in fixed:
            axes.append([Setting(parts, value, document.where((*path, at))) for at, value in enumerate(values)])
    count = 1
    for axis in axes:
        count *= len(axis)
    if count > VARIANTS_AT_MOST or count * document.size > _NODES_IN_ALL:
        most = min(VARIANTS_AT_MOST, _NODES_IN_ALL // document.size)
        what = f"`vary` makes {count} scenarios of this file, expected at most {most}"
        problems.add(document.where_key(("vary",)), what, "vary fewer values, or fewer things at once")
        return [Variant()]
    combinations = list(itertools.product(*axes))
    if len(combinations) == 1:
        return [Variant("", combinations[0])]
    name = document.data.get("name")
    suffixes = [
        "-".join(["", *(_said(one, axis) for one, axis in zip(each, axes, strict=True))]) for each in combinations
    ]
    longest = max(map(len, suffixes)) + (len(name) if isinstance(name, str) else 0)
    if longest > _NAME_AT_MOST or len(set(suffixes)) < len(suffixes):
        suffixes = [f"-{number}" for number in range(1, len(suffixes) + 1)]
    return [Variant(suffix, each) for suffix, each in zip(suffixes, combinations, strict=True)]


def _said(setting: Setting, axis: Sequence[Setting]) -> str:
    """A setting as it may stand in a name: rate-10-per-s, share-40pct."""
    word = next((part for part in reversed(setting.parts) if not part.isdecimal()), "")
    value: Any = setting.value
    text = str(axis.index(setting) + 1) if isinstance(value, dict | list) else str(value)
    plain = text.replace("/", "-per-").replace("%", "pct")
    return "-".join(filter(None, (_plain(word), _plain(plain) or str(axis.index(setting) + 1))))


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-._")

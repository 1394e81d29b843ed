"""`include`: a scenario, or an item of one of its lists, that stands in another file.

Laws:
1. What an included file says is a default: the including file wins, mappings key by key; a list is replaced whole.
   Of several files the later wins over the earlier.
2. A file is named relative to the one that includes it, and lies in the scenario's folder.
3. What one file may hold, all of them together may hold: text and nodes are counted over all.
4. A value keeps the file, line and column where it was written.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaosllm.errors import Where
from chaosllm.language.grafting import graft, inside, merge, note
from chaosllm.language.kinds import check_path
from chaosllm.language.yaml_nodes import TEXT_AT_MOST, Document, Path, Problems, compose
from chaosllm.spelling import cut, shorten

DEPTH_AT_MOST = 10  # files, each included by the one before
FILES_AT_MOST = 100  # each costs a look at the disk

#: What the keys of a scenario, and of a phase, hold lists of: an item of such a list may be an include.
_LISTS = {
    "": ("phases", "upstreams", "objectives", "stop_when"),
    "phases": ("phases", "rules"),
}


def follow(document: Document, file: str, load: Callable[[str], str] | None, problems: Problems) -> Document | None:
    """The document with its includes put in; None, with the problems noted, when one cannot be.

    `load` gives the text of a file relative to the scenario, or raises OSError.
    """
    if not any(path[-1:] == ("include",) for path in document.keys):
        return document
    following = _Following(file, load, problems, document.size)
    try:
        return following.scenario(_Source(document, (posixpath.basename(file),)))
    except _Broken:
        return None


class _Broken(Exception):  # noqa: N818  # control flow inside this file: the problem is already noted
    """An include cannot be followed, and what it would have held is not known."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that was read: what it holds, and the names from the scenario's own to its own."""

    document: Document
    chain: tuple[str, ...]


class _Following:
    def __init__(self, file: str, load: Callable[[str], str] | None, problems: Problems, nodes: int) -> None:
        self.folder = posixpath.dirname(file)
        self.load = load
        self.problems = problems
        self.nodes = nodes
        self.files = 0
        self.characters = 0

    def refuse(self, where: Where, what: str, hint: str = "") -> _Broken:
        self.problems.add(where, what, hint)
        return _Broken()

    def scenario(self, source: _Source) -> Document:
        """A document that is a mapping, with what it includes as defaults."""
        whole = self.spliced(source, "")
        wanted = whole.data.pop("include", None)
        if wanted is None:
            return whole
        for other in reversed(self.named(wanted, source, ("include",))):
            found = other.document.data
            if not isinstance(found, dict):
                what = f"found {shorten(found)}, expected a mapping with keys of a scenario"
                hint = "a list of phases or rules is included as an item of such a list"
                raise self.refuse(other.document.where(()), what, hint)
            merge(whole, self.scenario(other))
        return whole

    def spliced(self, source: _Source, kind: str) -> Document:
        """A copy of a document whose lists hold, in place of includes, what these name."""
        whole = Document(None, {}, {})
        whole.data = self.copy(source, (), whole, (), kind)
        return whole

    def copy(self, source: _Source, path: Path, whole: Document, at: Path, kind: str | None) -> Any:
        """The value at `path` for the place `at`; `kind` is the list that it is an item of, "" for a scenario."""
        data = inside(source.document.data, path)
        if isinstance(data, list) and kind:  # a file that holds the items of a list
            return self.items(source, path, whole, at, kind)
        note(source.document, path, whole, at)
        if isinstance(data, dict):
            lists = _LISTS.get(kind, ()) if kind is not None else ()
            return {
                key: self.items(source, (*path, key), whole, (*at, key), key)
                if key in lists and isinstance(value, list)
                else self.copy(source, (*path, key), whole, (*at, key), None)
                for key, value in data.items()
            }
        if isinstance(data, list):
            return [self.copy(source, (*path, place), whole, (*at, place), None) for place in range(len(data))]
        return data

    def items(self, source: _Source, path: Path, whole: Document, at: Path, kind: str) -> list[Any]:
        """The items of a list, with those of the files that it includes."""
        document = source.document
        note(document, path, whole, at)
        found: list[Any] = []
        for place, item in enumerate(inside(document.data, path)):
            here = (*path, place)
            if not isinstance(item, dict) or "include" not in item:
                found.append(self.copy(source, here, whole, (*at, len(found)), kind))
                continue
            if len(item) > 1:
                other = next(key for key in item if key != "include")
                what = f"found `{cut(other)}` beside `include`"
                raise self.refuse(
                    document.where_key((*here, other)), what, "an item that includes a file holds no more"
                )
            for file in self.named(item["include"], source, (*here, "include")):
                inner = self.spliced(file, kind)
                listed = [(number,) for number in range(len(inner.data))] if isinstance(inner.data, list) else [()]
                found += [graft(inner, one, whole, (*at, len(found) + number)) for number, one in enumerate(listed)]
        return found

    def named(self, wanted: Any, source: _Source, path: Path) -> list[_Source]:
        """The files that an `include` names, read."""
        document = source.document
        if isinstance(wanted, list):
            return [self.file(one, document.where((*path, at)), source) for at, one in enumerate(wanted)]
        return [self.file(wanted, document.where(path), source)]

    def file(self, wanted: Any, where: Where, source: _Source) -> _Source:
        if not isinstance(wanted, str) or not wanted:
            raise self.refuse(where, f"found {shorten(wanted)}, expected the name of a file", "such as common.yaml")
        if "${" in wanted:
            what = f"found {shorten(wanted)}, and files are included before parameters are filled"
            raise self.refuse(where, what, "write the file's name out")
        chain, name = source.chain, source.chain[-1]
        there = posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted))
        try:
            check_path(there)
        except ValueError:
            what = f"found {shorten(wanted)}, expected a file in the scenario's folder"
            raise self.refuse(where, what, f"its path is relative to {name}, such as common.yaml") from None
        if there in chain:
            loop = " includes ".join((*chain[chain.index(there) :], there))
            raise self.refuse(where, f"these files include each other without end: {cut(loop, 200)}", "take one out")
        self.files += 1
        if len(chain) > DEPTH_AT_MOST:
            raise self.refuse(where, f"found more than {DEPTH_AT_MOST} files, each included by the one before")
        if self.files > FILES_AT_MOST:
            raise self.refuse(where, f"found more than {FILES_AT_MOST} includes")
        return _Source(self.composed(there, wanted, where), (*chain, there))

    def composed(self, there: str, wanted: str, where: Where) -> Document:
        if self.load is None:
            raise self.refuse(where, f"{cut(wanted)} cannot be included here: no file is read beside this text")
        try:
            text = self.load(there)
        except (OSError, ValueError) as error:
            why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None)
            what = f"{cut(wanted)} cannot be included: {why or error}"
            raise self.refuse(where, what, "a path is relative to the file that names it") from None
        self.characters += len(text)
        if self.characters > TEXT_AT_MOST:
            raise self.refuse(where, f"with what it includes the file is over {TEXT_AT_MOST} characters")
        found = compose(text, posixpath.join(self.folder, there), self.problems, self.nodes)
        if found is None:
            raise _Broken
        self.nodes = found.size
        return found

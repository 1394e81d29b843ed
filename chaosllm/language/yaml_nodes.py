"""YAML text to plain data with the place of each value: strict, bounded, and never raising.

Laws:
1. What two YAML readers understand differently (`no`, `1:30`, `012`, dates) is a Problem, never a
   value: YAML 1.1 and 1.2 disagree, and an author cannot know which one reads him.
2. Size is bounded before anything is built: text, depth, and nodes with every alias expanded.
3. Events are read in a loop and never by recursion, because a hostile file nests deeper than a stack.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from chaosllm.errors import Level, Problem, Where
from chaosllm.spelling import cut, shorten

TEXT_AT_MOST = 1_000_000  # characters; the longest scenario of ours has under 5 000
DEPTH_AT_MOST = 40
NODES_AT_MOST = 20_000
_TEXT_OF_A_NODE = 100  # characters that count as one more value, so that a long text aliased often is a bomb too
PROBLEMS_AT_MOST = 50  # more are counted only: nobody reads them, and suggestions cost time

type Path = tuple[str | int, ...]

# libyaml is 20 times as fast; the wheels of PyYAML hold it, a build from source may not.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"-?(?:0|[1-9]\d{0,17})$")
_FLOAT = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,40}(?:[eE][-+]?\d{1,3})?|[eE][-+]?\d{1,3})$")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = ("", "~", "null", "Null", "NULL")
_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:yes|no|on|off)$", re.IGNORECASE), "write true or false, or quote it"),
    (re.compile(r"[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?$"), "write a duration as 1m30s, or quote it"),
    (re.compile(r"[-+]?0\d[\d_]*$"), "a leading 0 means octal to some: drop it, or quote it"),
    (re.compile(r"[-+]?0[xob][\da-fA-F_]+$"), "write the number in decimal, or quote it"),
    (re.compile(r"[-+]?\d{1,3}(?:_\d{3})+(?:\.\d*)?$|[-+]?\d+_[\d_]*$"), "leave the underscores out, or quote it"),
    (re.compile(r"[-+]?\d{4}-\d\d?-\d\d?(?:[Tt ].*)?$"), "a date to some: quote it"),
    (re.compile(r"[-+]?\.(?:inf|nan)$", re.IGNORECASE), "write a finite number, or quote it"),
    (re.compile(r"\+\d+(?:\.\d*)?(?:[eE][-+]?\d+)?$|[-+]?\d+\.(?:[eE].*)?$|[-+]?\.\d+(?:[eE].*)?$"),
     "write the number as 0.5 or 5, or quote it"),
    (re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$"), "the number has too many digits: quote it if it is text"),
    (re.compile(r"<<$"), "merge keys are not used here: write the keys out, alias the whole value, or quote it"),
    (re.compile(r"=$"), "quote it"),
)  # fmt: skip
_SUSPECT = frozenset("+-.0123456789=<yYnNoO")  # how numbers and traps begin
_LONGEST_TRAP = 64  # no trap is longer, and the patterns above stay cheap


_SYNTAX_HINTS: tuple[tuple[str, str], ...] = (
    ("tab", "use spaces: YAML allows no tab in indentation"),
    ("mapping values are not allowed", "quote a value that holds `: `, or check the indentation"),
    ("expected ',' or", "close the bracket, and quote values that hold , : [ ] { }"),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("expected key", "check the indentation, and quote values that hold quotes or braces"),
    ("expected <block end>", "check the indentation"),
    ("block end", "check the indentation"),
    ("expected '-' indicator", "check the indentation of the list"),
    ("comment or line break", "quote a value that begins with > or |"),
    ("chomping", "quote a value that begins with > or |"),
    ("end of stream", "close the quote or bracket"),
    ("alphabetic or numeric character", "quote a value that begins with * or &"),
    ("escape", "use single quotes, or double each backslash"),
    ("character", "quote a value that begins with % @ or `"),
    ("tag", "quote a value that begins with !"),
)


class _NotAKey(str):
    """Stands for a key that is no text, until its value has come."""


class Problems:
    """Collects problems: one for a place, and no more than can be read."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._places: set[tuple[Where, str]] = set()
        self.left_out = 0

    def add(
        self,
        where: Where,
        what: str,
        hint: str | Callable[[], str] = "",
        level: Level = Level.ERROR,
        *,
        same: str = "",
    ) -> None:
        """Note a problem, unless this place has an error already: the first is the cause of the rest.

        `same` tells apart errors that share a place, such as two keys missing from one mapping.
        """
        if level is Level.ERROR:
            if (where, same) in self._places:
                return
            self._places.add((where, same))
        elif any(known.where == where and known.what == what for known in self._found):
            return
        if len(self._found) >= PROBLEMS_AT_MOST:
            self.left_out += level is Level.ERROR
            return
        self._found.append(Problem(where, what, hint if isinstance(hint, str) else hint(), level))

    def copy(self) -> Problems:
        """The same problems, to which others may be added apart."""
        same = Problems()
        same._found, same._places, same.left_out = [*self._found], {*self._places}, self.left_out
        return same

    def __bool__(self) -> bool:
        return bool(self._places)

    @property
    def full(self) -> bool:
        """Whether a further problem would not be shown, so that a check may stop."""
        return self.left_out > 0

    def sorted(self) -> list[Problem]:
        """In the order of the file."""
        found = sorted(self._found, key=lambda problem: (problem.where.file, problem.where.line, problem.where.column))
        if self.left_out:
            last = found[-1].where
            found.append(Problem(Where(last.file), "more problems are not shown", "mend these first"))
        return found


@dataclass(slots=True)
class _Node:
    value: Any  # a scalar, list[_Node] or dict[str, _Node]
    where: Where
    keys: dict[str, Where] = field(default_factory=dict)
    size: int = 1  # nodes, with aliases expanded
    height: int = 1  # levels of nesting, itself included


@dataclass(slots=True)
class Document:
    """Plain data, and where each value and each key of it stands."""

    data: Any
    values: dict[Path, Where]
    keys: dict[Path, Where]
    size: int = 0  # nodes, with aliases expanded and those of files composed before it

    def where(self, path: Path) -> Where:
        """The place of a value, or of the nearest one around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values[path]

    def where_key(self, path: Path) -> Where:
        """The place of a key, or of its value where it is no key."""
        return self.keys.get(path) or self.where(path)


def scalar(text: str) -> Any:
    """The value of a plain scalar; ValueError, with what would work, when readers disagree on it."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] in _SUSPECT and len(text) <= _LONGEST_TRAP:
        if _INT.match(text):
            return int(text)
        if _FLOAT.match(text) and math.isfinite(number := float(text)):
            return number
        for pattern, hint in _TRAPS:
            if pattern.match(text):
                raise ValueError(hint)
    return text


def compose(text: str | bytes, file: str, problems: Problems, taken: int = 0) -> Document | None:
    """The document in a text; None, with its problems noted, when it cannot be read at all.

    `taken` nodes of what may be read are spent already, on files that this one is included by or beside.
    """
    plain = _decode(text, file, problems)
    if plain is None:
        return None
    composer = _Composer(file, problems, taken)
    node = composer.compose(plain)
    if node is None:
        return None
    document = Document(None, {}, {}, composer.count)
    document.data = _plain(node, (), document)
    return document


def _decode(text: str | bytes, file: str, problems: Problems) -> str | None:
    if len(text) > TEXT_AT_MOST:
        problems.add(Where(file, 1, 1), f"found {len(text)} characters, expected at most {TEXT_AT_MOST}")
        return None
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        plain.encode()  # a lone surrogate, from a text that was never UTF-8
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(errors="replace")
        problems.add(_at(file, before, len(before)), "found bytes that are not UTF-8", "save the file as UTF-8")
        return None
    except UnicodeEncodeError as error:
        problems.add(_at(file, text, error.start), "found a character that is not Unicode", "save the file as UTF-8")  # type: ignore[arg-type]  # only a str can be encoded
        return None
    plain = plain.removeprefix("\ufeff")
    directive = re.search(r"^%", plain, re.MULTILINE)
    if directive:  # libyaml is quadratic in their number, and a scenario needs none
        problems.add(_at(file, plain, directive.start()), "found a line that begins with %", "quote it, or indent it")
        return None
    return plain


def _at(file: str, text: str, index: int) -> Where:
    return Where(file, text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1)


def _plain(node: _Node, path: Path, document: Document) -> Any:
    """Data of a node; recursion is bounded by DEPTH_AT_MOST, the work by NODES_AT_MOST."""
    document.values[path] = node.where
    if isinstance(node.value, dict):
        document.keys.update({(*path, key): where for key, where in node.keys.items()})
        return {key: _plain(child, (*path, key), document) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(child, (*path, index), document) for index, child in enumerate(node.value)]
    return node.value


class _Refused(Exception):  # noqa: N818  # control flow inside this file: the problem is already noted
    """Reading goes no further."""


@dataclass(slots=True)
class _Open:
    node: _Node
    anchor: str | None
    key: str | None = None
    key_where: Where | None = None


class _Composer:
    """Builds nodes out of parser events."""

    def __init__(self, file: str, problems: Problems, taken: int) -> None:
        self.file = file
        self.problems = problems
        self.anchors: dict[str, _Node] = {}
        self.stack: list[_Open] = []
        self.count = taken
        self.root: _Node | None = None

    def compose(self, text: str) -> _Node | None:
        try:
            for event in _events(text):
                self.take(event)
        except _Refused:
            return None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = Where(self.file, mark.line + 1, mark.column + 1) if mark else Where(self.file, 1, 1)
            what = error.problem or error.context or "this is not YAML"
            line = text.split("\n")[where.line - 1] if where.line <= text.count("\n") + 1 else ""
            if "\t" in line[where.column - 1 : where.column] or "\t" in line[: len(line) - len(line.lstrip())]:
                what = "found a tab"
            hint = next((hint for part, hint in _SYNTAX_HINTS if part in what), "")
            self.problems.add(where, f"this is not YAML: {what}" if what != "this is not YAML" else what, hint)
            return None
        except yaml.reader.ReaderError as error:
            index = error.position if isinstance(error.position, int) else 0
            self.problems.add(
                _at(self.file, text, min(index, len(text))),
                "found a control character that YAML does not allow",
                "remove it, or write it as an escape in double quotes",
            )
            return None
        if self.root is None:
            self.problems.add(Where(self.file, 1, 1), "the file is empty", "expected version, name, upstreams, phases")
        return self.root

    def where(self, event: Any) -> Where:
        return Where(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def refuse(self, event: Any, what: str, hint: str = "") -> _Refused:
        self.problems.add(self.where(event), what, hint)
        return _Refused()

    def take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                raise self.refuse(event, "found a second document", "a file holds one scenario: remove the `---`")
            case yaml.ScalarEvent():
                size = 1 + len(event.value) // _TEXT_OF_A_NODE
                self.open_node(event, size)
                self.place(_Node(self.scalar(event), self.where(event), size=size), event)
            case yaml.AliasEvent():
                self.place(self.alias(event), event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self.open_node(event)
                if len(self.stack) >= DEPTH_AT_MOST:
                    raise self.refuse(event, f"found more than {DEPTH_AT_MOST} levels of nesting")
                empty: Any = [] if isinstance(event, yaml.SequenceStartEvent) else {}
                self.stack.append(_Open(_Node(empty, self.where(event)), event.anchor))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self.stack.pop()
                self.place(done.node, event, done.anchor)

    def open_node(self, event: Any, size: int = 1) -> None:
        self.grow(event, size)
        if event.tag is not None:
            self.problems.add(
                self.where(event), f"found the tag {shorten(event.tag)}", "leave it out: tags are not used here"
            )

    def grow(self, event: Any, size: int) -> None:
        self.count += size
        if self.count > NODES_AT_MOST:
            raise self.refuse(event, f"found more than {NODES_AT_MOST} values, each alias counted in full")

    def scalar(self, event: Any) -> Any:
        if not event.implicit[0]:
            return event.value
        try:
            return scalar(event.value)
        except ValueError as error:
            what = f"YAML readers disagree on what `{event.value}` means"
            self.problems.add(self.where(event), what, str(error))
            return event.value

    def alias(self, event: Any) -> _Node:
        if event.anchor not in self.anchors:
            what = f"found an alias to `{shorten(event.anchor).strip(chr(39))}`, which is not defined before it"
            raise self.refuse(event, what, f'quote a value that begins with *: "*{cut(event.anchor, 30)}"')
        node = self.anchors[event.anchor]
        self.grow(event, node.size)
        if len(self.stack) + node.height > DEPTH_AT_MOST:
            raise self.refuse(event, f"found more than {DEPTH_AT_MOST} levels of nesting")
        return node

    def place(self, node: _Node, event: Any, anchor: str | None = None) -> None:
        """Put a finished node where it belongs: a key, a value, an item or the root."""
        anchor = anchor or (event.anchor if isinstance(event, yaml.ScalarEvent) else None)
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif parent.key is None:
            self.key(parent, node, event)
            return
        else:
            key, parent.key = parent.key, None
            where = parent.key_where or node.where
            if isinstance(key, _NotAKey):
                pass  # the problem is noted where the key stands
            elif key in parent.node.value:
                first = parent.node.keys[key]
                self.problems.add(where, f"`{cut(key)}` is here twice", f"first on line {first.line}")
            else:
                parent.node.value[key] = node
                parent.node.keys[key] = where
        parent.node.size += node.size
        parent.node.height = max(parent.node.height, node.height + 1)

    def key(self, parent: _Open, node: _Node, event: Any) -> None:
        where = self.where(event) if not isinstance(node.value, dict | list) else node.where
        if isinstance(node.value, str):
            parent.key = node.value
        elif isinstance(node.value, dict | list):
            self.problems.add(
                where, f"found {shorten(node.value)} as a key", "quote text that holds braces or brackets"
            )
            parent.key = _NotAKey()
        else:
            text = getattr(event, "value", "")
            self.problems.add(where, f"found {shorten(node.value)} as a key, expected text", f'quote it: "{text}"')
            parent.key = _NotAKey()
        parent.key_where = where


def _events(text: str) -> Iterator[Any]:
    parser = _Parser(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()

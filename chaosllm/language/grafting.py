"""Pieces of documents moved to where they are wanted, each value with its place in its own file."""

from __future__ import annotations

from typing import Any

from chaosllm.language.yaml_nodes import Document, Path


def inside(data: Any, path: Path) -> Any:
    """The value at a path."""
    for part in path:
        data = data[part]
    return data


def graft(source: Document, path: Path, into: Document, at: Path) -> Any:
    """A copy of the value at `path`, whose places are noted in `into` at `at`; bounded as its file was."""
    return _graft(source, inside(source.data, path), path, into, at)


def _graft(source: Document, data: Any, path: Path, into: Document, at: Path) -> Any:
    note(source, path, into, at)
    if isinstance(data, dict):
        return {key: _graft(source, value, (*path, key), into, (*at, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [_graft(source, value, (*path, place), into, (*at, place)) for place, value in enumerate(data)]
    return data


def note(source: Document, path: Path, into: Document, at: Path) -> None:
    """Note the place of a value, and of its key, in another document."""
    into.values[at] = source.where(path)
    if path in source.keys:
        into.keys[at] = source.keys[path]


def merge(mine: Document, theirs: Document) -> None:
    """Add what only `theirs` has: mappings key by key, and in all else mine wins. Both hold a mapping."""
    _merge(mine, mine.data, theirs, theirs.data, ())


def _merge(mine: Document, own: dict[str, Any], theirs: Document, other: dict[str, Any], path: Path) -> None:
    for key, value in other.items():
        if key not in own:
            own[key] = graft(theirs, (*path, key), mine, (*path, key))
        elif isinstance(own[key], dict) and isinstance(value, dict):
            _merge(mine, own[key], theirs, value, (*path, key))

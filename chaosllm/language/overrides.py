"""`--set path=value`: changes to a scenario before it is read, and the text of what was then run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from chaosllm.errors import Where
from chaosllm.language.yaml_nodes import Document, Path, Problems, compose, scalar
from chaosllm.spelling import cut, shorten, suggest

FILE = "--set"  # where a problem of a setting stands; its line is the number of the setting
_NAMES = ("name", "provider", "fault")  # keys by which an item of a list may be called

type _Items = list[tuple[Path, Any]]


@dataclass(frozen=True, slots=True)
class Setting:
    """One change: the words of its path, the value, and the place that asks for it."""

    parts: tuple[str, ...]
    value: Any
    where: Where
    appends: bool = False  # to the list that stands there, with +=


def parse(sets: Sequence[str], problems: Problems) -> list[Setting]:
    """The settings meant by texts such as `load.rate=10/s`; what is wrong with the others is noted."""
    found = []
    for number, setting in enumerate(sets, 1):
        where = Where(FILE, number, 1)
        path_text, equals, value_text = setting.partition("=")
        appends = path_text.endswith("+")
        parts = tuple(path_text.removesuffix("+").strip().split("."))
        if not equals or not all(parts):
            problems.add(where, f"found {shorten(setting)}", "expected path=value, such as load.rate=10/s")
            continue
        own = Problems()
        value = compose(value_text, FILE, own) if value_text.strip() else None
        if own:
            first = own.sorted()[0]
            problems.add(where, f"{path_text}: {first.what}", first.hint)
            continue
        found.append(Setting(parts, value.data if value else None, where, appends))
    return found


def apply(document: Document, settings: Sequence[Setting], problems: Problems) -> None:
    """Change the document in place; `phases.storm.duration=10s`, `rules.0.when.share=20%`."""
    for setting in settings:
        _change(document, setting, problems)


def _change(document: Document, setting: Setting, problems: Problems) -> None:
    if setting.appends:
        _append(document, setting, problems)
        return
    where, path = setting.where, ()  # type: tuple[Where, Path]
    data, parts = document.data, setting.parts
    if parts[0] == "rules":  # of all phases together
        if len(parts) == 1:
            problems.add(where, "`rules` alone says not which", "name one: rules.0.when.share=20%")
            return
        found = _step(_rules(data), parts[1], "the rules of all phases", where, problems)
        if found is None:
            return
        path, parts = found, parts[2:]
        if parts:
            data = _inside(data, path)
    for part in parts[:-1]:
        more = _key(data, part, path, where, problems)
        if more is None:
            return
        if isinstance(data, dict) and data.get(part) is None:
            data[part] = {}
            document.keys[*path, part] = document.values[*path, part] = where
        data, path = _inside(data, more), (*path, *more)
    if parts:
        more = _key(data, parts[-1], path, where, problems)
        if more is None:
            return
        path = (*path, *more)
    _inside(document.data, path[:-1])[path[-1]] = setting.value
    for places in (document.values, document.keys):
        for stale in [old for old in places if old[: len(path)] == path]:
            del places[stale]
        places[path] = where


def _append(document: Document, setting: Setting, problems: Problems) -> None:
    """`objectives+=success_rate(storm) >= 95%`: one more item of a list of the scenario itself."""
    key = setting.parts[0]
    listed = document.data.get(key) or []
    if len(setting.parts) > 1 or not isinstance(listed, list):
        here = cut(".".join(setting.parts))
        problems.add(setting.where, f"`{here}` is no list of the scenario itself", "such as objectives+=...")
        return
    document.data[key] = [*listed, setting.value]
    path = (key, len(listed))
    document.values[path] = document.keys[path] = setting.where
    document.values.setdefault((key,), setting.where)


def _inside(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _key(data: Any, part: str, path: Path, where: Where, problems: Problems) -> Path | None:
    """The key or place that a word of a path means; None, with the problem noted, when there is none."""
    here = ".".join(str(one) for one in path) or "the scenario"
    if isinstance(data, dict):
        return (part,)
    if not isinstance(data, list):
        problems.add(where, f"found {shorten(data)} at {here}, which holds no `{cut(part)}`")
        return None
    return _step([((at,), item) for at, item in enumerate(data)], part, here, where, problems)


def _step(items: _Items, part: str, here: str, where: Where, problems: Problems) -> Path | None:
    """The place of the item of that number or name."""
    if part.isdecimal() and len(part) < 6 and int(part) < len(items):
        return items[int(part)][0]
    inner = [((*at, *inside), one) for at, item in items for inside, one in _grouped(item)]
    named = [
        (item[key], at) for at, item in (*items, *inner) if isinstance(item, dict) for key in _NAMES if key in item
    ]
    for name, at in named:
        if name == part:
            return at
    count = f"by number, 0 to {len(items) - 1}" if items else "it is empty"
    hint = suggest(part, [name for name, _ in named if isinstance(name, str)]) or "expected one"
    problems.add(where, f"there is no `{cut(part)}` in {here}", f"{hint}; or {count}" if items else count)
    return None


def _grouped(item: Any) -> _Items:
    """The phases inside a group of phases, which are named as those outside are."""
    inside = item.get("phases") if isinstance(item, dict) else None
    return [(("phases", at), one) for at, one in enumerate(inside)] if isinstance(inside, list) else []


def _rules(data: Any) -> _Items:
    """Every rule of a scenario in the order of the file; those of a group count once."""
    found: _Items = []
    phases = data.get("phases")
    for at, item in enumerate(phases if isinstance(phases, list) else []):
        for inside, phase in _grouped(item) or [((), item)]:
            rules = phase.get("rules") if isinstance(phase, dict) else None
            listed = rules if isinstance(rules, list) else []
            found += [(("phases", at, *inside, "rules", number), rule) for number, rule in enumerate(listed)]
    return found


class _Dumper(yaml.SafeDumper):
    """Quotes whatever our own reader would not read back as text."""


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    try:
        plain = scalar(value) == value and value.replace("\n", "").isprintable()  # U+0085 is a line break to YAML
    except ValueError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]  # noqa: ARG005  # PyYAML's own way


def dump(data: Any) -> str:
    """YAML text that reads back as the same data."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text

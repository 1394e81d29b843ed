"""Parameters: `${rate}` in a scenario's values, and what it stands for.

Laws:
1. A value that is one parameter and nothing else takes the parameter's value with its type; inside a
   longer text it is spliced as text.
2. What was put in is not looked at again, so no text can blow up.
3. `${env:NAME}` is no parameter: it is filled on the machine that sends, and passes untouched.
4. A filled value keeps its place in the file, so what is wrong with it is said there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosllm.errors import Level, Where
from chaosllm.language.yaml_nodes import NODES_AT_MOST, TEXT_AT_MOST, Document, Path, Problems, scalar
from chaosllm.spelling import cut, nearest, shorten, suggest

PARAMETERS_AT_MOST = 200  # more cannot be told apart by an author, and suggestions among them would cost time
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USED = re.compile(r"\$\$\{(?!env:)|\$\{(?!env:)(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\})?")
_LITERAL = re.compile(r"\$\{(?!env:)")


@dataclass(frozen=True, slots=True)
class Given:
    """The value of a parameter, and the place that gives it."""

    value: Any
    where: Where


def declared(document: Document, problems: Problems, keys: Collection[str]) -> dict[str, Given]:
    """What the document's `parameters` say, which is taken out of it; None is a parameter that must be given.

    `keys` are the scenario's own, which `--set` means first and so no parameter may be called.
    """
    block = document.data.pop("parameters", None)
    if block is None:
        return {}
    here: Path = ("parameters",)
    if not isinstance(block, dict):
        problems.add(document.where(here), f"found {shorten(block)}, expected a mapping", "such as {rate: 20/s}")
        return {}
    if len(block) > PARAMETERS_AT_MOST:
        problems.add(document.where_key(here), f"found {len(block)} parameters, expected at most {PARAMETERS_AT_MOST}")
    found = {}
    for name, value in list(block.items())[:PARAMETERS_AT_MOST]:
        where = document.where_key((*here, name))
        if problem := _name_problem(name, keys):
            problems.add(where, *problem)
        elif isinstance(value, dict | list):
            what = f"parameters.{cut(name)}: found {shorten(value)}, expected one value"
            problems.add(document.where((*here, name)), what, "such as 20/s, or nothing where it must be given")
        elif isinstance(value, str) and any(match[1] for match in _USED.finditer(value)):
            what = f"parameters.{cut(name)}: found {shorten(value)}, and a parameter is not made of others"
            problems.add(document.where((*here, name)), what, "write the value out; $${ stands for ${ itself")
        else:
            found[name] = Given(_unescaped(value), where)
    return found


def _name_problem(name: str, keys: Collection[str]) -> tuple[str, str] | None:
    if not NAME.fullmatch(name):
        return f"found {shorten(name)} as a parameter, expected letters, digits and _", "such as rate"
    if name == "env":
        return "found `env` as a parameter", "${env:NAME} is a variable of the environment: choose another name"
    if name in keys:
        return f"found `{name}` as a parameter, and it is a key of the scenario", "choose another name"
    return None


def fill(
    document: Document,
    own: Mapping[str, Given],
    sets: Mapping[str, Given],
    problems: Problems,
    keys: Collection[str],
    *,
    replaced: Collection[str] = (),
) -> None:
    """Put values where parameters are used: those of `sets` (from `--set`), else the document's own, else the default.

    `replaced` are used where a setting put something else.

    A parameter without a value, one in `sets` that nobody uses or declares, and one declared for nothing are noted.
    """
    filling = _Filling(document, {**own, **sets}, problems, tuple(own))
    try:
        filling.fill(document.data, ())
    except _TooMuch:
        return
    known = {*own, *filling.used}
    for name, given in sets.items():
        if name not in known:
            what = f"there is no parameter `{cut(name)}`, and no key of the scenario"
            problems.add(given.where, what, lambda name=name: suggest(name, [*sorted(known), *keys]))  # type: ignore[misc]  # bound by the default
        elif isinstance(given.value, dict | list):
            what = f"{cut(name)}: found {shorten(given.value)}, expected one value"
            problems.add(given.where, what, "a parameter stands for one value, such as 20/s")
    for name, given in own.items():
        if name not in filling.used and name not in replaced:
            what = f"the parameter `{name}` is not used"
            problems.add(given.where, what, f"write ${{{name}}} where it belongs, or leave it out", Level.WARNING)


def uses(data: Any) -> set[str]:
    """The names of the parameters that plain data uses; recursion is bounded by DEPTH_AT_MOST."""
    if isinstance(data, dict | list):
        return set().union(*map(uses, data.values() if isinstance(data, dict) else data))
    return {found[1] for found in _USED.finditer(data) if found[1]} if isinstance(data, str) else set()


class _TooMuch(Exception):  # noqa: N818  # control flow inside this file: the problem is already noted
    """Filling goes no further."""


@dataclass(slots=True)
class _Filling:
    document: Document
    given: Mapping[str, Given]
    problems: Problems
    declared: tuple[str, ...]
    used: set[str] = field(default_factory=set)
    uses: int = 0
    size: int = 0  # characters put in

    def fill(self, data: Any, path: Path) -> Any:
        """The data with its parameters filled; recursion is bounded by DEPTH_AT_MOST."""
        if isinstance(data, dict):
            for key, value in data.items():
                data[key] = self.fill(value, (*path, key))
        elif isinstance(data, list):
            data[:] = [self.fill(value, (*path, at)) for at, value in enumerate(data)]
        elif isinstance(data, str) and "${" in data:
            return self.text(data, self.document.where(path))
        return data

    def text(self, text: str, where: Where) -> Any:
        whole = _USED.fullmatch(text)
        if whole is not None and whole[1]:
            return self.value(whole, where)
        return _USED.sub(lambda found: _spliced(self.value(found, where)), text)

    def value(self, found: re.Match[str], where: Where) -> Any:
        """What one use stands for; None, with the problem noted, when nobody says."""
        self.uses += 1
        if self.uses > NODES_AT_MOST:
            self.problems.add(where, f"found more than {NODES_AT_MOST} uses of parameters")
            raise _TooMuch
        if found[0].startswith("$$"):
            return "${"
        name, default = found[1], found[2]
        if not name:
            rest = found.string[found.start() : found.start() + 30]
            hint = "expected ${name}, ${name:-20/s} or ${env:NAME}; $${ stands for the two characters"
            self.problems.add(where, f"found {shorten(rest)}, which is no parameter", hint)
            return None
        self.used.add(name)
        given = self.given.get(name)
        value = given.value if given is not None else None
        if value is None and default is not None:
            try:
                value = scalar(default)
            except ValueError as error:
                self.problems.add(where, f"YAML readers disagree on what `{cut(default)}` means", str(error))
            value = default if value is None else value  # ${x:-} is the empty text
        if value is None or isinstance(value, dict | list):
            self.problems.add(where, f"the parameter `{cut(name)}` has no value", lambda: self.cure(name))
        self.size += len(value) if isinstance(value, str) else 1
        if self.size > TEXT_AT_MOST:
            self.problems.add(where, f"with its parameters filled the file is over {TEXT_AT_MOST} characters")
            raise _TooMuch
        return value

    def cure(self, name: str) -> str:
        if near := nearest(name, [one for one in self.declared if one != name]):
            return f"did you mean ${{{near[0]}}}?"
        ways = f"give it one: --set {cut(name)}=..., `parameters: {{{cut(name)}: ...}}`, or ${{{cut(name)}:-...}}"
        return f"{ways}; or did you mean ${{env:{cut(name)}}}?" if name.isupper() else ways


def _spliced(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _unescaped(value: Any) -> Any:
    return value.replace("$${", "${") if isinstance(value, str) else value


def escaped(data: Any) -> Any:
    """The data with each `${` of it written so that filling gives it back; recursion is bounded by DEPTH_AT_MOST."""
    if isinstance(data, dict):
        return {key: escaped(value) for key, value in data.items()}
    if isinstance(data, list):
        return [escaped(value) for value in data]
    return _LITERAL.sub("$${", data) if isinstance(data, str) else data

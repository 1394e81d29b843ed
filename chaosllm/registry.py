"""Members by name: the `MEMBER` of each file in a house folder, and those of plugins.

1. A member's name is its `name`, a finding's its `code`; a metric is listed under each of `names`.
2. A plugin (entry point of group `chaosllm.<kind>`) is loaded on first use. One that does not load
   is recorded, and fatal only when it is named.
3. With CHAOSLLM_NO_PLUGINS=1 none is loaded, as under our own tests.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib import import_module, metadata
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import Any

from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.spelling import cut, nearest, suggest

#: Kinds of which a scenario makes its own from what it says -> what each must be able to do.
_BUILT = {"faults": ("script",), "probes": ("ask", "judge", "says")}
KINDS = ("faults", "providers", "findings", "metrics", "probes", "mutators", "renderers")


class UnknownMember(ChaosError, LookupError):  # noqa: N818  # a fact, as in KeyError; the name says which
    """No member of that kind has that name; `close` holds the names that look like it."""

    def __init__(self, kind: str, name: str, names: list[str], broken: str = "") -> None:
        one = kind.removesuffix("s")
        what = f"the plugin of {one} `{name}` does not load: {broken}" if broken else f"there is no {one} `{cut(name)}`"
        hint = "mend or remove the plugin" if broken else suggest(name, names)
        super().__init__(what, hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)
        self.close = [] if broken else nearest(name, names)


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point that adds members; `error` says why it could not be loaded, "" when it was."""

    kind: str
    name: str
    package: str
    version: str
    error: str = ""


def members(kind: str) -> Mapping[str, Any]:
    """All members of a kind, ours first, each in order of its name; LookupError for an unknown kind."""
    return _load(kind)[0]


def member(kind: str, name: str) -> Any:
    """The member of that name; UnknownMember when there is none, or when its plugin did not load."""
    found, plugged = _load(kind)
    if name in found:
        return found[name]
    broken = next((plugin.error for plugin in plugged if plugin.name == name and plugin.error), "")
    raise UnknownMember(kind, name, list(found), broken)


def plugins(kind: str) -> tuple[Plugin, ...]:
    """The plugins of a kind, loaded or broken, for the report."""
    return _load(kind)[1]


def forget() -> None:
    """Read everything again at the next use, because entry points were added or removed."""
    _load.cache_clear()


@cache
def _load(kind: str) -> tuple[Mapping[str, Any], tuple[Plugin, ...]]:
    if kind not in KINDS:
        raise LookupError(f"no kind of member is called {kind!r}: {suggest(kind, KINDS)}")
    found: dict[str, Any] = {}
    for name in _modules(kind):
        module = import_module(f"chaosllm.{kind}.{name}")
        # A file without MEMBER is our own bug, but one that must not stop a run which does not need it.
        if hasattr(module, "MEMBER"):
            found.update(dict.fromkeys(_names(module.MEMBER), module.MEMBER))
    found = dict(sorted(found.items()))
    plugged = () if os.environ.get("CHAOSLLM_NO_PLUGINS") == "1" else tuple(_plug(kind, found))
    return MappingProxyType(found), plugged


def _modules(kind: str) -> list[str]:
    try:
        package = import_module(f"chaosllm.{kind}")
    except ModuleNotFoundError:  # a kind that has no folder yet has no member of ours
        return []
    found = iter_modules(package.__path__)
    return sorted(module.name for module in found if not module.ispkg and not module.name.startswith("_"))


def _names(thing: Any) -> tuple[str, ...]:
    """The names of a member; AttributeError when it has none."""
    for attribute in ("names", "code", "name"):
        value = getattr(thing, attribute, None)
        if value:
            return (value,) if isinstance(value, str) else tuple(value)
    raise AttributeError("it has neither name, code nor names")


def _unfit(kind: str, thing: Any) -> str:
    """Why a stranger's member would break whoever lists or describes it; "" when it would not."""
    if not isinstance(getattr(thing, "summary", None), str):
        return "it has no summary"
    if kind not in _BUILT:
        return ""
    needs = _BUILT[kind]
    if not (isinstance(thing, type) and is_dataclass(thing) and all(callable(getattr(thing, n, None)) for n in needs)):
        return f"a {kind.removesuffix('s')} is a dataclass with {' and '.join(f'{name}()' for name in needs)}"
    from pydantic import TypeAdapter  # noqa: PLC0415  # late: the proxy's child does without, unless there is a plugin

    TypeAdapter(thing).json_schema()
    return ""


def _plug(kind: str, found: dict[str, Any]) -> list[Plugin]:
    plugged = []
    for entry in sorted(metadata.entry_points(group=f"chaosllm.{kind}"), key=lambda entry: entry.name):
        error = ""
        try:
            loaded = entry.load()
            thing = loaded.MEMBER if isinstance(loaded, ModuleType) else loaded
            names = _names(thing)
            taken = [name for name in names if name in found]
            if unfit := _unfit(kind, thing):
                error = unfit
            elif taken:
                error = f"the name `{taken[0]}` is taken"  # because a scenario must mean the same everywhere
            else:
                found.update(dict.fromkeys(names, thing))
        except Exception as caught:  # noqa: BLE001, RUF100  # whatever a stranger's module raises on import
            error = f"{type(caught).__name__}: {caught}"
        package = entry.dist
        plugged.append(
            Plugin(kind, entry.name, package.name if package else "", package.version if package else "", error)
        )
    return plugged

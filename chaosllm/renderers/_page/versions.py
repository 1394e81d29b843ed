"""What the run ran on, enough to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import say, table

#: What meta.json holds in seconds, and as shares of 1; all else is a count or a name.
_SECONDS = ("lag", "drift")
_SHARES = ("cpu", "wait")
#: Left out, because the page says it elsewhere and knows better: the injection proof has what each rule did, and the
#: phases what users got, once cut answers that looked good to the driver were found out.
_OTHERWISE = {"by_rule", "outcomes"}
#: What a name of ours leaves open.
_SAID: Mapping[tuple[str, ...], str] = {("proxy", "calls"): "proxy calls, with those that tried the app first"}


def versions(meta: Mapping[str, Any]) -> str:
    """What the run ran on, enough to repeat it."""
    names = ("version", "seed", "started", "stopped", "versions", "machine", "driver", "proxy", "failures")
    rows = [
        (say(_SAID.get(path, " ".join(path).replace("_", " "))), say(_leaf(path[-1], value)))
        for name in names
        if name in meta
        for path, value in _leaves(meta[name], (name,))
        if value not in (None, "", []) and not _OTHERWISE.intersection(path)
    ]
    return table(("what", "value"), rows, label="Versions and machine") if rows else ""


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every plain value of a nested mapping or list, with the way to it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        yield path, ", ".join(words.clean(item) for item in value) or words.NONE
    else:
        yield path, value


def _leaf(name: str, value: object) -> str:
    if value is None or value == "":
        return words.NONE
    if not isinstance(value, bool) and words.number(value) is not None:
        if name.startswith(_SECONDS):
            return words.seconds(value)
        if name in _SHARES:
            return words.share(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words.plain(value) if isinstance(value, int | float) else words.clean(value)

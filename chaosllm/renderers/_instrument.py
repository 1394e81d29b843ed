"""The words on how exact a run's own instrument was, which page, comment and screen share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.renderers import _words as words

#: The columns of `rows`. Each says what it is of, because on a phone a cell stands under its own heading alone.
HEAD = (
    "process", "core used p95", "core used at most", "waited for it p95", "waited at most", "lag p50", "lag p99",
    "lag at most",
)  # fmt: skip

_NAMES = {"proxy": "proxy", "driver": "load generator", "simulator": "simulated provider", "app": "app"}
_PATHS = {"fast": "straight from wire to wire", "layers": "through mitmproxy's own layers"}


def rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each of our processes and for the app, as text; [] where none told of itself."""
    found = []
    for one in _list(_part(summary, "processes")):
        cpu, wait, lag = (_map(one.get(key)) for key in ("cpu", "wait", "lag"))
        name = _NAMES.get(str(one.get("process")), words.clean(one.get("process")))
        worker = words.number(one.get("worker"))
        found.append(
            (
                name if worker is None else f"{name} {worker:.0f}",
                *(words.share(column.get(at)) for column in (cpu, wait) for at in ("p95", "max")),
                *(words.seconds(lag.get(at)) for at in ("p50", "p99", "max")),
            )
        )
    return found


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """What is known of delays, paces and paths, a sentence each."""
    found = []
    for name, noun, late in (
        ("delays", "injected delay", "longer than asked for"),
        ("pace", "paced event", "later than the schedule"),
    ):
        if n := words.number((part := _map(_part(summary, name))).get("n")):
            at = [f"{words.signed(part[q])} at {q}" for q in ("p50", "p95", "p99") if q in part]
            at += [f"{words.signed(part['max'])} at most"] if "max" in part else []
            found.append(f"{words.counted(n, noun)}, {late} by {', '.join(at)}.")
    paths = _map(_part(summary, "paths"))
    if told := [
        f"{words.count(count)} {_PATHS.get(str(path), words.clean(path))}" for path, count in paths.items() if count
    ]:
        found.append(f"Answers passed on by the proxy: {', '.join(told)}.")
    return found


def line(summary: Mapping[str, Any]) -> str:
    """The proxy in one line, such as "proxy at most 34% of a core, 1.2ms late (p99)"; "" where nothing is known."""
    found = [one for one in _list(_part(summary, "processes")) if one.get("process") == "proxy"]
    if not found:
        return ""
    cpu = [value for one in found if (value := words.number(_map(one.get("cpu")).get("max"))) is not None]
    late = max(words.number(_map(one.get("lag")).get("p99")) or 0.0 for one in found)
    used = f"at most {words.share(max(cpu))} of a core, " if cpu else ""
    delays = _map(_part(summary, "delays"))
    added = f"; injected delays {words.signed(delays['p95'])} (p95)" if "p95" in delays else ""
    return f"proxy: {used}{words.seconds(late)} late (p99){added}"


def _part(summary: Mapping[str, Any], name: str) -> object:
    return _map(summary.get("instrument")).get(name)


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

"""Findings by fault: what a suite of runs saw, as a grid of runs by finding codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("critical", "major", "minor", "info")


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding in one run: how grave, and how often; `of` None where it cannot be said of how many."""

    severity: str
    count: int
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One run, or all runs of one fault: what was seen by code, and which codes could not be looked for."""

    name: str
    seen: Mapping[str, Seen] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()


def row_of(name: str, summary: Mapping[str, Any]) -> Row:
    """The row of a run by its summary.json; a finding seen in several phases counts in all of them together."""
    seen: dict[str, Seen] = {}
    for finding in summary.get("findings", ()):
        code, severity = str(finding.get("code")), str(finding.get("severity"))
        count, of = _whole(finding.get("count")), _whole(finding.get("of"))
        if code in seen:
            before = seen[code]
            worse = min(before.severity, severity, key=_rank)
            together = None if before.of is None or of is None else before.of + of
            seen[code] = Seen(worse, before.count + (count or 0), together)
        else:
            seen[code] = Seen(severity, count or 0, of)
    return Row(name, seen, frozenset(str(code) for code in summary.get("findings_withheld", ())))


def codes_of(rows: Sequence[Row]) -> list[str]:
    """The codes that were seen, the gravest first, then those of most runs."""
    seen: dict[str, list[Seen]] = {}
    for row in rows:
        for code, one in row.seen.items():
            seen.setdefault(code, []).append(one)
    return sorted(seen, key=lambda code: (min(_rank(one.severity) for one in seen[code]), -len(seen[code]), code))


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else None  # noqa: PLR0124  # NaN is not itself

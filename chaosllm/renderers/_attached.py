"""The phases of an attached run as rows: what the app asked of the LLM, and nothing of what users got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaosllm.renderers import _words as words

HEAD = ("phase", "calls", "failed", "calls per request", "Retry-After honoured", "spent")


def rows(phases: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row for each phase; a dash where it is not known. Names are as they came."""
    for name, phase in phases.items():
        metrics = phase.get("metrics") or {}
        yield (
            name,
            words.count(phase.get("attempts")),
            words.count(phase.get("failed_calls")),
            words.plain(words.attempts_per_operation(phase)),
            words.share((metrics.get("retry_after_honoured") or {}).get("value")),
            _money((metrics.get("spend") or {}).get("value")),
        )


def _money(value: object) -> str:
    found = words.number(value)
    return words.NONE if found is None else words.measured(found, "usd")

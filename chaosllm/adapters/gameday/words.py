"""What a day says of its steps as they go: in its log, on its page and in its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaosllm.chronicle import came_to, title

#: Reasons of an INCONCLUSIVE run that are told; its report has all.
_REASONS = 3
#: Status of a step that never ran -> what it did.
_NEVER = {"skipped": "is left out", "failed": "cannot run"}


def reasons(summary: Mapping[str, Any], told: Sequence[str]) -> list[str]:
    """Why an INCONCLUSIVE run is so, where what differs does not say it."""
    if summary.get("verdict") != "inconclusive" or told:
        return []
    return [str(one) for one in summary.get("reasons") or ()][:_REASONS]


def became(row: Mapping[str, Any]) -> str:
    """What a step just did, in the words of the post-mortem."""
    status, begun = row["status"], row["began"] is not None
    if status in ("approval", "running"):
        return f"{title(row)} {'waits for approval' if status == 'approval' else 'begins'}"
    if begun:
        return f"{title(row)} ends: {came_to(row)}"
    return f"{title(row)} {_NEVER.get(status, 'does not begin')}"

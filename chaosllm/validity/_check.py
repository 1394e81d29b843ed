"""One check of a run's validity, and what it spoils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: What a failed check spoils: every metric and also findings on users who waited too long, every metric, only those
#: of time, only those by operation, or none.
WAITS, ALL, TIMING, JOINED, NONE = "waits", "all", "timing", "joined", ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `what` is what was found, `hint` what to change when it is not `ok`."""

    name: str
    ok: bool
    what: str
    hint: str = ""
    spoils: str = NONE

    def to_json(self) -> dict[str, Any]:
        """The row of summary.json."""
        return {"name": self.name, "ok": self.ok, "what": self.what, "hint": "" if self.ok else self.hint}

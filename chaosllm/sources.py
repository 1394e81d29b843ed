"""Sources: where the users' side of a run comes from, and so what can be known of it.

Laws:
1. What no record tells is unknown: never 0, never well (DESIGN law 4).
2. A metric or finding that does not say what it must see is taken to need answers, so that a new one claims nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

#: `driver`: our load, every answer seen. `attached`: none, the proxy's records are all. `access_log`: the app's own.
type Source = Literal["driver", "attached", "access_log"]
#: What a metric or finding must see: the proxy's `calls`; when users asked, how long it took and with what `status`;
#: the app's word on degraded answers (`flags`); what is in `answers`, and when each piece of them came.
type Sees = Literal["calls", "status", "flags", "answers"]

DRIVER, ATTACHED, ACCESS_LOG = "driver", "attached", "access_log"
#: What to do about it, wherever it is told.
REMEDY = "run with a driver or give --access-log"
#: The outcome's code of a request that nobody saw from the user's side: no place in record.OUTCOMES.
UNSEEN = 255


def source_of(meta: Mapping[str, Any]) -> str:
    """The source that meta.json names; a driver without a word."""
    found = meta.get("source")
    return found if found in (ATTACHED, ACCESS_LOG) else DRIVER


def blind(meta: Mapping[str, Any], sees: str) -> str:
    """Why what must see this is unknown; "" where it can be known."""
    source = source_of(meta)
    if source == DRIVER or sees == "calls":
        return ""
    if source == ATTACHED:
        return f"needs the users' side: {REMEDY}"
    if sees == "status" or (sees == "flags" and (meta.get("access_log") or {}).get("flags")):
        return ""
    if sees == "flags":
        return "needs to know which answers were degraded: let the access log say so, or run with a driver"
    return "needs the answers themselves, which an access log does not hold: run with a driver"

"""What the record of a run says of live commands: why it was stopped, and which rules are no draw of the seed's."""

from __future__ import annotations

from collections.abc import Mapping

#: What `stopped` of meta.json says where no command, condition or watch ended the run.
_PLAIN = {"interrupted": "Ctrl-C", "crash": "something of our own broke", "killed": "it was killed"}


def why_stopped(stopped: object, said: object) -> str:
    """Why a run ended before its time, and by whom: "by console:Ada: too many hangs"; "" when it did not.

    `stopped` and `said` are those of meta.json or summary.json, whatever they hold.
    """
    if not stopped:
        return ""
    if not isinstance(said, Mapping):
        return _PLAIN.get(str(stopped), str(stopped))
    text, who = str(said.get("text") or stopped), str(said.get("who") or "somebody")
    return f"by {who}: {text}" if said.get("kind") == "command" else text


def rules_touched(steering: object) -> frozenset[str]:
    """Rules whose chance a live command changed; `steering` is that of meta.json, whatever it holds."""
    rules = steering.get("rules") if isinstance(steering, Mapping) else None
    if not isinstance(rules, Mapping):
        return frozenset()
    return frozenset(
        str(name)
        for name, one in rules.items()
        if isinstance(one, Mapping) and (one.get("share") is not None or one.get("owed"))
    )

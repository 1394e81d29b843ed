"""What a rule's own words promise: the YAML read a second time, so that the trigger is not its own judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offline import Asked

from chaosllm.units import parse_duration, parse_share


def chance(when: dict[str, Any], asked: Asked, folder: Path, rules: dict[str, dict[str, Any]]) -> float | None:
    """The chance that `when` gives a call; None where only its own state tells (chains drawn by the seed, loads).

    `folder` is the scenario's, for the traces that it names; `rules` are its rules, for those that are followed.
    """
    if "correlated" in when:
        follows = when["correlated"]
        leader = rules[follows["with"]].get("when") or {}
        found = chance(leader, asked, folder, rules)
        return found if found is None else found * parse_share(follows.get("share", "100%"))
    if when.keys() & {"outage", "load"}:
        return None
    t = asked.due - asked.phase.start
    if "window" in when and not _begins(when) <= t < _ends(when, asked):
        return 0.0
    if "burst" in when:
        every, length = (parse_duration(when["burst"][key]) for key in ("every", "length"))
        if t % every >= length:
            return 0.0
    if "trace" in when:
        return _traced(when["trace"], t, folder)
    if "every" in when and (asked.number + 1) % when["every"]:
        return 0.0
    if not _counted_in(when, asked):
        return 0.0
    found = parse_share(when["share"]) if "share" in when else 1.0
    if "ramp" in when:
        low, high = (parse_share(when["ramp"][key]) for key in ("from", "to"))
        begin, end = _begins(when), _ends(when, asked)
        found *= low + (high - low) * min(1.0, max(0.0, (t - begin) / (end - begin)))
    return found


def _traced(trace: dict[str, Any], t: float, folder: Path) -> float:
    """The largest share of the recorded times that hold second `t`."""
    found = 0.0
    for line in (folder / trace["file"]).read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            start, length = (parse_duration(word) / trace.get("speed", 1) for word in words[:2])
            if start <= t < start + length:
                found = max(found, parse_share(words[2]) if len(words) > 2 else 1.0)
    return found


def _counted_in(when: dict[str, Any], asked: Asked) -> bool:
    """Whether `after` and `first` let the call in."""
    by_phase = when.get("of") == "phase" or ("after" in when and "of" not in when)
    place = asked.number if by_phase else asked.ordinal
    begin = when.get("after", 0)
    return place >= begin and ("first" not in when or place < begin + when["first"])


def _begins(when: dict[str, Any]) -> float:
    return parse_duration(when["window"]["from"]) if "from" in when.get("window", {}) else 0.0


def _ends(when: dict[str, Any], asked: Asked) -> float:
    return parse_duration(when["window"]["to"]) if "to" in when.get("window", {}) else asked.phase.duration

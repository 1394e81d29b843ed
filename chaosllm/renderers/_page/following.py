"""What to do after a pass: what it says nothing about, and the scenarios and suites that would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import prose

#: Class of faults -> the tag of ready scenarios that have such a fault (a test looks them up).
TAGS: Mapping[str, str] = {
    "rate limits": "rate-limits",
    "quota": "quota",
    "outages": "outage",
    "latency": "latency",
    "hangs": "streams",
    "connections": "connections",
    "truncation": "truncation",
    "streams": "streams",
    "malformed answers": "malformed",
    "content": "leaks",
    "agents": "agents",
}


def following(summary: Mapping[str, Any]) -> str:
    """The next steps of a run that passed."""
    items = "".join(f"<li>{prose(line)}</li>" for line in _lines(summary))
    return (
        '<section class="next" aria-labelledby="next"><h2 id="next" class="plain">What to do next</h2>'
        f"<ul>{items}</ul></section>"
    )


def _lines(summary: Mapping[str, Any]) -> list[str]:
    score = summary.get("score") or {}
    untested = [words.clean(name) for name in score.get("not_tested", ())]
    if not words.totals(summary.get("injection", ()))["planned"]:
        first = "Run a scenario that injects faults: `chaosllm list scenarios` names those that are ready."
    elif untested:
        tag = next((TAGS[name] for name in untested if name in TAGS), "")
        which = f"`chaosllm list scenarios --tag {tag}`" if tag else "`chaosllm list scenarios`"
        first = f"Test what this pass says nothing about: {', '.join(untested)}. Ready scenarios for a start: {which}."
    else:
        first = "No class of faults is left untested: run again when the app, its SDK or its model changes."
    return [
        first,
        "Run a suite against the same app: `smoke` takes about two minutes, `ci` about ten; `chaosllm list suites` "
        "says where they are.",
        "Keep it so: in CI, write `chaosllm gate` where you wrote `chaosllm run`: the job then fails unless the run "
        "passes.",
    ]

"""Accepted findings on every medium: after the others, with owner, reason and day; the critical stand out."""

from __future__ import annotations

from typing import Any

import pytest
import rendering_factory as made

from chaosllm.registry import member
from chaosllm.renderers import Material

KNOWN = {"owner": "ana <b>", "reason": "APP-1231: in March", "until": "2026-12-31", "expired": False}


def shown(medium: str, first: dict[str, Any] | None, unseen: int = 0) -> str:
    """A summary whose critical finding carries `first`."""
    summary = made.summary()
    if first is not None:
        next(one for one in summary["findings"] if one["severity"] == "critical")["accepted"] = first
    row = {"finding": "no_jitter", "phase": "storm", "owner": "bo", "seen": 0}
    summary["accept"] = [row] * unseen
    text: str = member("renderers", medium).render(Material(summary, meta=made.meta()))
    return " ".join(text.replace("&lt;b&gt;", "<b>").replace("\\", "").split())


@pytest.mark.parametrize("medium", ["terminal", "markdown", "html"])
def test_accepted(medium: str) -> None:
    """An accepted finding says by whom, until when and why, and that it is critical; and comes after the others."""
    plain, known = shown(medium, None), shown(medium, KNOWN)
    other = next(one["sentence"] for one in made.summary()["findings"] if one["severity"] == "major")
    assert "Accepted" not in plain
    assert "Accepted although it is critical, by ana" in known
    assert "until 2026-12-31. APP-1231: in March" in known
    assert known.index(other) < known.rindex("Accepted although")
    assert "until 2026-12-31: expired. APP-1231" in shown(medium, KNOWN | {"expired": True})


@pytest.mark.parametrize("medium", ["terminal", "markdown", "html"])
def test_not_seen(medium: str) -> None:
    """What was accepted and not seen is noted, so that it can be taken off the list."""
    assert "not seen in this run" not in shown(medium, KNOWN)
    said = "not seen in this run: no_jitter in storm (bo)."
    assert said in shown(medium, KNOWN, unseen=1).replace("no_jitter</", "no_jitter").replace("&#x27;", "'")

"""An app on the official clients meets the faults in both modes, with nothing but its environment changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import run, tiny

pytestmark = pytest.mark.end_to_end

#: Both clients retry a 503 of their own accord, so every operation heals.
PHASES = [
    {"name": "baseline", "duration": "2s"},
    {
        "name": "broken",
        "duration": "3s",
        "rules": [
            {"fault": "error", "status": 503, "when": {"first": 1}, "match": {"provider": "openai"}},
            {"fault": "latency", "first_token": "100ms", "match": {"provider": "anthropic"}},
        ],
    },
    {"name": "recovery", "duration": "1s"},
]
BASES = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL")


@pytest.mark.parametrize("mode", ["reverse", "explicit"])
def test_official_clients(tmp_path: Path, mode: str) -> None:
    """By base URL, or by HTTPS_PROXY and SSL_CERT_FILE under the real host names: the same faults, all delivered."""
    patient = {"timeout": "30s"}  # because who gives up on a busy machine is not healed
    arguments = tiny(tmp_path, app="sdk_app.py", phases=PHASES, load={"rate": "12/s"}, target=patient)
    if mode == "explicit":
        dashes = arguments.index("--") + 1
        without = [word for name in BASES for word in ("-u", name)]
        arguments = (*arguments[:dashes], "env", *without, *arguments[dashes:])
    code, summary, err = run(*arguments, cwd=tmp_path, limit=110)
    assert code in (0, 1, 4), err
    broken = summary["phases"]["broken"]
    assert broken["success_rate"]["value"] == 1.0, err
    assert broken["attempts_by_provider"]["openai"] == 2 * broken["operations"]
    assert broken["attempts_by_provider"]["anthropic"] == broken["operations"]
    refused, slowed = summary["injection"]
    assert refused["planned"] == refused["fired"] == refused["delivered"] == broken["operations"]
    assert slowed["planned"] == slowed["fired"] == slowed["delivered"] > 0
    assert summary["match_rate"] == 1.0

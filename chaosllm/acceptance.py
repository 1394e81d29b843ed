"""Which findings are accepted, and whether that still holds: judged by the day on which the run began.

By that day, because a report made years later must say what the run said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chaosllm.findings import Finding
from chaosllm.join import Run
from chaosllm.scenario import Acceptance


def acceptance_of(run: Run, finding: Finding) -> Acceptance | None:
    """What the scenario says of a finding: for its phase, else for any; None when it says nothing."""
    fitting = [one for one in run.scenario.accept if one.finding == finding.code and one.phase in (None, finding.phase)]
    return next((one for one in fitting if one.phase is not None), fitting[0] if fitting else None)


def expired(run: Run, accepted: Acceptance) -> bool:
    """Whether its last day was over when the run began; a run that does not say when is past every day."""
    return accepted.until < (str(run.meta.get("started") or "")[:10] or "9999-99-99")  # ISO days sort as text


def open_findings(run: Run, findings: Sequence[Finding]) -> list[Finding]:
    """Those that nobody answers for, or no longer."""
    return [one for one in findings if (found := acceptance_of(run, one)) is None or expired(run, found)]


def told(run: Run, finding: Finding) -> dict[str, Any]:
    """A finding's row of summary.json, with who accepted it."""
    found = acceptance_of(run, finding)
    return finding.to_json() | ({} if found is None else {"accepted": _row(run, found)})


def rows(run: Run, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The rows of `accept` in summary.json: each with how many findings it met, so that lists shrink."""
    met = [acceptance_of(run, one) for one in findings]
    return [
        {"finding": one.finding, "phase": one.phase, **_row(run, one), "seen": sum(found is one for found in met)}
        for one in run.scenario.accept
    ]


def _row(run: Run, accepted: Acceptance) -> dict[str, Any]:
    return {
        "owner": accepted.owner,
        "reason": accepted.reason,
        "until": accepted.until,
        "expired": expired(run, accepted),
    }

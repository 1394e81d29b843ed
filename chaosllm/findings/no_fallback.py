"""Users without an answer because nobody else was asked when the primary failed."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, override

from chaosllm.fallbacks import services
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, counted, first_met, name, phase_of, plural
from chaosllm.join import Run
from chaosllm.sources import Sees
from chaosllm.units import format_share

#: The share of operations that must be served when their primary fails (METHOD metric 16).
LEAST_SERVED = 0.95


class NoFallback(FindingKind):
    """Raised when under 95 % of operations whose primary failed got another provider, model or declared default.

    A failure that a retry at the primary made good needs no fallback; nor does a request that is wrong itself
    (400, 413, 422), nor a cut answer that the app took for a whole one, which `truncated_accepted` tells.
    Minor; major where the scenario declares a fallback (`degraded`).
    """

    code: ClassVar[str] = "no_fallback"
    severity: ClassVar[Severity] = "minor"
    summary: ClassVar[str] = "users went without an answer though another model or a default could have served them"
    advice: ClassVar[str] = (
        "When the last attempt at the primary has failed, ask a second provider or model once, with a timeout of its "
        "own, and when that fails too answer with a marked default (a header such as x-degraded: 1, declared as "
        "`degraded` in the scenario)."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "flags"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase whose failures nobody else made good."""
        tallies = Tallies(run)
        chosen = counted(run) & ~run.took_cut & ~run.took_broken
        for row, service in services(run).items():
            met = first_met(run, row)
            if chosen[row] and service.needed and met is not None:
                tallies.case(phase_of(run, row, met), row, seen=not service.fell_back, evidence=name(run, row))
        found = tallies.findings(
            self,
            "Nobody steps in when the primary fails",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} whose primary failed got no other provider, "
                f"model or declared default ({format_share(LEAST_SERVED)} should)."
            ),
            raised=lambda tally: tally.of - tally.count < LEAST_SERVED * tally.of,
        )
        if any(operation.degraded is not None for operation in run.scenario.target.operations):
            return [replace(finding, severity="major") for finding in found]
        return found


MEMBER = NoFallback()

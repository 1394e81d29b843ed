"""Apps that never ask their primary again, though it is well."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.chains import failed
from chaosllm.fallbacks import Place, mask, place_of, primaries
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import finding_of, plural
from chaosllm.join import Run
from chaosllm.metrics.recovered_share import late
from chaosllm.scenario import Role
from chaosllm.sources import Sees

#: The share of operations in the second half of the recovery that avoid the primary (METHOD section 5).
MOST_AVOID = 0.9
#: Seconds of recovery below which nobody can tell: the pause of any breaker would reach into its second half.
SHORTEST = 3.0


class StuckOnFallback(FindingKind):
    """Raised when in the second half of R, of at least 3 s, at least 90 % of operations still avoid a healthy primary.

    Avoid: they ask another provider or model, or get the declared default, without a call at the primary. Healthy:
    no call at the primary failed meanwhile, and the baseline's operations asked it.
    """

    code: ClassVar[str] = "stuck_on_fallback"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "the app stayed on its fallback after the primary was well again"
    advice: ClassVar[str] = (
        "Let the circuit breaker half-open: after a pause (5 to 30 s) send one call to the primary, and close the "
        "breaker when it succeeds. A switch that only a restart turns back is no breaker."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "flags"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each recovery that is spent on the fallback."""
        avoided = mask(run, lambda service: service.avoided)
        usual = frozenset[Place]().union(*primaries(run).values())
        found = []
        for phase in run.phases(Role.RECOVERY) if run.phases(Role.BASELINE) else ():
            if run.seconds(phase.name) < SHORTEST:
                continue
            rows = late(run, phase.name)
            stuck = rows[avoided[rows]]
            if len(stuck) < self.least or len(stuck) < MOST_AVOID * len(rows):
                continue
            middle = phase.start + run.seconds(phase.name) / 2
            if not any(failed(one) and place_of(one) in usual and middle <= one.t < phase.end for one in run.events):
                sentence = (
                    f"{len(stuck):,} of {plural(len(rows), 'operation')} in the second half of the recovery still "
                    f"avoided the primary, which was well."
                )
                title = "The app stays on its fallback"
                found.append(finding_of(run, self, phase.judged_as, stuck, len(rows), title=title, sentence=sentence))
        return found


MEMBER = StuckOnFallback()

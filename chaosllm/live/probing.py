"""A probe through a run: how many of its answers in a row were failures, and when that is enough."""

from __future__ import annotations

from dataclasses import dataclass

from chaosllm.live.stopping import Reading, Stop
from chaosllm.probes import Judged
from chaosllm.scenario import StopProbe


@dataclass(slots=True)
class ProbeWatch:
    """Told what each answer shows, it says when everything ends."""

    probe: StopProbe
    judged: Judged | None = None
    failed: int = 0  # in a row
    unknown: bool = False  # whether the newest answer showed nothing

    def take(self, judged: Judged) -> Stop | None:
        """Take one answer; a Stop when so many in a row failed. An unknown one neither counts nor begins anew."""
        self.judged, self.unknown = judged, judged.ok is None
        if judged.ok is not None:
            self.failed = 0 if judged.ok else self.failed + 1
        if judged.ok is False and self.failed >= self.probe.failures:
            return Stop("probe", f"{self.probe.text}: {judged.text} now", "probe")
        return None

    def reading(self) -> Reading:
        """Where it stands."""
        judged = self.judged
        said = "" if judged is None else f"not known: {judged.text}" if judged.ok is None else judged.text
        value = None if judged is None or (judged.ok is None and not self.failed) else float(self.failed)
        holds = self.failed >= self.probe.failures
        return Reading(self.probe.text, value, float(self.probe.failures), "failures", holds, "probe", said)

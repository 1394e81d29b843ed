"""What became of one call, and what its record says of it: how it ended, whose doing that was, what each rule did."""

from __future__ import annotations

from dataclasses import dataclass, field

from chaosllm.adapters.proxy.players.actions import End, Notes
from chaosllm.record import LET_GO, Did, Ended, Origin, RulePart
from chaosllm.script import Applied, Reset, Unreachable


@dataclass(slots=True)
class Fate:
    """What happened to a call beside its answer's body, whose notes come in as an argument."""

    before: Notes = field(default_factory=Notes)  # of what is played before an answer's body
    end: End | None = None
    upstream_why: str = ""
    failure: str = ""  # of our own code
    hung: bool = False
    gone: bool = False  # the client left before the end
    swept: str = ""  # another call's fault broke the connection; why
    sent_away: bool = False  # by GOAWAY, which leaves it to the client to ask once more at once
    let_go: bool = False  # by a stop, a pause or a switch: the rest of its script is not played

    def ended(self, notes: Notes, *, answered: bool, left: bool, in_flight: bool) -> Ended:
        """How the answer ended; `answered`: its headers went to the app, `left`: the client has gone."""
        if in_flight:
            return Ended.IN_FLIGHT
        if any(isinstance(step, Unreachable) for step in self.before.played):
            return Ended.NO_ANSWER
        if any(isinstance(step, Reset) for step in (*self.before.played, *notes.played)):
            return Ended.BROKEN
        if self.swept:
            return Ended.BROKEN if answered else Ended.NO_ANSWER
        if self.gone or (left and self.end is None and not answered):
            return Ended.CLIENT_LEFT
        if self.hung:
            return Ended.NO_ANSWER
        if self.upstream_why or self.end in (End.BROKEN, End.RESET, End.GOAWAY):
            return Ended.BROKEN if answered else Ended.NO_ANSWER
        return Ended.CUT if notes.cut else Ended.WHOLE

    def origin(self, notes: Notes, ended: Ended) -> Origin:
        """Whose doing it was that the app saw what it saw."""
        if self.failure:
            return Origin.PROXY
        if self.before.ours or notes.ours or self.swept:
            return Origin.INJECTED
        return Origin.CLIENT if ended is Ended.CLIENT_LEFT else Origin.UPSTREAM

    def did(self, parts: list[RulePart]) -> tuple[Did, str]:
        """What the proxy did with the call, and why not what it should."""
        if self.failure:
            return Did.FAILED, self.failure
        fired = [part for part in parts if part.fired]
        if any(part.delivered for part in fired):
            return Did.INJECTED, self.upstream_why
        if fired:
            return Did.SKIPPED, next((part.why for part in fired if part.why), "")
        return Did.PASSED, self.swept or self.upstream_why

    def part(self, applied: Applied, notes: Notes, ended: Ended) -> RulePart:
        """Law 4's counts of one rule: delivered is played to the end, or until the client left."""
        played = self.before.played | notes.played
        skipped = self.before.skipped | notes.skipped
        whole = all(step in played for step in applied.steps)
        if ended is Ended.CLIENT_LEFT:
            whole = not any(step in skipped for step in applied.steps)
        delivered = applied.fired and whole and ended is not Ended.IN_FLIGHT and not self.failure
        why = applied.why
        if applied.fired and not delivered and not why:
            why = next((skipped[step] for step in applied.steps if step in skipped), "")
            why = (
                why
                or self.failure
                or self.swept
                or self.upstream_why
                or ("in flight" if ended is Ended.IN_FLIGHT else "")
            )
            if self.let_go and not self.failure:
                why = LET_GO
        return RulePart(applied.rule, applied.fault, applied.planned, applied.fired, delivered, why)

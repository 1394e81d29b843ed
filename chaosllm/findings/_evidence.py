"""Counts cases and evidence by phase, and makes findings of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from chaosllm.canaries import mark_of
from chaosllm.chains import failed
from chaosllm.columns import Ints, Mask
from chaosllm.findings import MOST_EVIDENCE, Finding, FindingKind
from chaosllm.join import Run, met_rule
from chaosllm.record import Event, Outcome
from chaosllm.scenario import Role


@dataclass(slots=True)
class Tally:
    """The cases of one phase."""

    of: int = 0
    count: int = 0
    hits: set[int] = field(default_factory=set)  # rows of the operations that make up `of`
    seen: set[int] = field(default_factory=set)  # rows of those that make up `count`
    evidence: list[str] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)  # rows of those that `evidence` names, each once
    amounts: list[float] = field(default_factory=list)  # whatever the sentence needs
    note: str = ""  # as above


class Tallies:
    """Tallies by phase, in the order in which phases come up."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.by_phase: dict[str, Tally] = {}

    def case(self, phase: str, row: int, *, seen: bool, evidence: str = "", amount: float | None = None) -> None:
        """One case in which the behaviour could be seen, and whether it was."""
        tally = self.by_phase.setdefault(phase, Tally())
        tally.of += 1
        tally.hits.add(row)
        if seen:
            tally.count += 1
            tally.seen.add(row)
            if evidence and len(tally.evidence) < MOST_EVIDENCE and row not in tally.shown:
                tally.shown.add(row)
                tally.evidence.append(evidence)
        if amount is not None:
            tally.amounts.append(amount)

    def findings(
        self,
        kind: FindingKind,
        title: str,
        say: Callable[[Tally], str],
        *,
        raised: Callable[[Tally], bool] = lambda tally: tally.count > 0,
    ) -> list[Finding]:
        """A finding for each phase with evidence, enough hits and `raised`.

        Hits: the operations of the cases, or those that met a fault of the phase, whichever is more.
        """
        found = []
        for phase, tally in self.by_phase.items():
            hits = max(len(tally.hits), self._run.hits.get(phase, 0))
            if tally.count and hits >= kind.least and raised(tally):
                found.append(
                    Finding(
                        kind.code, kind.severity, phase, tally.count, tally.of, title, say(tally), kind.advice,
                        tuple(tally.evidence), len(tally.seen) if len(tally.seen) != tally.count else None,
                    )
                )  # fmt: skip
        return found


def counted(run: Run) -> Mask:
    """Operations that findings look at, by row: those due in a phase that is no warm-up, and not cut off."""
    roles = np.array([phase.role is not Role.WARMUP for phase in run.scenario.phases] + [False])
    chosen: Mask = roles[run.phase_of] & ~run.unfinished  # phase -1 reads the last: outside the phases
    return chosen


def operations(run: Run) -> Iterator[tuple[int, list[Event]]]:
    """(row, attempts in order of time) of each counted operation that met a fault or had a failed call."""
    if "troubled" not in run.memory:
        troubled = np.zeros(len(run.samples), dtype=bool)
        pairs = zip(run.events, run.row_of, strict=True)
        troubled[[row for event, row in pairs if row >= 0 and (failed(event) or met_rule(event))]] = True
        run.memory["troubled"] = np.flatnonzero(troubled & counted(run))
    for row in run.memory["troubled"]:
        yield int(row), run.attempts_of(int(row))


def marked(run: Run, mark: str) -> list[int]:
    """Rows of the counted operations whose answer bears a mark of record.MARKS.

    Less those whose answer is fine and whose calls all went well: there the words are the model's own.
    """
    chosen = counted(run)
    fine = run.samples.was(Outcome.GOOD, Outcome.DEGRADED)
    return [
        row
        for row in _bearing(run, [mark])
        if chosen[row] and not (fine[row] and not any(map(_no_answer, run.attempts_of(row))))
    ]


def _bearing(run: Run, marks: Collection[str]) -> list[int]:
    """Rows of the operations whose answer bears one of these marks.

    By the few sets of marks that there are, because many findings look for one of them, each in every operation.
    """
    if "sets of marks" not in run.memory:
        sets = [*dict.fromkeys(map(tuple, run.samples.marks))]
        places = {one: place for place, one in enumerate(sets)}
        noted = map(places.__getitem__, map(tuple, run.samples.marks))
        run.memory["sets of marks"] = np.fromiter(noted, dtype=np.int64), sets
    place, sets = run.memory["sets of marks"]
    fit = [at for at, one in enumerate(sets) if any(mark in marks for mark in one)]
    return [int(row) for row in np.flatnonzero(np.isin(place, fit))]


def _no_answer(event: Event) -> bool:
    """Whether a call brought no answer of the model's, be it that we sent something else with status 200."""
    return failed(event) or event.reason.startswith("malformed/")


def phase_of(run: Run, row: int, *events: Event) -> str:
    """The phase, or block, of the rule that the evidence met; without one, that in which the operation was due."""
    for event in events:
        if rule := met_rule(event):
            return run.judged_as(run.rule_phase.get(rule, event.phase))
    return run.judged_as(run.phase_of_row(row))


def first_met(run: Run, row: int) -> Event | None:
    """The first attempt of an operation that met a fault."""
    return next((event for event in run.attempts_of(row) if met_rule(event)), None)


def name(run: Run, row: int) -> str:
    """The evidence id of a whole operation: its first call that met a fault, else the operation itself."""
    event = first_met(run, row)
    return event.call if event is not None else f"op-{int(run.samples.operation[row])}"


def finding_of(
    run: Run, kind: FindingKind, phase: str, rows: Ints, of: int, *, title: str, sentence: str
) -> Finding:  # fmt: skip
    """A finding of these operations, of so many that could have shown it."""
    evidence = tuple(name(run, int(row)) for row in rows[:MOST_EVIDENCE])
    return Finding(kind.code, kind.severity, phase, len(rows), of, title, sentence, kind.advice, evidence)


def plural(count: int, noun: str) -> str:
    """Such as "1 operation" and "1,240 operations"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def planted(run: Run, kinds: Sequence[str]) -> dict[int, list[str]]:
    """Row -> the canaries of these kinds that came through, of the counted operations one of whose calls met a fault.

    Without such a call the words are not of our making.
    """
    marks = {mark_of(kind): kind for kind in kinds}
    chosen = counted(run)
    found = {
        row: [marks[mark] for mark in run.samples.marks[row] if mark in marks]
        for row in _bearing(run, marks)
        if chosen[row]
    }
    return {row: seen for row, seen in found.items() if first_met(run, row) is not None}


def planted_findings(kind: FindingKind, run: Run, kinds: Sequence[str], title: str, what: str) -> list[Finding]:
    """A finding for each phase with operations in whose answers canaries of these kinds came through."""
    tallies = Tallies(run)
    seen: dict[str, set[str]] = {}
    for row, came in planted(run, kinds).items():
        met = first_met(run, row)
        phase = phase_of(run, row, *([met] if met is not None else []))
        seen.setdefault(phase, set()).update(came)
        tallies.case(phase, row, seen=True, evidence=name(run, row))
    for phase, tally in tallies.by_phase.items():
        tally.of = max(tally.count, run.hits.get(phase, 0))
        tally.note = ", ".join(sorted(seen[phase]))
    return tallies.findings(
        kind,
        title,
        lambda tally: (
            f"{tally.count:,} of {plural(tally.of, 'operation')} that met a fault gave the user {what} ({tally.note})."
        ),
    )


def marked_findings(kind: FindingKind, run: Run, mark: str, title: str, say: Callable[[Tally], str]) -> list[Finding]:
    """A finding for each phase with operations that bear a mark, of all operations that met its faults."""
    tallies = Tallies(run)
    for row in marked(run, mark):
        met = first_met(run, row)
        phase = phase_of(run, row, *([met] if met is not None else []))
        tallies.case(phase, row, seen=True, evidence=name(run, row))
    for phase, tally in tallies.by_phase.items():
        tally.of = max(tally.count, run.hits.get(phase, 0))
    return tallies.findings(kind, title, say)

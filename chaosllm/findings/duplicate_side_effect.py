"""A side effect that one operation had twice, because the app began again after a fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple, override

from chaosllm.chains import failed, over
from chaosllm.findings import MOST_EVIDENCE, Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.join import Run, met_rule
from chaosllm.record import Effect, Event
from chaosllm.scenario import Scenario
from chaosllm.sources import Sees

#: Of operations in which nothing failed: repeats of a tool in more of them are the app's way, whatever fails. Ours:
#: one in a hundred leaves room for a model that once asks for the same thing again.
ORDINARY = 0.01


class Repeat(NamedTuple):
    """Two runs of a tool with the same arguments, by the first call that brought the result of each."""

    tool: str
    first: Event
    again: Event
    met: Event  # the call that met the fault between, or before, them
    kept: bool  # both have the same result


class DuplicateSideEffect(FindingKind):
    """Raised when a tool under `side_effects` ran twice with the same arguments for one operation, after a fault.

    A run is told by its result, which the app sends to the model under the id of the model's call: two ids are two
    runs, and history that is sent again repeats an id. The second run counts when the request that brings it knows
    nothing of the first, because the app began again, and a fault came before it; or when it knows of it and a call
    that brought the first was lost to a fault and never asked again as it was. Two runs asked for in one turn, and
    what an app also does in more than 1% of its operations when nothing fails, are no duplicates. Critical; major
    where all results are the same, because then the app may have kept the first and not run the tool again.
    """

    code: ClassVar[str] = "duplicate_side_effect"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "a declared side effect ran twice for one operation"
    advice: ClassVar[str] = (
        "Retry the failed call, not the whole run of the agent: send the same messages again, tool results included "
        "(max_retries=2 in the client does), or resume from a checkpoint. And give the side effect an idempotency key "
        "made of the user's operation and the arguments, so that a second run returns the first one's result."
    )
    least: ClassVar[int] = 1
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    def possible(self, scenario: Scenario) -> bool:
        """Where an operation declares side effects."""
        return any(one.side_effects for one in scenario.target.operations)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase after whose faults a side effect ran twice."""
        carrying = {int(row) for event, row in zip(run.events, run.row_of, strict=True) if event.effects and row >= 0}
        if not carrying:
            return []
        ordinary = _ordinary(run, carrying)
        tallies, certain = Tallies(run), set()
        for row, attempts in operations(run):
            met = next((event for event in attempts if met_rule(event)), None)
            if row not in carrying or met is None:
                continue
            found = [one for one in repeats(attempts) if one.tool not in ordinary]
            phase = phase_of(run, row, *(one.met for one in found), met)
            tallies.case(phase, row, seen=bool(found))
            tally = tallies.by_phase[phase]
            for event in dict.fromkeys(one.call for repeat in found for one in (repeat.first, repeat.again)):
                if len(tally.evidence) < MOST_EVIDENCE:
                    tally.evidence.append(event)
            if found:
                tally.note = tally.note or found[0].tool
            if not all(one.kept for one in found):
                certain.add(phase)
        told = tallies.findings(
            self,
            "Side effects are repeated",
            lambda tally: (
                f"{plural(tally.count, 'operation')} ran a side effect twice with the same arguments (such as "
                f"{tally.note}), of {plural(tally.of, 'operation')} that ran one and met a fault."
            ),
        )
        return [one if one.phase in certain else _unsure(one) for one in told]


def _unsure(found: Finding) -> Finding:
    more = " Each time with the same result: it ran again, unless the app kept the first result."
    return replace(found, severity="major", sentence=found.sentence + more)


def repeats(attempts: Sequence[Event], *, calm: bool = False) -> Iterator[Repeat]:
    """The repeated runs of one operation; with `calm` those that no fault has to do with."""
    for runs in _runs(attempts).values():
        for place, (again, effect) in enumerate(runs):
            for first, before in runs[:place]:
                if again > first and (met := _cause(attempts, first, again, before.id, effect.id, calm=calm)):
                    kept = effect.result == before.result
                    yield Repeat(effect.tool, attempts[first], attempts[again], met, kept)
                    break


def _runs(attempts: Sequence[Event]) -> dict[tuple[str, int], list[tuple[int, Effect]]]:
    """By tool and arguments, the runs in this operation: (place of the first call that brought it, run).

    What the first call brings, the app had run before: for an earlier turn of its session.
    """
    known = {(one.tool, one.arguments, one.id) for event in attempts[:1] for one in event.effects}
    found: defaultdict[tuple[str, int], list[tuple[int, Effect]]] = defaultdict(list)
    for place, event in enumerate(attempts):
        for one in event.effects:
            if (name := (one.tool, one.arguments, one.id)) not in known:
                known.add(name)
                found[name[:2]].append((place, one))
    return found


def _cause(attempts: Sequence[Event], first: int, again: int, one: int, other: int, *, calm: bool) -> Event | None:
    """The call that met the fault after which a run was repeated; None where none was, and of calm ones the last."""
    last = attempts[again]
    if not _brings(last, one):
        asked = [event for event in attempts[:again] if _answered(event, last) and not _brings(event, one, other)]
        met = [event for event in attempts[:again] if calm or met_rule(event)]
        return met[-1] if met and len(asked) > 1 else None  # each run has an answer that asked for it
    between = attempts[first:again]
    return next((event for event in between if calm or (_lost(event) and not _mended(event, between))), None)


def _brings(event: Event, *ids: int) -> bool:
    return any(one.id in ids for one in event.effects)


def _answered(event: Event, before: Event) -> bool:
    """Whether a call was answered, be it in part, when another began."""
    return event.status is not None and event.status < 400 and (event.t_answer or over(event)) <= before.t


def _lost(event: Event) -> bool:
    return bool(met_rule(event)) and failed(event)


def _mended(event: Event, later: Sequence[Event]) -> bool:
    """Whether the same call was asked again and answered."""
    return any(other.index == event.index and not failed(other) for other in later)


def _ordinary(run: Run, carrying: set[int]) -> set[str]:
    """The tools that the app often runs twice in operations in which nothing failed."""
    calm, often = Counter[str](), Counter[str]()
    for row in carrying:
        attempts = run.attempts_of(row)
        if not any(failed(event) or met_rule(event) for event in attempts):
            calm.update({one.tool for event in attempts for one in event.effects})
            often.update({one.tool for one in repeats(attempts, calm=True)})
    return {tool for tool, count in often.items() if count > ORDINARY * calm[tool]}


MEMBER = DuplicateSideEffect()

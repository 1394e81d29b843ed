"""What a game day came to: what happened when, what was expected and seen, what users felt, and what to do about it.

Laws:
1. Numbers and words are those of the steps' summary.json, so that a step's report tells the same story.
2. It blames nobody: it says what was done and seen. What only people can know is left blank for them.
3. What was not run, not finished or not readable is named as plainly as what surprised.
4. Nothing here is judged again; day.json's word stands only where a step left no summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from chaosllm.chronicle import Moment, chronicle, in_order, rows, title, whole
from chaosllm.gameday import Expect, as_expected, differences
from chaosllm.lessons import Action, Question, actions, holds, questions
from chaosllm.live.told import command_row, seconds, steers
from chaosllm.live.words import why_stopped
from chaosllm.suite_outcome import Ran, findings, scored

SCHEMA = 1
#: Role of a phase -> when it was, as a reader thinks of it.
WHEN = {"baseline": "before", "fault": "during", "recovery": "after"}
_STATUSES = ("waiting", "approval", "running", "done", "skipped", "failed", "stopped")


@dataclass(frozen=True, slots=True)
class Felt:
    """What users felt in one phase; None where it was not measured."""

    phase: str
    when: str  # "before", "during", "after"
    operations: int
    success: float | None
    low: float | None
    high: float | None
    p95: float | None  # seconds
    hangs: int


@dataclass(frozen=True, slots=True)
class StepTold:
    """One step. `verdict` "" and `expected_so` None: nothing was decided."""

    number: int
    name: str
    what: str
    hypothesis: str
    folder: str  # "" where it has none
    status: str
    verdict: str
    expected: str  # in words, "" for nothing
    seen: str
    expected_so: bool | None
    differences: tuple[str, ...]
    error: str
    stopped: str  # why it ended early, "" when it did not
    steered: int  # commands that changed what it did
    approved: str  # "by console:Ada for the role lead"
    began: float | None
    ended: float | None
    rollback: tuple[tuple[str, bool, str], ...]  # what was asked, whether the app was well, what it answered
    felt: tuple[Felt, ...]

    @property
    def title(self) -> str:
        """Such as "step 1 (storm)"."""
        return title({"number": self.number, "name": self.name})


@dataclass(frozen=True, slots=True)
class PostMortem:
    """All of it. `outcome` says whether what was seen was expected; it is no verdict on the app."""

    name: str
    summary: str
    started: str  # ISO 8601
    ended: str  # "" where the record has no end
    roles: tuple[tuple[str, str, str], ...]  # role, name, what they do
    outcome: Literal["expected", "surprised", "undecided"]
    stopped: str  # "by console:Ada: too many hangs"
    damaged: tuple[str, ...]  # what the record lacks
    steps: tuple[StepTold, ...]
    moments: tuple[Moment, ...]
    findings: tuple[Mapping[str, Any], ...]  # as suite_outcome.findings makes them
    score: Mapping[str, Any]
    commands: tuple[int, int]  # carried out, refused
    actions: tuple[Action, ...]
    questions: tuple[Question, ...]

    def to_json(self) -> dict[str, Any]:
        """What `report --format json` prints."""
        return {"schema": SCHEMA, "kind": "post-mortem", **asdict(self)}


def post_mortem(
    day: Mapping[str, Any], events: Sequence[Mapping[str, Any]], summaries: Mapping[int, Mapping[str, Any] | None]
) -> PostMortem:
    """The post-mortem of a day; `summaries` is step number -> its summary.json, None where there is none to read.

    `day` may hold `damaged`, a list of what could not be read.
    """
    damaged = [str(one) for one in _list(day.get("damaged"))]
    known: dict[int, Mapping[str, Any]] = {}
    for number, summary in summaries.items():
        if summary is not None and sound(summary):
            known[number] = summary
        elif summary is not None:
            damaged.append(f"the summary.json of step {number} is none")
    stored = [one for one in rows(day.get("steps")) if whole(one.get("number"))]
    ended = str(day.get("ended") or "")
    if not ended:
        damaged.append("the record has no end: the game day was killed, or is still on")
    steps = tuple(_step(one, known.get(one["number"]), over=bool(ended), damaged=damaged) for one in stored)
    retold = [
        {**one, "verdict": step.verdict, "as_expected": step.expected_so}
        for one, step in zip(stored, steps, strict=True)
    ]
    moments = tuple(chronicle({**day, "steps": retold}, events))
    ran = [Ran(step.name, step.folder, known[step.number]) for step in steps if step.number in known]
    found = tuple(findings(ran))
    stop = day.get("stopped")
    stopped = why_stopped(str(stop.get("kind") or "stop"), stop) if isinstance(stop, Mapping) else ""
    done = [command_row(event)["ok"] for event in in_order(events) if event.get("type") == "command"]
    told = PostMortem(
        name=str(day.get("gameday") or "game day"),
        summary=str(day.get("summary") or ""),
        started=str(day.get("started") or ""),
        ended=ended,
        roles=tuple(
            (str(one.get("role") or ""), str(one.get("name") or ""), str(one.get("does") or ""))
            for one in rows(day.get("roles"))
        ),
        outcome=_outcome(steps, stopped),
        stopped=stopped,
        damaged=tuple(dict.fromkeys(damaged)),
        steps=steps,
        moments=moments,
        findings=found,
        score=scored([known.get(step.number) for step in steps if step.status != "skipped"]).to_json(),
        commands=(sum(done), len(done) - sum(done)),
        actions=(),
        questions=(),
    )
    return replace(told, actions=(*actions(told, known),), questions=(*questions(told, known),))


def _outcome(steps: Sequence[StepTold], stopped: str) -> Literal["expected", "surprised", "undecided"]:
    if any(step.expected_so is False for step in steps):
        return "surprised"
    whole_day = steps and not stopped and all(step.status == "done" for step in steps)
    return "expected" if whole_day and all(step.expected_so for step in steps) else "undecided"


# Steps -------------------------------------------------------------------------------------------


def _step(stored: Mapping[str, Any], summary: Mapping[str, Any] | None, *, over: bool, damaged: list[str]) -> StepTold:
    status = str(stored.get("status") or "waiting")
    status = status if status in _STATUSES else "waiting"
    folder, name = str(stored.get("folder") or ""), title(stored)
    if status == "running":
        damaged.append(f"{name} has no end" + ("" if over else ": the game day ended while it ran"))
    if summary is None and status in ("done", "stopped", "running") and folder:
        damaged.append(f"{name} left no summary that can be read")
    expect = _expect(stored.get("expect"))
    found: list[str] = [str(one) for one in _list(stored.get("differences"))]
    so = stored.get("as_expected") if isinstance(stored.get("as_expected"), bool) else None
    if summary is not None:
        found = differences(expect, summary)
        so = None if summary.get("stopped") else as_expected(expect, summary)  # one that was cut short decides nothing
    error = stored.get("error")
    approved = stored.get("approved")
    return StepTold(
        number=stored["number"],
        name=str(stored.get("name") or f"step {stored['number']}"),
        what=str(stored.get("what") or ""),
        hypothesis=str((summary or {}).get("hypothesis") or stored.get("hypothesis") or ""),
        folder=folder,
        status=status,
        verdict=str((summary or stored).get("verdict") or ""),
        expected=expect.words(),
        seen=_seen(status, summary, begun=bool(folder)),
        expected_so=so,
        differences=tuple(found),
        error=". ".join(str(error[key]) for key in ("what", "hint") if error.get(key))
        if isinstance(error, Mapping)
        else "",
        stopped=why_stopped((summary or {}).get("stopped"), (summary or {}).get("stop")),
        steered=sum(1 for one in rows((summary or {}).get("commands")) if steers(one)),
        approved=_approved(approved) if isinstance(approved, Mapping) else "",
        began=seconds(stored.get("began")),
        ended=seconds(stored.get("ended")),
        rollback=tuple(
            (str(one.get("check") or ""), one.get("ok") is True, str(one.get("text") or ""))
            for one in rows(stored.get("rollback"))
        ),
        felt=tuple(_felt(summary)) if summary else (),
    )


def _seen(status: str, summary: Mapping[str, Any] | None, *, begun: bool) -> str:
    """What was seen, in the words in which `Expect.words` says what was expected."""
    if summary is None:
        return {
            "waiting": "not begun", "approval": "not begun: nobody approved it", "running": "not finished",
            "skipped": "left out", "failed": "could not run",
            "stopped": "nothing that can be read" if begun else "not begun: the day was stopped before",
        }.get(status, "nothing that can be read")  # fmt: skip
    codes = dict.fromkeys(
        f"{one.get('code')} ({one.get('severity')}{', accepted' if holds(one) else ''})"
        for one in summary.get("findings") or ()
    )
    told = [f"verdict {str(summary.get('verdict')).upper()}"]
    told.append(f"findings: {', '.join(codes)}" if codes else "no findings")
    return "; ".join(told)


def _approved(approved: Mapping[str, Any]) -> str:
    role = f" for the role {approved['by']}" if approved.get("by") else ""
    return f"by {approved.get('via') or 'somebody'}{role}"


def _felt(summary: Mapping[str, Any]) -> Iterator[Felt]:
    for name, phase in summary["phases"].items():
        if (when := WHEN.get(str(phase.get("role")))) is None:
            continue
        success, latency = phase.get("success_rate") or {}, phase.get("latency") or {}
        hangs = (phase.get("outcomes") or {}).get("hang")
        yield Felt(
            phase=str(name),
            when=when,
            operations=int(seconds(phase.get("operations")) or 0),
            success=seconds(success.get("value")),
            low=seconds(success.get("low")),
            high=seconds(success.get("high")),
            p95=seconds(latency.get("p95")),
            hangs=int(seconds(hangs) or 0),
        )


# Whatever a file holds ---------------------------------------------------------------------------


def sound(summary: Mapping[str, Any]) -> bool:
    """Whether a summary.json has the parts that are read here, each of its kind."""
    phases, score = summary.get("phases"), summary.get("score") or {}
    classes = score.get("classes") or {} if isinstance(score, Mapping) else None
    return (
        summary.get("verdict") in ("pass", "fail", "inconclusive")
        and isinstance(phases, Mapping)
        and all(isinstance(one, Mapping) and _parts(one) for one in phases.values())
        and isinstance(classes, Mapping)
        and all(_bounds(one) for one in classes.values())
        and all(_of_objects(summary.get(name)) for name in ("findings", "objectives", "commands"))
        and all(isinstance(summary.get(name) or [], list | tuple) for name in ("reasons", "findings_withheld"))
        and all(isinstance(one.get("accepted") or {}, Mapping) for one in summary.get("findings") or ())
        and all(isinstance(one.get("code"), str) for one in summary.get("findings") or ())
    )


def _parts(phase: Mapping[str, Any]) -> bool:
    return all(isinstance(phase.get(name) or {}, Mapping) for name in ("success_rate", "latency", "outcomes"))


def _bounds(row: object) -> bool:
    return isinstance(row, Mapping) and all(seconds(row.get(name)) is not None for name in ("value", "low", "high"))


def _of_objects(value: object) -> bool:
    return value is None or (isinstance(value, list | tuple) and all(isinstance(one, Mapping) for one in value))


def _expect(stored: object) -> Expect:
    if not isinstance(stored, Mapping):
        return Expect()
    codes, verdict = stored.get("findings"), stored.get("verdict")
    return Expect(
        verdict if verdict in ("pass", "fail") else None,
        tuple(map(str, codes)) if isinstance(codes, list | tuple) else None,
        tuple(map(str, _list(stored.get("objectives")))),
        str(stored.get("summary") or ""),
    )


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()

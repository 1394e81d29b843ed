"""A post-mortem in words: the sentences and cells that its page and its Markdown share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from chaosllm.chronicle import Moment
from chaosllm.post_mortem import Felt, PostMortem, StepTold
from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words

#: Outcome -> its class in the style sheet, its sign, its word.
OUTCOMES: Mapping[str, tuple[str, str, str]] = {
    "expected": ("pass", "\N{CHECK MARK}", "AS EXPECTED"),
    "surprised": ("fail", "\N{BALLOT X}", "SURPRISES"),
    "undecided": ("inconclusive", "?", "UNDECIDED"),
}
#: Status of a step that came to no verdict -> class, sign, word; the words of a suite where they say the same.
STATUSES: Mapping[str, tuple[str, str, str]] = {
    "waiting": ("dim", "\N{EN DASH}", "NOT BEGUN"),
    "approval": ("dim", "\N{EN DASH}", "NOT BEGUN"),
    "running": ("inconclusive", "?", "NOT FINISHED"),
    "skipped": ("dim", "\N{EN DASH}", "LEFT OUT"),
    "failed": ("fail", "!", "NOT RUN"),
    "stopped": ("inconclusive", "!", "STOPPED"),
    "done": ("inconclusive", "?", "NO VERDICT"),
}
#: Kind of a moment -> its word in the timeline.
KINDS: Mapping[str, str] = {
    "stop": "STOP", "step": "step", "finding": "finding", "refused": "refused", "command": "command", "note": "note",
    "approval": "approval", "page": "page", "phase": "phase", "warning": "warning",
}  # fmt: skip
#: Headings of the table of actions; what is below the last two is for people to say.
ACTIONS = ("#", "action", "because of", "owner", "due")
FELT = ("step", "phase", "when", "operations", "good answers", "p95", "past the deadline")
OWN = "add your own"


def state(step: StepTold) -> tuple[str, str, str]:
    """(class, sign, word) of a step: its verdict where it has one, else how it stands."""
    if step.verdict in words.VERDICTS:
        text, sign = words.VERDICTS[step.verdict]
        return step.verdict, sign, text
    return STATUSES[step.status]


def surprise(step: StepTold) -> tuple[str, str, str]:
    """(class, sign, words): whether what was seen was expected."""
    if step.expected_so is None:
        return ("dim", words.NONE, "nothing was expected") if not step.expected else ("inconclusive", "?", "undecided")
    return (
        ("pass", "\N{CHECK MARK}", "as expected") if step.expected_so else ("fail", "\N{BALLOT X}", "not as expected")
    )


def means(told: PostMortem) -> str:
    """What the day came to, in a sentence or two, for somebody who was not there."""
    so = sum(step.expected_so is True for step in told.steps)
    not_so = sum(step.expected_so is False for step in told.steps)
    rest = len(told.steps) - so - not_so
    if not told.steps:
        return "No step is on record."
    parts = [f"{words.count(so)} of {words.counted(len(told.steps), 'step')} went as expected"]
    parts += [f"{words.count(not_so)} did not"] if not_so else []
    parts += [f"of {words.count(rest)} nothing can be said"] if rest else []
    return f"{', '.join(parts)}."


def facts(told: PostMortem) -> Iterator[str]:
    """When, how long, by how many commands, and the score."""
    if (began := moment_of(told.started)) is not None:
        yield f"{began:%Y-%m-%d %H:%M} UTC"
        if (ended := moment_of(told.ended)) is not None and ended > began:
            yield f"lasted {words.seconds((ended - began).total_seconds())}"
    done, refused = told.commands
    if done or refused:
        yield f"{words.counted(done, 'command')} carried out, {words.count(refused)} refused"
    if said := users.score(told.score):
        # Because a FAIL and a good score stand side by side where the app did wrong and users were served all the same.
        kept = "; the score counts the service that users kept, not what surprised"
        yield f"{said}{kept if told.outcome == 'surprised' else ''}"


def cut_short(told: PostMortem) -> Iterator[str]:
    """Why it ended early, and what the record lacks."""
    if told.stopped:
        yield f"Stopped: {words.clean(told.stopped).removesuffix('.')}."
    for one in told.damaged:
        yield f"The record is not whole: {words.clean(one)}."


def notes(step: StepTold) -> Iterator[str]:
    """What is to be known of a step beside what was expected and seen."""
    if step.error:
        yield f"Could not run: {step.error}"
    if step.stopped:
        yield f"Stopped early: {step.stopped}"
    if step.steered:
        yield f"Steered by hand: {words.counted(step.steered, 'command')}, see its report"
    if step.approved:
        yield f"Approved {step.approved}"
    for check, ok, text in step.rollback:
        said = f" ({text})" if text else ""
        yield f"{'Well again' if ok else 'NOT well again'}: {check}{said}"


def felt(step: StepTold, one: Felt) -> tuple[str, ...]:
    """The cells of a phase, as FELT names them; the same numbers as in the step's report."""
    success = words.share(one.success)
    success += words.interval({"low": one.low, "high": one.high}, "share")
    return (
        f"{step.number}. {words.clean(step.name)}", words.clean(one.phase), one.when, words.count(one.operations),
        success, words.seconds(one.p95), words.count(one.hangs),
    )  # fmt: skip


def moment_of(stored: str) -> datetime | None:
    """A time as day.json spells it, in UTC; None for what is none."""
    try:
        found = datetime.fromisoformat(stored)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def clock(at: float | None) -> str:
    """The time of day in UTC, to the second; a dash for none."""
    try:
        return words.NONE if at is None else f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return words.NONE


def where(moment: Moment, steps: Sequence[StepTold]) -> str:
    """The step, and the second of its run."""
    if moment.step is None:
        return ""
    name = next((words.clean(step.name, 40) for step in steps if step.number == moment.step), "")
    at = f" at {words.seconds(round(moment.t))}" if moment.t is not None and moment.t >= 1 else ""
    return f"{moment.step}. {name}{at}"

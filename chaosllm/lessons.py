"""What a game day teaches: what to do about it, and the questions of those who meet afterwards.

Laws:
1. It blames nobody: it says what was done and seen, and who owns an action is for people to say.
2. An answer is a sentence that the record holds; what only people can know is left blank for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaosllm.chronicle import LOST, rows

if TYPE_CHECKING:
    from chaosllm.post_mortem import PostMortem, StepTold


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the table of actions; who owns it and when it is due is for people to say."""

    what: str
    because: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the meeting after a game day, with what the record can answer to it."""

    asks: str
    answers: tuple[str, ...]


# Actions -----------------------------------------------------------------------------------------


def actions(told: PostMortem, summaries: Mapping[int, Mapping[str, Any]]) -> list[Action]:
    """What the record gives reason to do, each once: the gravest finding first, then what surprised."""
    whys: dict[str, list[str]] = {}
    for one in _each(told, summaries):
        whys.setdefault(one.what, []).append(one.because)
    return [Action(what, "; ".join(dict.fromkeys(why))) for what, why in whys.items()]


def _each(told: PostMortem, summaries: Mapping[int, Mapping[str, Any]]) -> Iterator[Action]:
    named = set()
    for one in told.findings:
        if one["accepted"] or not one["advice"]:
            continue
        named.add(one["code"])
        count = f"{one['count']:,} of {one['of']:,}" if one["of"] else f"{one['count']:,} times"
        count = f"{count} " if one["count"] else ""  # of what no single operation shows
        where = ", ".join(dict.fromkeys(row["name"] for row in one["runs"]))
        yield Action(one["advice"], f"{one['code']} ({one['severity']}), {count}in {where}")
    for step in told.steps:
        for said in _differs(step):
            if not any(f" {code} (" in said for code in named):  # its advice is an action already
                yield Action(f"Find out why, or correct what {step.title} expects", f"{step.title}: {said}")
        if step.error:
            yield Action(f"Make {step.title} run, and run it again", step.error)
        elif step.verdict == "inconclusive":
            fix = str(summaries.get(step.number, {}).get("fix_first") or "its report says what it lacks")
            yield Action(f"Run {step.title} again so that it decides", fix)
        elif step.status in ("waiting", "approval", "running") or step.stopped:
            yield Action(f"Run {step.title} to its end", step.stopped or step.seen)
        for check, ok, text in step.rollback:
            if not ok:
                said = f": {text}" if text else ""
                yield Action(
                    "Make the app come back by itself, or write down how to bring it back",
                    f"after {step.title}, {check} did not answer as an app that is well{said}",
                )
    for moment in told.moments:
        if moment.kind == "page" and LOST in moment.text:
            yield Action("Mend the webhook, and page somebody as a test", moment.text)


# Questions ---------------------------------------------------------------------------------------


def questions(told: PostMortem, summaries: Mapping[int, Mapping[str, Any]]) -> Iterator[Question]:
    """Those of a post-mortem without blame, with what the record can answer."""
    yield Question("What went well?", tuple(_well(told)))
    yield Question("What surprised us?", tuple(_surprised(told)))
    yield Question("Where were we lucky?", tuple(_lucky(told, summaries)))
    yield Question("Did the day itself work: roles, approvals, paging, stopping?", tuple(_day_itself(told)))
    yield Question("What did we not learn?", tuple(_not_learnt(told)))


def _well(told: PostMortem) -> Iterator[str]:
    for step in told.steps:
        if step.expected_so:
            yield _sentence(f"{step.title} went as expected: {step.expected}")
        elif step.verdict == "pass":
            yield f"{_capital(step.title)}: the hypothesis held."
        if step.rollback and all(ok for _, ok, _ in step.rollback):
            yield f"After {step.title} the app was well again."


def _differs(step: StepTold) -> list[str]:
    """What differs; that a run decided nothing surprises nobody, and is told where it is to be run again."""
    undecided = ("saw INCONCLUSIVE", "which is undecided")
    return [
        one for one in step.differences
        if step.verdict != "inconclusive" or not any(words in one for words in undecided)
    ]  # fmt: skip


def _surprised(told: PostMortem) -> Iterator[str]:
    for step in told.steps:
        for said in _differs(step):
            yield _sentence(f"{step.title}: {said}")
        if any(not ok for _, ok, _ in step.rollback):
            yield f"After {step.title} the app was not well again when it was asked."
        if not step.expected and step.verdict:
            yield f"{_capital(step.title)} had no expectation written down, so the record cannot tell."


def _lucky(told: PostMortem, summaries: Mapping[int, Mapping[str, Any]]) -> Iterator[str]:
    for step in told.steps:
        if step.stopped:
            yield f"{_capital(step.title)} was stopped early ({step.stopped}): what would have come is not known."
        for one in rows(summaries.get(step.number, {}).get("findings")):
            if holds(one):
                yield f"{_capital(step.title)} showed {one.get('code')}, which is accepted."


def _day_itself(told: PostMortem) -> Iterator[str]:
    done, refused = told.commands
    if done or refused:
        many = "1 command was" if done == 1 else f"{done:,} commands were"
        yield f"{many} carried out, {refused:,} refused."
    pages = [one for one in told.moments if one.kind == "page"]
    if pages:
        lost = sum(LOST in one.text for one in pages)
        many = "1 page was" if len(pages) == 1 else f"{len(pages):,} pages were"
        yield f"{many} to be sent, {lost:,} did not arrive."
    for step in told.steps:
        if step.steered:
            many = "1 command" if step.steered == 1 else f"{step.steered:,} commands"
            yield f"{_capital(step.title)} was steered by hand ({many}): its seed alone does not repeat it."
    if told.stopped:
        yield _sentence(f"the day was stopped: {told.stopped}")


def _not_learnt(told: PostMortem) -> Iterator[str]:
    for step in told.steps:
        if step.verdict == "inconclusive":
            yield f"{_capital(step.title)} proves nothing, neither good nor bad."
        elif not step.verdict:
            yield _sentence(f"{step.title}: {step.error or step.seen}")
    yield from map(_sentence, told.damaged)


def _sentence(text: str) -> str:
    return _capital(text) if text.endswith((".", "!", "?")) else f"{_capital(text)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def holds(finding: Mapping[str, Any]) -> bool:
    """Whether somebody answers for a finding, and still does."""
    accepted = finding.get("accepted") or {}
    return bool(accepted) and not accepted.get("expired")

"""A post-mortem as text: Markdown for a wiki or an issue, and a few lines for a screen."""

from __future__ import annotations

from collections.abc import Iterator

from chaosllm.chronicle import shortened
from chaosllm.post_mortem import PostMortem
from chaosllm.renderers import _post_mortem_words as said
from chaosllm.renderers import _words as words
from chaosllm.renderers.markdown import code, fit, prose, table, text

#: Rows of the timeline, and of each other list, that a comment still bears.
MOST_MOMENTS, MOST_ROWS = 120, 60
#: What each part may take of a comment that is too long.
_SHARES = {"head": 0.1, "steps": 0.2, "felt": 0.1, "findings": 0.15, "actions": 0.15, "questions": 0.1, "timeline": 0.2}
#: Characters of a cell; the page has all of it.
_LONGEST = 300


def markdown(told: PostMortem) -> str:
    """All of it, in at most as many bytes as a comment may have; what was left out is said."""
    parts = {
        "head": _head(told),
        "steps": _steps(told),
        "felt": _felt(told),
        "findings": _findings(told),
        "actions": _actions(told),
        "questions": _questions(told),
        "timeline": _timeline(told),
    }
    return fit([("\n\n".join(part), _SHARES[name]) for name, part in parts.items()])


def plain(told: PostMortem) -> str:
    """How each step went, a line each, and what to do first; for a screen."""
    _, sign, word = said.OUTCOMES[told.outcome]
    lines = [f"{sign} {word}  {words.clean(told.name)}", said.means(told), *said.cut_short(told)]
    for step in told.steps:
        verdict, expected = said.state(step)[2], said.surprise(step)[2]
        lines.append(f"  {step.number}. {words.clean(step.name)}: {verdict}, {expected}")
        lines += [f"     {words.clean(one)}" for one in (*step.differences, *said.notes(step))]
    if told.actions:
        lines.append(f"Do first: {words.clean(told.actions[0].what)} ({words.clean(told.actions[0].because)})")
    return "\n".join(words.inert(line) for line in lines) + "\n"


def _cut(value: object) -> str:
    return text(words.clean(value, _LONGEST))


def _code(value: object) -> str:
    """In a code span, where nothing is escaped: what a CI's log takes for a command is broken up."""
    return code(words.inert(words.clean(value, _LONGEST)))


def _head(told: PostMortem) -> Iterator[str]:
    _, sign, word = said.OUTCOMES[told.outcome]
    yield f"# Post-mortem: {text(told.name)}"
    yield f"**{sign} {word}.** {text(said.means(told))}"
    if told.summary:
        yield f"> {text(told.summary)}"
    yield "\n".join(f"- {text(one)}" for one in (*said.facts(told), *said.cut_short(told)))
    if told.roles:
        yield "\n".join(
            f"- {text(role)}: {text(name) or words.NONE}{f' ({text(does)})' if does else ''}"
            for role, name, does in told.roles[:MOST_ROWS]
        )


def _steps(told: PostMortem) -> Iterator[str]:
    if not told.steps:
        return
    rows = []
    for step in told.steps[:MOST_ROWS]:
        _, sign, word = said.state(step)
        so = said.surprise(step)
        differs = [_cut(one) for one in step.differences]
        beside = [_cut(one) for one in said.notes(step)]
        report = [f"report: {_code(f'{step.folder}/report.html')}"] if step.folder else []
        rows.append((
            f"{step.number}. {_cut(step.name)}<br>{_code(step.what)}", _cut(step.expected) or words.NONE,
            "<br>".join([_cut(step.seen), *beside, *report]), "<br>".join([f"**{so[1]} {so[2]}**", *differs]),
            f"{sign} {word}",
        ))  # fmt: skip
    yield "## Expected and seen"
    yield table(("step", "expected", "seen", "as expected?", "verdict"), rows, left=5)
    yield from _more(len(told.steps) - MOST_ROWS)


def _felt(told: PostMortem) -> Iterator[str]:
    rows = [tuple(map(text, said.felt(step, one))) for step in told.steps for one in step.felt]
    if rows:
        yield "## What users felt"
        yield table(said.FELT, rows[:MOST_ROWS], left=3)
        yield from _more(len(rows) - MOST_ROWS)


def _findings(told: PostMortem) -> Iterator[str]:
    yield "## Findings"
    if not told.findings:
        yield "None." if any(step.verdict for step in told.steps) else "No step could be judged."
        return
    rows = [
        (
            text(one["severity"]) + (" (accepted)" if one["accepted"] else ""), _code(one["code"]), words.often(one),
            _cut(", ".join(dict.fromkeys(str(row["name"]) for row in one["runs"]))), _cut(one["sentence"]),
            prose(words.clean(one["advice"], _LONGEST)),
        )
        for one in told.findings[:MOST_ROWS]
    ]  # fmt: skip
    yield table(("severity", "finding", "seen", "in", "what was seen", "advice"), rows, left=6)
    yield from _more(len(told.findings) - MOST_ROWS)


def _actions(told: PostMortem) -> Iterator[str]:
    yield "## Actions"
    rows = [
        (str(number), prose(words.clean(one.what, _LONGEST)), _cut(one.because), " ", " ")
        for number, one in enumerate(told.actions[:MOST_ROWS], 1)
    ]
    yield table(said.ACTIONS, [*rows, (str(len(rows) + 1), " ", " ", " ", " ")], left=5)
    yield from _more(len(told.actions) - MOST_ROWS)


def _questions(told: PostMortem) -> Iterator[str]:
    yield "## Questions"
    for one in told.questions:
        answers = [f"- {prose(words.clean(answer, _LONGEST))}" for answer in one.answers[:MOST_ROWS]]
        yield f"**{one.asks}**\n\n" + "\n".join([*answers, f"- *{said.OWN}*"])


def _timeline(told: PostMortem) -> Iterator[str]:
    shown, left = shortened(told.moments, MOST_MOMENTS)
    if not shown:
        return
    yield "## Timeline (UTC)"
    rows = [
        (
            said.clock(one.at), said.KINDS.get(one.kind, text(one.kind)), text(said.where(one, told.steps)),
            _cut(one.text), _cut(one.who),
        )
        for one in shown
    ]  # fmt: skip
    yield table(("time", "", "step", "what", "who"), rows, left=5)
    yield from _more(left, "the page or in log.jsonl")


def _more(left: int, where: str = "the page") -> Iterator[str]:
    if left > 0:
        yield f"{words.count(left)} more in {where}."

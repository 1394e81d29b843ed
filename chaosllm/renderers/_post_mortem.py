"""The page of a post-mortem: what was expected and seen, what users felt, what happened when, and what to do.

Laws:
1. Every piece of foreign text passes `say` or `prose`; nothing else puts text into the page.
2. Colour never says anything alone: a word or a sign stands beside it.
3. The only links are to places on the page and to the reports of its steps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from chaosllm.chronicle import shortened
from chaosllm.post_mortem import PostMortem, StepTold
from chaosllm.renderers import _post_mortem_words as told_as
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import body, document, prose, say, table
from chaosllm.renderers._page.sheet import PAGE

#: Rows of the timeline: a browser shows more, and nobody reads them.
MOST_MOMENTS = 1000
_STYLE = """
td ul{margin:0;padding-left:1.1rem}
.steps td{min-width:8rem}.steps td:nth-child(1){min-width:13rem}.steps td:nth-child(3){min-width:17rem}
.steps td:nth-child(4){min-width:13rem}.steps td:last-child{min-width:6rem}.places{min-width:10rem}
.steps .narrow{color:var(--dim);font-size:.875rem}
.actions td:first-child{white-space:nowrap}.actions td:nth-child(n+4){min-width:6rem;border-left:1px solid var(--line);
padding-left:.6rem}
.timeline tr td:first-child{white-space:nowrap;font-variant-numeric:tabular-nums}
.timeline .is{font-size:.875rem;color:var(--dim)}.timeline .is.stop,.timeline .is.refused,.timeline .is.finding{
color:var(--fail);font-weight:700}.timeline .is.step{color:var(--fg);font-weight:700}
.blank{color:var(--dim);font-style:italic}
.questions ul{margin:.3rem 0 1rem;padding-left:1.25rem}
@media (max-width:40rem){.steps td,.actions td,.places{min-width:0!important;border-left:0!important;
padding-left:0!important}.places{padding-left:1.1rem!important}
.timeline td{display:inline;margin-right:.6rem}.timeline td:nth-child(3){font-size:.875rem;color:var(--dim)}
.timeline td:nth-child(5):empty{display:none}
.timeline td:nth-child(4){display:block;margin:0}.timeline td:nth-child(5){font-size:.875rem;color:var(--dim)}}
@media print{.steps td,.places{min-width:0!important}}
"""


def page(told: PostMortem, reports: Collection[str] = ()) -> str:
    """The whole page; `reports` are the folders of steps that have one to link to. The same record, the same bytes."""
    foot = (
        "<p>Made by chaosllm from the records of this game day; <code>chaosllm report</code> on this folder makes it "
        "again. The same as Markdown is in <code>post-mortem.md</code>.</p>"
    )
    whole = body(f"{_banner(told)}\n{_figures(told)}", _sections(told, reports), foot)
    return document(f"Post-mortem: {say(told.name)}", PAGE + _STYLE, whole)


def _sections(told: PostMortem, reports: Collection[str]) -> Iterator[tuple[str, str, str]]:
    yield "steps", "Expected and seen", _steps(told, reports)
    yield "felt", "What users felt", _felt(told)
    yield "findings", "Findings over all steps", _findings(told)
    yield "actions", "Actions to take", _actions(told)
    yield "questions", "Questions to talk about", _questions(told)
    yield "timeline", "What happened when", _timeline(told)
    yield "roles", "Who took part", _roles(told)


def _banner(told: PostMortem) -> str:
    look, sign, word = told_as.OUTCOMES[told.outcome]
    summary = f"<p>{say(told.summary)}</p>" if told.summary else ""
    cut = "".join(f"<p><strong>{say(line)}</strong></p>" for line in told_as.cut_short(told))
    facts = "".join(f"<li>{say(fact)}</li>" for fact in told_as.facts(told))
    return (
        f'<header class="hero {look}"><h1><span class="verdict"><span aria-hidden="true">{sign}</span> {word}</span> '
        f'<span class="name">Post-mortem: {say(told.name)}</span></h1>'
        f'<p class="means">{say(told_as.means(told))}</p>{summary}{cut}<ul class="facts">{facts}</ul></header>'
    )


def _figures(told: PostMortem) -> str:
    not_so = [step for step in told.steps if step.expected_so is False]
    so = sum(step.expected_so is True for step in told.steps)
    open_ = [one for one in told.findings if not one["accepted"]]
    hit = [(one.success, step, one) for step in told.steps for one in step.felt
           if one.when != "before" and one.success is not None]  # fmt: skip
    worst = min(hit, key=lambda found: found[0]) if hit else None
    checks = [ok for step in told.steps for _, ok, _ in step.rollback]
    tiles = [
        (
            "Steps as expected", words.count(so), "pass" if so and not not_so else "",
            [f"of {len(told.steps)}", *(f"Not: {words.clean(step.name, 60)}" for step in not_so[:3])],
        ),
        (
            "Kinds of findings", words.count(len(open_)), "fail" if open_ else "",
            [f"{one['severity']}: {one['code']}" for one in open_[:3]],
        ),
        (
            "Lowest success", words.share(worst[0]) if worst else words.NONE, "",
            [f"{worst[2].when} the faults of step {worst[1].number}, {words.clean(worst[1].name, 60)}"]
            if worst else ["No step measured it"],
        ),
        (
            "Well again after a step", f"{sum(checks)} of {len(checks)}" if checks else "not asked",
            "pass" if checks and all(checks) else "fail" if checks else "dim",
            ["rollback checks"] if checks else ["The plan has no rollback checks"],
        ),
    ]  # fmt: skip
    shown = "".join(
        f'<div><dt>{say(title)}</dt><dd class="figure {look}">{say(figure)}</dd>'
        + "".join(f"<dd>{say(line)}</dd>" for line in lines)
        + "</div>"
        for title, figure, look, lines in tiles
    )
    return f'<dl class="figures">{shown}</dl>'


# Sections ----------------------------------------------------------------------------------------


def _steps(told: PostMortem, reports: Collection[str]) -> str:
    if not told.steps:
        return "<p>No step is on record.</p>"
    rows = []
    for step in told.steps:
        look, sign, word = told_as.state(step)
        so = told_as.surprise(step)
        differs = "".join(f"<li>{say(one)}</li>" for one in step.differences)
        beside = "".join(f'<span class="small dim">{say(one)}</span>' for one in told_as.notes(step))
        rows.append((
            f"<strong>{_link(step, reports)}</strong><span class='small dim'>{say(step.what)}</span>"
            + (f"<span class='small'>{say(step.hypothesis)}</span>" if step.hypothesis else ""),
            f"{_named('expected')}{say(step.expected) or words.NONE}",
            f"{_named('seen')}{say(step.seen)}{beside}",
            f'<span class="word {so[0]}"><span aria-hidden="true">{so[1]}</span> {so[2]}</span>'
            + (f'<ul class="small">{differs}</ul>' if differs else ""),
            f'{_named("verdict")}<span class="word {look}"><span aria-hidden="true">{sign}</span> {word}</span>',
        ))  # fmt: skip
    head = ("step", "expected", "seen", "as expected?", "verdict")
    return f'<div class="steps">{table(head, rows, label="Expected and seen", stack=True)}</div>'


def _named(heading: str) -> str:
    """On a phone, where a row is a block and has no heading above it."""
    return f'<span class="narrow">{heading}:</span>'


def _link(step: StepTold, reports: Collection[str]) -> str:
    name = say(f"{step.number}. {step.name}")
    if not step.folder or step.folder not in reports:
        return name
    return f'<a href="{say(quote(step.folder, errors="replace"))}/report.html">{name}</a>'


def _felt(told: PostMortem) -> str:
    rows = [tuple(map(say, told_as.felt(step, one))) for step in told.steps for one in step.felt]
    if not rows:
        return "<p>No step measured what users felt.</p>"
    return (
        f"<p>Before, during and after the faults of each step, with the 95% interval; {say(words.OPERATION)}. The "
        "numbers are those of the step's report.</p>"
        + table(told_as.FELT, rows, numbers=(3, 4, 5, 6), label="What users felt", stack=True)
    )


def _findings(told: PostMortem) -> str:
    if not told.findings:
        judged = any(step.verdict for step in told.steps)
        return f"<p>{'No finding in any step.' if judged else 'No step could be judged.'}</p>"
    rows = []
    for one in told.findings:
        places = "".join(f"<li>{_place(row)}</li>" for row in one["runs"])
        severity = one["severity"] if one["severity"] in words.SEVERITIES else "info"
        rows.append((
            f'<span class="severity {severity}">{say(one["severity"])}</span>',
            f"<strong>{say(one['title'])}</strong> <code>{say(one['code'])}</code>"
            + ('<span class="small">accepted</span>' if one["accepted"] else "")
            + f'<span class="small">{say(one["sentence"])}</span>',
            f'<ul class="small places">{places}</ul>',
            prose(one["advice"]),
            say(words.often(one)),
        ))  # fmt: skip
    head = ("severity", "finding", "where", "advice", "seen")
    return table(head, rows, numbers=(4,), label="Findings over all steps", stack=True)


def _place(row: Mapping[str, Any]) -> str:
    phase = f", in {say(row['phase'])}" if row.get("phase") else ""
    return f"{say(row['name'])}{phase}: {say(words.often(row))}"


def _actions(told: PostMortem) -> str:
    rows = [(str(number), prose(one.what), say(one.because), "", "") for number, one in enumerate(told.actions, 1)] + [
        (str(len(told.actions) + 1), f'<span class="blank">{told_as.OWN}</span>', "", "", "")
    ]
    return f'<div class="actions">{table(told_as.ACTIONS, rows, label="Actions to take", stack=True)}</div>'


def _questions(told: PostMortem) -> str:
    shown = "".join(
        f"<h3>{say(one.asks)}</h3><ul>"
        + "".join(f"<li>{prose(answer)}</li>" for answer in one.answers)
        + f'<li class="blank">{told_as.OWN}</li></ul>'
        for one in told.questions
    )
    return (
        "<p>The record answers as far as it can; it looks for causes, and blames nobody.</p>"
        f'<div class="questions">{shown}</div>'
    )


def _timeline(told: PostMortem) -> str:
    shown, left = shortened(told.moments, MOST_MOMENTS)
    rows = [
        (
            say(told_as.clock(one.at)),
            f'<span class="is {say(one.kind) if one.kind in told_as.KINDS else "note"}">'
            f"{say(told_as.KINDS.get(one.kind, one.kind))}</span>",
            say(told_as.where(one, told.steps)), prose(one.text), say(one.who),
        )
        for one in shown
    ]  # fmt: skip
    if not rows:
        return "<p>The record holds no event.</p>"
    more = f"<p>{words.count(left)} of lesser weight are in <code>log.jsonl</code> alone.</p>" if left else ""
    head = ("time (UTC)", "kind", "step", "what", "who")
    return f'<div class="timeline">{table(head, rows, label="What happened when", stack=True)}</div>{more}'


def _roles(told: PostMortem) -> str:
    if not told.roles:
        return ""
    rows = [(say(role), say(name), say(does)) for role, name, does in told.roles]
    return table(("role", "who", "does"), rows, label="Who took part", stack=True)

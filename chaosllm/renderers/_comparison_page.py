"""A comparison as one page that stands alone: no script, no request, light and dark, screen and print.

Laws:
1. Every piece of foreign text passes `say`; nothing else puts text into the page.
2. Colour never says anything alone: A is solid and B dashed, and each verdict is a word.
3. The first screen answers: better or worse, in what, by how much, and whether it can be told at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaosllm.comparison import BETTER, CHANGED, WORSE, Comparison, Row
from chaosllm.renderers import Chart
from chaosllm.renderers import _comparison as plain
from chaosllm.renderers import _words as words
from chaosllm.renderers._headline import headline, shown
from chaosllm.renderers._page.markup import body, document, prose, say, table
from chaosllm.renderers._page.sheet import PAGE
from chaosllm.renderers._style import BLUE, VERMILLION
from chaosllm.snapshot import Snapshot

#: Rows of each table and items of each list: what is read, and what keeps the page far below 2 MB.
MOST_ROWS, MOST_ITEMS = 400, 60
#: Characters of a name; a text may have twice as many.
NAME = 120

_CSS = """
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr));gap:.75rem;margin:1rem 0 0}
.side{background:var(--bg);border:1px solid var(--line);border-radius:.6rem;padding:.6rem .9rem;color:var(--fg)}
.side h2{border:0;margin:0;padding:0;font-size:1rem;display:flex;flex-wrap:wrap;gap:.15rem .6rem;align-items:baseline}
.side svg{width:2.6rem;height:.7rem;align-self:center;flex:none}
.side p{margin:.15rem 0 0}
.lead{font-size:1.05rem}.hero h1 .verdict{white-space:normal;overflow-wrap:normal}
tr.group th{padding-top:1rem;color:var(--fg);font-size:1rem;white-space:normal}
.rows td:last-child{white-space:nowrap}.rows td .dim,.rows th .dim{display:inline}
main .charts{display:block;columns:24rem 2;column-gap:2rem}
.charts figure{max-width:40rem;break-inside:avoid;padding-bottom:1.5rem}
.both td.n,.both th.n{text-align:left;white-space:normal}
.worse{color:var(--fail);font-weight:700}.better{color:var(--pass);font-weight:700}
.changed{color:var(--inconclusive);font-weight:700}
@media (max-width:40rem){.lead{font-size:1rem}.stack tr.group{padding:.9rem 0 .2rem}
.stack tr.group th{display:block;padding:0;border:0}
.rows td:last-child::before{content:"difference: ";color:var(--dim);font-weight:400}
.stack.rows td.n{display:inline-flex;margin-right:1.5rem}.stack.rows td.n::before,.both .stack td.n::before{min-width:0}
.both .stack td.n{overflow-wrap:anywhere}}
@media print{main .charts{columns:18rem 2}}
"""
_WORDS = {
    WORSE: ("worse", "\N{BALLOT X}"),
    BETTER: ("better", "\N{CHECK MARK}"),
    CHANGED: ("changed", "\N{GREEK CAPITAL LETTER DELTA}"),
}
_HEAD = ("metric", "A", "B", "change (95% interval)", "difference")


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the page is made of. `charts` are drawn already; `why` says what could not be laid over each other."""

    comparison: Comparison
    names: tuple[str, str]
    charts: Mapping[str, Chart] = field(default_factory=dict)
    why: str = ""
    every: bool = False  # all figures, those without a change too


def page(shown_: Shown) -> str:
    """The page; the same comparison gives the same bytes."""
    said = headline(shown_.comparison)
    name = say(words.clean(shown_.comparison.after.scenario, NAME))
    whole = body(_hero(shown_), _sections(shown_), _footer(shown_))
    return document(f"{say(said.word)}: {name}", PAGE + _CSS, whole)


def _sections(shown_: Shown) -> Iterator[tuple[str, str, str]]:
    """(anchor, title, body); an empty body leaves the section out."""
    comparison = shown_.comparison
    yield "pictures", "In pictures", _charts(shown_)
    yield "figures", "Figure by figure", _figures(shown_)
    yield "findings", "Findings that are new or gone", _findings(comparison)
    yield "objectives", "Objectives whose verdict turned", _objectives(comparison)
    yield "changed", "What else changed", _changed(comparison)
    yield "doubts", "What cannot be told, and why", _doubts(comparison)
    yield "how", "How to read this", _how(comparison)


def _hero(shown_: Shown) -> str:
    comparison = shown_.comparison
    said = headline(comparison)
    kind = {True: "pass", False: "fail", None: "inconclusive"}[said.good]
    icon = {True: "\N{CHECK MARK}", False: "\N{BALLOT X}", None: "?"}[said.good]
    lead = "".join(f'<p class="lead">{say(one)}</p>' for one in said.sentences)
    notes = _items(list(_turns(comparison)))
    sides = "".join(
        _side(letter, name, one)
        for letter, name, one in zip("AB", shown_.names, (comparison.before, comparison.after), strict=True)
    )
    return (
        f'<header class="hero {kind}"><h1><span class="verdict"><span aria-hidden="true">{icon}</span> '
        f'{say(said.word)}</span><span class="name">{say(words.clean(comparison.after.scenario, NAME))}</span></h1>'
        f'{lead}{notes}<div class="sides">{sides}</div></header>'
    )


def _side(letter: str, name: str, one: Snapshot) -> str:
    """Which run a letter stands for, with the line that it has in every picture."""
    colour, dash = (BLUE, "") if letter == "A" else (VERMILLION, ' stroke-dasharray="9 4"')
    look = "solid blue line" if letter == "A" else "dashed orange line"
    verdict = one.verdict if one.verdict in words.VERDICTS else "inconclusive"
    word, icon = words.VERDICTS[verdict]
    facts = [f"started {one.started[:16].replace('T', ' ')}"] if one.started else []
    facts += [f"{key} {one.around[key]}" for key in ("app", "seed", "stopped") if one.around.get(key) not in (None, "")]
    return (
        f'<section class="side" aria-label="Run {letter}"><h2>{letter} <svg viewBox="0 0 40 10" role="img" '
        f'aria-label="{look} in the pictures"><path d="M0 5H40" stroke="{colour}" stroke-width="4"{dash}/></svg>'
        f"<code>{say(words.clean(name, NAME))}</code>"
        f'<span class="word {verdict}"><span aria-hidden="true">{icon}</span> {word}</span></h2>'
        f'<p class="small dim">{say(", ".join(facts))}</p></section>'
    )


def _turns(comparison: Comparison) -> Iterator[str]:
    """What an engineer asks next: objectives that turned, findings that came or went, and doubts."""
    turned = [one for one in plain.turned(comparison) if "fail" in one[1:]]
    for text, before, after in turned[:2]:
        yield f"{words.clean(text, NAME)}: {before} in A, {after} in B"
    if len(turned) > 2:  # as many as were told
        yield f"{words.counted(len(turned) - 2, 'more objective')} turned"
    for what, found in (("New", comparison.new_findings), ("Gone", comparison.gone_findings)):
        if found:
            codes = list(dict.fromkeys(words.clean(one.get("code"), 40) for one in words.worst(found)))
            more = f" and {len(codes) - 3} more" if len(codes) > 3 else ""  # as many as are named
            yield f"{what} findings: {', '.join(codes[:3])}{more}"
    for letter, one in (("A", comparison.before), ("B", comparison.after)):
        if one.verdict == "inconclusive":
            why = f": {one.doubts[0]}" if one.doubts else ""
            yield f"{letter} is itself inconclusive{why}"


def _charts(shown_: Shown) -> str:
    """The pictures; what could not be drawn in a sentence each."""
    drawn, missing = [], []
    for chart in shown_.charts.values():
        if not chart.svg:
            missing.append(f"<li><strong>{say(chart.title)}:</strong> {prose(chart.says)}</li>")
            continue
        # `svg` is our own drawing: adapters/charts escapes the names in it.
        drawn.append(
            f'<figure><figcaption><h3 style="margin-top:0">{say(chart.title)}</h3>'
            f'<p class="says">{prose(chart.says)}</p></figcaption>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="{say(chart.title)}: chart">{chart.svg}</div>'
            "</figure>"
        )
    why = f"<p>{say(shown_.why)}</p>" if shown_.why else ""
    pictures = f'<div class="charts">{"".join(drawn)}</div>' if drawn else ""
    return why + pictures + (f'<ul class="nothing" aria-label="Not drawn">{"".join(missing)}</ul>' if missing else "")


def _figures(shown_: Shown) -> str:
    comparison = shown_.comparison
    rows = shown(comparison, every=shown_.every)
    told = f"<p>{say(plain.counts(comparison))}. {say(plain.chance(comparison))}</p>"
    body = []
    for phase in dict.fromkeys(row.phase for row in rows[:MOST_ROWS]):
        head = say(words.clean(phase, NAME)) or "the run as a whole"
        role = comparison.after.roles.get(phase) or comparison.before.roles.get(phase, "")
        note = f' <span class="dim small">{say(role)}</span>' if role and role != phase else ""
        body.append(f'<tr class="group"><th colspan="5" scope="rowgroup">{head}{note}</th></tr>')
        body += [_row(row) for row in rows[:MOST_ROWS] if row.phase == phase]
    left = len(comparison.rows) - min(len(rows), MOST_ROWS)
    more = (
        f'<p class="dim small">{words.counted(left, "more figure")} without a change that was shown; '
        "<code>--all</code> and <code>--json</code> give every one.</p>"
        if left
        else ""
    )
    titles = "".join(
        f'<th scope="col"{" class=n" if at in (1, 2, 3) else ""}>{say(title)}</th>' for at, title in enumerate(_HEAD)
    )
    return (
        f'{told}<div class="scroll" tabindex="0" role="region" aria-label="Figures of both runs">'
        f'<table class="stack rows"><thead><tr>{titles}</tr></thead>\n<tbody>{"".join(body)}</tbody></table></div>'
        f"{more}"
    )


def _row(row: Row) -> str:
    metric, before, after, change, said = plain.cells(row)
    kind, icon = _WORDS.get(row.verdict, ("dim", ""))
    mark = f'<span aria-hidden="true">{icon}</span> ' if icon else ""
    numbers = "".join(
        f'<td class="n" data-name="{name}">{say(value)}</td>'
        for name, value in (("A", before), ("B", after), ("change", change))
    )
    return (
        f'<tr><td><code>{say(metric)}</code></td>{numbers}<td><span class="{kind}">{mark}{say(said)}</span></td></tr>'
    )


def _findings(comparison: Comparison) -> str:
    rows = [
        (
            f'<span class="word">{letter}</span>',
            f'<span class="severity {_severity(one)}">{say(words.clean(one.get("severity"), 20))}</span>',
            f"<code>{say(words.clean(one.get('code'), NAME))}</code>",
            say(words.clean(one.get("phase") or words.NONE, NAME)),
            say(words.times(one) or words.count(one.get("count"))),
        )
        for letter, found in (("new in B", comparison.new_findings), ("gone in B", comparison.gone_findings))
        for one in words.worst(found)[:MOST_ITEMS]
    ]
    if not rows:
        return "<p>Both runs have the same findings.</p>"
    head = ("", "severity", "finding", "phase", "seen")
    note = _left(max(len(comparison.new_findings), len(comparison.gone_findings)), "finding")
    return table(head, rows, numbers=(4,), label="Findings that are new or gone", stack=True) + note


def _severity(finding: Mapping[str, Any]) -> str:
    severity = str(finding.get("severity"))
    return severity if severity in words.SEVERITIES else "info"


def _objectives(comparison: Comparison) -> str:
    turned = plain.turned(comparison)
    if not turned:
        return "<p>Each objective has the same verdict in both runs.</p>"
    rows = [
        (f"<code>{say(words.clean(text, 2 * NAME))}</code>", _verdict(before), _verdict(after))
        for text, before, after in turned[:MOST_ITEMS]
    ]
    return _both("objective", rows, "Objectives whose verdict turned") + _left(len(turned), "objective")


def _both(what: str, rows: Sequence[Sequence[str]], label: str) -> str:
    """A table of what both runs have; on a phone each side is named, because its column has no heading there."""
    return f'<div class="both">{table((what, "A", "B"), rows, numbers=(1, 2), label=label, stack=True)}</div>'


def _verdict(verdict: str) -> str:
    if verdict not in words.VERDICTS:
        return '<span class="dim">not set</span>'
    word, icon = words.VERDICTS[verdict]
    return f'<span class="word {verdict}"><span aria-hidden="true">{icon}</span> {word}</span>'


def _changed(comparison: Comparison) -> str:
    longer = f"<p>The phases of B are {comparison.scale:.3g} times as long.</p>" if comparison.scale != 1.0 else ""
    if not comparison.changed:
        return f"{longer}<p>Nothing else: seed, app, versions and machine are the same.</p>"
    rows = [
        (say(words.clean(one.path, NAME)), *(say(_value(value)) for value in (one.before, one.after)))
        for one in comparison.changed[:MOST_ITEMS]
    ]
    return longer + _both("what", rows, "What else changed") + _left(len(comparison.changed), "difference")


def _value(value: object) -> str:
    return words.NONE if value in (None, "") else words.clean(value, 2 * NAME)


def _doubts(comparison: Comparison) -> str:
    return _items([one for one in plain.notes(comparison, whole=False) if one])


def _items(lines: Sequence[str]) -> str:
    """A list; what is too much is counted."""
    if not lines:
        return ""
    more = [f"and {len(lines) - MOST_ITEMS} more"] if len(lines) > MOST_ITEMS else []
    found = "".join(f"<li>{say(words.clean(line, 3 * NAME))}</li>" for line in [*lines[:MOST_ITEMS], *more])
    return f"<ul>{found}</ul>"


def _left(n: int, noun: str) -> str:
    return f'<p class="dim small">{words.counted(n - MOST_ITEMS, f"more {noun}")}.</p>' if n > MOST_ITEMS else ""


def _how(comparison: Comparison) -> str:
    return _items(
        [
            "Worse and better: the 95% interval of the change excludes no change. None shown: it does not, and its "
            "ends say how large a change could hide in it. Cannot tell: too few operations, or no interval.",
            "The heading counts only what users feel and what it costs, and only what holds when the level is shared "
            "out over all of those figures.",
            "Two runs tell of these two runs: repeat both before you build on a change that is small.",
            "Goodput is compared as a share of the load that was offered, because another seed alone brings other "
            "arrivals.",
            *([_MARGIN] if comparison.rows else []),
        ]
    )


_MARGIN = (
    "The margin of a gate: what a gate with a baseline lets pass if it is told nothing else, 2 points of good answers "
    "and 1.5x."
)


def _footer(shown_: Shown) -> str:
    version = shown_.comparison.after.around.get("chaosllm")
    made = f"chaosllm {say(words.clean(version, 40))}" if version else "chaosllm"
    return f"<p>Made by {made} from the records of these runs; <code>chaosllm compare</code> makes it again.</p>"

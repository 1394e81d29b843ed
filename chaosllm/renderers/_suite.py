"""The page of a suite: what several runs came to together, and the way into the report of each.

Laws:
1. Every piece of foreign text passes `say`; nothing else puts text into the page.
2. Colour never says anything alone: a word or a sign stands beside it.
3. What was not run, not tested or not readable is named as plainly as what failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from chaosllm.renderers import Chart
from chaosllm.renderers import _words as words
from chaosllm.renderers._page import score
from chaosllm.renderers._page.markup import body, document, phase, prose, say, table, tile, word
from chaosllm.renderers._page.metrics import LABELS
from chaosllm.renderers._page.sheet import PAGE
from chaosllm.renderers._suite_words import MOST_NAMES, STATES, cut_short, facts, means, names, untested

MOST_CARDS = 3
#: Reasons in a cell that a reader still reads.
MOST_REASONS = 3
#: Columns of the heat map whose letters a phone of 360 px still shows; a wider one scrolls in its own box.
MOST_NARROW = 12

#: Metric -> its heading, and how its values read.
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "success_rate": (LABELS["success_rate"], "share"),
    "good_fraction": (LABELS["good_fraction"], "share"),
    "degradation": (LABELS["degradation"], "ratio"),
    "retry_amplification": (LABELS["retry_amplification"], "ratio"),
    "cost_amplification": (LABELS["cost_amplification"], "ratio"),
    "time_to_recover": ("time to recover", "seconds"),
    "score": ("score", "points"),
}
_STYLE = """
main .figures.six{grid-template-columns:repeat(auto-fit,minmax(min(100%,9.5rem),1fr))}
.figures.six div{min-width:0}
main .matrix th:first-child{min-width:8rem;max-width:9rem}
.matrix th,.matrix td{padding:.35rem .4rem}
.matrix td .small a{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;max-width:6.8rem;
overflow:hidden;white-space:normal;overflow-wrap:anywhere;margin-left:auto}
.matrix td.n b{font-size:1.02rem}
section>.coverage{max-width:none}.coverage{list-style:none;margin:.5rem 0;padding:0;display:grid;gap:.5rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr))}
.coverage li{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .8rem}
.coverage li.open{border-style:dashed}
.coverage p{margin:.15rem 0;font-size:.875rem}
.coverage h3{margin:0;display:flex;flex-wrap:wrap;gap:.1rem .6rem;justify-content:space-between}
.coverage h3 span{font-size:.875rem}
figure.heat svg{max-width:44rem}.hint{display:none}
@media screen and (max-width:44rem){figure.wide svg{min-width:40rem}.hint{display:block}}
td ul{margin:0;padding-left:1.1rem}
@media (min-width:40.01rem){.kinds td:last-child{min-width:21rem}}
@media (max-width:68rem){.matrix thead{position:absolute;left:-999rem}
main .matrix tr,main .matrix th:first-child{display:block;position:static;max-width:none;border:0}
.matrix tbody tr+tr{border-top:1px solid var(--line)}.matrix th:first-child{padding:.6rem .8rem 0;font-size:1.02rem}
.matrix tbody tr{padding-bottom:.5rem}
.matrix td.n{display:grid;grid-template-columns:minmax(8rem,1fr) minmax(0,3fr);gap:0 .6rem;border:0;
padding:.15rem .8rem;text-align:left;white-space:normal}
.matrix td.n::before{content:attr(data-name);color:var(--dim);font-size:.875rem}
.matrix td.n .small{display:inline;margin-left:.5rem}.matrix td .small a{display:inline;max-width:100%}}
"""


def page(summary: Mapping[str, Any], heat: Chart) -> str:
    """The whole page; the same summary.json of a suite gives the same bytes."""
    foot = (
        "<p>Made by chaosllm from the records of these runs; <code>chaosllm report</code> on this folder makes it "
        "again. The numbers are in <code>summary.json</code> beside it.</p>"
    )
    whole = body(f"{_banner(summary)}\n{_figures(summary)}\n{_worst(summary)}", _sections(summary, heat), foot)
    plain = word(summary.get("verdict"))[1].rpartition(">")[2].strip()
    return document(f"{plain}: {say(summary.get('suite'))}", PAGE + _STYLE, whole)


def _sections(summary: Mapping[str, Any], heat: Chart) -> Iterator[tuple[str, str, str]]:
    yield "scenarios", "Scenarios", _scenarios(summary)
    yield "matrix", "Fault classes by metric", _matrix(summary)
    yield "heat", "Findings by scenario", _heat(summary, heat)
    yield "findings", "All findings", _findings(summary)
    yield "coverage", "Coverage", _coverage(summary)


# First screen ----------------------------------------------------------------------------------------------------


def _banner(summary: Mapping[str, Any]) -> str:
    verdict, text = word(summary.get("verdict"))
    cut = "".join(f"<p>{say(line)}</p>" for line in cut_short(summary))
    return (
        f'<header class="hero {verdict}"><h1><span class="verdict">{text}</span> '
        f'<span class="name">{say(summary.get("suite"))}</span></h1>'
        f'<p class="means">{say(means(summary))}</p>{cut}'
        f'<ul class="facts">{"".join(f"<li>{say(fact)}</li>" for fact in facts(summary))}</ul></header>'
    )


def _figures(summary: Mapping[str, Any]) -> str:
    counts = summary["counts"]
    rest = {
        "stopped": "stopped early", "not_run": "not run", "damaged": "damaged", "interrupted": "interrupted",
        "unfinished": "not finished", "not_begun": "not begun",
    }  # fmt: skip
    more = [f"{counts[state]} {said}" for state, said in rest.items() if counts[state]]
    gone = sum(counts[state] for state in rest)
    every = f"of {words.counted(counts['runs'], 'scenario')}"
    tested = [row["class"] for row in summary["coverage"] if row["tested_by"]]
    left = untested(summary)
    bad = [row["name"] for row in summary["runs"] if row["state"] == "failed"]
    tiles = [
        ("Passed", words.count(counts["passed"]), "pass" if counts["passed"] else "", [every]),
        ("Failed", words.count(counts["failed"]), "fail" if counts["failed"] else "", [names(bad)] if bad else []),
        (
            "Inconclusive", words.count(counts["inconclusive"]), "inconclusive" if counts["inconclusive"] else "",
            ["Too little to tell"] if counts["inconclusive"] else [],
        ),
        ("Not run, or not to the end", words.count(gone), "fail" if gone else "", [", ".join(more)] if more else []),
        score.tile(summary["score"], untested=False),
        (
            "Coverage", f"{len(tested)} of {len(summary['coverage'])}", "",
            ["classes of faults tested", f"Not tested: {', '.join(left)}" if left else ""],
        ),
    ]  # fmt: skip
    shown = "".join(tile(*one) for one in tiles)
    return f'<dl class="figures six">{shown}</dl>'


def _worst(summary: Mapping[str, Any]) -> str:
    found: Sequence[Mapping[str, Any]] = summary["findings"]
    if not found:
        judged = any(row["verdict"] for row in summary["runs"])
        return f'<p class="lone dim">{"No finding in any run." if judged else "No run could be judged."}</p>'
    rest = ", the gravest first" if len(found) > 1 else ""
    title = "What went wrong" if summary.get("verdict") == "fail" else "What was seen"
    cards = "".join(
        _card(one, summary, "Fix first:" if not at else "Fix:") for at, one in enumerate(found[:MOST_CARDS])
    )
    return (
        f'<section aria-labelledby="worst"><h2 id="worst" class="plain">{title}{rest}</h2>'
        f'<div class="cards">{cards}</div></section>'
    )


def _card(one: Mapping[str, Any], summary: Mapping[str, Any], fix: str) -> str:
    severity = one["severity"] if one["severity"] in words.SEVERITIES else "info"
    seen_in = {row["name"] for row in one["runs"]}
    if len(one["runs"]) == 1:
        (row,) = one["runs"]
        place = f", in phase {phase(say(row['phase']))}" if row.get("phase") else ""
        place = f"{_link(row['name'], summary)}{place}"
        where = f"<p><strong>{say(words.often(one))}</strong> in {place}. {say(one['sentence'])}</p>"
    else:
        places = "".join(f"<li>{_seen(row, summary)}</li>" for row in one["runs"][:MOST_NAMES])
        more = len(one["runs"]) - MOST_NAMES
        last = f'<li><a href="#findings">{more} more</a></li>' if more > 0 else ""
        many = words.counted(len(seen_in), "scenario")
        where = f'<p><strong>{say(words.often(one))}</strong> in {many}:</p><ul class="small">{places}{last}</ul>'
    accepted = "<p><strong>Accepted in every run that saw it.</strong></p>" if one.get("accepted") else ""
    return (
        f'<article class="card {severity}"><h3>{say(one["title"])}</h3>'
        f'<p class="small what"><span class="severity {severity}">{say(one["severity"])}</span> '
        f"<code>{say(one['code'])}</code></p>"
        f"{where}{accepted}"
        + (f'<p class="fix"><strong>{fix}</strong> {say(one["advice"])}</p>' if one.get("advice") else "")
        + "</article>"
    )


def _seen(row: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    place = f", in phase {phase(say(row['phase']))}" if row.get("phase") else ""
    return f"{_link(row['name'], summary)}{place}: {say(words.often(row))}"


# Sections --------------------------------------------------------------------------------------------------------


def _scenarios(summary: Mapping[str, Any]) -> str:
    if not summary["runs"]:
        return "<p>Nothing was run.</p>"
    rows = []
    for row in summary["runs"]:
        look, sign, text = STATES[row["state"]]
        why = [str(line) for line in row["why"]]
        items = "".join(f"<li>{say(line)}</li>" for line in why[:MOST_REASONS])
        more = f"<li>{len(why) - MOST_REASONS} more in its report</li>" if len(why) > MOST_REASONS else ""
        seen = ", ".join(f"{number} {severity}" for severity, number in row["findings"].items() if number)
        rows.append((
            f'<span class="word {look}"><span aria-hidden="true">{sign}</span> {text}</span>',
            f"<strong>{_link(row['name'], summary)}</strong>"
            + (f'<span class="dim small">{say(", ".join(row["classes"]))}</span>' if row["classes"] else ""),
            f'<ul class="small">{items}{more}</ul>' if items else "",
            say(seen or words.NONE),
            say(words.NONE if row["score"] is None else f"{row['score']:.0f}"),
            say(words.seconds(row["seconds"])),
        ))  # fmt: skip
    head = ("verdict", "scenario", "why", "findings", "score", "duration")
    return table(head, rows, numbers=(3, 4, 5), label="Scenarios", stack=True)


def _matrix(summary: Mapping[str, Any]) -> str:
    if not summary["matrix"]:
        return "<p>No fault was delivered in any run, so there is nothing to compare.</p>"
    head = "".join(f'<th scope="col" class="n">{say(title)}</th>' for title, _ in _COLUMNS.values())
    rows = "".join(
        f'<tr><th scope="row">{say(row["class"])}</th>'
        + "".join(
            f'<td class="n" data-name="{say(title)}"><div>{_value(name, row["cells"].get(name), summary)}</div></td>'
            for name, (title, _) in _COLUMNS.items()
        )
        + "</tr>\n"
        for row in summary["matrix"]
    )
    return (
        "<p>Of each class of faults the worst run, with the 95% interval where there is one, and the scenario in which "
        "it was. Amplification and slowness are ratios to the baseline before the faults.</p>"
        '<div class="scroll matrix" tabindex="0" role="region" aria-label="Fault classes by metric">'
        f'<table><thead><tr><th scope="col">class of faults</th>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _value(metric: str, cell: Mapping[str, Any] | None, summary: Mapping[str, Any]) -> str:
    if cell is None:
        return f'<span class="dim">{words.NONE}</span>'
    unit = _COLUMNS[metric][1]
    value = "not back" if cell["value"] is None else _number(cell["value"], unit)
    low, high = cell["low"], cell["high"]
    bounds = (
        f'<span class="small dim">{say(_number(low, unit))} to {say(_number(high, unit))}</span>'
        if low is not None and high is not None and low != high
        else ""
    )
    return f'<b>{say(value)}</b>{bounds}<span class="small">{_link(cell["run"], summary)}</span>'


def _number(value: float, unit: str) -> str:
    if unit == "points":
        return f"{value:.0f}"
    return f"{words.plain(value)}x" if unit == "ratio" else words.measured(value, unit)


def _heat(summary: Mapping[str, Any], heat: Chart) -> str:
    if not heat.svg:
        return f"<p>{prose(heat.says)}</p>"
    judged = sum(row["verdict"] is not None for row in summary["runs"])
    wide = min(judged, len(summary["findings"])) > MOST_NARROW
    hint = '<p class="hint">Scroll the picture sideways to see all of it.</p>' if wide else ""
    # `svg` is our own drawing: adapters/charts escapes the names in it (tested there).
    return (
        f'<figure class="heat{" wide" if wide else ""}"><figcaption><p>{prose(heat.says)}</p>{hint}</figcaption>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{say(heat.title)}: chart">{heat.svg}</div>'
        "</figure>"
    )


def _findings(summary: Mapping[str, Any]) -> str:
    rows = []
    for one in summary["findings"]:
        severity = one["severity"] if one["severity"] in words.SEVERITIES else "info"
        places = "".join(f"<li>{_seen(row, summary)}</li>" for row in one["runs"])
        rows.append((
            f'<span class="severity {severity}">{say(one["severity"])}</span>',
            f"<strong>{say(one['title'])}</strong> <code>{say(one['code'])}</code>"
            + ('<span class="small">accepted</span>' if one.get("accepted") else "")
            + f'<span class="dim small">{say(one["advice"])}</span>',
            f'<ul class="small">{places}</ul>',
        ))  # fmt: skip
    if not rows:
        return ""
    head = ("severity", "finding, and what to do", "where")
    return f'<div class="kinds">{table(head, rows, label="All findings", stack=True)}</div>'


def _coverage(summary: Mapping[str, Any]) -> str:
    items = []
    for row in summary["coverage"]:
        tested, met = row["tested_by"], row["hardly_met_by"]
        state = '<span class="pass">\N{CHECK MARK} tested</span>' if tested else '<span class="dim">not tested</span>'
        faults = ", ".join(f"<code>{say(name)}</code>" for name in row["faults"])
        by = f"<p>by {_several(tested, summary)}</p>" if tested else ""
        hardly = f"<p>Met too seldom to tell in {_several(met, summary)}</p>" if met else ""
        hint = f'<p class="dim">No scenario tests it: {faults}</p>' if not tested and not met else ""
        items.append(
            f'<li class="{"" if tested else "open"}"><h3>{say(row["class"])} {state}</h3>{by}{hardly}{hint}</li>'
        )
    return (
        "<p>Which of the eleven ways in which a provider fails were tested, and where. What was not tested is in no "
        "score; <code>chaosllm list scenarios</code> shows what there is for it.</p>"
        f'<ul class="coverage">{"".join(items)}</ul>'
    )


def _several(names: Sequence[str], summary: Mapping[str, Any]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(_link(name, summary) for name in names[:MOST_NAMES]) + more


def _link(name: str, summary: Mapping[str, Any]) -> str:
    """The run's name, as a link to its report where there is one."""
    row = next((one for one in summary["runs"] if one["name"] == name), None)
    if row is None or not row["report"] or not row["folder"]:
        return say(name)
    # quoted, so that neither a scheme nor markup can begin in it; without a slash in front, so that it names no host
    path = quote(str(row["folder"]).lstrip("/"), safe="/", errors="replace")
    return f'<a href="{path}/report.html">{say(name)}</a>'

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
from chaosllm.renderers._page.markup import document, say, section, table, word
from chaosllm.renderers._page.sheet import PAGE

MOST_CARDS = 3
#: Names in a row, and reasons in a cell, that a reader still reads.
MOST_NAMES, MOST_REASONS = 4, 3

#: State -> its class in the style sheet, its sign, its word.
STATES: Mapping[str, tuple[str, str, str]] = {
    "passed": ("pass", "\N{CHECK MARK}", "PASS"),
    "failed": ("fail", "\N{BALLOT X}", "FAIL"),
    "inconclusive": ("inconclusive", "?", "INCONCLUSIVE"),
    "stopped": ("fail", "\N{BALLOT X}", "STOPPED"),
    "not_run": ("fail", "!", "NOT RUN"),
    "damaged": ("fail", "!", "DAMAGED"),
    "interrupted": ("inconclusive", "?", "INTERRUPTED"),
    "not_begun": ("dim", "\N{EN DASH}", "NOT BEGUN"),
}
#: Metric -> its heading, and how its values read.
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "success_rate": ("success rate", "share"),
    "good_fraction": ("good fraction", "share"),
    "degradation": ("p95 slower by", "ratio"),
    "retry_amplification": ("retry amplification", "ratio"),
    "cost_amplification": ("cost amplification", "ratio"),
    "time_to_recover": ("time to recover", "seconds"),
    "score": ("score", "points"),
}
_STYLE = """
main .figures.six{grid-template-columns:repeat(auto-fit,minmax(min(100%,9.5rem),1fr))}
.figures.six div{min-width:0}
main .matrix th:first-child{min-width:8rem;max-width:9rem}
.matrix th,.matrix td{padding:.35rem .4rem}
.matrix td .small a{display:inline-block;max-width:6.8rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
vertical-align:bottom}
.matrix td.n b{font-size:1.02rem}
.coverage{list-style:none;margin:.5rem 0;padding:0;display:grid;gap:.5rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr))}
.coverage li{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .8rem}
.coverage li.open{border-style:dashed}
.coverage p{margin:.15rem 0;font-size:.875rem}
.coverage h3{margin:0;display:flex;flex-wrap:wrap;gap:.1rem .6rem;justify-content:space-between}
.coverage h3 span{font-size:.875rem}
figure.heat svg{max-width:44rem}
td ul{margin:0;padding-left:1.1rem}
"""


def page(summary: Mapping[str, Any], heat: Chart) -> str:
    """The whole page; the same summary.json of a suite gives the same bytes."""
    sections = [part for part in _sections(summary, heat) if part[2]]
    links = "".join(f'<li><a href="#{key}">{say(title)}</a></li>' for key, title, _ in sections)
    body = (
        '<a class="skip" href="#main">Skip to the result</a>\n'
        f'<main id="main" tabindex="-1">\n{_banner(summary)}\n{_figures(summary)}\n{_worst(summary)}\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
        + "\n".join(section(key, title, part) for key, title, part in sections)
        + "\n</main>\n<footer><p>Made by chaosllm from the records of these runs; <code>chaosllm report</code> on this "
        "folder makes it again. The numbers are in <code>summary.json</code> beside it.</p></footer>"
    )
    plain = word(summary.get("verdict"))[1].rpartition(">")[2].strip()
    return document(f"{plain}: {say(summary.get('suite'))}", PAGE + _STYLE, body)


def _sections(summary: Mapping[str, Any], heat: Chart) -> Iterator[tuple[str, str, str]]:
    yield "scenarios", "Scenarios", _scenarios(summary)
    yield "matrix", "Fault classes by metric", _matrix(summary)
    yield "heat", "Findings by scenario", _heat(heat)
    yield "findings", "All findings", _findings(summary)
    yield "coverage", "Coverage", _coverage(summary)


# First screen ----------------------------------------------------------------------------------------------------


def _banner(summary: Mapping[str, Any]) -> str:
    verdict, text = word(summary.get("verdict"))
    facts = [words.counted(summary["counts"]["runs"], "scenario")]
    if summary.get("apps"):
        facts.append(f"app {', '.join(words.clean(app, 80) for app in summary['apps'][:MOST_NAMES])}")
    if summary.get("seconds"):
        facts.append(f"{words.seconds(summary['seconds'])} under load")
    if summary.get("started"):
        day, zone = str(summary["started"])[:16].replace("T", " "), str(summary["started"])[19:]
        facts.append(f"{day} {'UTC' if zone in ('+00:00', 'Z') else zone}")
    return (
        f'<header class="hero {verdict}"><h1><span class="verdict">{text}</span> '
        f'<span class="name">{say(summary.get("suite"))}</span></h1>'
        f'<p class="means">{say(_means(summary))}</p>'
        f'<ul class="facts">{"".join(f"<li>{say(fact)}</li>" for fact in facts)}</ul></header>'
    )


def _means(summary: Mapping[str, Any]) -> str:
    """The verdict in a sentence or two, for somebody who knows nothing of the runs."""
    counts = summary["counts"]
    unjudged = sum(counts[state] for state in ("not_run", "damaged", "interrupted", "inconclusive", "not_begun"))
    rest = f" {_of(unjudged, counts)} came to no verdict." if unjudged else ""
    match summary.get("verdict"):
        case "fail":
            failed = sum(row.get("verdict") == "fail" for row in summary["runs"])
            return f"The app did not hold up in {_of(failed, counts)}.{rest}"
        case "pass" if not summary["matrix"]:
            return "No fault was injected, so this shows only how the app does on a good day."
        case "pass":
            return f"The app held up in {'every scenario' if counts['runs'] > 1 else 'the one scenario'}."
        case _ if not counts["runs"]:
            return "Nothing was run, so this proves nothing."
        case _:
            return f"This proves nothing yet:{rest.lower() if unjudged == counts['runs'] else rest}"


def _of(number: int, counts: Mapping[str, int]) -> str:
    return f"{words.count(number)} of {words.counted(counts['runs'], 'scenario')}"


def _figures(summary: Mapping[str, Any]) -> str:
    counts = summary["counts"]
    rest = {
        "stopped": "stopped early", "not_run": "not run", "damaged": "damaged", "interrupted": "interrupted",
        "not_begun": "not begun",
    }  # fmt: skip
    more = [f"{counts[state]} {said}" for state, said in rest.items() if counts[state]]
    gone = sum(counts[state] for state in rest)
    tested = [row["class"] for row in summary["coverage"] if row["tested_by"]]
    left = [row["class"] for row in summary["coverage"] if not row["tested_by"]]
    bad = [row["name"] for row in summary["runs"] if row["state"] == "failed"]
    tiles = [
        ("Passed", words.count(counts["passed"]), "pass" if counts["passed"] else "", [f"of {counts['runs']}"]),
        ("Failed", words.count(counts["failed"]), "fail" if counts["failed"] else "", [_names(bad)] if bad else []),
        (
            "Inconclusive", words.count(counts["inconclusive"]), "inconclusive" if counts["inconclusive"] else "",
            ["Too little to tell"] if counts["inconclusive"] else [],
        ),
        ("Not run, or not to the end", words.count(gone), "fail" if gone else "", [", ".join(more)] if more else []),
        _score(summary["score"]),
        (
            "Coverage", f"{len(tested)} of {len(summary['coverage'])}", "",
            ["classes of faults tested", f"Not tested: {', '.join(left)}" if left else ""],
        ),
    ]  # fmt: skip
    shown = "".join(
        f'<div><dt>{say(title)}</dt><dd class="figure {state}">{say(figure)}</dd>'
        + "".join(f"<dd>{say(line)}</dd>" for line in lines if line)
        + "</div>"
        for title, figure, state, lines in tiles
    )
    return f'<dl class="figures six">{shown}</dl>'


def _score(found: Mapping[str, Any]) -> tuple[str, str, str, list[str]]:
    classes, least = found.get("classes") or {}, words.number(found.get("minimum"))
    if least is None or not classes:
        return "Score", "none", "dim", ["No class of faults was met often enough"]
    worst = min(classes, key=lambda name: words.number(classes[name].get("value")) or 0.0)
    lines = [f"that of the worst class, {words.clean(worst)}; the mean is {found.get('mean'):.0f}"]
    if not found.get("grade"):
        lines.append(f"No grade: {words.clean(found.get('why'))}")
    elif found.get("capped_by"):
        lines.append(f"No better grade with a critical finding ({words.clean(found['capped_by'])})")
    title = f"Score, grade {words.clean(found['grade'])}" if found.get("grade") else "Score"
    return title, f"{least:.0f} of 100", "", lines


def _worst(summary: Mapping[str, Any]) -> str:
    found: Sequence[Mapping[str, Any]] = summary["findings"]
    if not found:
        judged = any(row["verdict"] for row in summary["runs"])
        return f'<p class="lone dim">{"No finding in any run." if judged else "No run could be judged."}</p>'
    rest = f": the worst {MOST_CARDS} of {len(found)} kinds" if len(found) > MOST_CARDS else ""
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
    names = list(dict.fromkeys(row["name"] for row in one["runs"]))
    often = f"{words.count(one['count'])} of {words.count(one['of'])}" if one.get("of") else words.count(one["count"])
    if len(one["runs"]) == 1:
        (row,) = one["runs"]
        phase = f", in {say(row['phase'])}" if row.get("phase") else ""
        where = f"<p><strong>{say(often)}</strong> in {_link(row['name'], summary)}{phase}. {say(one['sentence'])}</p>"
    else:
        places = "".join(f"<li>{_seen(row, summary)}</li>" for row in one["runs"][:MOST_NAMES])
        more = len(one["runs"]) - MOST_NAMES
        last = f'<li><a href="#findings">{more} more</a></li>' if more > 0 else ""
        many = words.counted(len(names), "scenario")
        where = f'<p><strong>{say(often)}</strong> in {many}:</p><ul class="small">{places}{last}</ul>'
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
    of = f" of {words.count(row['of'])}" if row.get("of") else ""
    phase = f", in {say(row['phase'])}" if row.get("phase") else ""
    return f"{_link(row['name'], summary)}{phase}: {say(words.count(row['count']))}{of}"


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
        + "".join(f'<td class="n">{_value(metric, row["cells"].get(metric), summary)}</td>' for metric in _COLUMNS)
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


def _heat(heat: Chart) -> str:
    if not heat.svg:
        return f"<p>{say(heat.says)}</p>"
    # `svg` is our own drawing: adapters/charts escapes the names in it (tested there).
    return (
        f'<figure class="heat"><figcaption><p>{say(heat.says)}</p></figcaption>'
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
    return (
        table(("severity", "finding, and what to do", "where"), rows, label="All findings", stack=True) if rows else ""
    )


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


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(words.clean(name, 60) for name in names[:MOST_NAMES]) + more


def _link(name: str, summary: Mapping[str, Any]) -> str:
    """The run's name, as a link to its report where there is one."""
    row = next((one for one in summary["runs"] if one["name"] == name), None)
    if row is None or not row["report"] or not row["folder"]:
        return say(name)
    # quoted, so that neither a scheme nor markup can begin in it; without a slash in front, so that it names no host
    path = quote(str(row["folder"]).lstrip("/"), safe="/", errors="replace")
    return f'<a href="{path}/report.html">{say(name)}</a>'

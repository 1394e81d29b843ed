"""The report as one page that stands alone: no script, no font, no request, light and dark, screen and print.

Laws:
1. Every piece of foreign text passes `say`; nothing else puts text into the page.
2. Colour never says anything alone: a word or a sign stands beside it.
3. The first screen answers: did it pass, what failed, for how many users, what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, ClassVar

from chaosllm.renderers import Chart, Material
from chaosllm.renderers import _words as words
from chaosllm.renderers._details import calibration, instrument, phases, stories, story_link, versions
from chaosllm.renderers._markup import say, section, table
from chaosllm.renderers._style import PAGE

#: Nothing is fetched and nothing runs; styles are inline because matplotlib's SVG carries style attributes.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
MOST_CARDS = 3
MOST_IDS = 3


class Html:
    """Verdict and what to fix on the first screen; below it every number that the verdict stands on."""

    name: ClassVar = "html"
    summary: ClassVar = "report.html: one self-contained page"
    file: ClassVar[str | None] = "report.html"

    def render(self, material: Material) -> str:
        """The page; the same material gives the same bytes."""
        summary = material.summary
        word, icon = words.VERDICTS.get(str(summary.get("verdict")), words.VERDICTS["inconclusive"])
        name = say(summary.get("scenario", "run"))
        sections = [part for part in _sections(material) if part[2]]
        links = "".join(f'<li><a href="#{key}">{say(title)}</a></li>' for key, title, _ in sections)
        return (
            "<!doctype html>\n"
            '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n<meta name="generator" content="chaosllm">\n'
            f"<title>{icon} {word}: {name}</title>\n<style>{PAGE}</style>\n</head>\n<body>\n"
            '<a class="skip" href="#main">Skip to the result</a>\n'
            f'<main id="main">\n{_hero(material)}\n{_first(summary)}\n'
            f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
            + "\n".join(section(key, title, body) for key, title, body in sections)
            + "\n</main>\n"
            f"<footer>{_footer(material)}</footer>\n</body>\n</html>\n"
        )


def _sections(material: Material) -> Iterator[tuple[str, str, str]]:
    """(anchor, title, body); an empty body leaves the section out."""
    summary = material.summary
    yield "objectives", "Objectives", _objectives(summary.get("objectives", ()))
    yield "timeline", "What happened", _charts(material.charts)
    notes = "".join(f"<p>{say(note)}</p>" for note in (words.withheld(summary), words.unseen(summary)) if note)
    yield "findings", "Findings", _findings(words.worst(summary.get("findings", ())), material) + notes
    yield "phases", "Metrics by phase", phases(summary.get("phases", {}), summary)
    yield "injection", "Injection proof", _injection(summary)
    exact = _validity(summary) + calibration(summary.get("calibration")) + instrument(summary)
    yield "validity", "Validity and calibration", exact
    yield "evidence", "Evidence, call by call", stories(material.stories)
    scenario = f'<pre tabindex="0">{escape(words.clean_lines(material.scenario))}</pre>' if material.scenario else ""
    yield "scenario", "Scenario as run", scenario
    yield "versions", "Versions and machine", versions(material.meta)


def _hero(material: Material) -> str:
    summary = material.summary
    verdict = str(summary.get("verdict"))
    verdict = verdict if verdict in words.VERDICTS else "inconclusive"
    word, icon = words.VERDICTS[verdict]
    hypothesis = (
        f"<blockquote><span class='dim'>Hypothesis:</span> {say(summary['hypothesis'])} "
        f"<strong class='{verdict}'>{words.held(summary)}</strong></blockquote>"
        if summary.get("hypothesis")
        else "<p class='dim'>The scenario states no hypothesis.</p>"
    )
    lines = [*words.impact(summary), *words.reasons(summary)]
    reasons = "<ul>" + "".join(f"<li>{say(line)}</li>" for line in lines) + "</ul>" if lines else ""
    facts = "".join(f"<div><dt>{say(name)}</dt><dd>{say(value)}</dd></div>" for name, value in _facts(material))
    return (
        f'<header class="hero {verdict}"><h1><span class="verdict">'
        f'<span aria-hidden="true">{icon}</span> {word}</span>'
        f'<span class="name">{say(summary.get("scenario", ""))}</span></h1>'
        f'{hypothesis}{reasons}<dl class="facts">{facts}</dl></header>'
    )


def _facts(material: Material) -> Iterator[tuple[str, str]]:
    summary = material.summary
    every = summary.get("phases", {}).values()
    yield "operations", words.count(sum(words.number(phase.get("operations")) or 0 for phase in every))
    yield "calls to the LLM", words.count(sum(words.number(phase.get("attempts")) or 0 for phase in every))
    total = words.totals(summary.get("injection", ()))
    yield "injected", f"{words.count(total['delivered'])} of {words.count(total['planned'])} planned"
    if words.number(summary.get("time_to_recover")) is not None:
        yield "time to recover", words.seconds(summary["time_to_recover"])
    if summary.get("seed") is not None:
        yield "seed", str(summary["seed"])
    if loop := words.closed_loop(summary):
        yield "load", loop
    if app := material.meta.get("app"):
        yield "app", str(app)
    if started := material.meta.get("started"):
        day, zone = str(started)[:16].replace("T", " "), str(started)[19:]
        yield "started", f"{day} {'UTC' if zone in ('+00:00', 'Z') else zone}"


def _first(summary: Mapping[str, Any]) -> str:
    findings = words.worst(summary.get("findings", ()))
    first = words.fix_first(summary)
    advice = words.clean(findings[0].get("advice", "")) if findings else ""
    told = bool(advice) and advice in first  # then the first card says it, with what it is about
    head = f'<p class="first"><strong>Fix first:</strong> {say(first)}</p>' if first and not told else ""
    if not findings:
        return f'{head}<p class="first dim">No finding. {say(words.withheld(summary))}</p>'
    cards = "".join(
        _card(finding, "Fix first:" if told and not place else "Fix:")
        for place, finding in enumerate(findings[:MOST_CARDS])
    )
    more = len(findings) - MOST_CARDS
    rest = f'<p><a href="#findings">{words.counted(more, "more finding")}</a></p>' if more > 0 else ""
    return (
        f'{head}<section class="first" aria-label="The worst findings"><div class="cards">{cards}</div>{rest}</section>'
    )


def _title(finding: Mapping[str, Any]) -> str:
    severity = str(finding.get("severity"))
    known = severity if severity in words.SEVERITIES else "info"
    return (
        f'<span class="severity {known}">{say(severity)}</span><span><code>{say(finding.get("code"))}</code></span>'
        + (f'<span class="dim small">in {say(finding["phase"])}</span>' if finding.get("phase") else "")
        + (f'<span class="small">{often}</span>' if (often := words.times(finding)) else "")
    )


def _accepted(finding: Mapping[str, Any]) -> str:
    said = words.accepted(finding)
    return f"<p><strong>{say(said)}</strong></p>" if said else ""


def _card(finding: Mapping[str, Any], fix: str) -> str:
    ids = [str(one) for one in finding.get("evidence", ())]
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    evidence = ", ".join(f"<code>{say(one)}</code>" for one in ids[:MOST_IDS]) + more
    return (
        f'<article class="card"><h3>{_title(finding)}</h3>'
        f"<p>{say(words.sentence(finding))}</p>{_accepted(finding)}"
        + (f"<p><strong>{fix}</strong> {say(finding['advice'])}</p>" if finding.get("advice") else "")
        + (f'<p class="dim small">Evidence: {evidence}</p>' if ids else "")
        + "</article>"
    )


def _findings(findings: Sequence[Mapping[str, Any]], material: Material) -> str:
    if not findings:
        return "<p>No finding.</p>"
    cards = []
    for finding in findings:
        ids = [str(one) for one in finding.get("evidence", ())]
        links = ", ".join(story_link(one, material.stories) for one in ids)
        cards.append(
            f'<article class="card"><h3>{_title(finding)}</h3>'
            f"<p>{say(words.sentence(finding))}</p>{_accepted(finding)}"
            + (f"<p><strong>Fix:</strong> {say(finding['advice'])}</p>" if finding.get("advice") else "")
            + (f'<p class="small"><span class="dim">Evidence:</span> {links}</p>' if ids else "")
            + "</article>"
        )
    return f'<div class="all">{"".join(cards)}</div>'


def _objectives(objectives: Sequence[Mapping[str, Any]]) -> str:
    if not objectives:
        return "<p>The scenario sets no objective, so the verdict rests on findings and validity alone.</p>"
    rows = []
    for item in objectives:
        verdict = str(item.get("verdict"))
        verdict = verdict if verdict in words.VERDICTS else "inconclusive"
        word, icon = words.VERDICTS[verdict]
        unit = str(item.get("unit") or words.unit_of(str(item.get("text", ""))))
        why = "; ".join(str(item[key]) for key in ("why", "note") if item.get(key))
        rows.append(
            (
                f'<span class="word {verdict}"><span aria-hidden="true">{icon}</span> {word}</span>',
                f"<code>{say(item.get('text'))}</code>" + (f'<span class="dim small">{say(why)}</span>' if why else ""),
                say(words.measured(item.get("value"), unit)),
                say(words.interval(item, unit).strip(" ()") or words.NONE),
            )
        )
    return table(("verdict", "objective", "measured", "interval"), rows, numbers=(2, 3), label="Objectives", stack=True)


def _charts(charts: Mapping[str, Chart]) -> str:
    """The pictures, and after them what could not be drawn, in a sentence each."""
    drawn, missing = [], []
    for chart in charts.values():
        if not chart.svg:
            missing.append(f"<li><strong>{say(chart.title)}:</strong> {say(chart.says)}</li>")
            continue
        # `svg` is our own drawing: adapters/charts escapes the names in it (tested there and here).
        drawn.append(
            f'<figure><figcaption><h3 style="margin-top:0">{say(chart.title)}</h3>'
            f'<p class="says">{say(chart.says)}</p></figcaption>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="{say(chart.title)}: chart">{chart.svg}</div>'
            "</figure>"
        )
    pictures = f'<div class="charts">{"".join(drawn)}</div>' if drawn else ""
    return pictures + (f'<ul class="nothing" aria-label="Not drawn">{"".join(missing)}</ul>' if missing else "")


def _injection(summary: Mapping[str, Any]) -> str:
    injection: Sequence[Mapping[str, Any]] = summary.get("injection", ())
    strange = words.unrecognised(summary)
    note = f"<p>{say(strange)}.</p>" if strange else ""
    if not injection:
        return f"<p>The scenario has no rule: nothing was planned and nothing was injected.</p>{note}"
    names = ("eligible", "planned", "fired", "delivered", "capped", "in_flight")
    rows = []
    for row in injection:
        total = words.totals([row])
        whole = total["delivered"] + total["in_flight"] == total["fired"] and (
            total["fired"] + total["capped"] == total["planned"]
        )
        state = "pass" if whole else "fail"
        rows.append(
            (
                f"<code>{say(row.get('rule'))}</code>",
                f"<code>{say(row.get('fault'))}</code>",
                *(say(words.count(row.get(name))) for name in names),
                f'<span class="word {state}">{"✓ whole" if whole else "✗ short"}</span>',
            )
        )
    legend = (
        '<p class="dim small">Eligible: calls that matched while the rule was on. Planned: the draw said yes. '
        "Fired: planned, less what a limit held back. Delivered: played to the end, or until the client left.</p>"
    )
    head = ("rule", "fault", *(name.replace("_", " ") for name in names), "proof")
    said = words.injected(injection)
    proof = table(head, rows, numbers=range(2, 8), label="Injection")
    return f"<p>{said[0].upper()}{said[1:]}.</p>{note}{proof}{legend}"


def _validity(summary: Mapping[str, Any]) -> str:
    rows = []
    for check in summary.get("validity", ()):
        state, word = ("pass", "✓ holds") if check.get("ok") else ("fail", "✗ spoils")
        hint = f'<span class="dim small">{say(check["hint"])}</span>' if check.get("hint") and not check["ok"] else ""
        rows.append(
            (
                f'<span class="word {state}">{word}</span>',
                say(str(check.get("name", "")).replace("_", " ")),
                say(check.get("what")) + hint,
            )
        )
    match = words.number(summary.get("match_rate"))
    said = (
        f"<p>{words.share(match)} of the calls that the proxy saw were matched to the operation that caused them.</p>"
        if match is not None
        else ""
    )
    return said + (table(("check", "name", "what was seen"), rows, label="Validity checks") if rows else "")


def _footer(material: Material) -> str:
    version = material.meta.get("version")
    made = f"chaosllm {say(version)}" if version else "chaosllm"
    return f"<p>Made by {made} from the records of this run; <code>chaosllm report</code> makes it again.</p>"


MEMBER = Html()

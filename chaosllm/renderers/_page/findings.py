"""Findings: what was seen, how to mend it, and the operations that show it, each opening its sequence diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaosllm.renderers import Material, Story
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import anchor, say
from chaosllm.renderers._page.sequence import diagram, headline

MOST_IDS = 3
MOST_PHASES = 4


def findings(material: Material) -> str:
    """Every finding, the worst first."""
    found = words.worst(material.summary.get("findings", ()))
    notes = "".join(
        f"<p>{say(note)}</p>" for note in (words.withheld(material.summary), words.unseen(material.summary)) if note
    )
    if not found:
        return f"<p>No finding.</p>{notes}"
    told: set[str] = set()
    cards = "".join(card(one, material, "Fix:", told=told) for one in found)
    return f'<div class="all">{cards}</div>{notes}'


def card(
    finding: Mapping[str, Any],
    material: Material,
    fix: str,
    *,
    told: set[str] | None = None,
    also: Sequence[Mapping[str, Any]] = (),
) -> str:
    """One finding. `told`: operations that the page tells of already; None for a card that only links to them.

    `also`: the same finding in other phases, named in a line.
    """
    severity = str(finding.get("severity"))
    known = severity if severity in words.SEVERITIES else "info"
    often = words.times(finding)
    where = f" in <strong>{say(finding['phase'])}</strong>" if finding.get("phase") else ""
    accepted = words.accepted(finding)
    evidence = _links(finding, material) if told is None else _operations(finding, material, told)
    more = (
        f' <span class="dim small">More: {say(finding["docs"])}</span>'
        if finding.get("docs") and told is not None
        else ""
    )
    return (
        f'<article class="card {known}"><h3>{say(finding.get("title") or finding.get("code"))}</h3>'
        f'<p class="small what"><span class="severity {known}">{say(severity)}</span> '
        f"<code>{say(finding.get('code'))}</code>{where}{f', {often}' if often else ''}</p>"
        f"<p>{say(words.sentence(finding))}</p>"
        + _also(also)
        + (f"<p><strong>{say(accepted)}</strong></p>" if accepted else "")
        + (f'<p class="fix"><strong>{fix}</strong> {say(finding["advice"])}{more}</p>' if finding.get("advice") else "")
        + f"{evidence}</article>"
    )


def _also(others: Sequence[Mapping[str, Any]]) -> str:
    if not others:
        return ""
    shown = [f"{words.clean(one.get('phase'))} ({words.count(one.get('count'))})" for one in others[:MOST_PHASES]]
    more = f" and {len(others) - MOST_PHASES} more" if len(others) > MOST_PHASES else ""
    return f"<p class='small'>Also in {say(', '.join(shown))}{more}.</p>"


def _ids(finding: Mapping[str, Any]) -> list[str]:
    return [str(one) for one in finding.get("evidence", ())]


def _links(finding: Mapping[str, Any], material: Material) -> str:
    ids = _ids(finding)
    if not ids:
        return ""
    shown = ", ".join(link(one, material) for one in ids[:MOST_IDS])
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    return f'<p class="dim small">Evidence: {shown}{more}</p>'


def link(name: str, material: Material) -> str:
    """An evidence id, as a link where the page tells of its operation."""
    key = anchor(name)
    shown = f"<code>{say(name)}</code>"
    return f'<a href="#{say(key)}">{shown}</a>' if key in material.stories else shown


def _operations(finding: Mapping[str, Any], material: Material, told: set[str]) -> str:
    ids = _ids(finding)
    if not ids:
        return ""
    opened, above, others = [], [], []
    for name in ids:
        key = anchor(name)
        if key not in material.stories:
            others.append(name)
        elif key in told:
            above.append(name)
        else:
            told.add(key)
            opened.append(key)
    parts = "".join(_story(key, material.stories[key]) for key in opened)
    if above:
        links = ", ".join(link(one, material) for one in above)
        parts += f'<p class="small"><span class="dim">Told above:</span> {links}</p>'
    if others:
        shown = ", ".join(f"<code>{say(one)}</code>" for one in others)
        parts += f'<p class="small"><span class="dim">{"Also" if opened or above else "Evidence"}:</span> {shown}</p>'
    return f"<h4>Operations that show it</h4>{parts}" if opened or above else parts


def _story(key: str, story: Story) -> str:
    # The anchor is inside, because a browser opens the details that hold the target of a link.
    due = f"Due {words.seconds(story.due)} into the run, in {say(story.phase)}. Times count from then."
    return (
        f'<details class="story"><summary><code>{say(key)}</code> {say(headline(story))}</summary>'
        f'<div id="{say(key)}"><p class="dim small">{due}</p>{diagram(story, key)}</div></details>'
    )

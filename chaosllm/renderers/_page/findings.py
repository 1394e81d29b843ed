"""Findings: what was seen, how to mend it, and the operations that show it, each opening its sequence diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaosllm.renderers import Material, Story
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import anchor, phase, prose, say
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
    where = f" in phase {phase(say(finding['phase']))}" if finding.get("phase") else ""
    phases = material.summary.get("phases", ())
    accepted = words.accepted(finding)
    evidence = _links(finding, material) if told is None else _operations(finding, material, told)
    more = (
        f' <span class="dim small">More: {say(finding["docs"])}</span>'
        if finding.get("docs") and told is not None
        else ""
    )
    return (
        f'<article class="card {known}"><h3>{say(finding.get("title") or finding.get("code"))}</h3>'
        f'<p class="small what"><span class="severity {known}">{say(severity)}</span>{where}'
        f"{f', {often}' if often else ''} <span class='code'>finding <code>{say(finding.get('code'))}</code></span></p>"
        f"<p>{prose(words.sentence(finding), phases)}</p>"
        + _also(also)
        + (f"<p><strong>{say(accepted)}</strong></p>" if accepted else "")
        + (
            f'<p class="fix"><strong>{fix}</strong> {prose(finding["advice"])}{more}</p>'
            if finding.get("advice")
            else ""
        )
        + f"{evidence}</article>"
    )


def _also(others: Sequence[Mapping[str, Any]]) -> str:
    if not others:
        return ""
    shown = [f"{phase(say(one.get('phase')))} ({words.often(one)})" for one in others[:MOST_PHASES]]
    more = f" and {words.counted(len(others) - MOST_PHASES, 'more phase')}" if len(others) > MOST_PHASES else ""
    many = "phases" if len(others) > 1 else "phase"
    return f"<p class='small'>Also in {many} {', '.join(shown)}{more}.</p>"


def _ids(finding: Mapping[str, Any]) -> list[str]:
    """Evidence ids, one of each operation, because older runs named some operations several times."""
    ids: dict[str, str] = {}
    for one in finding.get("evidence", ()):
        ids.setdefault(anchor(str(one)), str(one))
    return list(ids.values())


def _links(finding: Mapping[str, Any], material: Material) -> str:
    ids = _ids(finding)
    if not ids:
        return ""
    shown = " ".join(link(one, material) for one in ids[:MOST_IDS])
    every = max(len(ids), int(words.showing(finding)))
    said = "For example" if every > min(len(ids), MOST_IDS) else "Evidence"
    return f'<p class="dim small ids">{said}: {shown}</p>'


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
        links = " ".join(link(one, material) for one in above)
        parts += f'<p class="small ids"><span class="dim">Told above:</span> {links}</p>'
    if others:
        shown = " ".join(f"<code>{say(one)}</code>" for one in others)
        parts += (
            f'<p class="small ids"><span class="dim">{"Also" if opened or above else "Evidence"}:</span> {shown}</p>'
        )
    return f"<h4>Operations that show it{_kept(finding, ids)}</h4>{parts}" if opened or above else parts


def _kept(finding: Mapping[str, Any], ids: Sequence[str]) -> str:
    """How many of all are named, where some are not: the rest is in the records alone."""
    every = words.showing(finding)
    return (
        f": {len(ids)} of {words.count(every)}, the others are in the run folder's records" if every > len(ids) else ""
    )


def _story(key: str, story: Story) -> str:
    # The anchor is inside, because a browser opens the details that hold the target of a link.
    began = "First call" if story.outcome == "unseen" else "Due"
    where = phase(say(story.phase))
    due = f"{began} {words.seconds(story.due)} into the run, in phase {where}. Times count from then."
    return (
        f'<details class="story"><summary><code>{say(key)}</code> {say(headline(story))}</summary>'
        f'<div id="{say(key)}"><p class="dim small">{due}</p>{diagram(story, key)}</div></details>'
    )

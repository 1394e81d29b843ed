"""The first screen: did it pass, what failed, for how many users, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaosllm.renderers import Material
from chaosllm.renderers import _steered as told
from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words
from chaosllm.renderers._page import score
from chaosllm.renderers._page.findings import card
from chaosllm.renderers._page.following import following
from chaosllm.renderers._page.markup import Tile, prose, say, tile, word
from chaosllm.renderers._page.objectives import marked, plainly

MOST_CARDS = 3
MOST_LINES = 3
MOST_OBJECTIVES = 5
MOST_PHASES = 4
MOST_KINDS = 6

#: The one ranking of the page: what is to be fixed first follows it.
_RANKED = '<p class="dim small">By severity, then by how many operations show it.</p>'


def first(material: Material) -> str:
    """Banner, four figures, and what to do; without a verdict, what to change comes before the figures."""
    summary = material.summary
    change = _change(summary) if word(summary.get("verdict"))[0] == "inconclusive" else ""
    return f"{_banner(material)}\n{change}{_figures(summary)}\n{_todo(material)}"


def _banner(material: Material) -> str:
    summary = material.summary
    verdict, text = word(summary.get("verdict"))
    held = f"<strong class='{verdict}'>{say(words.held(summary, brief=True))}</strong>"
    hypothesis = (
        f"<p class='hypothesis'><span class='dim'>Hypothesis:</span> {say(summary['hypothesis'])} {held}</p>"
        if summary.get("hypothesis")
        else "<p class='dim'>The scenario states no hypothesis.</p>"
    )
    facts = "".join(f"<li>{say(fact)}</li>" for fact in _facts(material))
    source = words.source(summary)
    mark = f'<p class="source"><strong>{say(source)}.</strong></p>' if source else ""
    early = "".join(_headed(line) for line in (told.stopped(summary), told.steered(summary)) if line)
    return (
        f'<header class="hero {verdict}"><h1><span class="verdict">{text}</span> '
        f'<span class="name">{say(summary.get("scenario", ""))}</span></h1>'
        f'<p class="means">{_means(summary, verdict)}{_first_fix(summary, verdict)}</p>{mark}{hypothesis}{early}'
        f'<ul class="facts">{facts}</ul></header>'
    )


def _fix(summary: Mapping[str, Any]) -> tuple[str, bool]:
    """(what to do first, whether the gravest finding's card says it)."""
    fix = words.fix_first(summary)
    found = words.worst(summary.get("findings", ()))
    return fix, any(words.clean(one.get("advice", "")) in fix for one in found[:1] if one.get("advice"))


def _first_fix(summary: Mapping[str, Any], verdict: str) -> str:
    """What to fix first by its name, on the way to its card, because on a phone the card is screens below."""
    if verdict != "fail" or not _fix(summary)[1]:
        return ""
    worst = words.worst(summary["findings"])[0]
    return f' <a href="#worst">Fix first: {say(worst.get("title") or worst.get("code"))}</a>'


def _headed(line: str) -> str:
    """A sentence whose first words say what it is about; it leads to the commands where it speaks of them."""
    head, _, rest = line.partition(": ")
    if not rest:
        return f"<p><strong>{say(head)}</strong></p>"
    shown = say(rest)
    if head == "Steered by hand":
        shown = shown.replace("see below", '<a href="#commands">see below</a>')
    return f"<p><strong>{say(head)}:</strong> {shown}</p>"


def _means(summary: Mapping[str, Any], verdict: str) -> str:
    """The verdict in a sentence, for somebody who knows nothing of the run."""
    if verdict == "inconclusive":
        return "This run proves nothing yet, neither good nor bad."
    if verdict == "fail":
        return "The app did not hold up."
    if words.attached(summary):
        return "Every objective that the proxy's records decide was met; this says nothing of what users got."
    if not words.totals(summary.get("injection", ()))["planned"]:
        return "No fault was injected, so this shows only how the app does on a good day."
    score = summary.get("score") or {}
    tested = f" {score['tested']} of {score['of']} classes of faults were tested." if score.get("tested") else ""
    if summary.get("objectives"):
        return f"Under these faults the app met every objective.{tested}"
    return f"Under these faults nothing was seen that fails a run.{tested}"


def _facts(material: Material) -> Iterator[str]:
    summary = material.summary
    every = summary.get("phases", {}).values()
    asked = sum(words.number(phase.get("operations")) or 0 for phase in every)
    calls = sum(words.number(phase.get("attempts")) or 0 for phase in every)
    if app := material.meta.get("app"):
        yield words.app(app)
    if not words.attached(summary):
        yield f"{words.counted(asked, 'operation')} ({words.OPERATION})"
    yield f"{words.counted(calls, 'call')} of the app to its LLM"
    if summary.get("seed") is not None:
        yield f"seed: {words.clean(summary['seed'])}"
    if started := material.meta.get("started"):
        day, zone = str(started)[:16].replace("T", " "), str(started)[19:]
        yield f"{day} {'UTC' if zone in ('+00:00', 'Z') else zone}"
    if loop := words.closed_loop(summary):
        yield loop


def _figures(summary: Mapping[str, Any]) -> str:
    tiles = (_users(summary), _objectives(summary), score.tile(summary.get("score")), _faults(summary))
    phases = summary.get("phases", ())
    return '<dl class="figures">' + "".join(tile(*one, phases=phases) for one in tiles) + "</dl>"


def _users(summary: Mapping[str, Any]) -> Tile:
    title = "Users without a good answer"
    if words.attached(summary):
        return title, "unknown", "dim", ["Nobody saw what users got: run with a driver or give --access-log."]
    under, before = users.under_faults(summary), users.before(summary)
    if not under:
        return title, words.NONE, "dim", ["No operation was asked while a fault was on."]
    bad, asked = (sum(found[place] for found in under.values()) for place in (0, 1))
    calm = f"; before them {words.count(before[0])} of {words.count(before[1])}" if before else ""
    lines = [f"{words.count(bad)} of {words.counted(asked, 'operation')} asked while faults were on{calm}"]
    lines += users.by_phase(summary, MOST_PHASES)
    lines += [f"{came}."] if (came := users.instead(summary)) else []
    lines += [words.FALLBACK] if users.outcomes(summary)["degraded"] else []
    # Of a run that proves nothing no figure may look like a judgement.
    well = "" if words.source(summary) else "pass"  # a status is no answer
    state = "dim" if word(summary.get("verdict"))[0] == "inconclusive" else "fail" if bad else well
    if words.source(summary):
        lines.append("By the status in the access log alone.")
    return title, words.share(bad / asked), state, lines


def _objectives(summary: Mapping[str, Any]) -> Tile:
    found: Sequence[Mapping[str, Any]] = summary.get("objectives", ())
    if not found:
        return "Objectives", "none", "dim", ["The scenario sets none; the verdict rests on findings."]
    failed = [one for one in found if one.get("verdict") == "fail"]
    open_ = [one for one in found if one.get("verdict") not in ("pass", "fail")]
    state = "fail" if failed else "inconclusive" if open_ else "pass"
    met = [one for one in found if one.get("verdict") == "pass"]
    what = "failed" if failed else "undecided" if open_ else "met"
    ranked = [*failed, *open_, *met]
    lines = [marked(one) for one in ranked[:MOST_OBJECTIVES]]
    rest = ranked[MOST_OBJECTIVES:]
    if rest:
        named = Counter({"pass": "met", "fail": "failed"}.get(str(one.get("verdict")), "undecided") for one in rest)
        left = [f"{n} {said}" for said, n in named.items()]
        lines.append(f"and {len(rest)} more: {', '.join(left)}")
    return "Objectives", f"{len(failed or open_ or met)} of {len(found)} {what}", state, lines


def _faults(summary: Mapping[str, Any]) -> Tile:
    rows = summary.get("injection", ())
    total = words.totals(rows)
    if not total["planned"]:
        return "Faults injected", "none", "dim", ["Nothing was planned, so nothing was tested."]
    short = total["delivered"] + total["in_flight"] + total["capped"] < total["planned"]
    planned = f"{words.count(total['planned'])} planned"
    lines = [f"{words.count(total['capped'])} of {planned} held back by limits"] if total["capped"] else []
    lines += [f"{words.count(total['in_flight'])} of {planned} still open at the end"] if total["in_flight"] else []
    lines += [f"Fewer than the {planned}: see Injection proof"] if short else []
    whole = "; all that were planned" if not lines else ""
    lines = [f"Each in one call of the app to its LLM{whole}", *lines, _kinds(rows), _back(summary)]
    return "Faults injected", words.count(total["delivered"]), "fail" if short else "", lines


def _kinds(rows: Sequence[Mapping[str, Any]]) -> str:
    """Such as "By kind: rate limit 58, quota 645"."""
    kinds: Counter[str] = Counter()
    for row in rows:
        kinds[users.spelt(row.get("fault"))] += int(words.number(row.get("delivered")) or 0)
    told = [f"{name} {words.count(number)}" for name, number in kinds.items()]
    return "By kind: " + ", ".join(
        [*told[:MOST_KINDS], *([f"{len(told) - MOST_KINDS} more kinds"] if told[MOST_KINDS:] else [])]
    )


def _back(summary: Mapping[str, Any]) -> str:
    took = words.number(summary.get("time_to_recover"))
    if took is None:
        return ""
    return f"Back to normal {words.seconds(took)} after the last fault" if took else "Back to normal at once"


def _todo(material: Material) -> str:
    summary = material.summary
    verdict, _ = word(summary.get("verdict"))
    found = words.worst(summary.get("findings", ()))
    doubts = "" if verdict == "inconclusive" else _doubts(summary)
    fix, told = ("", False) if verdict == "inconclusive" else _fix(summary)
    lone = (
        f'<p class="lone"><strong>Fix first:</strong> {prose(fix, summary.get("phases", ()))}</p>'
        if fix and not told
        else ""
    )
    after = following(summary) if verdict == "pass" else ""
    if not found:
        untested = "" if after else _untested(summary)
        nothing = " ".join(part for part in ("No finding.", words.withheld(summary), untested) if part)
        return f'{lone}<p class="lone dim">{say(nothing)}</p>{after}{doubts}'
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for one in found:
        kinds.setdefault(str(one.get("code")), []).append(one)
    cards = "".join(
        card(one, material, "Fix first:" if told and not place and verdict == "fail" else "Fix:", also=others)
        for place, (one, *others) in enumerate(list(kinds.values())[:MOST_CARDS])
    )
    title = {"pass": "What could be better", "inconclusive": "What was seen all the same"}.get(
        verdict, "What went wrong"
    )
    worst = ", the gravest first" if len(kinds) > 1 else ""
    every = f"All {len(found)} findings, with their operations" if len(found) > 1 else "The operations that show it"
    return (
        f'{lone}<section aria-labelledby="worst"><h2 id="worst" class="plain">{title}{worst}</h2>'
        f'{_RANKED if len(kinds) > 1 else ""}<div class="cards">{cards}</div>'
        f'<p><a href="#findings">{every}</a></p>'
        f"</section>{after}{doubts}"
    )


def _change(summary: Mapping[str, Any]) -> str:
    """What an inconclusive run must have changed to come to a verdict."""
    phases = summary.get("phases", ())
    lines = [
        (f"{words.clean(check.get('what'))}.", words.clean(check.get("hint") or ""))
        for check in summary.get("validity", ())
        if not check.get("ok")
    ]
    lines += [
        (f"{plainly(one)}: undecided, {words.clean(one.get('why') or 'too little to tell')}.", "")
        for one in summary.get("objectives", ())
        if one.get("verdict") not in ("pass", "fail")
    ]
    if not lines:
        lines = [(words.clean(reason), "") for reason in summary.get("reasons", ())] or [("Nothing was recorded.", "")]
    items = "".join(
        f"<li>{prose(_capital(what), phases)}"
        + (f" <strong>{prose(_capital(hint), phases)}.</strong>" if hint else "")
        + "</li>"
        for what, hint in lines[: MOST_LINES + 1]
    )
    more = len(lines) - MOST_LINES - 1
    rest = f"<p>{prose(one)}</p>" if (one := words.one_for_all(summary)) else ""
    rest += f'<p><a href="#validity">{more} more</a></p>' if more > 0 else ""
    return (
        '<section class="change" aria-labelledby="change"><h2 id="change" class="plain">What to change, and run again'
        f"</h2><ul>{items}</ul>{rest}</section>"
    )


def _doubts(summary: Mapping[str, Any]) -> str:
    """What spoils part of a run whose verdict stands all the same."""
    lines = words.reasons(summary, objectives=False)
    if not lines:
        return ""
    items = "".join(f"<li>{prose(line, summary.get('phases', ()))}</li>" for line in lines[:MOST_LINES])
    more = f'<li><a href="#validity">{len(lines) - MOST_LINES} more</a></li>' if len(lines) > MOST_LINES else ""
    return (
        f'<div class="doubts"><p><strong>In doubt, though the verdict stands:</strong></p><ul>{items}{more}</ul></div>'
    )


def _untested(summary: Mapping[str, Any]) -> str:
    names = [words.clean(name) for name in (summary.get("score") or {}).get("not_tested", ())]
    return f"Not tested: {', '.join(names)}." if names else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.split(" ", 1)[0].isalpha() else text

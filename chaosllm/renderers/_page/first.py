"""The first screen: did it pass, what failed, for how many users, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaosllm.renderers import Material
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.findings import card
from chaosllm.renderers._page.markup import say, word
from chaosllm.renderers._page.objectives import plainly
from chaosllm.renderers._page.sequence import GOT

MOST_CARDS = 3
MOST_LINES = 3


def first(material: Material) -> str:
    """Banner, four figures, and what to do; without a verdict, what to change comes before the figures."""
    summary = material.summary
    change = _change(summary) if word(summary.get("verdict"))[0] == "inconclusive" else ""
    return f"{_banner(material)}\n{change}{_figures(summary)}\n{_todo(material)}"


def _banner(material: Material) -> str:
    summary = material.summary
    verdict, text = word(summary.get("verdict"))
    held = f"<strong class='{verdict}'>{say(words.held(summary))}</strong>"
    hypothesis = (
        f"<p class='hypothesis'><span class='dim'>Hypothesis:</span> {say(summary['hypothesis'])} {held}</p>"
        if summary.get("hypothesis")
        else "<p class='dim'>The scenario states no hypothesis.</p>"
    )
    facts = "".join(f"<li>{say(fact)}</li>" for fact in _facts(material))
    stopped = summary.get("stopped")
    early = f"<p><strong>Stopped early:</strong> {say(stopped)}.</p>" if stopped else ""
    return (
        f'<header class="hero {verdict}"><h1><span class="verdict">{text}</span> '
        f'<span class="name">{say(summary.get("scenario", ""))}</span></h1>'
        f'<p class="means">{_means(summary, verdict)}</p>{hypothesis}{early}<ul class="facts">{facts}</ul></header>'
    )


def _means(summary: Mapping[str, Any], verdict: str) -> str:
    """The verdict in a sentence, for somebody who knows nothing of the run."""
    if verdict == "inconclusive":
        return "This run proves nothing yet, neither good nor bad."
    if verdict == "fail":
        return "The app did not hold up."
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
        yield f"app: {words.clean(app)}"
    yield f"{words.counted(asked, 'operation')} (requests of users)"
    yield f"{words.counted(calls, 'call')} of the app to its LLM"
    if summary.get("seed") is not None:
        yield f"seed: {words.clean(summary['seed'])}"
    if started := material.meta.get("started"):
        day, zone = str(started)[:16].replace("T", " "), str(started)[19:]
        yield f"{day} {'UTC' if zone in ('+00:00', 'Z') else zone}"
    if loop := words.closed_loop(summary):
        yield loop


def _figures(summary: Mapping[str, Any]) -> str:
    tiles = (_users(summary), _objectives(summary), _score(summary), _faults(summary))
    return '<dl class="figures">' + "".join(_tile(*tile) for tile in tiles) + "</dl>"


def _tile(title: str, figure: str, state: str, lines: Sequence[str]) -> str:
    told = "".join(f"<dd>{say(line)}</dd>" for line in lines if line)
    return f'<div><dt>{say(title)}</dt><dd class="figure {state}">{say(figure)}</dd>{told}</div>'


def _users(summary: Mapping[str, Any]) -> tuple[str, str, str, list[str]]:
    title = "Users without a good answer"
    phases: Mapping[str, Mapping[str, Any]] = summary.get("phases", {})
    under = {
        name: found for name, one in phases.items() if one.get("role") == "fault" and (found := words.without_good(one))
    }
    if not under:
        return title, words.NONE, "dim", ["No operation was asked while a fault was on."]
    bad, asked = (sum(found[place] for found in under.values()) for place in (0, 1))
    before = next((words.without_good(one) for one in phases.values() if one.get("role") == "baseline"), None)
    beside = f"; before the faults {words.share(before[0] / before[1])}" if before else ""
    lines = [f"{words.count(bad)} of {words.counted(asked, 'operation')} while faults were on{beside}"]
    hit = sorted(((name, *found) for name, found in under.items() if found[0]), key=lambda one: -one[1] / one[2])
    if len(under) > 1 and hit:
        name, worst, of = hit[0]
        lines.append(
            f"Worst: {words.clean(name)}, {words.count(worst)} of {words.count(of)} ({words.share(worst / of)})"
        )
    # Of a run that proves nothing no figure may look like a judgement.
    state = "dim" if word(summary.get("verdict"))[0] == "inconclusive" else "fail" if bad else "pass"
    return title, words.share(bad / asked), state, [*lines, _instead(phases)]


def _instead(phases: Mapping[str, Mapping[str, Any]]) -> str:
    """What users got who got no good answer."""
    got = {
        name: sum(
            words.number((one.get("outcomes") or {}).get(name)) or 0
            for one in phases.values()
            if one.get("role") == "fault"
        )
        for name in words.OUTCOMES
        if name != "good"
    }
    said = [f"{words.count(count)} {GOT[name]}" for name, count in got.items() if count]
    return f"They got: {', '.join(said)}" if said else ""


def _objectives(summary: Mapping[str, Any]) -> tuple[str, str, str, list[str]]:
    found: Sequence[Mapping[str, Any]] = summary.get("objectives", ())
    if not found:
        return "Objectives", "none", "dim", ["The scenario sets none; the verdict rests on findings."]
    failed = [one for one in found if one.get("verdict") == "fail"]
    open_ = [one for one in found if one.get("verdict") not in ("pass", "fail")]
    state = "fail" if failed else "inconclusive" if open_ else "pass"
    shown = failed or open_
    what = "failed" if failed else "undecided" if open_ else "met"
    lines = [plainly(one) for one in shown[:MOST_LINES]]
    rest = len(shown) - MOST_LINES
    lines += [f"and {rest} more"] if rest > 0 else []
    if failed and open_:
        lines.append(f"{len(open_)} undecided")
    return "Objectives", f"{len(shown) or len(found)} of {len(found)} {what}", state, lines


def _score(summary: Mapping[str, Any]) -> tuple[str, str, str, list[str]]:
    found: Mapping[str, Any] = summary.get("score") or {}
    classes, least = found.get("classes") or {}, words.number(found.get("minimum"))
    covered = f"{words.count(found.get('tested'))} of {words.count(found.get('of'))} classes of faults tested"
    if least is None or not classes:
        why = words.clean(found.get("why") or "no fault was met often enough")
        return "Score", "none", "dim", [f"{why[:1].upper()}{why[1:]}", covered if found else ""]
    title = f"Score, grade {words.clean(found['grade'])}" if found.get("grade") else "Score"
    capped = (
        f"No better grade with a critical finding ({words.clean(found['capped_by'])})" if found.get("capped_by") else ""
    )
    no_grade = f"No grade: {words.clean(found.get('why'))}" if not found.get("grade") else ""
    worst = min(classes, key=lambda name: words.number(classes[name].get("value")) or 0.0)
    of_it = f", the worst: {words.clean(worst)}" if len(classes) > 1 and least < 100 else ""
    state = "" if found.get("grade") else "dim"
    return title, f"{least:.0f} of 100", state, [f"{covered}{of_it}", capped, no_grade]


def _faults(summary: Mapping[str, Any]) -> tuple[str, str, str, list[str]]:
    total = words.totals(summary.get("injection", ()))
    if not total["planned"]:
        return "Faults injected", "none", "dim", ["Nothing was planned, so nothing was tested."]
    short = total["delivered"] + total["in_flight"] + total["capped"] < total["planned"]
    lines = [f"{words.count(total['capped'])} held back by limits"] if total["capped"] else []
    lines += [f"{words.count(total['in_flight'])} still open at the end"] if total["in_flight"] else []
    lines += (
        ["Fewer than planned: see Injection proof"] if short else ["All that was planned was done"] if not lines else []
    )
    return (
        "Faults injected",
        f"{words.count(total['delivered'])} of {words.count(total['planned'])}",
        "fail" if short else "",
        [*lines, _back(summary)],
    )


def _back(summary: Mapping[str, Any]) -> str:
    took = words.number(summary.get("time_to_recover"))
    return f"Back to normal {words.seconds(took)} after the last fault" if took is not None else ""


def _todo(material: Material) -> str:
    summary = material.summary
    verdict, _ = word(summary.get("verdict"))
    found = words.worst(summary.get("findings", ()))
    doubts = "" if verdict == "inconclusive" else _doubts(summary)
    fix = "" if verdict == "inconclusive" else words.fix_first(summary)
    told = any(words.clean(one.get("advice", "")) in fix for one in found[:1] if one.get("advice"))
    lone = f'<p class="lone"><strong>Fix first:</strong> {say(fix)}</p>' if fix and not told else ""
    if not found:
        nothing = " ".join(part for part in ("No finding.", words.withheld(summary), _untested(summary)) if part)
        return f'{lone}<p class="lone dim">{say(nothing)}</p>{doubts}'
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
    worst = f": the worst {MOST_CARDS} of {len(kinds)} kinds" if len(kinds) > MOST_CARDS else ""
    every = f"All {len(found)} findings, with their operations" if len(found) > 1 else "The operations that show it"
    return (
        f'{lone}<section aria-labelledby="worst"><h2 id="worst" class="plain">{title}{worst}</h2>'
        f'<div class="cards">{cards}</div><p><a href="#findings">{every}</a></p>'
        f"</section>{doubts}"
    )


def _change(summary: Mapping[str, Any]) -> str:
    """What an inconclusive run must have changed to come to a verdict."""
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
        f"<li>{say(_capital(what))}" + (f" <strong>{say(_capital(hint))}.</strong>" if hint else "") + "</li>"
        for what, hint in lines[: MOST_LINES + 1]
    )
    more = len(lines) - MOST_LINES - 1
    rest = f'<p><a href="#validity">{more} more</a></p>' if more > 0 else ""
    return (
        '<section class="change" aria-labelledby="change"><h2 id="change" class="plain">What to change, and run again'
        f"</h2><ul>{items}</ul>{rest}</section>"
    )


def _doubts(summary: Mapping[str, Any]) -> str:
    """What spoils part of a run whose verdict stands all the same."""
    lines = words.reasons(summary, objectives=False)
    if not lines:
        return ""
    items = "".join(f"<li>{say(line)}</li>" for line in lines[:MOST_LINES])
    more = f'<li><a href="#validity">{len(lines) - MOST_LINES} more</a></li>' if len(lines) > MOST_LINES else ""
    return (
        f'<div class="doubts"><p><strong>In doubt, though the verdict stands:</strong></p><ul>{items}{more}</ul></div>'
    )


def _untested(summary: Mapping[str, Any]) -> str:
    names = [words.clean(name) for name in (summary.get("score") or {}).get("not_tested", ())]
    return f"Not tested: {', '.join(names)}." if names else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.split(" ", 1)[0].isalpha() else text

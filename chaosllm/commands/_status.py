"""A live run in words: what `chaosllm ctl status` and `watch` print, with foreign text made harmless."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from chaosllm.live.told import asked, came_of
from chaosllm.renderers import _words as words
from chaosllm.units import format_duration, format_share

#: Status of a step -> its sign and word, as on the console.
_STEPS = {
    "waiting": "o waiting", "approval": "? waits for approval", "running": "> running", "done": "* done",
    "skipped": "- skipped", "failed": "! could not run", "stopped": "x stopped",
}  # fmt: skip


def status(state: Mapping[str, Any], url: str) -> Iterator[str]:
    """Lines: what runs, phase and time left, goodput, rules, stop conditions, steps, findings."""
    name = words.clean(state["name"] or "a run")
    kind = {"gameday": "game day"}.get(state["kind"], state["kind"])
    yield f"{name}: {words.clean(state['status'])} ({words.clean(kind)}, {url})"
    if stop := state.get("stop"):
        yield stopped(stop)
    if over := state.get("over"):
        yield f"over: {words.clean(over['verdict'])}, exit {over['exit']}"
    if day := state.get("day"):
        yield from _day(day)
    if run := state.get("run"):
        yield from _run(run)
    for one in state["findings"]:
        where = f" in {words.clean(one['phase'])}" if one.get("phase") else ""
        often = f", {one['count']} times" if one["count"] else ""  # what no single operation shows has no count
        yield _row("finding", f"{words.clean(one['code'])} ({words.clean(one['severity'])}){where}{often}")


def stopped(stop: Mapping[str, Any]) -> str:
    """Who stopped it, and why; a condition of the plan is nobody's doing."""
    by = f" by {words.clean(stop['who'])}" if stop["who"] != "chaosllm" else ""
    return f"stopped{by}: {words.clean(stop['text'], 400)}"


def _day(day: Mapping[str, Any]) -> Iterator[str]:
    if day.get("time_box") and day.get("began"):
        left = max(0.0, day["began"] + day["time_box"] - time.time())
        yield _row("time box", f"{format_duration(left)} left of {format_duration(day['time_box'])}")
    for step in day["steps"]:
        told = _STEPS.get(step["status"], words.clean(step["status"]))
        if step["status"] == "stopped" and not step.get("folder"):
            told = "x not begun"
        elif step["status"] == "skipped" and step.get("folder"):
            told = "- ended early"
        expected = {True: ", as expected", False: ", not as expected", None: ""}[step.get("as_expected")]
        yield _row(
            f"step {step['number']}", f"{told}{expected}: {words.clean(step['name'])} ({words.clean(step['what'])})"
        )
        for one in step.get("differences") or step.get("reasons") or ():
            yield _row("", f"  {words.clean(one)}")
        if error := step.get("error"):
            yield _row("", f"  {words.clean(error['what'])}; {words.clean(error.get('hint') or '')}".rstrip("; "))


def _run(run: Mapping[str, Any]) -> Iterator[str]:
    figures = run.get("figures") or {}
    if (t := figures.get("t")) is not None:
        phase = words.clean(figures.get("phase") or "no phase")
        held = run.get("duration") is None
        left = f", {format_duration(figures.get('phase_left') or 0)} left" if figures.get("phase") else ""
        of = f" of {format_duration(run['duration'])}" if run.get("duration") else ""
        yield _row(
            "phase",
            f"{phase}{', held' if held else left}; {format_duration(t)}{of}"
            + ("; faults are paused" if run.get("paused") else ""),
        )
        if "call_rate" in figures:  # a proxy on its own, which sees no users
            yield _row("calls", _calls(figures))
        else:
            yield _row("goodput", _goodput(figures))
            yield _row("latency", f"p50 {words.seconds(figures.get('p50'))}, p95 {words.seconds(figures.get('p95'))}")
            yield _row("users", _users(figures))
        if (attempts := figures.get("attempts")) is not None:
            base = figures.get("baseline_attempts")
            yield _row("attempts", f"{attempts:.2f} an operation" + (f", {base:.2f} in the baseline" if base else ""))
        yield _row("injected", f"{figures.get('fired', 0):,} of {figures.get('planned', 0):,} planned")
        if (spend := figures.get("spend")) and spend.get("usd") is not None:
            free = ", simulated: nobody pays" if spend.get("simulated") else ""
            yield _row("spend", f"{spend['usd']:.4f} USD{free}")
    counts = {one["rule"]: one for one in figures.get("rules") or ()}
    for rule in run["rules"]:
        share = f", share {format_share(rule['share'])}" if rule.get("share") is not None else ""
        count = counts.get(rule["name"])
        fired = f", {count['fired']} of {count['planned']} planned" if count else ""
        on = "on " if rule["on"] else "off"
        yield _row("rule", f"{on} {words.clean(rule['name'])} {words.clean(rule['fault'])}{share}{fired}")
    for one in figures.get("stop_when") or ():
        unit = _unit(str(one["text"]))
        value = "too little to tell" if one["value"] is None else f"{words.measured(one['value'], unit)} now"
        away = "" if one.get("away") is None else f", {_distance(one['away'], unit)} away"
        yield _row("stop if", f"{words.clean(one['text'])}, {'holds: ' if one.get('holds') else ''}{value}{away}")


def _calls(figures: Mapping[str, Any]) -> str:
    rate = figures["call_rate"]
    pace = "" if rate is None else f", {words.rate(rate)}"
    return f"{figures.get('calls', 0)}{pace}, {figures.get('in_flight') or 0} under way"


def _goodput(figures: Mapping[str, Any]) -> str:
    goodput, baseline = figures.get("goodput"), figures.get("baseline")
    if goodput is None:
        return "not known yet"
    if not baseline:
        return f"{words.rate(goodput)}, no baseline yet"
    return f"{words.rate(goodput)}, {format_share(goodput / baseline)} of baseline"


def _users(figures: Mapping[str, Any]) -> str:
    offered = words.rate(figures["offered"]) if figures.get("offered") is not None else words.NONE
    bad = [
        f"{count:,} {words.clean(name)}" for name, count in (figures.get("outcomes") or {}).items() if name != "good"
    ]
    return ", ".join([f"{offered} offered", f"{figures.get('in_flight') or 0:,} in flight", *bad])


def _unit(condition: str) -> str:
    """The unit that the bound of a stop condition is written in."""
    bound = re.split(r"[<>=]=?", condition)[-1].strip()
    if bound.endswith("%"):
        return "share"
    if bound.endswith("USD"):
        return "usd"
    return "seconds" if re.search(r"\d\s*(ms|s|m|h)$", bound) else ""


def _distance(away: float, unit: str) -> str:
    """How far a condition is from coming true: of shares in points, as in the live view of a run."""
    return f"{words.plain(round(away * 100, 1))} points" if unit == "share" else words.measured(away, unit)


def _row(name: str, text: str) -> str:
    return f"{name:<9} {text}".rstrip()


def line(event: Mapping[str, Any]) -> str | None:
    """An event as a line; None for those that people need not see."""
    told = _told(event)
    if told is None:
        return None
    at = time.strftime("%H:%M:%S", time.localtime(event["at"]))
    t = f"+{format_duration(event['t'])}" if event.get("t") is not None else ""
    who = f"{words.clean(event['who'])}: " if event.get("who") not in (None, "chaosllm") else ""
    return f"{at} {t:>8}  {who}{told}"


def _told(event: Mapping[str, Any]) -> str | None:
    match event["type"]:
        case "tick":
            return None
        case "say":
            return words.clean(event.get("text"))
        case "warning":
            return f"warning: {words.clean(event.get('text'))}"
        case "note":
            return f"note: {words.clean(event.get('text'))}"
        case "command":
            return None if event.get("do") == "note" and event.get("ok") else done(event)
        case "phase":
            return f"phase {words.clean(event.get('phase'))}"
        case "finding":
            kind = f"{words.clean(event.get('severity'))} {words.clean(event.get('code'))}"
            return f"finding: {kind}: {words.clean(event.get('title'))}"
        case "stop":
            return f"STOP: {words.clean(event.get('text'))}"
        case "step":
            return _step(event)
        case "approval":
            return f"step {event.get('step')} waits for approval: chaosllm ctl approve {event.get('step')}"
        case "page":
            to, why = words.clean(event.get("to")), words.clean(event.get("why"))
            if event.get("ok"):
                return f"{to} is paged: {why}"
            return f"{to} could NOT be paged: {why} ({words.clean(event.get('result'))})"
        case "over":
            verdict = f", {words.clean(event['verdict']).upper()}" if event.get("verdict") else ""
            return f"over{verdict}, exit {event.get('exit')}"
        case "run":
            return "a run begins"
        case other:
            return words.clean(other)


def _step(event: Mapping[str, Any]) -> str | None:
    if event.get("status") in ("waiting", "approval"):  # its turn; that it waits is an event of its own
        return None
    told = _STEPS.get(str(event.get("status")), f"  {words.clean(event.get('status'))}")[2:]
    verdict = f", {words.clean(event['verdict']).upper()}" if event.get("verdict") else ""
    expected = {True: ", as expected", False: ", not as expected"}.get(event.get("as_expected"), "")  # type: ignore[arg-type]  # of JSON: anything may stand there
    name = f" ({words.clean(event['name'])})" if event.get("name") else ""
    return f"step {event.get('step')}{name}: {told}{verdict}{expected}"


def done(event: Mapping[str, Any]) -> str:
    """What a command did, or why it was refused."""
    said = words.clean(asked(str(event["do"]), event.get("args") or {}), 400)
    if event["ok"] and not isinstance(event.get("result"), str):
        return said
    return f"{said}: {words.clean(came_of(event.get('result'), ok=bool(event['ok'])), 400)}"

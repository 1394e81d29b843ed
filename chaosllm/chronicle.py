"""What happened on a game day and when: one list, made of day.json and of the events of the day and of its steps.

Laws:
1. day.json tells of steps, approvals and pages; the log tells of the rest, and of those where day.json does not.
2. An event that both the day and a step have in their logs is told once.
3. Files may be damaged or made up: what is not of its kind counts as not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosllm.live.told import command_row, seconds

#: What a moment is, in the order of how much it matters where not all can be shown.
KINDS = ("stop", "step", "finding", "refused", "command", "note", "approval", "page", "phase", "warning")
#: Said of a page that did not arrive.
LOST = "could NOT be paged"
#: Characters of one moment's text.
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. `at` is UNIX seconds, `t` seconds of the step's run; None where not told."""

    at: float | None
    kind: str  # one of KINDS
    text: str
    who: str = ""
    step: int | None = None
    t: float | None = None


def chronicle(day: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[Moment]:
    """All that happened, in order. `events` may name their step as `in_step`."""
    told = rows(day.get("steps"))
    found = [*_of_steps(told), *_of_pages(day), *_of_events(told, in_order(events), pages=bool(rows(day.get("pages"))))]
    stop = day.get("stopped")
    if isinstance(stop, Mapping) and not any(one.kind == "stop" for one in found):
        found.append(Moment(seconds(stop.get("at")), "stop", _text(stop.get("text") or stop.get("kind")), _who(stop)))
    places = [*_places(found)]
    return [found[place] for place in sorted(range(len(found)), key=lambda place: places[place])]


def _places(found: Sequence[Moment]) -> Iterator[tuple[float, float]]:
    """Where each moment belongs. A step ends after all that was seen in it: older records end it before its judging."""
    last, placed = 0.0, list[tuple[float, float]]()
    for number, one in enumerate(found):
        last = one.at if one.at is not None else last  # what has no time stays behind what came before it
        placed.append((last, float(number)))
    seen: dict[int | None, tuple[float, float]] = {}
    for (at, place), one in zip(placed, found, strict=True):
        if one.kind == "finding":
            seen[one.step] = max(seen.get(one.step, (at, place)), (at, place + 0.5))
    for key, one in zip(placed, found, strict=True):
        over = one.kind == "step" and one.t is None and one.step in seen
        yield max(key, seen[one.step]) if over else key


def shortened(moments: Sequence[Moment], most: int) -> tuple[list[Moment], int]:
    """(those that matter most, in order; how many were left out)."""
    ranked = sorted(range(len(moments)), key=lambda place: (_rank(moments[place]), place))[:most]
    return [moments[place] for place in sorted(ranked)], max(0, len(moments) - most)


def _rank(moment: Moment) -> int:
    return KINDS.index(moment.kind) if moment.kind in KINDS else len(KINDS)


def in_order(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each event once, by its number: those of one process count on, whatever the clock does."""
    seen: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for place, event in enumerate(events):
        seq = event.get("seq")
        known = isinstance(seq, int) and not isinstance(seq, bool)
        key = (seq, str(event.get("type"))) if known else ("", place)
        if key not in seen or "in_step" in event:
            seen[key] = event
    return sorted(seen.values(), key=lambda event: (seconds(event.get("seq")) or 0.0, seconds(event.get("at")) or 0.0))


# Out of day.json ---------------------------------------------------------------------------------


def _of_steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[Moment]:
    for step in steps:
        number, name = whole(step.get("number")), title(step)
        approved = step.get("approved")
        if isinstance(approved, Mapping):
            role = f" for the role {_text(approved['by'])}" if approved.get("by") else ""
            who = _text(approved.get("via") or "")
            yield Moment(seconds(approved.get("at")), "approval", f"{name} is approved{role}", who, number)
        if (began := seconds(step.get("began"))) is not None:
            yield Moment(began, "step", f"{name} begins", "", number, 0.0)
        if (ended := seconds(step.get("ended"))) is not None:
            yield Moment(ended, "step", f"{name} ends: {came_to(step)}", "", number)
        for check in rows(step.get("rollback")):
            ok = "the app is well again" if check.get("ok") is True else "the app is NOT well again"
            said = f" ({_text(check['text'])})" if check.get("text") else ""
            yield Moment(ended, "step", f"after {name} {ok}: {_text(check.get('check'))}{said}", "", number)


def came_to(step: Mapping[str, Any]) -> str:
    """What became of a step, in words: "FAIL, not as expected"."""
    status = str(step.get("status") or "")
    verdict = str(step.get("verdict") or "")
    early = status == "skipped" and seconds(step.get("began")) is not None
    if status == "failed" or (status == "skipped" and not early):
        return {"skipped": "skipped", "failed": "it could not run"}[status]
    told = [verdict.upper() if verdict else "no verdict"]
    told += ["stopped early"] if status == "stopped" else ["ended early"] if early else []
    if step.get("as_expected") is not None:
        told.append("as expected" if step["as_expected"] is True else "not as expected")
    return ", ".join(told)


def title(step: Mapping[str, Any]) -> str:
    """Such as "step 1 (storm)"."""
    return f"step {whole(step.get('number')) or '?'} ({_text(step.get('name') or 'unnamed')})"


def _of_pages(day: Mapping[str, Any]) -> Iterator[Moment]:
    for page in rows(day.get("pages")):
        yield _page(page)


def _page(page: Mapping[str, Any]) -> Moment:
    done = "is paged" if page.get("ok") is True else LOST
    came = page.get("what") or page.get("result")
    said = f" ({_text(came)})" if came and page.get("ok") is not True else ""
    return Moment(seconds(page.get("at")), "page", f"{_text(page.get('to'))} {done}: {_text(page.get('why'))}{said}")


# Out of the log ----------------------------------------------------------------------------------


def _of_events(
    steps: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], *, pages: bool
) -> Iterator[Moment]:
    step: int | None = None
    known = {whole(one.get("number")): one for one in steps}
    seen: set[str] = set()
    repeated = tuple(
        [f"{row.get('check')}: {row.get('text')}" for one in steps for row in rows(one.get("rollback"))]
        + [str(error["what"]) for one in steps if isinstance(error := one.get("error"), Mapping) and error.get("what")]
    )
    last_stop: tuple[object, ...] = ()
    for event in events:
        kind = str(event.get("type"))
        if kind == "step":
            status, number = str(event.get("status")), whole(event.get("step"))
            step = None if status in ("waiting", "approval") else number
            if moment := _step_event(event, known.get(number), number):
                yield moment
            continue
        number = whole(event.get("in_step")) or step
        at, t, who = seconds(event.get("at")), seconds(event.get("t")), _who(event)
        match kind:
            case "phase":
                yield Moment(at, "phase", f"phase {_text(event.get('phase'))} begins", "", number, t)
            case "finding":
                key = str((number, event.get("code"), event.get("phase")))
                if key not in seen:  # it is told again each time its count grows
                    seen.add(key)
                    yield Moment(at, "finding", _finding(event), "", number, t)
            case "command":
                row = command_row(event)
                of = whole((event.get("args") or {}).get("step")) if isinstance(event.get("args"), Mapping) else None
                if row["do"] == "note" and row["ok"]:
                    continue  # the note itself is an event too
                if row["do"] == "approve" and row["ok"] and isinstance((known.get(of) or {}).get("approved"), Mapping):
                    continue  # day.json tells of it
                sort = "command" if row["ok"] else "refused"
                yield Moment(at, sort, f"{row['what']}: {row['result']}", row["who"], number, t)
            case "warning" if str(event.get("text")).endswith(repeated):
                continue  # day.json tells of it
            case "note" | "warning":
                yield Moment(at, kind, _text(event.get("text")), who if kind == "note" else "", number, t)
            case "stop":
                said = (event.get("kind"), event.get("text"), event.get("who"))
                if said != last_stop:  # the day and its step may both tell of it
                    yield Moment(at, "stop", _text(event.get("text") or event.get("kind")), who, number, t)
                last_stop = said
            case "approval":
                of = whole(event.get("step"))
                name = title(known.get(of) or {"number": of, "name": None})
                yield Moment(at, "approval", f"{name} waits for approval", "", of)
            case "page" if not pages:
                yield _page(event)


def _step_event(event: Mapping[str, Any], step: Mapping[str, Any] | None, number: int | None) -> Moment | None:
    """A step's event as far as day.json does not tell the same."""
    status, of = str(event.get("status")), step or {"number": number, "name": None}
    at, who = seconds(event.get("at")), _who(event)
    if status == "skipped" and seconds(of.get("began")) is None:
        return Moment(at, "step", f"{title(of)} is left out", who, number)
    if status == "failed":
        error = of.get("error")
        why = f": {_text(error.get('what'))}" if isinstance(error, Mapping) else ""
        return Moment(at, "step", f"{title(of)} cannot run{why}", "", number)
    if status == "running" and seconds(of.get("began")) is None:
        return Moment(at, "step", f"{title(of)} begins", "", number, 0.0)
    if status in ("done", "stopped", "skipped") and seconds(of.get("ended")) is None:
        return Moment(at, "step", f"{title(of)} ends: {came_to(of)}", "", number)
    return None


def _finding(event: Mapping[str, Any]) -> str:
    severity, code = _text(event.get("severity") or "?"), _text(event.get("code") or "?")
    where = f" in {_text(event['phase'])}" if event.get("phase") else ""
    what = f": {_text(event['title'])}" if event.get("title") else ""
    # While a run goes on what is seen is provisional; what is not was seen for the first time in the whole record.
    when = " when it is judged" if event.get("provisional") is False else ""
    return f"{code} ({severity}) is seen{where}{when}{what}"


# Whatever a file holds ---------------------------------------------------------------------------


def _who(event: Mapping[str, Any]) -> str:
    return _text(event.get("who") or "")


def _text(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def whole(value: object) -> int | None:
    """The value as a step's number; None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None


def rows(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; none of what is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []

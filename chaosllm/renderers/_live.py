"""The live view as lines of text: a frame for a terminal, one line for everything else.

Laws:
1. Foreign text (names of scenarios and phases, error kinds) passes `clean`.
2. No line is wider than it may be: what does not fit is left out whole, the least important first.
3. Without colour nothing is lost: a colour only repeats what a word or a sign says.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from chaosllm.live.stopping import Reading, Unit, quantity
from chaosllm.live.view import Figures, LiveView, Queue, RuleFigures
from chaosllm.record import Outcome
from chaosllm.renderers._words import clean, count, plain, share
from chaosllm.scenario import Phase, Role
from chaosllm.units import format_duration

#: Columns of the labels on the left, and of the figure beside the bars.
_LABEL, _BESIDE = 10, 26
#: Wider bars show nothing more, and are harder to read.
_WIDEST = 120
#: Below this width the figures beside the bars would leave none of them.
_NARROW = 60
_LONGEST = 40  # characters of a foreign name
#: Units of which a value is shown beside its bound, such as "1.20 of 5 USD".
_BESIDE_BOUND = ("usd", "count", "failures")

_LEVELS, _PLAIN_LEVELS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_GONE, _TO_COME, _PLAIN_GONE, _PLAIN_TO_COME = "━", "─", "#", "-"
_MORE = "\N{HORIZONTAL ELLIPSIS}"
_COLOURS = {Role.WARMUP: "bright_black", Role.BASELINE: "green", Role.FAULT: "red", Role.RECOVERY: "cyan"}
_BAD: dict[str, str] = {
    Outcome.DEGRADED: "fallback",
    Outcome.WRONG: "wrong",
    Outcome.ERROR: "failed",
    Outcome.HANG: "past the deadline",
    Outcome.DROPPED: "never sent",
}
#: Rows that are left out first where the terminal is too low for all.
_DISPENSABLE = ("names", "spend", "suite", "calls", "answers", "errors", "stop if", "users", "injected", "goodput")


def frame(
    view: LiveView, *, width: int, height: int, plain_signs: bool = False, queue: Queue | None = None
) -> list[Text]:
    """At most `height` lines of at most `width` columns; `plain_signs` uses ASCII alone."""
    now, queue = view.figures, queue or Queue()
    axis = min(_WIDEST, width - _LABEL - (_BESIDE if width >= _NARROW else 0))
    rows: list[tuple[str, Text]] = [("", _head(view, now, queue, width))]
    if axis >= 10:
        names, bar = _bars(view.scenario.phases, now, axis, plain_signs=plain_signs)
        rows += [("names", names), ("phase", _beside(bar, axis, [_left(now)], width))]
        rows.append(("goodput", _beside(_spark(view, now, axis, plain_signs=plain_signs), axis, _goodput(now), width)))
    else:
        rows += [("phase", Text(_left(now))), ("goodput", _parts(_goodput(now), width))]
    room = width - _LABEL
    rows += [
        ("users", _parts(_users(now, closed=view.scenario.load.closed), room)),
        ("answers", _parts(_answers(now), room)),
        ("calls", _parts(_calls(now), room)),
    ]
    if now.rules:
        rows.append(("injected", _parts(_injected(now), room)))
    if now.errors:
        rows.append(("errors", _parts(_errors(now, "x" if plain_signs else "\N{MULTIPLICATION SIGN}"), room)))
    rows.append(("spend", _parts(_spend(now), room)))
    rows += [("stop if", _stop(one, room)) for one in now.stops]
    if queue.of > 1:
        rows.append(("suite", _parts(_suite(now, queue), room)))
    lines = [_row(name, text, width) for name, text in _fitting(rows, height)]
    if plain_signs:
        for made in lines:  # as long as before, so that colours stay where they are
            made.plain = made.plain.replace(_MORE, "~").encode("ascii", "replace").decode()
    return [made for made in lines if made.plain.strip()]


def line(view: LiveView) -> str:
    """The moment in one line, such as "12s of 1m30s  storm, 18s left  10/s sent, 4.2/s good (42% of baseline) ..."."""
    now = view.figures
    t = format_duration(float(min(max(0, round(now.t)), now.duration)))
    parts = [f"{count(now.sent)} sent"]
    if now.goodput is not None and now.ended:
        parts.append(
            f"{_rate(now.goodput)} good" + (f" ({_of_baseline(now)} of baseline)" if _of_baseline(now) else "")
        )
    if now.p95:
        parts.append(f"p95 {format_duration(now.p95)}")
    if now.planned:
        parts.append(f"{count(now.fired)} of {count(now.planned)} injected")
    if now.attempts is not None:
        parts.append(f"{now.attempts:.1f} calls an operation")
    if now.in_flight:
        parts.append(f"{count(now.in_flight)} in flight")
    parts += _errors(now, "x")[:1]
    near = [f"{clean(one.text, 60)}: {_now(one)}" for one in now.stops if _near(one)]
    parts += [f"stop if {near[0]}"] if near else []
    return f"{t} of {format_duration(now.duration)}  {_phase(now)}  {', '.join(parts)}"


# Rows ----------------------------------------------------------------------------------------------------------


def _head(view: LiveView, now: Figures, queue: Queue, width: int) -> Text:
    elapsed = f"{format_duration(float(round(min(now.t, now.duration))))} of {format_duration(round(now.duration))}"
    name = clean(view.scenario.name, 80)
    place = f"{queue.at} of {queue.of}  " if queue.of > 1 else ""
    room = width - len(place) - len(elapsed) - 2
    if room < 8:
        return Text(name, "bold")
    name = _cut(name, room)
    gap = min(width, _LABEL + _WIDEST + _BESIDE) - len(place) - cell_len(name) - len(elapsed)
    return Text.assemble((place, "dim"), (name, "bold"), " " * gap, elapsed)


def _bars(phases: Sequence[Phase], now: Figures, axis: int, *, plain_signs: bool) -> tuple[Text, Text]:
    """The names of the phases over their bar, of which what is over is heavy; a blank parts two phases."""
    gone, to_come = (_PLAIN_GONE, _PLAIN_TO_COME) if plain_signs else (_GONE, _TO_COME)
    names, bar = Text(), Text()
    here = round(now.t / now.duration * axis)
    for phase in phases:
        begin, end = (round(t / now.duration * axis) for t in (phase.start, phase.end))
        size = end - begin
        if size <= 0:
            continue
        style = _COLOURS[phase.role]
        inside = phase.name == now.phase
        names.append(set_cell_size(_cut(clean(phase.name, _LONGEST), size - 1), size), "bold" if inside else "dim")
        mark = size - 1 if size > 2 and end < axis else size
        past = min(mark, max(0, here - begin))
        bar.append(gone * past, style).append(to_come * (mark - past), "dim").append(" " * (size - mark))
    return names, bar


def _spark(view: LiveView, now: Figures, axis: int, *, plain_signs: bool) -> Text:
    """Goodput over the run under the bar of its phases, green as in the baseline, red below half of it."""
    levels = _PLAIN_LEVELS if plain_signs else _LEVELS
    found = view.goodput(axis)
    top = max([now.baseline or 0.0, *(value for value in found if value is not None)])
    text = Text()
    for value in found:
        if value is None:
            text.append(" ")
            continue
        level = min(len(levels) - 1, round(value / top * (len(levels) - 1))) if top else 0
        worth = value / now.baseline if now.baseline else 1.0
        text.append(levels[level], "green" if worth >= 0.8 else "yellow" if worth >= 0.5 else "red")
    return text


def _left(now: Figures) -> str:
    if not now.phase:
        return "waiting for the last" if now.t >= now.duration else "about to begin"
    return f"{format_duration(float(round(now.phase_left)))} left of {clean(now.phase, _LONGEST)}"


def _goodput(now: Figures) -> list[str]:
    if now.goodput is None:
        return ["none yet"]
    told = _of_baseline(now)
    return [_rate(now.goodput), f"{told} of baseline"] if told else [_rate(now.goodput)]


def _of_baseline(now: Figures) -> str:
    if not now.baseline or now.goodput is None or now.role in (None, Role.WARMUP, Role.BASELINE):
        return ""
    return share(round(now.goodput / now.baseline, 2))


def _users(now: Figures, *, closed: bool) -> list[str]:
    parts = [f"{count(now.in_flight)} in flight"]
    if now.achieved is not None and now.answered is not None:
        offered = [] if closed or now.offered is None else [f"{_rate(now.offered)} offered"]
        parts = [*offered, f"{_rate(now.achieved)} sent", f"{_rate(now.answered)} answered", *parts]
    return [*parts, f"{count(now.sent)} so far"]


def _answers(now: Figures) -> list[str]:
    found, ended = now.phase_outcomes, sum(now.phase_outcomes.values())
    if not ended:
        return ["none yet"]
    parts = [f"{share(round(found.get(Outcome.GOOD, 0) / ended, 3))} good of {count(ended)} in this phase"]
    parts += [f"{count(found[name])} {word}" for name, word in _BAD.items() if found.get(name)]
    latency = [f"{name} {format_duration(value)}" for name, value in (("p50", now.p50), ("p95", now.p95)) if value]
    return [parts[0], *latency, *parts[1:]]


def _calls(now: Figures) -> list[str]:
    if now.attempts is None:
        return [f"{count(now.calls)} so far"]
    parts = [f"{now.attempts:.1f} an operation"]
    if now.baseline_attempts is not None and now.role in (Role.FAULT, Role.RECOVERY):
        parts.append(f"{now.baseline_attempts:.1f} in the baseline")
    return [*parts, f"{count(now.calls)} so far"]


def _injected(now: Figures) -> list[str]:
    if not now.planned:
        return ["none yet"]
    parts = [f"{count(now.fired)} of {count(now.planned)} planned"]
    held, under_way = (sum(getattr(rule, name) for rule in now.rules) for name in ("capped", "in_flight"))
    parts += [f"{count(held)} held back by a limit"] if held else []
    parts += [f"{count(under_way)} under way"] if under_way else []
    shown = [rule for rule in now.rules if rule.active]
    return [*parts, *(_rule(rule) for rule in (shown if len(now.rules) > 1 else ()))]


def _rule(rule: RuleFigures) -> str:
    return f"{clean(rule.name, _LONGEST)} {clean(rule.fault, _LONGEST)} {count(rule.fired)} of {count(rule.planned)}"


def _errors(now: Figures, times: str) -> list[str]:
    return [f"{clean(what, _LONGEST) or '?'} {times}{count(number)}" for what, number in now.errors]


def _spend(now: Figures) -> list[str]:
    parts = [f"{now.spend.usd:,.{2 if now.spend.usd >= 1 else 4}f} USD at list prices"]
    parts += ["partly estimated"] if now.spend.estimated else []
    return [*parts, "simulated: nobody pays"] if now.spend.simulated else parts


def _stop(one: Reading, room: int) -> Text:
    said = clean(one.text, 60)
    if one.value is None and not one.said:
        return _parts([said, "not known yet"], room)
    value = _now(one)
    if one.holds:
        return _parts([said, value, "it holds"], room, "bold red")
    if one.unit in _BESIDE_BOUND:  # how far it is shows already
        return _parts([said, value], room)
    return _parts([said, value, f"{_quantity(one.away, one.unit, difference=True)} away"], room)


def _suite(now: Figures, queue: Queue) -> list[str]:
    left = f"about {format_duration(round(now.left + queue.later))} of load left"
    return [*([queue.told] if queue.told else []), left]


# Parts ---------------------------------------------------------------------------------------------------------


def _fitting(rows: list[tuple[str, Text]], height: int) -> list[tuple[str, Text]]:
    """The rows for which there is room."""
    for name in _DISPENSABLE:
        if len(rows) <= height:
            break
        rows = [row for row in rows if row[0] != name]
    return rows[: max(1, height)]


def _row(name: str, text: Text, width: int) -> Text:
    label = "" if name in ("", "names") else name
    made = text if not name else Text.assemble((f"{label:<{_LABEL}}", "dim"), text)
    made.truncate(width)
    made.no_wrap = True
    return made


def _beside(bar: Text, axis: int, parts: list[str], width: int) -> Text:
    """A bar with figures on its right, where there is room for them."""
    room = width - _LABEL - axis - 2
    bar.append(" " * (axis - cell_len(bar.plain)))
    return bar.append("  ").append_text(_parts(parts, room)) if room > 0 else bar


def _parts(parts: Sequence[str], room: int, style: str = "") -> Text:
    """As many of the parts as fit, the first of them cut where it must be."""
    text = _cut(parts[0], room)
    for part in parts[1:]:
        if cell_len(text) + 2 + cell_len(part) > room:
            break
        text += f", {part}"
    return Text(text, style)


def _cut(text: str, room: int) -> str:
    if cell_len(text) <= room:
        return text
    return set_cell_size(text, max(0, room - 1)).rstrip() + _MORE if room > 1 else ""


def _phase(now: Figures) -> str:
    if not now.phase:
        return "finishing" if now.t >= now.duration else "starting"
    return clean(now.phase, _LONGEST)


def _near(one: Reading) -> bool:
    """Whether a stop condition is no further away than half of its bound, so that it is worth a word."""
    return one.away is not None and one.away <= abs(one.bound) / 2


def _rate(value: float) -> str:
    return f"{value:,.0f}/s" if value >= 100 else f"{f'{value:.1f}'.removesuffix('.0')}/s"


def _now(one: Reading) -> str:
    """Where a condition stands; foreign text of a probe is cleaned."""
    if one.said or one.unit in _BESIDE_BOUND:
        return clean(one.now, 60)
    return "?" if one.value is None else f"{_quantity(one.value, one.unit)} now"


def _quantity(value: float | None, unit: Unit, *, difference: bool = False) -> str:
    if value is None:
        return "?"
    if unit == "share":
        return f"{plain(round(value * 100, 1))} points" if difference else share(round(value, 3))
    return quantity(value, unit)

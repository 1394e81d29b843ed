"""The summary as Markdown that fits a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from chaosllm.renderers import Material
from chaosllm.renderers import _attached as attached
from chaosllm.renderers import _instrument as told
from chaosllm.renderers import _steered as by_hand
from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words

#: GitHub refuses a comment of more than 65,536 characters; some room is left for what a bot puts around it.
MOST_BYTES = 60_000
#: Bytes below which a run's summary among many says too little to be worth its place: its verdict alone is shown.
LEAST_BYTES = 1500
#: What each part may take of a comment that is too long, so that a thousand objectives leave room for the findings.
_SHARES = {"head": 0.2, "objectives": 0.2, "findings": 0.3, "phases": 0.12, "injection": 0.08, "validity": 0.1}
MOST_FINDINGS = 20
#: Rows of each other list: past them nobody reads on, and the report has them all.
MOST_ROWS = 120
MOST_EVIDENCE = 5

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$^=&])")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(:)")
_BLOCK = re.compile(r"^(\s*)([-+:]|\d+[.)])")
_MARK = {"pass": "✓", "fail": "✗"}


def text(value: object) -> str:
    """Foreign text as one line that shows what it says: no markup, link, mention or workflow command."""
    return _escaped(words.clean(value))


def prose(value: object) -> str:
    """As `text`, with what stands between backticks in a code span."""
    parts = re.split(r"`([^`]+)`", words.clean(value))
    return "".join(code(part) if place % 2 else _escaped(part) for place, part in enumerate(parts))


def _escaped(cleaned: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", cleaned)
    escaped = _LINK.sub(r"\1\\\2", escaped).replace("www.", "www\\.")
    escaped = _BLOCK.sub(lambda found: f"{found[1]}\\{found[2]}" if not found[2][0].isdigit() else found[0], escaped)
    # GitHub finds mentions after rendering, so a backslash does not stop them; a zero-width space does.
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")


def code(value: object) -> str:
    """Foreign text in a code span; a backtick inside would end it and becomes an apostrophe."""
    return "`" + (words.clean(value).replace("`", "'").replace("|", "\N{BROKEN BAR}") or " ") + "`"


class Markdown:
    """Verdict first, what to fix, then the tables; the longest lists are folded."""

    name: ClassVar = "markdown"
    summary: ClassVar = "summary.md: fits a comment on a pull request"
    file: ClassVar[str | None] = "summary.md"

    def render(self, material: Material) -> str:
        """At most `MOST_BYTES` bytes; what was left out is said."""
        return _rendered(material, MOST_BYTES)


def together(materials: Sequence[Material], note: str = "") -> str:
    """Several runs under each other, and `note` (Markdown) below; at most `MOST_BYTES` bytes all together."""
    if not materials:
        return f"{note}\n" if note else ""
    room = MOST_BYTES - len(note.encode()) - 100
    share = room // len(materials) - 1
    if share < LEAST_BYTES:
        whole = cut("\n".join(f"- {_title(one.summary, 80)}" for one in materials), room) + "\n"
    else:
        whole = "\n".join(_rendered(one, MOST_BYTES) for one in materials)
        if len(whole.encode()) > room:
            whole = "\n".join(_rendered(one, share) for one in materials)
    return whole + (f"\n{note}\n" if note else "")


def _rendered(material: Material, most: int) -> str:
    summary = material.summary
    found = words.worst(summary.get("findings", ()))
    parts = {
        "head": _head(summary),
        "objectives": _objectives(summary.get("objectives", ())),
        "findings": _findings(found, words.withheld(summary), words.unseen(summary)),
        "phases": _calls(summary.get("phases", {})) if words.attached(summary) else _phases(summary.get("phases", {})),
        "injection": [*_commands(summary), *_injection(summary.get("injection", ()), words.unrecognised(summary))],
        "validity": [*_validity(summary), *_instrument(summary)],
    }
    return fit([("\n\n".join(part), _SHARES[name]) for name, part in parts.items()], most)


def _title(summary: Mapping[str, Any], longest: int) -> str:
    word, icon = words.VERDICTS.get(str(summary.get("verdict")), words.VERDICTS["inconclusive"])
    return f"{icon} {word} · {text(words.clean(summary.get('scenario', ''), longest))}"


def _head(summary: Mapping[str, Any]) -> list[str]:
    parts = [f"## {_title(summary, words.LONGEST)}"]
    if source := words.source(summary):
        parts.append(f"**{text(source)}.**")
    if hypothesis := summary.get("hypothesis"):
        parts.append(f"> {text(hypothesis)}\n>\n> **{words.held(summary)}**")
    if lines := [line for line in (by_hand.stopped(summary), by_hand.steered(summary)) if line]:
        parts.append("\n".join(f"**{text(line)}**" for line in lines))
    if reasons := [*users.impact(summary), *words.reasons(summary, objectives=False)]:
        parts.append("\n".join([*(f"- {prose(reason)}" for reason in reasons[:MOST_ROWS]), *_more(reasons, "- ")]))
    if loop := words.closed_loop(summary):
        parts.append(f"Load: {loop}.")
    if score := users.score(summary.get("score")):
        parts.append(f"{text(score)}.")
    if first := words.fix_first(summary):
        parts.append(f"**Fix first:** {prose(first)}")
    return parts


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table, its first `left` columns set to the left; cells are Markdown already."""
    marks = [":--" if place < left else "--:" for place in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *rows))


def _objectives(objectives: Sequence[Mapping[str, Any]]) -> list[str]:
    if not objectives:
        return []
    order = {"fail": 0, "pass": 2}  # what is undecided in between
    if len(objectives) > MOST_ROWS:
        objectives = sorted(objectives, key=lambda one: order.get(str(one.get("verdict")), 1))
    rows = [
        (
            _MARK.get(str(item.get("verdict")), "?"),
            code(item.get("text")) + "".join(f"<br>{text(item[key])}" for key in ("why", "note") if item.get(key)),
            text(words.objective_value(item)),
        )
        for item in objectives[:MOST_ROWS]
    ]
    return ["### Objectives", table(("", "objective", "measured (90% interval)"), rows, left=2), *_more(objectives)]


def _findings(findings: Sequence[Mapping[str, Any]], withheld: str, unseen: str) -> list[str]:
    if not findings:
        return ["### Findings", " ".join(["None.", *(text(note) for note in (withheld, unseen) if note)])]
    lines = []
    for item in findings[:MOST_FINDINGS]:
        shown = ", ".join(code(one) for one in list(item.get("evidence", ()))[:MOST_EVIDENCE])
        where = f" in phase {code(item['phase'])}" if item.get("phase") else ""
        where += f", {often}" if (often := words.times(item)) else ""
        lines.append(
            f"- **{text(item.get('severity'))}** {code(item.get('code'))}{where}: "
            f"{text(words.sentence(item))}\n"
            + (f"  **{text(accepted)}**\n" if (accepted := words.accepted(item)) else "")
            + f"  **Fix:** {prose(item.get('advice', ''))}"
            + (f" More: {code(item['docs'])}" if item.get("docs") else "")
            + (f"\n  Evidence: {shown}" if shown else "")
        )
    if len(findings) > MOST_FINDINGS:
        lines.append(f"- {len(findings) - MOST_FINDINGS} more in the report")
    lines += [f"- {text(note)}" for note in (withheld, unseen) if note]
    return ["### Findings", "\n".join(lines)]


def _phases(phases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not phases:
        return []
    rows = []
    every = list(words.lines(phases))
    for name, operation, phase in every[:MOST_ROWS]:
        latency = phase.get("latency") or {}
        success = phase.get("success_rate") or {}
        rows.append(
            (
                f"{code(name)}: {code(operation)}" if operation else code(name),
                text(phase.get("role", "")),
                words.count(phase.get("operations")),
                words.share(success.get("value")),
                words.seconds(latency.get("p50")),
                words.seconds(latency.get("p95")),
                words.plain(words.attempts_per_operation(phase)),
            )
        )
    head = ("phase", "role", "operations", "good answers", "p50", "p95", "calls per operation")
    return ["### Phases", table(head, rows, left=2), *_more(every)]


def _calls(phases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    every = [(code(name), *map(text, cells)) for name, *cells in attached.rows(phases)]
    return ["### Phases", table(attached.HEAD, every[:MOST_ROWS]), *_more(every)] if every else []


def _more(rows: Sequence[object], mark: str = "") -> list[str]:
    """How many rows were left out, in a list of its own; none where all are shown."""
    return [f"{mark}{len(rows) - MOST_ROWS} more in the report"] if len(rows) > MOST_ROWS else []


def _injection(injection: Sequence[Mapping[str, Any]], strange: str) -> list[str]:
    note = [f"{strange}."] if strange else []
    if not injection:
        return note
    names = ("eligible", "planned", "fired", "delivered", "capped", "in_flight")
    rows = [
        (code(row.get("rule")), code(row.get("fault")), *(words.count(row.get(name)) for name in names))
        for row in injection[:MOST_ROWS]
    ]
    shown = table(("rule", "fault", *(name.replace("_", " ") for name in names)), rows, left=2)
    shown = "\n\n".join([shown, *_more(injection)])
    return [*note, f"<details><summary>Injection proof: {words.injected(injection)}</summary>\n\n{shown}\n\n</details>"]


def _commands(summary: Mapping[str, Any]) -> list[str]:
    rows = [tuple(map(text, row)) for row in by_hand.rows(summary)]
    if not rows:
        return []
    left = by_hand.left_out(summary)
    more = [f"{words.count(left)} more in log.jsonl"] if left else []
    return ["### Commands", table(by_hand.HEAD, rows[:MOST_ROWS], left=5), *_more(rows), *more]


def _validity(summary: Mapping[str, Any]) -> list[str]:
    checks: Sequence[Mapping[str, Any]] = summary.get("validity", ())
    failed = [check for check in checks if not check.get("ok")]
    if not failed:
        return []
    lines = [
        f"- {text(check.get('what'))}" + (f" ({text(check['hint'])})" if check.get("hint") else "")
        for check in failed[:MOST_ROWS]
    ]
    lines += _more(failed, "- ")
    lines += [f"- {prose(one)}"] if (one := words.one_for_all(summary)) else []
    return ["### What spoils this run", "\n".join(lines)]


def _instrument(summary: Mapping[str, Any]) -> list[str]:
    line = told.line(summary)
    rows = [tuple(text(cell) for cell in row) for row in told.rows(summary)]
    parts = [table(told.HEAD, rows)] if rows else []
    parts += ["\n".join(f"- {text(one)}" for one in told.sentences(summary))]
    body = "\n\n".join(part for part in parts if part)
    return [f"<details><summary>{line or 'How exact the run was'}</summary>\n\n{body}\n\n</details>"] if body else []


def fit(parts: Sequence[tuple[str, float]], most: int = MOST_BYTES) -> str:
    """The parts (Markdown, its share of the place) in at most `most` bytes.

    Where all is too long, parts above their share are cut at the end of a line, and say so; what the others leave
    of theirs is shared out among them.
    """
    told = [(part.rstrip(), share) for part, share in parts if part.strip()]
    sizes = [len(part.encode()) + 2 for part, _ in told]
    if sum(sizes) > most:
        over = [size > share * most for size, (_, share) in zip(sizes, told, strict=True)]
        room = most - sum(size for size, long in zip(sizes, over, strict=True) if not long)
        whole = sum(share for (_, share), long in zip(told, over, strict=True) if long)
        told = [
            (cut(part, int(room * share / whole) - 2) if long else part, share)
            for (part, share), long in zip(told, over, strict=True)
        ]
    return "\n\n".join(part for part, _ in told if part) + "\n"


def cut(part: str, most: int) -> str:
    """The lines of a part that go into `most` bytes, and how many did not."""
    if len(part.encode()) <= most:
        return part
    end = "\n\n</details>"
    tail = end if part.endswith(end) else ""
    lines, kept, size = part.removesuffix(end).split("\n"), list[str](), len(tail) + 80  # for the note
    for line in lines:
        size += len(line.encode()) + 1
        if size > most:
            break
        kept.append(line)
    while kept and (not kept[-1] or kept[-1].startswith("###")):  # a heading with nothing below it
        kept.pop()
    # A part that opens no fold, or lost it, must not close one.
    tail = tail if "<details>" in "\n".join(kept) else ""
    note = f"{words.counted(len(lines) - len(kept), 'line')} were too long for this place."
    return "\n".join([*kept, *([""] if kept else []), note]) + tail


MEMBER = Markdown()

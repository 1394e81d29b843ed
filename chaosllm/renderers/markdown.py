"""The summary as Markdown that fits a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from chaosllm.renderers import Material
from chaosllm.renderers import _instrument as told
from chaosllm.renderers import _words as words

#: GitHub refuses a comment of more than 65,536 characters; some room is left for what a bot puts around it.
MOST_BYTES = 60_000
MOST_FINDINGS = 20
MOST_EVIDENCE = 5

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$^=&])")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(:)")
_BLOCK = re.compile(r"^(\s*)([-+:]|\d+[.)])")
_MARK = {"pass": "✓", "fail": "✗"}


def text(value: object) -> str:
    """Foreign text as one line that shows what it says: no markup, link, mention or workflow command."""
    escaped = _SPECIAL.sub(r"\\\1", words.clean(value))
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
        summary = material.summary
        parts = [
            *_head(summary),
            *_objectives(summary.get("objectives", ())),
            *_findings(words.worst(summary.get("findings", ())), words.withheld(summary), words.unseen(summary)),
            *_phases(summary.get("phases", {})),
            *_injection(summary.get("injection", ()), words.unrecognised(summary)),
            *_validity(summary.get("validity", ())),
            *_instrument(summary),
        ]
        return _fit(parts)


def _head(summary: Mapping[str, Any]) -> list[str]:
    word, icon = words.VERDICTS.get(str(summary.get("verdict")), words.VERDICTS["inconclusive"])
    parts = [f"## {icon} {word} · {text(summary.get('scenario', ''))}"]
    if hypothesis := summary.get("hypothesis"):
        parts.append(f"> {text(hypothesis)}\n>\n> **{words.held(summary)}**")
    if reasons := [*words.impact(summary), *words.reasons(summary, objectives=False)]:
        parts.append("\n".join(f"- {text(reason)}" for reason in reasons))
    if loop := words.closed_loop(summary):
        parts.append(f"Load: {loop}.")
    if score := words.score(summary.get("score")):
        parts.append(f"{text(score)}.")
    if first := words.fix_first(summary):
        parts.append(f"**Fix first:** {text(first)}")
    return parts


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table, its first `left` columns set to the left; cells are Markdown already."""
    marks = [":--" if place < left else "--:" for place in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *rows))


def _objectives(objectives: Sequence[Mapping[str, Any]]) -> list[str]:
    if not objectives:
        return []
    rows = [
        (
            _MARK.get(str(item.get("verdict")), "?"),
            code(item.get("text")) + "".join(f"<br>{text(item[key])}" for key in ("why", "note") if item.get(key)),
            text(words.objective_value(item)),
        )
        for item in objectives
    ]
    return ["### Objectives", table(("", "objective", "measured"), rows, left=2)]


def _findings(findings: Sequence[Mapping[str, Any]], withheld: str, unseen: str) -> list[str]:
    if not findings:
        return ["### Findings", " ".join(["None.", *(text(note) for note in (withheld, unseen) if note)])]
    lines = []
    for item in findings[:MOST_FINDINGS]:
        shown = ", ".join(code(one) for one in list(item.get("evidence", ()))[:MOST_EVIDENCE])
        where = f" in {code(item['phase'])}" if item.get("phase") else ""
        where += f", {often}" if (often := words.times(item)) else ""
        lines.append(
            f"- **{text(item.get('severity'))}** {code(item.get('code'))}{where}: "
            f"{text(words.sentence(item))}\n"
            + (f"  **{text(accepted)}**\n" if (accepted := words.accepted(item)) else "")
            + f"  **Fix:** {text(item.get('advice', ''))}"
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
    for name, operation, phase in words.lines(phases):
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
    head = ("phase", "role", "operations", "success", "p50", "p95", "attempts per operation")
    return ["### Phases", table(head, rows, left=2)]


def _injection(injection: Sequence[Mapping[str, Any]], strange: str) -> list[str]:
    note = [f"{strange}."] if strange else []
    if not injection:
        return note
    names = ("eligible", "planned", "fired", "delivered", "capped", "in_flight")
    rows = [
        (code(row.get("rule")), code(row.get("fault")), *(words.count(row.get(name)) for name in names))
        for row in injection
    ]
    shown = table(("rule", "fault", *(name.replace("_", " ") for name in names)), rows, left=2)
    return [*note, f"<details><summary>Injection proof: {words.injected(injection)}</summary>\n\n{shown}\n\n</details>"]


def _validity(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    failed = [check for check in checks if not check.get("ok")]
    if not failed:
        return []
    lines = [
        f"- {text(check.get('what'))}" + (f" ({text(check['hint'])})" if check.get("hint") else "") for check in failed
    ]
    return ["### What spoils this run", "\n".join(lines)]


def _instrument(summary: Mapping[str, Any]) -> list[str]:
    line = told.line(summary)
    rows = [tuple(text(cell) for cell in row) for row in told.rows(summary)]
    parts = [table(told.HEAD, rows)] if rows else []
    parts += ["\n".join(f"- {text(one)}" for one in told.sentences(summary))]
    body = "\n\n".join(part for part in parts if part)
    return [f"<details><summary>{line or 'How exact the run was'}</summary>\n\n{body}\n\n</details>"] if body else []


def _fit(parts: Sequence[str]) -> str:
    whole, left_out = "", 0
    for part in parts:
        if len((whole + part).encode()) > MOST_BYTES - 100:
            left_out += 1
        else:
            whole += part + "\n\n"
    return whole.rstrip() + (f"\n\n{left_out} parts were too long for this place.\n" if left_out else "\n")


MEMBER = Markdown()

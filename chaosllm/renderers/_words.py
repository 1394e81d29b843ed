"""The words and numbers that all renderers share, so that page, comment and screen never differ.

Laws:
1. Foreign text (names, error text, provider text) passes `clean` before it is shown anywhere.
2. Each medium escapes once more for itself; nothing here knows HTML, Markdown or colours.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaosllm.units import format_duration, format_share

# ECMA-48: CSI, OSC/DCS/SOS/PM/APC up to BEL or ST, and two-character escapes; also their 8-bit forms.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)

#: Because a report is read, not scrolled: foreign text is cut at this many characters.
LONGEST = 600

NONE = "\N{EM DASH}"

VERDICTS: Mapping[str, tuple[str, str]] = {  # word, icon
    "pass": ("PASS", "\N{CHECK MARK}"),
    "fail": ("FAIL", "\N{BALLOT X}"),
    "inconclusive": ("INCONCLUSIVE", "?"),
}

SEVERITIES = ("critical", "major", "minor", "info")

OUTCOMES: Mapping[str, str] = {  # shown in this order: what is well first
    "good": "good",
    "degraded": "declared fallback",
    "wrong": "wrong answer",
    "error": "error",
    "hang": "past the deadline",
    "dropped": "never sent",
}


def closed_loop(summary: Mapping[str, Any]) -> str:
    """What to know of every latency in a run whose load was a closed loop; "" for an open one."""
    return "closed loop: latency counts from sending, so stalls hide" if summary.get("loop") == "closed" else ""


def clean(value: object, longest: int = LONGEST) -> str:
    """Text without terminal escapes, control and direction-changing characters; a long one is cut.

    Line ends become spaces: what needs lines asks for `clean_lines`.
    """
    # Eight times what is shown, because a name of a megabyte would take a second for each place where it stands.
    text = _ESCAPES.sub("", str(value)[: 8 * longest])
    # Cf holds the bidirectional overrides of CVE-2021-42574 and zero-width marks; Cs lone surrogates break UTF-8.
    text = "".join(
        " " if char in "\n\r\t\u2028\u2029" else char
        for char in text
        if char in "\n\r\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    ).strip()
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def clean_lines(text: str) -> str:
    """`clean` line by line, for a file shown as it is."""
    return "\n".join(clean_line(line) for line in text.splitlines())


def clean_line(line: str) -> str:
    """`clean` that keeps indentation and length."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    return (indent + clean(line, longest=10_000)).rstrip()


def number(value: object) -> float | None:
    """The value as a finite float; None for what is none (a NaN means "never measured")."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def count(value: object) -> str:
    """A whole number with thousands apart: "1,240"; a dash for none."""
    found = number(value)
    return NONE if found is None else f"{found:,.0f}"


def counted(value: object, noun: str) -> str:
    """Such as "1 operation" and "1,240 operations"."""
    return f"{count(value)} {noun}" + ("" if number(value) == 1 else "s")


def seconds(value: object) -> str:
    """A duration as the scenario spells it: "812ms", "2.1s"; a dash for none."""
    found = number(value)
    return NONE if found is None else format_duration(found)


def signed(value: object) -> str:
    """A difference of durations with its sign: "+1.1ms"; a dash for none."""
    found = number(value)
    return NONE if found is None else ("-" if found < 0 else "+") + seconds(abs(found))


def share(value: object) -> str:
    """A percentage with one decimal at most; a share that is not whole never reads as 100% or 0%."""
    found = number(value)
    if found is None:
        return NONE
    text = format_share(found)
    if text == "100%" and found < 1:
        return ">99.9%"
    return "<0.1%" if text == "0%" and found > 0 else text


def plain(value: object) -> str:
    """A number with two decimals where it is small: "1.58", "18.9", "1,240"; a dash for none."""
    found = number(value)
    if found is None:
        return NONE
    if found == int(found) or abs(found) >= 1000:
        return f"{found:,.0f}"
    return f"{found:.1f}" if abs(found) >= 10 else f"{found:.2f}"


def rate(value: object) -> str:
    """So many a second: "4.1/s", "120/s", "0.05/s"; a dash for none."""
    found = number(value)
    if found is None:
        return NONE
    if found == 0 or found >= 100:
        return f"{found:,.0f}/s"
    return f"{found:.1f}/s" if found >= 1 else f"{found:.2g}/s"


def money(value: object) -> str:
    """US dollars, such as "0.0123 USD"; a dash for none."""
    found = number(value)
    return NONE if found is None else f"{found:,.4g} USD"


_FORMATS = {"seconds": seconds, "share": share, "count": count, "usd": money}


def unit_of(expression: str) -> str:
    """The unit of a metric expression, by its name; "" when the name tells none."""
    name = expression.split("(", maxsplit=1)[0].strip()
    if name.startswith(("latency", "ttft", "time_to", "inter_chunk", "tpot")) or name.endswith(("_delay", "_time")):
        return "seconds"
    if name.endswith(("_rate", "_share", "_fraction", "_honoured")) or name in ("success_rate", "resilience"):
        return "share"
    return ""


def measured(value: object, unit: str) -> str:
    """A value in the unit that the summary names: seconds, share, count, or a plain number."""
    return _FORMATS.get(unit, plain)(value)


def objective_value(objective: Mapping[str, Any]) -> str:
    """What was measured for an objective, with its interval where it has one."""
    unit = str(objective.get("unit") or unit_of(str(objective.get("text", ""))))
    value = measured(objective.get("value"), unit)
    return value + interval(objective, unit)


def interval(estimate: Mapping[str, Any], unit: str) -> str:
    """Such as " (96% to 98%)"; nothing where there is no interval to show."""
    low, high = number(estimate.get("low")), number(estimate.get("high"))
    if low is None or high is None or low == high:
        return ""
    return f" ({measured(low, unit)} to {measured(high, unit)})"


def worst(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Findings, the worst first: by severity, then by how often; those that are accepted last."""

    def rank(finding: Mapping[str, Any]) -> tuple[bool, int, float, str]:
        severity = str(finding.get("severity"))
        place = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
        return holds(finding), place, -(number(finding.get("count")) or 0), str(finding.get("code"))

    return sorted(findings, key=rank)


def score(found: Mapping[str, Any] | None) -> str:
    """Such as "Score 62 (mean 81), grade D: 3 of 11 classes of faults tested; the worst: truncation"; "" for none."""
    classes = (found or {}).get("classes") or {}
    least, mean = number((found or {}).get("minimum")), number((found or {}).get("mean"))
    if found is None or not classes or least is None or mean is None:
        return ""
    worst = min(classes, key=lambda name: number(classes[name].get("value")) or 0.0)
    cap = f", capped by {clean(found['capped_by'])}" if found.get("capped_by") else ""
    grade = f"grade {clean(found['grade'])}{cap}" if found.get("grade") else f"no grade: {clean(found.get('why'))}"
    tested = f"{count(found.get('tested'))} of {count(found.get('of'))} classes of faults tested"
    most = f"; the worst: {clean(worst)}" if len(classes) > 1 else ""
    return f"Score {least:.0f} (mean {mean:.0f}), {grade}; {tested}{most}"


def sentence(finding: Mapping[str, Any]) -> str:
    """What was seen, in one sentence with its numbers."""
    said = finding.get("sentence") or finding.get("title")
    return clean(said) if said else f"Seen {counted(finding.get('count'), 'time')}."


def holds(finding: Mapping[str, Any]) -> bool:
    """Whether somebody answers for a finding, and still does."""
    accepted = finding.get("accepted") or {"expired": True}
    return not accepted.get("expired")


def accepted(finding: Mapping[str, Any]) -> str:
    """Who accepted a finding, until when and why; "" when nobody did."""
    found = finding.get("accepted")
    if not found:
        return ""
    grave = "although it is critical, " if finding.get("severity") == "critical" and holds(finding) else ""
    over = ": expired" if found.get("expired") else ""
    return clean(f"Accepted {grave}by {found.get('owner')} until {found.get('until')}{over}. {found.get('reason')}")


def unseen(summary: Mapping[str, Any]) -> str:
    """What is accepted and was not seen, so that it can be taken off the list; "" for nothing."""
    rows = [row for row in summary.get("accept", ()) if not row.get("seen")]
    names = ", ".join(
        f"{row.get('finding')}{f' in {row["phase"]}' if row.get('phase') else ''} ({row.get('owner')})" for row in rows
    )
    return clean(f"Accepted, and not seen in this run: {names}.") if rows else ""


def times(finding: Mapping[str, Any]) -> str:
    """Such as "12 of 430"; "" where the sentence says it already."""
    of = number(finding.get("of"))
    said = count(finding.get("count")) + (f" of {count(of)}" if of else "")
    return "" if said in sentence(finding) else said


def held(summary: Mapping[str, Any]) -> str:
    """Whether the hypothesis held, in words."""
    failed = [item for item in summary.get("objectives", ()) if item.get("verdict") == "fail"]
    match summary.get("verdict"):
        case "pass":
            known = sum(holds(item) for item in summary.get("findings", ()))
            return f"It held, with {counted(known, 'accepted finding')}." if known else "It held."
        case "fail" if failed:
            return f"It did not hold: {len(failed)} of {counted(len(summary['objectives']), 'objective')} failed."
        case "fail":
            return "Findings stand against it, though no objective failed."
        case _:
            return "This run cannot tell."


def attempts_per_operation(phase: Mapping[str, Any]) -> float | None:
    """Calls to the LLM for each operation of a phase; None without operations or without the join."""
    operations, attempts = number(phase.get("operations")), number(phase.get("attempts"))
    return attempts / operations if operations and attempts is not None else None


def totals(injection: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The counts of all rules together (DESIGN law 4)."""
    names = ("eligible", "planned", "fired", "delivered", "capped", "in_flight")
    return {name: int(sum(number(row.get(name)) or 0 for row in injection)) for name in names}


def injected(injection: Sequence[Mapping[str, Any]]) -> str:
    """Such as "injected 758 of 758 planned", with what a limit held back or was still in flight."""
    total = totals(injection)
    notes = [f"{count(total['capped'])} held back by limits"] if total["capped"] else []
    notes += [f"{count(total['in_flight'])} still in flight at the end"] if total["in_flight"] else []
    note = f" ({', '.join(notes)})" if notes else ""
    return f"injected {count(total['delivered'])} of {count(total['planned'])} planned{note}"


def unrecognised(summary: Mapping[str, Any]) -> str:
    """What passed untouched although it went to a provider; "" when nothing did."""
    strange = int(number(summary.get("unrecognised")) or 0)
    if not strange:
        return ""
    return f"{counted(strange, 'request')} to the providers passed untouched: no model call that we know"


def fix_first(summary: Mapping[str, Any]) -> str:
    """The one thing to do now; "" when there is nothing to do."""
    if said := summary.get("fix_first"):
        return clean(said)
    for check in summary.get("validity", ()):
        if summary.get("verdict") == "inconclusive" and not check.get("ok") and check.get("hint"):
            return clean(check["hint"])
    found = [item for item in worst(summary.get("findings", ())) if not holds(item)]
    return next((clean(item["advice"]) for item in found if item.get("advice")), "")


def impact(summary: Mapping[str, Any]) -> list[str]:
    """For each fault phase, how many users got no good answer, beside the baseline's share."""
    phases: Mapping[str, Mapping[str, Any]] = summary.get("phases", {})
    before = next((without_good(phase) for phase in phases.values() if phase.get("role") == "baseline"), None)
    lines = []
    for name, phase in phases.items():
        if phase.get("role") != "fault" or (bad := without_good(phase)) is None:
            continue
        failed, operations = bad
        if not failed:
            lines.append(f"In {clean(name)}, all of {counted(operations, 'operation')} got a good answer.")
            continue
        beside = f"; in the baseline {share(before[0] / before[1])}" if before else ""
        lines.append(
            f"In {clean(name)}, {count(failed)} of {counted(operations, 'operation')} "
            f"({share(failed / operations)}) got no good answer{beside}."
        )
    return lines


def without_good(phase: Mapping[str, Any]) -> tuple[float, float] | None:
    """(operations without a good answer, all of them) of a phase; None where nothing was measured."""
    operations = number(phase.get("operations"))
    success = number((phase.get("success_rate") or {}).get("value"))
    if not operations or success is None:
        return None
    return round(operations * (1 - success)), operations


def reasons(summary: Mapping[str, Any], *, objectives: bool = True) -> list[str]:
    """Why the verdict is what it is, less what findings (and `objectives`, on request) say for themselves."""
    told = [f"{item.get('code')} (" for item in summary.get("findings", ())]
    told += [] if objectives else [f"{item.get('text')}:" for item in summary.get("objectives", ())]
    return [str(line) for line in summary.get("reasons", ()) if not any(str(line).startswith(one) for one in told)]


def withheld(summary: Mapping[str, Any]) -> str:
    """Which findings could not be looked for, "" when all were."""
    codes = [clean(code) for code in summary.get("findings_withheld", ())]
    if not codes:
        return ""
    return f"Not looked for, because too few calls could be matched to operations: {', '.join(codes)}."


def lines(phases: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(phase, operation, figures) for the tables by phase: each phase, then its operations where there are several."""
    for name, phase in phases.items():
        yield name, "", phase
        for operation, figures in (phase.get("by_operation") or {}).items():
            yield name, operation, figures

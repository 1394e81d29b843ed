"""The words and numbers that all renderers share, so that page, comment and screen never differ.

Laws:
1. Foreign text (names, error text, provider text) passes `clean` before it is shown anywhere.
2. Each medium escapes once more for itself; nothing here knows HTML, Markdown or colours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaosllm.renderers._figures import NONE as NONE
from chaosllm.renderers._figures import count as count
from chaosllm.renderers._figures import counted as counted
from chaosllm.renderers._figures import measured as measured
from chaosllm.renderers._figures import money as money
from chaosllm.renderers._figures import number as number
from chaosllm.renderers._figures import plain as plain
from chaosllm.renderers._figures import rate as rate
from chaosllm.renderers._figures import seconds as seconds
from chaosllm.renderers._figures import share as share
from chaosllm.renderers._figures import signed as signed

# ECMA-48: CSI, OSC/DCS/SOS/PM/APC up to BEL or ST, and two-character escapes; also their 8-bit forms.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)

#: Because a report is read, not scrolled: foreign text is cut at this many characters.
LONGEST = 600

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

#: Said where there is one, because the word alone leaves open whether it is fine.
FALLBACK = (
    "A declared fallback is a stand-in answer that the app marks as one: better than an error while a provider is "
    "down, but it does not count as a good answer."
)

#: Said once on a page: what everything is counted in.
OPERATION = "one operation is one user asking the app once"


_RUNNER = re.compile(r"(python|pypy|node|ruby|java)[\d.]*(\.exe)?")


def app(given: object) -> str:
    """The app as run folders name it, without its folders; one that is an interpreter names no app, and that is said.

    Because folders of older runs hold its path; newer ones the script or module that it ran (`Order.called`).
    """
    name = clean(given).replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    return f"app started with {name}" if _RUNNER.fullmatch(name) else f"app: {name}"


def closed_loop(summary: Mapping[str, Any]) -> str:
    """What to know of every latency in a run whose load was a closed loop; "" for an open one."""
    return "closed loop: latency counts from sending, so stalls hide" if summary.get("loop") == "closed" else ""


def attached(summary: Mapping[str, Any]) -> bool:
    """Whether the proxy's records are all there is."""
    return summary.get("source") == "attached"


def source(summary: Mapping[str, Any]) -> str:
    """What to know of the users' side of a run that we did not drive; "" for one that we did."""
    match summary.get("source"):
        case "attached":
            return (
                "Attached run, the proxy's side alone: what users got (success, latency, hangs, cut answers accepted) "
                "was not looked at; run with a driver or give --access-log"
            )
        case "access_log":
            return (
                "The users' side is from the app's access log: status and duration alone; what was in the answers was "
                "not looked at"
            )
    return ""


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


def inert(text: str) -> str:
    """Clean text that a terminal may wrap anywhere: no line of it is a command to a CI's log.

    GitHub takes a line that begins with `::`, blanks left out, and `##[` anywhere, as Azure does `##vso[`.
    """
    return text.replace("::", ": :").replace("##", "# #")


def clean_lines(text: str) -> str:
    """`clean` line by line, for a file shown as it is."""
    return "\n".join(clean_line(line) for line in text.splitlines())


def clean_line(line: str) -> str:
    """`clean` that keeps indentation and length."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    return (indent + clean(line, longest=10_000)).rstrip()


def named(name: object) -> str:
    """A name that its author gave, between backticks, because `cut` and `held` read as verbs in a sentence.

    Each medium shows what stands between backticks as code. One of the name's own would end it: an apostrophe.
    """
    return f"`{clean(name).replace('`', "'")}`"


def unit_of(expression: str) -> str:
    """The unit of a metric expression, by its name; "" when the name tells none."""
    name = expression.split("(", maxsplit=1)[0].strip()
    if name.startswith(("latency", "ttft", "time_to", "inter_chunk", "tpot")) or name.endswith(("_delay", "_time")):
        return "seconds"
    if name.endswith(("_rate", "_share", "_fraction", "_honoured")) or name in ("success_rate", "resilience"):
        return "share"
    return ""


def objective_value(objective: Mapping[str, Any]) -> str:
    """What was measured for an objective, with its interval where it has one."""
    unit = str(objective.get("unit") or unit_of(str(objective.get("text", ""))))
    value = objective.get("value")
    shown = counted(value, "time") if unit == "count" and number(value) is not None else measured(value, unit)
    return shown + interval(objective, unit)


def interval(estimate: Mapping[str, Any], unit: str) -> str:
    """Such as " (96% to 98%)"; nothing where there is no interval to show."""
    low, high = number(estimate.get("low")), number(estimate.get("high"))
    if low is None or high is None or low == high:
        return ""
    return f" ({measured(low, unit)} to {measured(high, unit)})"


def worst(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Findings, the worst first: by severity, then by how many operations show it; those that are accepted last."""

    def rank(finding: Mapping[str, Any]) -> tuple[bool, int, float, str]:
        severity = str(finding.get("severity"))
        place = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
        return holds(finding), place, -showing(finding), str(finding.get("code"))

    return sorted(findings, key=rank)


def showing(finding: Mapping[str, Any]) -> float:
    """How many operations show a finding; 0 of what no single operation shows, such as a slow recovery."""
    return number(finding.get("operations")) or number(finding.get("count")) or 0


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
    """Such as "12 of 430 times"; "" where the sentence says it already.

    Not "12 of 430 operations", because some findings count calls or waits; each sentence says which.
    """
    said = often(finding)
    return "" if said.removesuffix(" times") in sentence(finding) or not finding.get("count") else said


def often(finding: Mapping[str, Any]) -> str:
    """Such as "12 of 430 times"; of what no single operation shows, such as a slow recovery, "all together"."""
    if not finding.get("count"):
        return "all together"
    of = number(finding.get("of"))
    return f"{count(finding['count'])} of {count(of)} times" if of else counted(finding["count"], "time")


def held(summary: Mapping[str, Any], *, brief: bool = False) -> str:
    """Whether the hypothesis held, in words; `brief`: without a count that stands beside it already."""
    failed = [item for item in summary.get("objectives", ()) if item.get("verdict") == "fail"]
    match summary.get("verdict"):
        case "pass" if attached(summary):
            return "What the proxy's records tell stands for it; what users got was not looked at."
        case "pass":
            known = sum(holds(item) for item in summary.get("findings", ()))
            return f"It held, with {counted(known, 'accepted finding')}." if known else "It held."
        case "fail" if failed and brief:
            return "It did not hold."
        case "fail" if failed:
            return f"It did not hold: {len(failed)} of {counted(len(summary['objectives']), 'objective')} failed."
        case "fail":
            return "Findings stand against it, though no objective failed."
        case _:
            return "This run cannot tell."


def attempts_per_operation(phase: Mapping[str, Any]) -> float | None:
    """Calls to the LLM for each operation of a phase; None without operations or without the join."""
    if "requests" in phase:  # of an attached run: of the requests that its calls tell of, where they can be told
        return number(((phase.get("metrics") or {}).get("attempts") or {}).get("value"))
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


def one_for_all(summary: Mapping[str, Any]) -> str:
    """Which of several loads that checks ask for is enough for all of them; "" where one at most is asked for."""
    hints = " ".join(str(one.get("hint")) for one in summary.get("validity", ()) if not one.get("ok"))
    asked = re.findall(r"\b(raise|lower) (load\.\w+)", hints)
    if len(asked) < 2 or len(set(asked)) > 1:  # who is told to raise and to lower has to choose
        return ""
    way, lever = asked[0]
    return f"Of the values asked for `{lever}` the {'highest' if way == 'raise' else 'lowest'} is enough."


def without_good(phase: Mapping[str, Any]) -> tuple[float, float] | None:
    """(operations without a good answer, all of them) of a phase; None where nothing was measured.

    Those that the success rate counts, so that the two never differ: see `left_out`.
    """
    operations = (number(phase.get("operations")) or 0) - left_out(phase)
    success = number((phase.get("success_rate") or {}).get("value"))
    if operations <= 0 or success is None:
        return None
    return round(operations * (1 - success)), operations


def left_out(phase: Mapping[str, Any]) -> float:
    """Operations that were due in a baseline, reached into a fault, and so count in none of its metrics."""
    return number(phase.get("left_out")) or 0


def reasons(summary: Mapping[str, Any], *, objectives: bool = True) -> list[str]:
    """Why the verdict is what it is, less what findings (and `objectives`, on request) say for themselves."""
    told = [f"{item.get('code')} (" for item in summary.get("findings", ())]
    told += [] if objectives else [f"{item.get('text')}:" for item in summary.get("objectives", ())]
    return [str(line) for line in summary.get("reasons", ()) if not any(str(line).startswith(one) for one in told)]


def withheld(summary: Mapping[str, Any]) -> str:
    """Which findings could not be looked for, "" when all were."""
    codes = [clean(code) for code in summary.get("findings_withheld", ())]
    few = "Not looked for, because too few calls could be matched to operations"
    said = [f"{few}: {', '.join(codes)}."] if codes else []
    if blind := [clean(code) for code in summary.get("findings_unknown", ())]:
        what = "users got is not on record" if attached(summary) else "answers said is not on record"
        said.append(f"Not looked for, because what {what}: {', '.join(blind)}.")
    return " ".join(said)


def lines(phases: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(phase, operation, figures) for the tables by phase: each phase, then its operations where there are several."""
    for name, phase in phases.items():
        yield name, "", phase
        for operation, figures in (phase.get("by_operation") or {}).items():
            yield name, operation, figures

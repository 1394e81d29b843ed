"""The pages of metrics and findings: what each is, when it speaks, and what to do; from their own words."""

from __future__ import annotations

import inspect
import re

from chaosllm.findings import SEVERITIES
from chaosllm.registry import members

_METRICS = """# Metrics

<!-- Made by `make docs` from chaosllm/metrics: change it there. -->

A metric is one number of one phase, with its interval, and stands in objectives as `metric(phase)`.
Only `time_to_recover` stands alone.
It says why where there is nothing to measure, and no verdict rests on fewer operations than *least*.
U are operations (what users asked of the app), A attempts (what the app asked of the LLM).
B, F and R are baseline, fault and recovery.
Metrics that need each call's operation are withheld below a match rate of 95%.

"""
_FINDINGS = """# Findings

<!-- Made by `make docs` from chaosllm/findings: change it there. -->

A finding is a behaviour of the app that was seen, with the records that show it; an app that does right has none.
A *hit* is an operation at least one of whose calls met a fault.
A call to another provider or model after a failure is fallback and no retry.
`fail_on` (critical, unless the scenario says otherwise) decides which findings fail a run.
`finding == 0` makes any of them an objective.

"""
#: Where our own method stands, which readers of the page do not have.
_OURS = re.compile(r"\s\(METHOD[^)]*\)|METHOD metrics? \d+(?: and \d+)?[.:;,]\s*")


def metrics() -> str:
    """docs/metrics.md."""
    parts = []
    seen = set()
    for member in members("metrics").values():
        if member.names in seen:
            continue
        seen.add(member.names)
        needs = ", ".join(sorted({str(least) for least in member.needs.values()}, key=int))
        facts = [f"unit: {member.unit}", f"least: {needs} operation{'s' * (needs != '1')}"]
        facts += ["needs calls matched to operations"] if member.joined else []
        facts += ["is held against the baseline"] if member.over_baseline else []
        title = ", ".join(f"`{name}`" for name in member.names)
        anchors = "".join(f'<a id="{name}"></a>' for name in member.names)
        parts.append(f"## {title}\n\n{anchors}{_sentence(member.summary)}\n\n{_told(member)}\n\n*{'; '.join(facts)}*\n")
    return _METRICS + "\n".join(parts)


def findings() -> str:
    """docs/findings.md."""
    kinds = members("findings")
    rows = [
        f"| [`{code}`](#{code}) | {kind.severity} | {kind.summary} |"
        for code, kind in sorted(kinds.items(), key=lambda item: (SEVERITIES.index(item[1].severity), item[0]))
    ]
    table = "| finding | severity | what was seen |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
    parts = []
    for code, kind in sorted(kinds.items()):
        provoked = "any fault" if kind.provoked_by == ("*",) else ", ".join(f"`{one}`" for one in kind.provoked_by)
        least = f"{kind.least} hit{'s' * (kind.least != 1)}"
        parts.append(
            f"## {code}\n\n**{kind.severity}**: {kind.summary}.\n\n{_told(kind)}\n\n**What to do.** {kind.advice}\n\n"
            f"*least: {least}; brought to light by {provoked}"
            f"{'; needs calls matched to operations' if kind.joined else ''}*\n"
        )
    return _FINDINGS + table + "\n".join(parts)


def _told(member: object) -> str:
    """The docstring, a sentence a line and its symbols kept."""
    said = _OURS.sub("", inspect.cleandoc(type(member).__doc__ or ""))
    paragraphs = [" ".join(part.split()) for part in said.split("\n\n")]
    return "\n\n".join(re.sub(r"(?<=[.:]) (?=[A-Z])", "\n", part).replace("<", "&lt;") for part in paragraphs)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."

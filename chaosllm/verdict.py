"""The verdict on a run: metrics, findings and objectives become PASS, FAIL or INCONCLUSIVE, with reasons.

Laws:
1. FAIL on a finding at or above `fail_on`, or on an objective that failed and that no check spoils.
2. Else INCONCLUSIVE on any failed validity check or undecided objective. Else PASS.
3. A finding that is accepted, and not past its day, fails no run; it hides neither a doubt nor an objective.
4. A finding rests on its own evidence; an INCONCLUSIVE run still lists everything it saw. One that no single operation
   shows rests on times alone, and fails no run whose times are spoiled; one that users' waiting shows fails none in
   which we, or the machine, kept the app or an answer waiting for that long.
"""

from __future__ import annotations

import enum
from typing import Any

from chaosllm import registry
from chaosllm.acceptance import acceptance_of, open_findings, rows, told
from chaosllm.against import hold
from chaosllm.analysis import analyse
from chaosllm.findings import SEVERITIES, Finding
from chaosllm.instrument import instrument
from chaosllm.join import Run
from chaosllm.metrics import finite
from chaosllm.objectives import Judged, judge_objectives
from chaosllm.record import SCHEMA
from chaosllm.score import score
from chaosllm.snapshot import Found, Snapshot, take
from chaosllm.units import format_duration, format_share
from chaosllm.validity import ALL, TIMING, WAITS, Check, check, spoiled_by


class Verdict(enum.StrEnum):
    """What a run says about its hypothesis."""

    PASS = "pass"  # noqa: S105  # a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


def judge(run: Run) -> dict[str, Any]:
    """summary.json (DESIGN section 6): everything measured, everything seen, and the verdict."""
    analysis = analyse(run)
    findings, withheld = find(run)
    checks = check(run)
    against = hold(run, spoiled_by(checks))
    objectives = [*judge_objectives(run, findings, spoiled_by(checks)), *against.rows]
    checks += against.checks
    unaccepted = open_findings(run, findings)
    damning = _damning(run, unaccepted, checks)
    verdict, reasons = _weigh(run, unaccepted, checks, objectives)
    return {
        "schema": SCHEMA,
        "scenario": run.scenario.name,
        "hypothesis": run.scenario.hypothesis,
        "seed": run.scenario.seed,
        "verdict": verdict.value,
        "reasons": reasons,
        "fix_first": _fix_first(run, verdict, unaccepted, checks, objectives),
        "phases": analysis.phases,
        "objectives": [one.to_json() for one in objectives],
        "findings": [told(run, one) | {"fails": one in damning} for one in findings],
        "accept": rows(run, findings),
        "findings_withheld": withheld,
        "findings_unknown": unknown(run),
        "source": run.source,
        "injection": [row.to_json() for row in analysis.injection],
        "unrecognised": int((run.meta.get("proxy") or {}).get("unrecognised") or 0),
        "score": score(run, unaccepted, judged=verdict is not Verdict.INCONCLUSIVE).to_json(),
        "time_to_recover": finite(analysis.time_to_recover.value),
        "time_to_recover_why": analysis.time_to_recover.why,
        "match_rate": analysis.match_rate,
        "validity": [one.to_json() for one in checks],
        "calibration": run.meta.get("calibration") or {},
        "instrument": instrument(run),
        "loop": "closed" if run.scenario.load.closed else "open",
        "stopped": run.stopped,
        "stop": run.meta.get("stop"),
        "steering": run.meta.get("steering"),
        "commands": run.meta.get("commands") or [],
        "commands_left_out": run.meta.get("commands_left_out") or 0,
    }


def snapshot(run: Run) -> Snapshot:
    """What is kept of a run to compare it with another."""
    findings, _ = find(run)
    checks = check(run)
    objectives = judge_objectives(run, findings, spoiled_by(checks))
    verdict, _ = _weigh(run, open_findings(run, findings), checks, objectives)
    return take(run, Found(verdict.value, findings, checks, objectives))


def find(run: Run) -> tuple[list[Finding], list[str]]:
    """(findings, the worst first; codes that were withheld because calls could not be matched)."""
    found: list[Finding] = []
    withheld = []
    for code, kind in registry.members("findings").items():
        if run.blind(kind):
            continue
        if kind.joined and not run.side(kind).joined:
            # Without any call there is nothing to find, and the check on traffic says so.
            if run.match_rate is not None:
                withheld.append(code)
            continue
        found += kind.find(run.side(kind))
    places = {phase.judged_as: at for at, phase in enumerate(run.scenario.phases)}
    found.sort(key=lambda one: (SEVERITIES.index(one.severity), -one.count, one.code, places.get(one.phase, -1)))
    return found, withheld


def unknown(run: Run) -> list[str]:
    """Codes of what this run's records cannot show: nobody looked for it."""
    return [code for code, kind in registry.members("findings").items() if run.blind(kind)]


def _damning(run: Run, findings: list[Finding], checks: list[Check]) -> list[Finding]:
    """Findings that fail the run."""
    if run.scenario.fail_on == "none":
        return []
    worst = SEVERITIES.index(run.scenario.fail_on)
    # A recovery whose answers are all good and slow is the machine's doing as well as the app's.
    spoiled = {one.spoils for one in checks if not one.ok}
    times, waits = bool(spoiled & {TIMING, ALL, WAITS}), WAITS in spoiled
    kinds = registry.members("findings")
    return [
        one
        for one in findings
        if SEVERITIES.index(one.severity) <= worst
        and (one.count or not times)
        and not (waits and getattr(kinds.get(one.code), "waits", False))
    ]


def _weigh(
    run: Run, findings: list[Finding], checks: list[Check], objectives: list[Judged]
) -> tuple[Verdict, list[str]]:
    against = [_said(run, one) for one in _damning(run, findings, checks)]
    against += [f"{one.objective.text}: measured {measured(one)}" for one in objectives if one.verdict == "fail"]
    doubts = [f"{one.name}: {one.what}" for one in checks if not one.ok]
    doubts += [f"{one.objective.text}: {one.why}" for one in objectives if one.verdict == "inconclusive"]
    if against:
        return Verdict.FAIL, against + doubts
    return (Verdict.INCONCLUSIVE, doubts) if doubts else (Verdict.PASS, [])


def _said(run: Run, finding: Finding) -> str:
    """A finding as a reason; one that was accepted once says that first, because it failed no earlier run."""
    accepted = acceptance_of(run, finding)
    was = f"accepted by {accepted.owner} until {accepted.until}: expired: " if accepted else ""
    return f"{was}{finding.code} ({finding.severity}) in {finding.phase or 'the run'}: {finding.sentence}"


def measured(one: Judged) -> str:
    """What was measured for an objective, in its unit."""
    value = one.estimate.value
    if value is None:
        if one.estimate.low > 0 and one.estimate.exact:
            return f"more than {format_duration(one.estimate.low)} ({one.estimate.why})"
        return one.estimate.why or "nothing"
    match one.unit:
        case "share":
            return format_share(value)
        case "seconds":
            return format_duration(value)
        case "count":
            return f"{value:g}"
        case "usd":
            return f"{value:.4g} USD"
    return f"{value:.3g}"


def _fix_first(
    run: Run, verdict: Verdict, findings: list[Finding], checks: list[Check], objectives: list[Judged]
) -> str:
    """The one thing to do now; "" when there is nothing to do."""
    if verdict is Verdict.INCONCLUSIVE:  # what would decide it; advice on a lesser finding would not
        return next((_sentence(f"{one.what}: {one.hint}") for one in checks if not one.ok), "") or next(
            _undecided(one, run.scenario.load.lever if run.driven else "")
            for one in objectives
            if one.verdict == "inconclusive"
        )
    grave = [one for one in findings if one.severity in SEVERITIES[:2]]
    for one in _damning(run, findings, checks) or grave:
        return f"{one.title}. {one.advice}"
    for objective in objectives:
        if objective.verdict == "fail":
            return (
                f"{objective.objective.text} failed with {measured(objective)}: follow the operations of "
                f"{objective.objective.phase or 'the recovery'} in the report to see why."
            )
    for one in findings:
        return f"{one.title}. {one.advice}"
    return ""


def _undecided(one: Judged, lever: str) -> str:
    """What would decide an objective; where operations are lacking, how to get them; no `lever` on a load not ours."""
    raised = f"{lever} or the phase's duration" if lever else "the phase's duration"
    more = f": raise {raised}" if "operations" in one.why else ""
    return _sentence(f"{one.objective.text} is undecided: {one.why}{more}")


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name such as storm.0."""
    first = text[:1].upper() if text.split(" ", 1)[0].isalpha() else text[:1]
    return f"{first}{text[1:]}."

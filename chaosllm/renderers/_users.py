"""For how many users it went wrong, and what the score is of: words that page, comment and screen share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.renderers import _words as words
from chaosllm.score import CAP, grade_of

#: Parts of a list that a reader still reads in a sentence.
MOST = 4
#: Outcome -> what became of those who got it, after their number.
_GOT: Mapping[str, str] = {
    "degraded": "got a declared fallback",
    "wrong": "got a wrong answer",
    "error": "got an error",
    "hang": "waited past the deadline",
    "dropped": "never sent",
}


def under_faults(summary: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Fault phase -> (operations without a good answer, all of them), in order; none that was not measured."""
    return {
        name: found
        for name, one in summary.get("phases", {}).items()
        if one.get("role") == "fault" and (found := words.without_good(one))
    }


def before(summary: Mapping[str, Any]) -> tuple[float, float] | None:
    """The same of the baseline; None without one."""
    every = summary.get("phases", {}).values()
    return next((words.without_good(one) for one in every if one.get("role") == "baseline"), None)


def lost(summary: Mapping[str, Any]) -> str:
    """Such as "82 of 188 operations (43.6%) got no good answer while faults were on; before them 0 of 71".

    "" where nobody saw what users got, and where nobody asked.
    """
    found = under_faults(summary)
    if not found or words.attached(summary):
        return ""
    bad, asked = (sum(one[place] for one in found.values()) for place in (0, 1))
    calm = before(summary)
    beside = f"; before them {words.count(calm[0])} of {words.count(calm[1])}" if calm else ""
    share = f" ({words.share(bad / asked)})" if bad else ""
    of = words.counted(asked, "operation")
    return f"{words.count(bad)} of {of}{share} got no good answer while faults were on{beside}"


def by_phase(summary: Mapping[str, Any], most: int) -> list[str]:
    """Such as "In phase `cut` (truncate): 32 of 47", of the `most` that lost most, in order; nothing of a lone one."""
    found = under_faults(summary)
    if len(found) < 2:
        return []
    kept = sorted(found, key=lambda name: -found[name][0])[:most]
    left = [one for name, one in found.items() if name not in kept]
    lines = []
    for name in (name for name in found if name in kept):
        faults = faults_of(summary, name)
        of = f" ({faults})" if faults else ""
        lines.append(
            f"In phase {words.named(name)}{of}: {words.count(found[name][0])} of {words.count(found[name][1])}"
        )
    if left:
        bad, asked = (sum(one[place] for one in left) for place in (0, 1))
        other = words.counted(len(left), "other phase")
        lines.append(f"In {other}: {words.count(bad)} of {words.count(asked)}")
    return lines


def impact(summary: Mapping[str, Any], most: int = 20) -> list[str]:
    """How many users it hit, all together and by phase, as sentences; none where nobody saw."""
    return [f"{line}." for line in (lost(summary), *by_phase(summary, most)) if line and lost(summary)]


def instead(summary: Mapping[str, Any]) -> str:
    """Such as "32 got a wrong answer, 50 got an error", of all phases under a fault; "" where all is well."""
    got = outcomes(summary)
    return ", ".join(f"{words.count(got[name])} {said}" for name, said in _GOT.items() if got[name])


def outcomes(summary: Mapping[str, Any]) -> dict[str, float]:
    """How many operations came to what in all phases under a fault."""
    faults = [one for one in summary.get("phases", {}).values() if one.get("role") == "fault"]
    return {
        name: sum(words.number((one.get("outcomes") or {}).get(name)) or 0 for one in faults) for name in words.OUTCOMES
    }


def faults_of(summary: Mapping[str, Any], phase: str) -> str:
    """Such as "rate limit and latency": what was injected in a phase; "" where it is not told."""
    rows = [row for row in summary.get("injection", ()) if row.get("phase", _phase(row)) == phase]
    names = list(dict.fromkeys(spelt(row.get("fault")) for row in rows))
    names = [*names[:MOST], *([f"{len(names) - MOST} more"] if len(names) > MOST else [])]
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _phase(row: Mapping[str, Any]) -> str:
    """Of a row that does not say it: a rule is called after its phase, such as "storm.0"."""
    return str(row.get("rule", "")).rpartition(".")[0]


def spelt(fault: object) -> str:
    """A fault's name as a sentence says it."""
    return words.clean(fault).replace("_", " ")


def scores(classes: Mapping[str, Mapping[str, Any]]) -> str:
    """Such as "truncation 32, quota 54, rate limits 100": the lowest first, because it is the score."""
    return ", ".join(_scored(classes))


def _scored(classes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Each class with its score, the lowest first, and how many more."""
    ranked = sorted(classes, key=lambda name: words.number(classes[name].get("value")) or 0.0)
    told = [f"{words.clean(name)} {words.number(classes[name].get('value')) or 0:.0f}" for name in ranked[:MOST]]
    return [*told, *([f"{len(ranked) - MOST} more"] if len(ranked) > MOST else [])]


def worst_class(classes: Mapping[str, Mapping[str, Any]]) -> str:
    """What the score is of, such as "Service kept under the class with the lowest score: quota 53 (hangs 60)"."""
    first, *others = _scored(classes)
    if len(classes) == 1:
        return f"Service kept under the one class of faults that was tested: {first}"
    shown = {f"{words.number(one.get('value')) or 0:.0f}" for one in classes.values()}
    if len(shown) == 1:
        return f"Service kept, the same under each class of faults: {', '.join([first, *others])}"
    return f"Service kept under the class of faults with the lowest score: {first} ({', '.join(others)})"


def score(found: Mapping[str, Any] | None, *, rest: bool = True) -> str:
    """Such as "Score 32 of 100 (grade F): the lowest of truncation 32, quota 54; 9 other classes were not tested".

    "" for none. `rest`: whether it says how many were not tested, which what names them has no need of.
    """
    classes = (found or {}).get("classes") or {}
    least = words.number((found or {}).get("minimum"))
    if found is None or not classes or least is None:
        return ""
    grade = (
        f"grade {words.clean(found['grade'])}" if found.get("grade") else f"no grade: {words.clean(found.get('why'))}"
    )
    of = f"the lowest of {scores(classes)}" if len(classes) > 1 else f"that of {words.clean(next(iter(classes)))}"
    parts = [f"Score {least:.0f} of 100 ({grade}): {of}", cap(found), untested(found) if rest else ""]
    return "; ".join(part for part in parts if part)


def cap(found: Mapping[str, Any]) -> str:
    """Why the grade is no better, where a finding holds it down; "" where the score alone earns no better one."""
    capped, least = found.get("capped_by") if found.get("grade") else None, words.number(found.get("minimum"))
    if not capped or (least is not None and grade_of(least) >= CAP):
        return ""
    return f"a critical finding ({words.clean(capped)}) caps the grade at {CAP}"


def untested(found: Mapping[str, Any]) -> str:
    """How many classes of faults no fault of the run tested; "" where it is not told."""
    tested, of = words.number(found.get("tested")), words.number(found.get("of"))
    if tested is None or of is None:
        return ""
    if tested >= of:
        return f"all {of:.0f} classes of faults were tested"
    left = words.counted(of - tested, "other class" if tested else "class").replace("classs", "classes")
    return f"{left} of faults {'was' if of - tested == 1 else 'were'} not tested"

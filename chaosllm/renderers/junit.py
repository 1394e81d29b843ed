"""The run as JUnit XML: a case for each objective, for each finding, and one for whether the run can be judged.

Laws:
1. Undecided is an error, never a pass and never silence: CI systems count errors apart from failures.
2. A finding that the registry knows and nobody saw is a passed case; one that could not be looked for is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from xml.etree import ElementTree as ET  # it writes here and parses nothing

from chaosllm.registry import members
from chaosllm.renderers import Material
from chaosllm.renderers import _words as words


class JUnit:
    """As GitHub, GitLab and Jenkins read it."""

    name: ClassVar = "junit"
    summary: ClassVar = "junit.xml: a case for each objective and finding, for CI"
    file: ClassVar[str | None] = "junit.xml"

    def render(self, material: Material) -> str:
        """One suite, which is the scenario."""
        return document([material])


def document(materials: Iterable[Material], *, undecided: str = "error") -> str:
    """A suite for each run; `undecided` is the element of what could not be decided: "error" or "skipped"."""
    root = ET.Element("testsuites", name="chaosllm")
    for material in materials:
        _suite(root, material, undecided)
    _sum(root, list(root))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, material: Material, undecided: str) -> None:
    summary = material.summary
    name = words.clean(summary.get("scenario", ""))
    seconds = sum(words.number(phase.get("seconds")) or 0.0 for phase in summary.get("phases", {}).values())
    suite = ET.SubElement(root, "testsuite", name=name, time=f"{seconds:.3f}")
    if started := material.meta.get("started"):
        suite.set("timestamp", words.clean(started)[:19])
    properties = ET.SubElement(suite, "properties")
    for key in ("verdict", "seed", "match_rate", *(["source"] if words.source(summary) else [])):
        ET.SubElement(properties, "property", name=key, value=words.clean(summary.get(key)))
    for objective in summary.get("objectives", ()):
        _objective(suite, f"{name}.objectives", objective, undecided)
    _findings(suite, f"{name}.findings", summary)
    _validity(suite, f"{name}.validity", summary, undecided)
    _sum(suite, suite.findall("testcase"))


def _objective(suite: ET.Element, group: str, objective: Mapping[str, Any], undecided: str) -> None:
    case = _case(suite, group, objective.get("text"))
    measured = words.objective_value(objective)
    if objective.get("verdict") == "fail":
        _result(case, "failure", f"measured {measured}")
    elif objective.get("verdict") != "pass":
        _result(case, undecided, f"inconclusive: {objective.get('why') or 'undecided'}")
    else:
        _told(case, f"measured {measured}")


def _findings(suite: ET.Element, group: str, summary: Mapping[str, Any]) -> None:
    raised: dict[str, list[Mapping[str, Any]]] = {}
    for finding in summary.get("findings", ()):
        raised.setdefault(str(finding.get("code")), []).append(finding)
    withheld = {str(code) for code in summary.get("findings_withheld", ())}
    unknown = {str(code) for code in summary.get("findings_unknown", ())}
    for code in sorted({*members("findings"), *raised, *withheld, *unknown}):
        case = _case(suite, group, code)
        if found := raised.get(code):
            text = "\n\n".join(map(_of_finding, found))
            if any(one.get("fails") for one in found):
                _result(case, "failure", words.sentence(found[0]), text)
            else:
                _told(case, text)
        elif code in unknown:
            _result(case, "skipped", f"not looked for: {words.source(summary)}")
        elif code in withheld:
            _result(case, "skipped", "calls could not be matched to operations, so this was not looked for")


def _of_finding(finding: Mapping[str, Any]) -> str:
    evidence = ", ".join(words.clean(one) for one in finding.get("evidence", ()))
    where = f" in {words.clean(finding['phase'])}" if finding.get("phase") else ""
    known = f"\n{words.accepted(finding)}" if words.accepted(finding) else ""
    said = words.clean(words.sentence(finding))
    return (
        f"{words.clean(finding.get('severity'))}{where}: {said}{known}\n"
        f"Fix: {words.clean(finding.get('advice', ''), longest=2000)}\n"
        f"More: {words.clean(finding.get('docs', ''))}\nEvidence: {evidence}"
    )


def _validity(suite: ET.Element, group: str, summary: Mapping[str, Any], undecided: str) -> None:
    for check in summary.get("validity", ()):
        case = _case(suite, group, check.get("name"))
        if not check.get("ok"):
            _result(case, undecided, f"{check.get('what')}: {check.get('hint')}")


def _case(suite: ET.Element, group: str, name: object) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=group, name=words.clean(name), time="0")


def _result(case: ET.Element, kind: str, message: object, text: str = "") -> None:
    said = words.clean(message, longest=2000)
    told = ET.SubElement(case, kind, message=said)
    if kind != "skipped":
        told.set("type", "chaosllm")
    told.text = text or said


def _told(case: ET.Element, text: str) -> None:
    ET.SubElement(case, "system-out").text = words.clean_lines(text)


def _sum(parent: ET.Element, children: list[ET.Element]) -> None:
    """Counts of the cases below, as the attributes that readers show."""
    cases = list(parent.iter("testcase"))
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    parent.set("tests", str(len(cases)))
    for attribute, kind in kinds.items():
        parent.set(attribute, str(sum(case.find(kind) is not None for case in cases)))
    if parent.get("time") is None:
        parent.set("time", f"{sum(float(child.get('time', 0)) for child in children):.3f}")


MEMBER = JUnit()

"""The finding malformed_accepted: how grave it is, and what follows for metrics and other findings."""

import thresholds_wire as rows

from chaosllm import registry
from chaosllm.analysis import measure
from chaosllm.faults.tool_call import MEMBER as ToolCall
from chaosllm.findings.malformed_accepted import MEMBER
from chaosllm.record import Outcome
from chaosllm.scenario import Good


def test_evidence_and_numbers():
    """Every user who got a broken answer counts, and the call that brought it is named."""
    (found,) = MEMBER.find(rows.broken())
    assert (found.severity, found.phase, found.count, found.of) == ("major", "storm", 400, 400)
    assert found.evidence[0] == "op-500/call-0"


def test_promised_json_and_tools_make_it_critical():
    """A client that was promised JSON breaks, and a tool that runs with broken arguments does harm."""
    for run in (rows.broken(good=Good(json=True)), rows.broken(good=Good(schema={})), rows.broken(fault=ToolCall())):
        assert [one.severity for one in MEMBER.find(run)] == ["critical"]


def test_it_is_told_once_and_counts_as_wrong():
    """Such a user was not served, and no other finding tells the same."""
    run = rows.broken()
    assert measure(run, "success_rate", "storm").value == 0
    assert run.samples.was(Outcome.WRONG).sum() == run.took_broken.sum() == 400
    found = {code for code, kind in registry.members("findings").items() if kind.find(run)}
    assert found == {"malformed_accepted"}
    nothing = rows.broken(**rows._NOTHING)
    assert {code for code, kind in registry.members("findings").items() if kind.find(nothing)} == {"malformed_accepted"}

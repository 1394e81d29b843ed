"""What findings on fallback and recovery say, beyond their thresholds."""

import run_factory as made
import thresholds_fallback as rows

from chaosllm import registry


def test_a_declared_fallback_that_is_not_there_is_major():
    """The scenario's author said that users get a default, and they get none."""
    finding = registry.member("findings", "no_fallback")
    assert [one.severity for one in finding.find(rows.declared())] == ["major"]
    assert [one.severity for one in finding.find(rows._served(0, 100))] == ["minor"]


def test_the_same_state_is_told_once():
    """An app that does not come back is metastable, and not slow to recover as well."""
    run = rows._recovers_after(60)
    assert [one.code for one in registry.member("findings", "metastable").find(run)] == ["metastable"]
    assert registry.member("findings", "slow_recovery").find(run) == []


def test_evidence_names_operations_and_numbers():
    """Whoever follows the evidence finds the operations, and the sentence says how many of how many."""
    (found,) = registry.member("findings", "cost_runaway").find(rows._turns(26))
    assert (found.count, found.of, found.phase) == (400, 400, "storm")
    assert found.evidence[0] == "op-500/call-0"
    assert "more than 25 different calls" in found.sentence
    (found,) = registry.member("findings", "slow_fallback").find(rows._delayed(2.5))
    assert "2.5s after the primary had failed" in found.sentence


def test_a_calm_run_has_none_of_them():
    """Without a fault there is nothing to fall back from, and a run is not told by its own noise."""
    run = made.run(made.calm, made.scenario(rules=()))
    for code, kind in registry.members("findings").items():
        assert kind.find(run) == [], code


def test_a_needless_hedge_that_fails_is_no_failure_of_the_primary():
    """A hedge sent as its call is answered is refused, and the user has the answer; a later question is one."""

    def hedged(index):
        tries = [made.Try(took=0.35), made.Try(at=0.36, took=0.01, status=503, rule=made.RULE, index=index)]
        return made.run(made.only_in_storm(lambda _: made.Operation(seconds=0.4, tries=tries)))

    kind = registry.member("findings", "no_fallback")
    assert kind.find(hedged(0)) == []
    assert [one.phase for one in kind.find(hedged(1))] == ["storm"]

"""What duplicate_side_effect says, and how sure it is."""

from dataclasses import replace

import pytest
from thresholds_effects import AGAIN, ASKS, WELL, Turn, effects, sent

from chaosllm import registry
from chaosllm.scenario import Operation, Target

KIND = registry.member("findings", "duplicate_side_effect")


def test_both_calls_are_the_evidence():
    """A repeat with another result is certain: critical, with the calls that brought the two results."""
    (found,) = KIND.find(effects(*AGAIN, hits=3))
    assert (found.phase, found.severity, found.count, found.of) == ("storm", "critical", 3, 3)
    assert found.evidence[:4] == ("op-500/call-1", "op-500/call-3", "op-501/call-1", "op-501/call-3")
    assert "send_email" in found.sentence


def test_an_app_that_may_have_kept_the_result_is_not_accused():
    """The same result under another id: it ran again, or the app kept it; nobody can tell on the wire."""
    kept = (*AGAIN[:3], Turn((sent(2, result=101),), index=2))
    (found,) = KIND.find(effects(*kept))
    assert found.severity == "major"
    assert "unless the app kept" in found.sentence


@pytest.mark.parametrize(
    "turns",
    [
        (ASKS, Turn((sent(1),), refused=True, index=1), Turn((sent(1),), index=1)),  # the same call again
        (ASKS, Turn((sent(1),), refused=True, index=1), Turn((sent(1, result=7),), index=2)),  # its result shortened
        (Turn(refused=True), ASKS, WELL[1]),  # refused before anything ran
        (ASKS, Turn((sent(1),), index=1), Turn((sent(1), sent(2, arguments=2)), refused=True, index=2),
         Turn((sent(1), sent(2, arguments=2)), index=2)),
    ],
)  # fmt: skip
def test_an_app_that_resends_what_it_knows_is_right(turns):
    """History that is sent again repeats ids, and shows no second run."""
    assert KIND.find(effects(*turns)) == []


def test_a_restart_elsewhere_is_a_repeat():
    """Another provider's model asks for the same run under an id of its own."""
    (found,) = KIND.find(effects(*AGAIN[:2], ASKS, Turn((sent(0xA),), index=0)))
    assert found.severity == "critical"


def test_explain_speaks_of_it_only_where_side_effects_are_declared():
    """Without a declaration nothing can bring it to light."""
    of = effects(*WELL).scenario
    assert not KIND.possible(of)
    assert KIND.possible(replace(of, target=Target(operations=(Operation(side_effects=("send_email",)),))))

"""What meta.json must hold: the account that a driver and a proxy give of any run is sound."""

import pytest

from chaosllm.adapters.run_meta import sound
from chaosllm.record import OUTCOMES


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_is_a_count(outcome):
    """No outcome's name makes an account unreadable: an app that said `error` once is judged like any other."""
    meta = {"driver": {"due": 3, "outcomes": {str(outcome): 3}}}
    assert sound(meta) == (meta, [])


@pytest.mark.parametrize("part", ["outcomes", "by_rule", "delay"])
@pytest.mark.parametrize("value", ["3", [3], {"inner": "3"}, float("nan"), 1 << 60])
def test_a_count_is_a_number(part, value):
    """A count of another kind is taken out, and named."""
    kept, lost = sound({"driver": {"due": 3, part: {"error": value}}})
    assert (kept, lost) == ({"driver": {"due": 3}}, [f"driver.{part}"])


def test_a_locustfile_s_account_is_sound():
    """What a task last tripped over is a text, and how many did are numbers."""
    meta = {"driver": {"tasks": {"finished": 2, "raised": 1, "newest": "KeyError at line 3"}}}
    assert sound(meta) == (meta, [])
    assert sound({"driver": {"tasks": {"finished": "2"}}})[1] == ["driver.tasks"]

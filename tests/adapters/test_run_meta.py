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


def test_the_account_of_several_workers_is_sound():
    """A proxy with several processes tells of each; a run with --proxy-workers is judged like any other."""
    meta = {"proxy": {"calls": 3, "workers": [{"pid": 7, "calls": 3, "lag_p99": 0.001}]}}
    assert sound(meta) == (meta, [])
    assert sound({"proxy": {"workers": [{"pid": "seven"}]}})[1] == ["proxy.workers"]


def test_the_account_of_an_access_log_is_sound():
    """What was read of a log is numbers, and its name a text."""
    meta = {"source": "access_log", "access_log": {"file": "a.log", "used": 3, "skew": None, "flags": False}}
    assert sound(meta) == (meta, [])
    assert sound({"access_log": {"used": "3"}})[1] == ["access_log.used"]


def test_a_stop_without_a_stopped_run_is_damage():
    """Otherwise a run that was ended by hand could be judged as a whole one."""
    stop = {"kind": "command", "text": "enough", "who": "api", "t": 3.5}
    assert sound({"stopped": "command", "stop": stop})[1] == []
    assert sound({"stopped": "command", "stop": stop | {"t": None}})[1] == []
    assert sound({"stopped": None, "stop": stop})[1] == ["stopped"]
    assert sound({"stopped": None, "stop": None})[1] == []
    assert sound({"stopped": "command", "stop": stop | {"who": 5, "t": "x"}})[1] == ["stop.t", "stop.who"]

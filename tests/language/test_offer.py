"""`load.shape`: what is meant, what cannot be, and what is warned of."""

import pytest
from scenario_text import SMALL

from chaosllm.arrivals import Ramp, Recorded, Spike, Steps
from chaosllm.errors import Level
from chaosllm.reader import read


def reading(load, files=None, **given):
    def take(name):
        if name not in (files or {}):
            raise FileNotFoundError(2, "No such file or directory")
        return files[name]

    return read(f"{SMALL}load: {load}\n", load=take, **given)


@pytest.mark.parametrize(
    ("load", "shape"),
    [
        ("{shape: {ramp: {from: 1/s, to: 20/s}}}", Ramp(1.0, 20.0, 210.0)),
        ("{shape: {ramp: {from: 0/s, to: 20/s, over: 30s}}}", Ramp(0.0, 20.0, 30.0)),
        ("{shape: {steps: [{rate: 5/s, for: 10s}, {rate: 60/min, for: 1m}]}}", Steps(((5.0, 10.0), (1.0, 60.0)))),
        ("{rate: 5/s, shape: {spike: {at: 20s, to: 50/s, for: 5s}}}", Spike(20.0, 50.0, 5.0)),
        ("{shape: {times: users.txt, speed: 10}}", Recorded("users.txt", 10.0, (1.0, 2.5))),
    ],
)
def test_shapes_are_read(load, shape):
    """And read the same from what was run."""
    found = reading(load, {"users.txt": "1\n2.5"})
    assert found.unwrap().load.shape == shape
    assert read(found.as_run, load=lambda _: "1\n2.5").unwrap() == found.scenario


def test_a_shorter_run_sees_all_of_the_shape():
    """--duration-scale scales its times too."""
    spike = reading("{shape: {spike: {at: 20s, to: 50/s, for: 5s}}}", scale=0.1).unwrap().load.shape
    assert spike == Spike(2.0, 50.0, 0.5)
    recorded = reading("{shape: {times: users.txt}}", {"users.txt": "1\n"}, scale=0.1).unwrap().load.shape
    assert recorded == Recorded("users.txt", 10.0, (1.0,))


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("{shape: {}}", "expected one of ramp, steps"),
        ("{shape: {ramp: {from: 1/s, to: 2/s}, times: users.txt}}", "found ramp and times"),
        ("{rate: 5/s, shape: {ramp: {from: 1/s, to: 2/s}}}", "found `rate` beside `ramp`"),
        ("{arrivals: constant, shape: {times: users.txt}}", "found `arrivals` beside `times`"),
        ("{shape: {ramp: {from: 2/s, to: 2/s}}}", "two equal rates"),
        ("{shape: {spike: {at: 1h, to: 50/s, for: 5s}}}", "is over"),
        ("{shape: {times: none.txt}}", "cannot be read"),
        ("{shape: {times: odd.txt}}", "odd.txt, line 1"),
        ("{shape: {steps: [{rate: 5, for: 10s}]}}", '"5/s"'),
        ("{shape: {spike: {at: 2s, to: 5/s}}}", "`for` is missing"),
        ("{cv: 3}", "gamma"),
        ("{shape: {ramp: {from: 1/s, to: 2/s}, speed: 3}}", "of `times`"),
        ("{shape: {steps: [{rate: 100000/s, for: 1h}]}}", "expected at most"),
    ],
)
def test_what_cannot_be_meant(load, said):
    """Is said at the load, with what would work."""
    found = reading(load, {"users.txt": "1", "odd.txt": "soon"})
    assert found.scenario is None
    assert any(said in f"{problem.what} {problem.hint}" for problem in found.errors), found.problems
    assert all(problem.where.line == SMALL.count("\n") + 1 for problem in found.errors)


def test_phases_with_other_loads_are_warned_of():
    """A ramp over the whole run makes ratios to the baseline say something else; one in the warm-up does not."""
    (warned,) = [one for one in reading("{shape: {ramp: {from: 1/s, to: 20/s}}}").problems if "loads" in one.what]
    assert warned.level is Level.WARNING
    assert "storm" in warned.what
    assert not any("loads" in one.what for one in reading("{arrivals: gamma, cv: 3}").problems)


def test_without_its_file_a_recorded_load_is_still_read():
    """A run folder holds no such file: nothing is due by the scenario alone, and nothing is warned of."""
    found = read(f"{SMALL}load: {{shape: {{times: users.txt}}}}\n")
    assert found.unwrap().load.shape == Recorded("users.txt")
    assert not found.unwrap().load.due_times(1, 100.0)
    assert not [one for one in found.problems if "needs" in one.what]

"""Which phases a chart sets side by side."""

from __future__ import annotations

import run_factory as made

from chaosllm.scenario import Phase, Role
from chaosllm.series.groups import first, groups, worst


def of(*names: tuple[str, Role, str]):
    phases = tuple(Phase(name, 5, role, (), 5.0 * at, block) for at, (name, role, block) in enumerate(names))
    return made.run(made.calm, made.replace(made.scenario(), phases=phases), rate=2)


def test_each_phase_stands_by_its_name_and_warm_up_by_none():
    """A usual run is compared phase by phase."""
    assert [(group.name, group.phases) for group in groups(made.run(made.calm, rate=1))] == [
        ("baseline", ("baseline",)),
        ("storm", ("storm",)),
        ("recovery", ("recovery",)),
    ]


def test_repeats_of_a_block_are_one_group():
    """Three rounds of a storm are one curve, with the operations of all."""
    run = of(("b", Role.BASELINE, ""), *((f"s-{at}", Role.FAULT, "s") for at in range(3)), ("r", Role.RECOVERY, ""))
    found = groups(run)
    assert [group.name for group in found] == ["b", "s", "r"]
    assert found[1].phases == ("s-0", "s-1", "s-2")
    assert sorted(found[1].due(run)) == sorted(row for name in found[1].phases for row in run.due(name))


def test_more_than_a_reader_can_tell_apart_are_put_together_by_role():
    """Seven faults are one curve that says so; what stands alone in its role keeps its name."""
    run = of(("b", Role.BASELINE, ""), *((f"f{at}", Role.FAULT, "") for at in range(7)), ("r", Role.RECOVERY, ""))
    assert [group.name for group in groups(run)] == ["b", "7 fault phases", "r"]
    assert len(groups(run, most=9)) == 9


def test_worst_is_the_fault_with_the_least_share():
    """Baselines are never the worst, and what was not measured is passed over."""
    run = of(("b", Role.BASELINE, ""), ("f", Role.FAULT, ""), ("g", Role.FAULT, ""))
    before, one, other = groups(run)
    assert worst([(before, 0.1), (one, 0.5), (other, 0.4)]) == (other, 0.4)
    assert worst([(before, 0.1), (one, float("nan"))]) is None
    assert first(groups(run), Role.RECOVERY) is None

"""The sentence of each chart: its numbers are those of the run, and it says the other thing when the other is true."""

from __future__ import annotations

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.adapters.charts import CHARTS
from chaosllm.adapters.charts.style import styled
from chaosllm.adapters.charts.telling import listed, name, times
from chaosllm.record import Outcome
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.groups import Group


def says(name: str, run) -> str:
    with styled():
        return CHARTS[name](run).says


def down(after: float = 3.0, share: int = 2):
    """Fails every `share`-th user under the fault and for some seconds after it; two calls where one was enough."""

    def conduct(number, due, phase):
        bad = phase.role is Role.FAULT and number % share == 0
        bad = bad or (phase.role is Role.RECOVERY and due < phase.start + after)
        if bad:
            return Operation(Outcome.ERROR, 0.1, [refused(retry_after=2.0), Try(at=0.51, status=500)])
        took = 0.9 if phase.role is Role.FAULT else 0.3
        return Operation(seconds=took, tries=[Try(model="gpt-4o")])

    return conduct


@pytest.fixture(scope="module")
def failing():
    return made.run(down())


@pytest.fixture(scope="module")
def calm():
    return made.run(made.calm)


def test_outcomes(failing, calm):
    """How many of the fault's users got no good answer, and what they got."""
    assert says("outcomes", failing) == (
        "In `storm`, 200 of 400 operations got no good answer (50%): all of them got an error; in the baseline, 0%."
    )
    assert says("outcomes", calm) == "In `storm`, all of 400 operations got a good answer."


def test_goodput(failing, calm):
    """From which rate good answers fell to which, and when they were back."""
    assert says("goodput", failing) == "Good answers fell from 20.0/s to 10.0/s in `storm` and were back 3s after it."
    assert says("goodput", calm) == (
        "Good answers held: 100% of operations in `storm` got one in time (20.0/s), 100% in `baseline` (20.0/s)."
    )
    forever = made.run(down(99))
    assert says("goodput", forever).endswith("and were not back by the end of the recovery.")
    at_once = made.run(down(0))
    assert says("goodput", at_once).endswith("and were back at once.")


def test_latency(failing, calm):
    """How many times as long the slow ones took."""
    assert says("latency", failing) == "p95 went from 300ms in `baseline` to 900ms in `storm`, 3.0 times as long."
    assert says("latency", calm).startswith("p95 did not rise: ")
    hung = made.run(made.only_in_storm(lambda _: Operation(Outcome.HANG, 10.0)))
    assert says("latency", hung).endswith("which is the deadline or more.")


def test_recovery(failing):
    """How long after the fault service was as good as before, or that it never was."""
    assert says("recovery", failing) == "Service was as good as in the baseline 3s after `storm`."
    assert "not as good as in the baseline within the 30s" in says("recovery", made.run(down(99)))


def test_distribution(failing):
    """Halves and tails by phase; a hang is told as never in time."""
    assert says("distribution", failing).startswith(
        "Half of the operations had an answer or an error within 300ms in `b"
    )
    some_hang = made.only_in_storm(lambda n: Operation(Outcome.HANG, 10.0) if n % 4 == 0 else Operation())
    assert says("distribution", made.run(some_hang)).endswith("Never in time: 25% in `storm`.")
    all_hang = made.only_in_storm(lambda n: Operation(Outcome.HANG, 10.0))
    assert says("distribution", made.run(all_hang)).endswith("Never in time: 100% in `storm`.")
    nobody = made.run(lambda n, due, phase: Operation(Outcome.HANG, 10.0), rate=2)
    assert says("distribution", nobody).startswith("No operation of a judged phase ended")


def test_amplification_and_calls(failing, calm):
    """Calls for one operation in the baseline and under the fault; a calm app is said to be one."""
    assert says("amplification", failing) == (
        "Calls for one operation went from 1 in `baseline` to 1.50 in `storm`: 1.5 times the load on the provider."
    )
    assert says("amplification", calm).startswith("Calls did not multiply: 1 for one operation in `baseline`")
    assert "1 in `baseline`, 1.50 in `storm` and 1.10 in `recovery`; the most was 2 in `storm`" in says(
        "calls", failing
    )


def test_providers():
    """How much a second provider got."""
    other = [refused(), Try(at=0.3, provider="anthropic"), Try(at=0.4, provider="anthropic")]
    run = made.run(made.only_in_storm(lambda n: Operation(tries=other if n % 2 else [Try()])))
    assert says("providers", run) == "anthropic got at most 50% of the calls (in `storm`); openai the rest."


def test_retry_gaps(failing):
    """How many came too soon, after how long where how long was asked."""
    assert says("retry_gaps", failing) == (
        "Of 260 refusals that asked for a wait, 260 (100%) were tried again too soon: after 500ms where 2s was asked "
        "(medians)."
    )


def test_cost(failing):
    """Tokens for a good answer; what bought none is told, and an estimate is called one."""
    assert says("cost", failing).startswith("A good answer took 60 tokens in `baseline`, at most 60 under a fault.")
    cut = made.run(made.only_in_storm(lambda n: Operation(Outcome.ERROR if n % 3 else Outcome.GOOD)))
    assert "A good answer took 60 tokens in `baseline` and 180 in `storm`, 3.0 times as many." in says("cost", cut)
    assert "Prices are estimates" in says("cost", cut)
    lost = made.run(made.only_in_storm(lambda n: Operation(Outcome.ERROR)))
    assert "No answer was good in `storm`, for 24,000 tokens." in says("cost", lost)


def test_several_faults_are_told_by_the_worst():
    """The sentence names the fault that hit hardest, not the first."""
    phases = made.scenario().phases
    worse = made.replace(phases[2], name="worse", start=45.0)
    later = made.replace(phases[3], start=65.0)
    of = made.replace(made.scenario(), phases=(*phases[:3], worse, later))
    run = made.run(
        lambda n, due, phase: Operation(Outcome.HANG if phase.name == "worse" and n % 2 else Outcome.GOOD), of
    )
    assert says("outcomes", run).startswith("In `worse`, the phase hit hardest, 200 of 400 operations")


def test_phases_together_are_no_name():
    """A phase is marked as the name that its author gave it; phases that we counted together are not."""
    names = [
        name(Group(one, Role.FAULT, phases)) for one, phases in (("cut", ("cut",)), ("4 fault phases", ("a", "b")))
    ]
    assert [*names, name(Group("4 fault phases", Role.FAULT, ("4 fault phases",)))] == [
        "`cut`", "4 fault phases", "`4 fault phases`",
    ]  # fmt: skip


def test_the_baseline_is_counted_as_the_success_rate_counts_it():
    """An operation of the baseline that ended badly in the fault is in neither figure of the baseline."""

    def conduct(number, due, phase):
        late = phase.role is Role.BASELINE and due > phase.end - 0.5
        bad = late or (phase.role is Role.FAULT and number % 2)
        return Operation(Outcome.ERROR if bad else Outcome.GOOD, 2.0 if late else 0.2)

    run = made.run(conduct)
    assert len(run.due("baseline")) > len(run.rows("baseline"))
    assert says("outcomes", run).endswith("in the baseline, 0%.")


def test_small_words():
    """Lists and ratios read as sentences do."""
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert (times(1.72), times(12.3)) == ("1.7 times", "12 times")
    assert [words.rate(value) for value in (0, 0.05, 4.13, 120.4, None)] == ["0/s", "0.05/s", "4.1/s", "120/s", "—"]

"""Findings about what users see: hang, error_leaked, stack_trace."""

import pytest
import run_factory as made
from run_factory import Operation, Try

from chaosllm import registry
from chaosllm.record import Ended, Outcome


def find(code, conduct, **more):
    return registry.member("findings", code).find(made.run(made.only_in_storm(conduct), **more))


HELD = Try(0.0, 10.0, None, made.RULE, fields={"ended": Ended.CLIENT_LEFT})


def test_hang_is_an_operation_past_the_deadline():
    """Each counts, with the call that was held as evidence."""
    (found,) = find("hang", lambda number: Operation(Outcome.HANG, 10.0, [HELD]) if number % 4 == 0 else Operation())
    assert (found.phase, found.severity, found.count, found.of) == ("storm", "critical", 100, 400)
    assert found.evidence[0] == "op-500/call-0"
    assert "10s" in found.sentence


@pytest.mark.parametrize("outcome", [Outcome.GOOD, Outcome.ERROR, Outcome.DEGRADED, Outcome.DROPPED])
def test_other_outcomes_are_no_hang(outcome):
    """An answer in time is none, whatever it says."""
    assert find("hang", lambda number: Operation(outcome, 9.9)) == []


def test_operations_that_the_stop_cut_off_are_no_hang():
    """When the run is stopped, what was in flight is not held against the app."""

    def in_flight(number):
        return Operation(Outcome.HANG, 2.0, [HELD])

    assert find("hang", in_flight, meta={"stopped": "interrupted"}) == []
    assert find("hang", lambda number: Operation(Outcome.HANG, 10.0, [HELD]), meta={"stopped": "interrupted"})


@pytest.mark.parametrize(("hung", "raised"), [(4, False), (5, True)])
def test_in_a_calm_run_a_few_hangs_are_no_pattern(hung, raised):
    """Without any hit, five operations must have hung."""
    kind = registry.member("findings", "hang")
    run = made.run(
        lambda number, due, phase: Operation(Outcome.HANG, 10) if 500 <= number < 500 + hung else Operation()
    )
    assert bool(kind.find(run)) is raised


def leaky(mark, outcome=Outcome.ERROR, *tries):
    return lambda number: Operation(outcome, tries=list(tries) or [made.refused()], fields={"marks": [mark]})


def test_error_leaked_is_the_providers_text_in_an_answer():
    """Each user who saw it counts."""
    (found,) = find("error_leaked", leaky("provider_error"))
    assert (found.phase, found.severity, found.count, found.of) == ("storm", "major", 400, 400)


def test_error_leaked_counts_in_good_answers_after_a_failed_call():
    """Handing the error on with status 200 is a leak too."""
    assert find("error_leaked", leaky("provider_error", Outcome.GOOD))


def test_a_provider_error_that_came_with_status_200_is_no_models_word():
    """The app took the error object of a 200 for an answer and showed it."""
    said = Try(rule=made.RULE, fields={"reason": "malformed/error_object"})
    assert find("error_leaked", leaky("provider_error", Outcome.GOOD, said))


def test_a_model_that_talks_about_errors_leaks_nothing():
    """Words in a good answer whose calls all went well are the model's own."""
    assert find("error_leaked", leaky("provider_error", Outcome.GOOD, Try(rule=made.RULE))) == []
    assert find("stack_trace", leaky("stack_trace", Outcome.GOOD, Try(rule=made.RULE))) == []


def test_stack_trace_is_critical():
    """A trace in any answer is raised."""
    (found,) = find("stack_trace", leaky("stack_trace"))
    assert (found.phase, found.severity, found.count) == ("storm", "critical", 400)


@pytest.mark.parametrize("code", ["hang", "error_leaked", "stack_trace"])
def test_other_marks_and_apps_that_do_right_have_no_finding(code):
    """Neither a calm app nor one that answers errors in its own words gives evidence."""
    kind = registry.member("findings", code)
    assert kind.find(made.run(made.calm)) == []
    assert find(code, leaky("retry_after")) == []


def test_warm_up_is_thrown_away():
    """What happens in the warm-up, without a fault, is no finding."""

    def cold(number, due, phase):
        marks = {"marks": ["stack_trace"]} if phase.role == "warmup" else {}
        return Operation(Outcome.HANG if marks else Outcome.GOOD, 10 if marks else 0.2, fields=marks)

    run = made.run(cold)
    assert registry.member("findings", "hang").find(run) == []
    assert registry.member("findings", "stack_trace").find(run) == []


def test_a_finding_belongs_to_the_phase_of_the_rule_it_met():
    """An operation that is due in the recovery but met the storm's rule counts for the storm."""
    kind = registry.member("findings", "hang")

    def conduct(number, due, phase):
        return Operation(Outcome.HANG, 10.0, [HELD]) if phase.role == "recovery" else made.calm(number, due, phase)

    (found,) = kind.find(made.run(conduct))
    assert found.phase == "storm"


@pytest.mark.parametrize(
    ("code", "mark", "other"),
    [("sensitive_data_leaked", "canary_card", "canary_html"), ("unsafe_markup_passed", "canary_link", "canary_email")],
)
def test_a_canary_that_reaches_a_user_is_critical(code, mark, other):
    """One is enough, in a good answer too; it is named. Of a call that met no fault the words are not ours."""
    (found,) = find(code, leaky(mark, Outcome.GOOD, Try(rule=made.RULE)))
    assert (found.phase, found.severity, found.count, found.of) == ("storm", "critical", 400, 400)
    assert mark.removeprefix("canary_") in found.sentence
    assert find(code, leaky(other, Outcome.GOOD, Try(rule=made.RULE))) == []
    assert find(code, leaky(mark, Outcome.GOOD, Try())) == []

"""The plan: the same seed breaks the same calls, and every limit is kept and counted."""

import dataclasses
import hashlib
import random

import pytest
from plain_provider import PlainProvider, ask

from chaosllm.distribution import Fixed
from chaosllm.faults.error import Error
from chaosllm.faults.latency import Latency
from chaosllm.faults.quota import Dollars, Quota
from chaosllm.faults.rate_limit import Buckets, RateLimit
from chaosllm.faults.reset import ResetFault
from chaosllm.identity import PREFLIGHT, Census
from chaosllm.plan import GRACE, Plan
from chaosllm.providers import Usage
from chaosllm.reference import reference, traceparent
from chaosllm.scenario import Limits, Load, Match, Phase, Range, Role, Rule, Scenario, Upstream
from chaosllm.script import Place, Reply, Wait
from chaosllm.trigger import Burst, Capacity, Ramp, Trigger

SEED = 7


NO_LIMITS = Limits()


def scenario(*rules, limits=NO_LIMITS, rate=10.0, correlate="prompt"):
    """baseline 0-10 s, storm 10-20 s with the rules, recovery 20-30 s; operation i is due at i / rate."""
    named = tuple(Rule(f"storm.{i}", *rule) for i, rule in enumerate(rules))
    return Scenario(
        "test",
        (
            Phase("baseline", 10, Role.BASELINE),
            Phase("storm", 10, Role.FAULT, named, 10),
            Phase("recovery", 10, Role.RECOVERY, (), 20),
        ),
        (Upstream("openai", "simulator"),),
        seed=SEED,
        load=Load(rate, "constant", correlate=correlate),
        limits=limits,
    )


def plan_of(*rules, hold=None, **given):
    """A plan over `scenario`."""
    return Plan(scenario(*rules, **given), {"openai": PlainProvider()}, key=b"k", hold=hold)


def call(plan, operation=None, *, t, prompt="hello", settle=True, headers=(), usage=None, **body):
    """One call through a plan; the decision."""
    text = prompt if operation is None else f"{prompt} {reference(operation, SEED)}"
    request = ask(text, headers=headers, **body)
    decision = plan.decide(plan.identify(request), request, t=t, now=1e9)
    if settle:
        plan.settle(decision, usage, t=t)
    return decision


REFUSE = (RateLimit(), Trigger(share=0.4))


def test_a_rule_is_on_in_its_phase_only():
    """Baseline and recovery are never touched."""
    plan = plan_of((Error(status=500),))
    assert call(plan, 50, t=5.0).applied == ()
    assert [part.fired for part in call(plan, 150, t=15.0).applied] == [True]
    assert call(plan, 250, t=25.0).applied == ()


def test_the_same_calls_break_in_any_order():
    """The set of broken operations is the same however their calls interleave (law 5)."""

    def broken(order):
        plan = plan_of(REFUSE)
        return {operation for operation in order if call(plan, operation, t=15.0).script}

    operations = list(range(100, 200))
    shuffled = operations[:]
    random.Random(1).shuffle(shuffled)
    assert broken(operations) == broken(shuffled) == broken(operations[::-1])
    assert 20 < len(broken(operations)) < 60


def test_another_seed_breaks_other_calls():
    """The seed decides which."""
    one = plan_of(REFUSE)
    two = Plan(dataclasses.replace(scenario(REFUSE), seed=8), {"openai": PlainProvider()}, key=b"k")

    def broken(plan, seed):
        found = set()
        for operation in range(100, 200):
            request = ask(reference(operation, seed))
            if plan.decide(plan.identify(request), request, t=15.0, now=0).script:
                found.add(operation)
        return found

    assert broken(one, 7) != broken(two, 8)


def test_retries_are_drawn_anew_and_counted():
    """The attempt is part of the identity; the same request again is the next attempt of the same call."""
    plan = plan_of(REFUSE)
    decisions = [call(plan, 150, t=15.0) for _ in range(40)]
    assert [d.call.attempt for d in decisions] == list(range(40))
    assert [d.call.id for d in decisions[:2]] == ["op-150/call-0", "op-150/call-1"]
    assert {d.call.index for d in decisions} == {0}
    assert len({bool(d.script) for d in decisions}) == 2


def test_another_request_of_the_operation_is_another_call():
    """Index counts the distinct calls, attempt the tries of each."""
    plan = plan_of(REFUSE)
    first, second = call(plan, 150, t=15.0), call(plan, 150, t=15.0, prompt="summarise")
    assert (first.call.index, second.call.index, second.call.attempt) == (0, 1, 0)


def test_the_sdk_header_tells_the_attempt_of_an_unknown_operation():
    """Without a reference a retry is known by the SDK's own count, a repeated prompt is a new call."""
    plan = plan_of(REFUSE)
    retried = call(plan, t=15.0)
    again = call(plan, t=15.0, headers=[("x-stainless-retry-count", "1")])
    new = call(plan, t=15.0, headers=[("x-stainless-retry-count", "0")])
    assert retried.call.identity == again.call.identity
    assert again.call.attempt == 1
    assert new.call.identity != retried.call.identity
    assert new.call.attempt == 0


def test_a_late_first_call_belongs_to_the_phase_its_operation_was_due_in():
    """A border makes no chance of arrival out of identity, and no retry is broken once the phase is over."""
    plan = plan_of((Error(status=500),))
    assert call(plan, 99, t=10.2).script == ()  # due in the baseline, asked in the storm
    assert call(plan, 199, t=20 + GRACE / 2).script != ()
    assert call(plan, 199, t=20 + GRACE / 2).script == ()  # its retry
    assert call(plan, 198, t=20 + GRACE * 2).script == ()


def test_nothing_is_injected_before_the_start_nor_in_a_preflight():
    """A preflight proves the way; it must not be broken."""
    plan = plan_of((Error(status=500),))
    assert call(plan, 150, t=None).phase == "preflight"
    assert call(plan, 150, t=None).script == ()
    assert call(plan, PREFLIGHT, t=15.0).script == ()


def test_a_held_phase_is_on_by_no_clock():
    """`proxy --phase storm` breaks from the first call on."""
    plan = plan_of((Error(status=500),), hold="storm")
    assert call(plan, t=0.0).script != ()
    assert call(plan, 3, t=1e6).script != ()


def test_injecting_off_passes_everything():
    """After a stop nothing is touched and nothing is counted as eligible."""
    plan = plan_of((Error(status=500),))
    plan.injecting = False
    assert call(plan, 150, t=15.0).applied == ()
    assert plan.accept("openai", t=15.0) is None


def test_max_duration_ends_injection():
    """The limit holds by the clock."""
    plan = plan_of((Error(status=500),), limits=Limits(max_duration=12))
    assert call(plan, 115, t=11.5).script != ()
    assert call(plan, 125, t=12.5).applied == ()


def test_delays_add_up_and_an_answer_ends_the_list():
    """Rules apply in order; what comes after an answer never saw the call."""
    plan = plan_of(
        (Latency(first_token=Fixed(0.1)),), (Latency(first_token=Fixed(0.2)),), (Error(status=500),), (RateLimit(),)
    )
    decision = call(plan, 150, t=15.0)
    assert [step.seconds for step in decision.script if isinstance(step, Wait)] == [0.1, 0.2]
    assert [part.rule for part in decision.applied] == ["storm.0", "storm.1", "storm.2"]


def test_a_date_counts_from_when_it_is_sent():
    """A delay before a refusal does not eat into the wait that the refusal asks for."""
    plan = plan_of((Latency(first_token=Fixed(5)),), (RateLimit(retry_after="date"),))
    _, refusal = call(plan, 150, t=15.0).script
    assert refusal.retry_after == pytest.approx(2.0)
    assert dict(refusal.headers)["retry-after"] == "Sun, 09 Sep 2001 01:46:47 GMT"


def test_active_faults_are_capped_and_counted():
    """At most the share of calls in flight is faulted; what was held back is planned and not fired."""
    plan = plan_of((Error(status=500),), limits=Limits(max_active_faults=0.5))
    parts = [call(plan, 150 + i, t=15.0, settle=False).applied[0] for i in range(10)]
    assert all(part.planned for part in parts)
    assert sum(part.fired for part in parts) == 5
    assert {part.why for part in parts if not part.fired} == {"max_active_faults"}


def test_matching():
    """A rule touches what it matches and calls nothing else eligible."""
    plan = plan_of((Error(status=500), Trigger(), Match(model=("gpt-4*",), not_=Match(attempt=(1,)))))
    assert call(plan, 150, t=15.0, model="gpt-4o").script != ()
    assert call(plan, 151, t=15.0, model="claude").applied == ()
    assert call(plan, 150, t=15.0, model="gpt-4o").applied == ()  # attempt 1
    prompted = plan_of((Error(status=500), Trigger(), Match(prompt="refund", stream=True)))
    assert call(prompted, 150, t=15.0, prompt="a refund", stream=True).script != ()
    assert call(prompted, 151, t=15.0, prompt="a refund").applied == ()
    assert call(prompted, 152, t=15.0, prompt="hello", stream=True).applied == ()


def test_matching_by_the_length_of_the_prompt():
    """Both ends of the range belong to it."""
    size = plan_of().identify(ask("hello")).prompt_tokens
    cases = {Range(size, size): True, Range(size + 1): False, Range(to=size - 1): False, Range(): True}
    for tokens, struck in cases.items():
        plan = plan_of((Error(status=500), Trigger(), Match(prompt_tokens=tokens)))
        assert bool(call(plan, 150, t=15.0).script) is struck, tokens


def test_matching_by_the_hash_of_the_key():
    """The same key is told wherever it stands, with or without a scheme; another is not, nor is none."""
    digest = hashlib.sha256(b"sk-blue").hexdigest()
    plan = plan_of((Error(status=500), Trigger(), Match(key=(digest[:12],))), correlate="none")
    for header, struck in (
        (("authorization", "Bearer sk-blue"), True),
        (("x-api-key", "sk-blue"), True),
        (("api-key", "sk-blue"), True),
        (("authorization", "Bearer sk-red"), False),
        (("x-other", "sk-blue"), False),
    ):
        assert bool(call(plan, None, t=15.0, headers=[header]).script) is struck, header
    assert not call(plan, None, t=15.0).script


def test_unknown_traffic_is_no_call():
    """What no provider reads passes."""
    assert plan_of(REFUSE).identify(ask()) is not None
    assert plan_of(REFUSE).identify(dataclasses.replace(ask(), path="/metrics")) is None


def test_live_buckets_refuse_until_they_refill_and_show_in_headers():
    """3 requests a minute: the fourth is refused with the true wait, and one more is let in when it is over."""
    plan = plan_of((RateLimit(buckets=Buckets(rpm=3)),))
    passed = [call(plan, 110 + i, t=11.0) for i in range(3)]
    assert [d.headers for d in passed] == [(("x-left-requests", str(left)),) for left in (2, 1, 0)]
    refused = call(plan, 113, t=11.0)
    (reply,) = refused.script
    assert isinstance(reply, Reply)
    assert reply.retry_after == pytest.approx(20.0)
    assert call(plan, 114, t=12.0).script[0].retry_after == pytest.approx(19.0)
    other_key = call(plan, 115, t=12.0, headers=[("authorization", "Bearer other")])
    assert other_key.script == ()


def test_token_buckets_book_what_was_used():
    """The estimate is replaced by the usage when the call ends."""
    plan = plan_of((RateLimit(buckets=Buckets(tpm=100)),))
    assert call(plan, 110, t=11.0, tokens=50, usage=Usage(50, 50)).script == ()
    assert call(plan, 111, t=11.0, tokens=10).script[0].reason == "rate_limit/tokens"
    assert call(plan, 112, t=11.0, tokens=101).script[0].reason == "rate_limit/too_large"


def test_concurrency_is_freed_when_a_call_ends():
    """Two at once: the third is refused until one has ended."""
    plan = plan_of((RateLimit(buckets=Buckets(concurrency=2)),))
    first = call(plan, 110, t=11.0, settle=False)
    call(plan, 111, t=11.0, settle=False)
    assert call(plan, 112, t=11.0).script[0].reason == "rate_limit/concurrency"
    plan.settle(first, None, t=11.5)
    assert call(plan, 113, t=11.5).script == ()


def test_a_token_budget_runs_out():
    """Calls pass until their usage has eaten the budget, then every one is refused for good."""
    plan = plan_of((Quota(budget=100),))
    assert call(plan, 110, t=11.0, usage=Usage(40, 40)).script == ()
    assert call(plan, 111, t=11.0, usage=Usage(10, 20)).script == ()
    assert call(plan, 112, t=11.0).script[0].reason == "quota/exhausted"
    assert call(plan, 113, t=19.0).script[0].reason == "quota/exhausted"


def test_a_key_in_the_query_is_a_key():
    """Gemini takes `?key=`: two such keys have limits of their own, and neither is kept."""
    provider = PlainProvider()
    census = Census(SEED, b"k", correlate="prompt")
    sent = [dataclasses.replace(ask(), path=f"/ask?alt=sse&key=AIza-{name}") for name in ("one", "two", "one")]
    calls = [census.enrol(provider.read(ask()), request, provider)[0] for request in sent]
    assert calls[0].key_hash == calls[2].key_hash != calls[1].key_hash
    assert not any("AIza" in repr(call) for call in calls)


def test_buckets_are_kept_by_key_and_model_a_budget_by_key():
    """Limits are each model's own; money is the account's, whatever models it was spent on."""
    limited = plan_of((RateLimit(buckets=Buckets(rpm=1)),))
    assert call(limited, 110, t=11.0, model="a").script == ()
    assert call(limited, 111, t=11.0, model="b").script == ()
    assert call(limited, 112, t=11.0, model="a").script != ()
    plan = plan_of((Quota(budget=Dollars(1.0)),))
    spent = {"model": "gpt-4o", "usage": Usage(200_000, 0)}
    assert call(plan, 110, t=11.0, **spent).script == ()
    assert call(plan, 111, t=11.0, model="gpt-4o-mini", usage=Usage(0, 0)).script == ()
    assert call(plan, 112, t=11.0, **spent, headers=[("authorization", "Bearer other")]).script == ()
    assert call(plan, 113, t=11.0, **spent, headers=[("authorization", "Bearer other")]).script == ()
    assert call(plan, 114, t=11.0, model="gpt-4o-mini").script == ()
    assert call(plan, 115, t=11.0, **spent).script == ()
    assert call(plan, 116, t=11.0, model="gpt-4o-mini").script[0].reason == "quota/exhausted"


def test_an_unnamed_usage_gives_the_reservation_back():
    """A call that another rule refused, or whose answer never came, holds no tokens of an answer."""
    plan = plan_of((RateLimit(buckets=Buckets(tpm=100)),), (Error(status=500), Trigger(first=1)))
    assert call(plan, 110, t=11.0, tokens=10, max_tokens=80).script[0].status == 500
    assert call(plan, 111, t=11.0, tokens=10, max_tokens=80).script[0].status == 500


def test_headers_can_be_taken_from_good_answers():
    """`headers: none` leaves a client without a word of its limits."""
    plan = plan_of((RateLimit(buckets=Buckets(rpm=3), headers="none"),))
    found = call(plan, 110, t=11.0).headers
    assert ("x-left-requests", None) in found
    assert {value for _, value in found} == {None}


def test_reset_at_accept_strikes_connections_not_calls():
    """It is counted on connections and no call sees it."""
    plan = plan_of((ResetFault(at=Place.ACCEPT), Trigger(share=0.5)))
    decisions = [plan.accept("openai", t=15.0) for _ in range(200)]
    fired = sum(bool(decision.script) for decision in decisions)
    assert 60 < fired < 140
    assert plan.accept("openai", t=5.0) is None
    assert call(plan, 150, t=15.0).applied == ()


def test_clocks_go_by_the_due_time_and_of_a_held_phase_by_the_clock():
    """A late call of a burst is still in it; while a phase is held, second 35 of a ramp of 10 s is its end."""
    burst = plan_of((Error(status=500), Trigger(burst=Burst(4, 1))))
    assert [call(burst, n, t=19.0).script != () for n in (105, 115, 140, 149, 150)] == [True, False, True, True, False]
    assert [call(burst, t=t, prompt=str(t)).script != () for t in (14.5, 15.5)] == [True, False]  # operation unknown
    held = plan_of((Error(status=500), Trigger(ramp=Ramp(0, 1))), hold="storm")
    assert all(call(held, n, t=35.0).script != () for n in range(20))


def test_counts_go_by_operations_and_where_none_is_known_by_calls():
    """`after: 2` spares the phase's first two operations, or its first two calls."""
    when = (Error(status=500), Trigger(after=2))
    assert [call(plan_of(when), n, t=15.0).script != () for n in (100, 101, 102, 150)] == [False, False, True, True]
    plan = plan_of(when)
    assert [call(plan, t=15.0, prompt=f"{n}").script != () for n in range(4)] == [False, False, True, True]


def test_load_counts_the_calls_that_meet_its_rule():
    """What never matched does not fill the provider; what did is struck more, the more of it there is."""
    rule = (Error(status=500), Trigger(load=Capacity(10.0, 1.0)), Match(model=("big",)))
    calm, busy = plan_of(rule), plan_of(rule)
    assert not any(call(calm, n, t=15.0, model="small").script for n in range(100, 200))
    assert not any(call(calm, n, t=15.0, model="big").script for n in range(100, 110))
    fired = [bool(call(busy, n, t=15.0, model="big").script) for n in range(100, 200)]
    assert sum(fired[:10]) == 0
    assert 35 < sum(fired[50:]) < 49  # of which 10 / 51 to 10 / 100 get through


def test_correlate_none_reads_no_reference():
    """A scenario that says so leaves prompts alone."""
    assert call(plan_of(REFUSE, correlate="none"), 150, t=15.0).call.operation is None


def test_a_reference_header_names_the_operation():
    """An app that forwards the header needs no nonce in its prompts."""
    plan = plan_of(REFUSE)
    decision = call(plan, t=15.0, headers=[("x-chaosllm-ref", reference(150, SEED))])
    assert decision.call.operation == 150
    traced = call(plan, t=15.0, headers=[("traceparent", traceparent(151, SEED))])
    assert traced.call.operation == 151


def test_a_foreign_trace_gathers_the_calls_of_one_unknown_operation():
    """Its calls are counted together, and none is taken for an operation of ours."""
    plan = plan_of(REFUSE)
    foreign = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    first, second = call(plan, t=15.0, headers=foreign), call(plan, t=15.0, headers=foreign)
    assert first.call.operation is None
    assert (first.call.attempt, second.call.attempt) == (0, 1)
    assert first.call.identity == second.call.identity


def test_holding_an_unknown_phase_is_an_error():
    """A phase that is not there cannot be held."""
    with pytest.raises(ValueError, match="no phase 'strom'"):
        plan_of(REFUSE, hold="strom")

"""Findings about retries: retry_after_ignored, quota_retried, non_retryable_retried, no_backoff, retry_storm."""

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm import registry
from chaosllm.record import Ended, Outcome


def find(code, conduct, **more):
    return registry.member("findings", code).find(made.run(made.only_in_storm(conduct), **more))


def waits(seconds, retry_after=1.0):
    """An app that makes its second attempt so long after the refusal ended."""
    return lambda number: Operation(tries=[refused(retry_after=retry_after), Try(at=0.01 + seconds)])


@pytest.mark.parametrize(("seconds", "raised"), [(1.0, False), (0.951, False), (0.94, True), (0.0, True)])
def test_retry_after_less_50_ms_is_honoured(seconds, raised):
    """A wait may fall 50 ms short of Retry-After, no more."""
    assert bool(find("retry_after_ignored", waits(seconds))) is raised


@pytest.mark.parametrize(("one_in", "raised"), [(25, False), (20, False), (16, True)])
def test_over_5_percent_of_waits_must_be_short(one_in, raised):
    """One short wait in 20 is no finding, one in 16 is."""
    found = find("retry_after_ignored", lambda number: waits(0.0 if number % one_in == 0 else 1.0)(number))
    assert bool(found) is raised


def test_retry_after_ignored_names_the_hasty_call():
    """The evidence is the attempt that came too soon; the numbers are in the sentence."""
    (found,) = find("retry_after_ignored", waits(0.2))
    assert (found.count, found.of, found.phase, found.severity) == (400, 400, "storm", "major")
    assert found.evidence[0] == "op-500/call-1"
    assert "800ms" in found.sentence


def test_retry_after_ignored_tells_how_many_operations_it_hit():
    """Several waits of one operation are one operation: the sentence counts both."""
    twice = [refused(), refused(0.1), Try(at=0.2)]
    (found,) = find("retry_after_ignored", lambda number: Operation(tries=twice))
    assert found.sentence.startswith("800 of 800 waits, in 400 operations, were shorter")


@pytest.mark.parametrize(
    "tries",
    [
        [refused()],  # gives up
        [refused(), Try(at=0.02, provider="anthropic")],  # goes elsewhere
        [refused(), Try(at=0.02, model="gpt-mini")],
        [refused(retry_after=None), Try(at=0.02)],  # nothing was asked for
        [refused(retry_after=0.0), Try(at=0.02)],
        [refused(), Try(at=0.005, index=1)],  # was on its way already
        [refused(), Try(at=0.3, index=1, provider="anthropic"), Try(at=1.1)],
        [Try(rule=made.RULE), Try(at=0.2)],  # a good answer asks for nothing
    ],
)
def test_retry_after_is_honoured_by_whoever_does_not_come_back_too_soon(tries):
    """Giving up, going elsewhere, and calls that were on their way are no violation."""
    assert find("retry_after_ignored", lambda number: Operation(tries=tries)) == []


def test_a_parallel_call_does_not_stand_for_the_retry():
    """An app that asks several things at once is judged by the retry of the refused one."""
    tries = [refused(), Try(at=0.1, index=1), Try(at=1.1, index=0)]
    assert find("retry_after_ignored", lambda number: Operation(tries=tries)) == []


def test_below_five_hits_nothing_is_raised():
    """Four operations are no pattern, five are."""
    for hits, raised in ((4, False), (5, True)):

        def conduct(number, hits=hits):
            return waits(0.0)(number) if number < 500 + hits else Operation()

        assert bool(find("retry_after_ignored", conduct)) is raised


def quota(at=0.0, **more):
    return refused(at, retry_after=None, reason="quota/exhausted", **more)


@pytest.mark.parametrize(
    ("tries", "raised"),
    [
        ([quota(), quota(0.5), quota(1.0)], True),
        ([refused(), quota(1.1), Try(at=2)], True),
        ([quota()], False),
        ([quota(), Try(at=0.1, provider="anthropic")], False),
        ([quota(), Try(at=0.1, model="gpt-mini")], False),
        ([refused(), Try(at=1.1)], False),
        ([refused(), quota(1.1)], False),
    ],
)
def test_quota_retried_is_any_call_to_the_same_place_after_a_quota_error(tries, raised):
    """After quota the same provider and model must not be called again by the operation."""
    found = find("quota_retried", lambda number: Operation(tries=tries))
    assert bool(found) is raised
    if raised:
        assert (found[0].count, found[0].of) == (400, 400)


def hopeless(status, at=0.0, **more):
    return Try(at, 0.01, status, made.RULE, **more)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_non_retryable_retried_is_the_same_call_after_a_hopeless_error(status):
    """Each status of the table raises it when the very same call follows."""
    same = [hopeless(status), hopeless(status, 0.5)]
    assert find("non_retryable_retried", lambda number: Operation(tries=same))


@pytest.mark.parametrize(
    "tries",
    [
        [hopeless(400)],
        [hopeless(400), Try(at=0.1, index=1)],  # a mended request
        [hopeless(404), Try(at=0.1, provider="anthropic")],
        [hopeless(429), hopeless(429, 0.5)],
        [hopeless(500), hopeless(500, 0.5)],
        [Try(0.0, 0.01, 400, made.RULE, fields={"reason": "quota/credit"}), hopeless(400, 0.5)],
    ],
)
def test_mended_or_other_calls_are_no_hopeless_retries(tries):
    """A mended request, another place, a status that may pass, and quota are other matters."""
    found = find("non_retryable_retried", lambda number: Operation(tries=tries))
    assert all(one.count == 0 for one in found)


@pytest.mark.parametrize(("gap", "raised"), [(0.0, True), (0.045, True), (0.055, False), (0.5, False)])
def test_no_backoff_is_a_median_first_gap_under_50_ms(gap, raised):
    """Only the first gap counts, and 50 ms divide a pause from none."""
    tries = [refused(retry_after=None), refused(0.01 + gap, retry_after=None), Try(at=3)]
    assert bool(find("no_backoff", lambda number: Operation(tries=tries))) is raised


@pytest.mark.parametrize(
    "tries",
    [
        [refused(retry_after=0.02), Try(at=0.03)],
        [refused(retry_after=None), Try(at=0.02, provider="anthropic")],
        [Try(rule=made.RULE), Try(at=0.1)],
    ],
)
def test_waiting_as_asked_is_never_no_backoff(tries):
    """A Retry-After that asked for a short wait, a fallback and a second good call are no missing backoff."""
    assert find("no_backoff", lambda number: Operation(tries=tries)) == []


def storm(count):
    return [refused(0.05 * at) for at in range(count - 1)] + [Try(at=0.05 * count)]


@pytest.mark.parametrize(("most", "raised"), [(10, False), (11, True)])
def test_retry_storm_is_more_than_ten_attempts_of_one_operation(most, raised):
    """Ten attempts of the worst operation are none, eleven are."""
    found = find("retry_storm", lambda number: Operation(tries=storm(most if number == 600 else 2)))
    assert bool(found) is raised
    if raised:
        assert (found[0].count, found[0].severity) == (1, "critical")
        assert "up to 11 calls in a row for one operation" in found[0].sentence


@pytest.mark.parametrize(("tries", "raised"), [(3, False), (4, False), (5, True)])
def test_retry_storm_is_a_mean_above_four(tries, raised):
    """Three attempts, the SDKs' default, and four are no storm; five on average are."""
    assert bool(find("retry_storm", lambda number: Operation(tries=storm(tries)))) is raised


def test_an_agent_with_many_answered_calls_is_no_storm():
    """Twenty calls that are answered are twenty calls."""
    tries = [Try(at=0.1 * at, took=0.05, index=at, rule=made.RULE) for at in range(20)]
    assert find("retry_storm", lambda number: Operation(tries=tries)) == []


def agent(steps, tries):
    """An agent that asks so many different things when all is well, and makes these tries in the storm."""

    def conduct(number, due, phase):
        if phase.role == "fault":
            return Operation(Outcome.ERROR, tries=tries)
        return Operation(tries=[Try(at=0.2 * at, took=0.1, index=at) for at in range(steps)])

    return made.run(conduct)


@pytest.mark.parametrize(
    "tries",
    [
        [refused(0.3 * at, index=at) for at in range(12)],  # one after the other, each refused, none retried
        [refused(0.002 * at, index=at) for at in range(12)],  # all at once
        [refused(0.0, index=0) for _ in range(12)],  # the same thing at once, to choose the best answer
        [refused(0.0, retry_after=None, reason="quota/exhausted", index=at) for at in range(12)],
    ],
)
def test_the_next_thing_that_an_agent_asks_is_no_retry(tries):
    """An agent asks twelve things, all of them are refused, and it gives each up at once."""
    run = agent(12, tries)
    codes = ("retry_after_ignored", "quota_retried", "non_retryable_retried", "no_backoff", "retry_storm")
    assert {code: registry.member("findings", code).find(run) for code in codes} == {code: [] for code in codes}


def test_an_agent_that_repeats_one_of_its_calls_is_caught():
    """Of three things one is tried again and again, in the same words and in others."""
    run = agent(3, [Try(at=0.0), refused(0.2, index=1), *(refused(0.25 + 0.02 * at, index=1) for at in range(12))])
    assert registry.member("findings", "retry_storm").find(run)
    assert registry.member("findings", "retry_after_ignored").find(run)
    run = agent(2, [Try(at=0.0), *(refused(0.25 + 0.02 * at, index=1 + at) for at in range(12))])
    assert registry.member("findings", "retry_storm").find(run)
    assert registry.member("findings", "retry_after_ignored").find(run)


def test_whoever_is_told_to_retry_may():
    """x-should-retry: true on a 400 or a quota error is the provider's word, and official SDKs keep to it."""
    for code, first in (
        ("non_retryable_retried", {"status": 400, "fields": {"reason": "error/400"}}),
        ("quota_retried", {"status": 429, "fields": {"reason": "quota/exhausted"}}),
    ):
        for told, raised in ((True, False), (False, True), (None, True)):
            fields = first["fields"] | {"retryable": told}
            tries = [Try(0.0, 0.01, first["status"], made.RULE, fields=fields), Try(at=1.0)]
            assert bool(find(code, lambda _, tries=tries: Operation(tries=tries))) is raised, (code, told)


def test_a_call_that_goaway_sent_away_is_repeated_at_once():
    """HTTP libraries do that by themselves (RFC 9113, section 6.8); after any other break they must pause."""
    for reason, raised in (("connection/goaway", False), ("", True)):
        broke = Try(took=0.01, status=None, rule=made.RULE, fields={"reason": reason})
        assert bool(find("no_backoff", lambda _, broke=broke: Operation(tries=[broke, Try(at=0.012)]))) is raised


def test_a_second_question_after_an_unreadable_answer_is_not_usual():
    """An app that asks in other words after a malformed 200 makes one call when all is well, so a storm stays one."""

    def conduct(number):
        spoiled = Try(took=0.01, rule=made.RULE, fields={"reason": "malformed/html"})
        if number % 20 == 0:
            return Operation(tries=[spoiled, *(Try(0.1 * at, 0.01, index=at) for at in range(1, 4))])
        return Operation(tries=[refused(0.1 * at, index=at, retry_after=None) for at in range(5)])

    assert set(made.run(made.only_in_storm(conduct)).usual.values()) == {1}
    assert find("retry_storm", conduct)


def test_a_hedged_call_is_no_retry():
    """A second call that starts while the first is slow, and wins, follows no failure."""
    slow = Try(took=0.9, status=None, rule=made.RULE, fields={"ended": Ended.CLIENT_LEFT})
    found = find(
        "retry_storm", lambda number: Operation(tries=[slow] + [Try(at=0.05 * at, took=0.5) for at in range(1, 12)])
    )
    assert found == []


def test_retry_storm_is_attempts_that_keep_growing_while_nothing_works():
    """Each user's retries overlap with the next ones', and the load on a dead provider grows."""

    def conduct(number):
        into = number / 20 - 25
        return Operation(Outcome.ERROR, tries=[refused(0.01 * at) for at in range(1 + int(into / 5))])

    (found,) = find("retry_storm", conduct)
    assert found.count == 300  # those that were tried more than once

    def flat(number):
        return Operation(Outcome.ERROR, tries=[refused(0.01 * at) for at in range(3)])

    assert find("retry_storm", flat) == []


@pytest.mark.parametrize(
    "code", ["retry_after_ignored", "quota_retried", "non_retryable_retried", "no_backoff", "retry_storm"]
)
def test_calm_and_hardened_apps_have_no_finding(code):
    """An app under no fault, and one that waits as asked, give no evidence."""
    kind = registry.member("findings", code)
    assert kind.find(made.run(made.calm)) == []
    assert kind.find(made.run(made.hit)) == []


def test_an_operation_with_several_short_waits_is_evidence_once():
    """Its waits are all counted, and it is named once, so that as many operations as can be are shown."""
    (found,) = find(
        "retry_after_ignored",
        lambda number: Operation(tries=[refused(0.01 * at, retry_after=1.0) for at in range(3)]),
    )
    assert len({one.split("/")[0] for one in found.evidence}) == len(found.evidence)
    assert found.operations is not None
    assert found.count == 2 * found.operations
    assert found.to_json()["operations"] == found.operations

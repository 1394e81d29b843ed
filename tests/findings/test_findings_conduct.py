"""What is no retry, and what is no fault of the app: the findings of conduct beyond their thresholds."""

from dataclasses import replace

import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm import registry
from chaosllm.record import Ended, Outcome

RETRIES = (
    "gave_up_early", "no_backoff", "no_jitter", "non_retryable_retried", "quota_retried", "retry_after_ignored",
    "retry_storm",
)  # fmt: skip


def codes(run):
    kinds = registry.members("findings")
    return {code for code, kind in kinds.items() if (run.joined or not kind.joined) and kind.find(run)}


def test_eight_users_with_one_prompt_are_no_retries():
    """Eight users send the same prompt at once and each is refused once: a peer that guesses by body saw 40 retries."""

    def at_once(samples, events):
        for at, one in enumerate(samples):
            together = one.operation // 8 * 0.4
            samples[at] = replace(one, t_due=together, t_sent=together, t_end=together + 0.2)
        for at, one in enumerate(events):
            together = one.operation // 8 * 0.4
            events[at] = replace(one, t=together + 0.001, t_end=together + 0.011)

    run = made.run(made.only_in_storm(lambda _: Operation(Outcome.ERROR, tries=[refused()])), change=at_once)
    assert len(set(run.samples.t_due[504:512])) == 1
    assert codes(run) & {*RETRIES} == set()
    assert "no_retry" in codes(run)

    def forgotten(samples, events):
        at_once(samples, events)
        events[:] = [replace(one, operation=None) for one in events]

    unknown = made.run(made.only_in_storm(lambda _: Operation(Outcome.ERROR, tries=[refused()])), change=forgotten)
    assert not unknown.joined
    assert codes(unknown) & {*RETRIES, "no_retry"} == set(), "what is not known to belong together is never guessed"


def test_an_sdk_with_its_defaults_does_nothing_wrong():
    """Two retries, exponential with jitter, Retry-After honoured: good for most users, and no finding of conduct."""

    def sdk(number):
        jitter = 1 - 0.25 * (number * 7919 % 100) / 100
        first, second = 0.5 * jitter, 1.0 * jitter
        if number % 3 == 0:
            return Operation(seconds=0.7 + first, tries=[refused(retry_after=None), Try(at=0.01 + first)])
        if number % 7 == 0:
            tries = [refused(retry_after=None), refused(0.01 + first, retry_after=None), Try(at=0.02 + first + second)]
            return Operation(seconds=2.0, tries=tries)
        return Operation(seconds=1.4, tries=[refused(retry_after=1.0), Try(at=1.01)])

    assert codes(made.run(made.only_in_storm(sdk))) == set()


def test_a_hedge_is_no_retry():
    """Asking once more while the first call is open, and dropping the slower, is the tail at scale."""
    left = {"ended": Ended.CLIENT_LEFT}
    hedge = Operation(
        seconds=0.6, tries=[Try(took=0.55, status=None, fields=left, rule=made.RULE), Try(at=0.3, took=0.25)]
    )
    assert codes(made.run(made.only_in_storm(lambda _: hedge))) == set()

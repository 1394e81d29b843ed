"""Thresholds of storms, of what repeating cannot mend, and of what users see of a failure."""

from __future__ import annotations

from typing import Any

import run_factory as made
from run_factory import Operation, Try, only_in_storm, refused
from thresholds import Threshold

from chaosllm.canaries import mark_of
from chaosllm.join import Run
from chaosllm.prints import print_ends, prints
from chaosllm.record import Ended, Outcome

KEY = b"key of one run"
DELIVERED = "The parcel left our warehouse on Monday and should reach you within three days at the"
WITHHELD = "latest unless customs hold it back which takes another week in most countries outside"


def _waits(seconds: float, *, of: int = 400, others: float = 1.0, hits: int = 400) -> Run:
    """Retry-After says 1 s; the first `of` operations wait so long, the others as asked."""

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        wait = seconds if number - 500 < of else others
        return Operation(seconds=2.0, tries=[refused(retry_after=1.0), Try(at=0.01 + wait)])

    return made.run(only_in_storm(conduct))


def _again(status: int, reason: str, *, hits: int = 400, index: int = 0, tries: int = 2, **more: Any) -> Run:
    """Operations are refused with this status and ask again, unchanged unless `index` says otherwise."""
    fields = {"reason": reason, "retryable": False} | more
    first = Try(0.0, 0.01, status, made.RULE, fields=fields)
    later = [Try(at=0.6, index=index)] * (tries - 1)

    def conduct(number: int) -> Operation:
        return Operation(seconds=1.0, tries=[first, *later]) if number - 500 < hits else Operation()

    return made.run(only_in_storm(conduct))


def _tried(*counts: int, hits: int = 400) -> Run:
    """Operations are refused so often in a row, with pauses in between, each number in its turn."""

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        times = counts[number % len(counts)]
        return Operation(Outcome.DEGRADED, seconds=9.0, tries=[refused(0.5 * at) for at in range(times)])

    return made.run(only_in_storm(conduct))


def _growing(factor: float, outcome: Outcome = Outcome.ERROR) -> Run:
    """Each quarter of the storm makes so many times the attempts of the one before it, from one an operation."""

    def conduct(number: int) -> Operation:
        each = factor ** ((number - 500) // 100)
        times = int(each) + (number % 100 < round(100 * (each % 1)))
        return Operation(outcome, tries=[refused(0.02 * at) for at in range(times)])

    return made.run(only_in_storm(conduct))


def _seen(outcome: Outcome, hits: int, *marks: str, seconds: float = 0.2, tries: Any = None) -> Run:
    """So many operations that met the fault end like this, with these marks."""

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation(tries=[refused(), Try(at=1.1)], seconds=1.4)
        return Operation(outcome, seconds=seconds, tries=tries or [refused()], fields={"marks": list(marks)})

    return made.run(only_in_storm(conduct))


def _fine(hits: int, *marks: str) -> Run:
    """Good answers whose calls all went well, with these marks: the words are the model's own."""
    noted = list(marks)
    return made.run(only_in_storm(lambda number: Operation(fields={"marks": noted if number - 500 < hits else []})))


def _cut(
    answer: str,
    *,
    withheld: str = WITHHELD,
    outcome: Outcome = Outcome.GOOD,
    repaired: bool = False,
    hits: int = 1,
) -> Run:
    """The last call of so many operations is cut; the user gets `answer`."""
    head, tail = print_ends(DELIVERED, KEY)
    missing = print_ends(withheld, KEY)[0]
    fields = {"ended": Ended.CUT, "shape": "clean", "head": head, "tail": tail, "withheld": missing}
    cut = Try(0.0, 0.1, 200, made.RULE, fields=fields)

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        tries = [cut, Try(at=0.15)] if repaired else [cut]
        return Operation(outcome, tries=tries, fields={"prints": prints(answer, KEY)})

    return made.run(only_in_storm(conduct))


CARD, SCRIPT = mark_of("card"), mark_of("html")
ERROR, GOOD, HANG = Outcome.ERROR, Outcome.GOOD, Outcome.HANG

THRESHOLDS = (
    Threshold(
        "retry_after_ignored", "shorter than Retry-After - 50 ms",
        lambda: _waits(0.951),
        lambda: _waits(0.949),
    ),
    Threshold("retry_after_ignored", "over 5 % of waits", lambda: _waits(0, of=20), lambda: _waits(0, of=21)),
    Threshold("retry_after_ignored", "at least 5 hits", lambda: _waits(0, hits=4), lambda: _waits(0, hits=5)),
    Threshold(
        "quota_retried", "in the same operation",
        lambda: _again(429, "quota/exhausted", tries=1),
        lambda: _again(429, "quota/exhausted"),
    ),
    Threshold(
        "quota_retried", "the quota's error",
        lambda: _again(429, "rate_limit/requests"),
        lambda: _again(429, "quota/credit"),
    ),
    Threshold(
        "quota_retried", "at least 5 hits",
        lambda: _again(429, "quota/spend", hits=4),
        lambda: _again(429, "quota/spend", hits=5),
    ),
    *(
        Threshold(
            "non_retryable_retried", f"{status}",
            lambda: _again(408, "error/408"),
            lambda status=status: _again(status, f"error/{status}"),
        )
        for status in (400, 401, 403, 404, 413, 422)
    ),
    Threshold(
        "non_retryable_retried", "the same request",
        lambda: _again(400, "error/400", index=1),
        lambda: _again(400, "error/400"),
    ),
    Threshold(
        "non_retryable_retried", "unless the provider asks for it",
        lambda: _again(403, "error/403", retryable=True),
        lambda: _again(403, "error/403"),
    ),
    Threshold(
        "non_retryable_retried", "at least 5 hits",
        lambda: _again(400, "error/400", hits=4),
        lambda: _again(400, "error/400", hits=5),
    ),
    Threshold(
        "retry_storm", "over 10 attempts for one operation",
        lambda: _tried(*[1] * 99, 10),
        lambda: _tried(*[1] * 99, 11),
    ),
    Threshold("retry_storm", "a mean above 4", lambda: _tried(4), lambda: _tried(4, 4, 4, 5)),
    Threshold("retry_storm", "the SDKs' three are none", lambda: _tried(3), lambda: _tried(5)),
    Threshold("retry_storm", "attempts that keep growing", lambda: _growing(1.19), lambda: _growing(1.3)),
    Threshold("retry_storm", "while success is near 0", lambda: _growing(1.3, GOOD), lambda: _growing(1.3)),
    Threshold("retry_storm", "at least 5 hits", lambda: _tried(11, hits=4), lambda: _tried(11, hits=5)),
    Threshold(
        "hang", "past the user's deadline",
        lambda: _seen(GOOD, 5, seconds=9.9),
        lambda: _seen(HANG, 5, seconds=10.0),
    ),
    Threshold("hang", "one user, where 5 operations met the fault", lambda: _seen(HANG, 0), lambda: _seen(HANG, 1)),
    Threshold(
        "error_leaked", "the provider's words reached a user",
        lambda: _seen(ERROR, 5, "json_error"),
        lambda: _seen(ERROR, 5, "provider_error"),
    ),
    Threshold(
        "error_leaked", "and are not the model's own",
        lambda: _fine(400, "provider_error"),
        lambda: _seen(GOOD, 5, "provider_error"),
    ),
    Threshold(
        "stack_trace", "a trace reached a user",
        lambda: _seen(ERROR, 5, "html"),
        lambda: _seen(ERROR, 5, "stack_trace"),
    ),
    Threshold(
        "stack_trace", "and is not the model's own",
        lambda: _fine(400, "stack_trace"),
        lambda: _seen(GOOD, 5, "stack_trace"),
    ),
    Threshold(
        "sensitive_data_leaked", "a canary reached a user",
        lambda: _seen(GOOD, 0, CARD),
        lambda: _seen(GOOD, 1, CARD),
    ),
    Threshold("sensitive_data_leaked", "of our making", lambda: _fine(400, CARD), lambda: _seen(GOOD, 1, CARD)),
    Threshold(
        "unsafe_markup_passed", "an unescaped script reached a user",
        lambda: _seen(GOOD, 1, CARD),
        lambda: _seen(GOOD, 1, SCRIPT),
    ),
    Threshold("truncated_accepted", "one is enough", lambda: _cut(DELIVERED, hits=0), lambda: _cut(DELIVERED)),
    Threshold(
        "truncated_accepted", "and nothing of what was withheld",
        lambda: _cut(f"{DELIVERED} {WITHHELD}"),
        lambda: _cut(DELIVERED),
    ),
    Threshold(
        "truncated_accepted", "the last attempt was cut",
        lambda: _cut(DELIVERED, repaired=True),
        lambda: _cut(DELIVERED),
    ),
    Threshold(
        "truncated_accepted", "not marked as degraded",
        lambda: _cut(DELIVERED, outcome=Outcome.DEGRADED),
        lambda: _cut(DELIVERED),
    ),
    Threshold(
        "truncated_accepted", "something was withheld",
        lambda: _cut(DELIVERED, withheld=""),
        lambda: _cut(DELIVERED),
    ),
)  # fmt: skip

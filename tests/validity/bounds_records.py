"""Bounds of the checks on records: all of them there, of one run, and with something in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import run_factory as made
from bounds import TO_RATE, Bound, of, quick, rate_of, seconds_of, sound

from chaosllm.join import Run
from chaosllm.record import Did, Event, Sample

type Change = Callable[[list[Sample], list[Event]], None]

QUIET = {"lag_p99": 0.001}


def told(**meta: Any) -> Callable[[], Run]:
    """A sound run whose meta.json says this as well."""
    return lambda: sound(**meta)


def some(count: Callable[[int], int], change: Callable[[Event], None], **more: Any) -> Callable[[], Run]:
    """A sound run, of whose last calls so many are changed."""

    def spoil(samples: list[Sample], events: list[Event]) -> None:
        for event in events[len(events) - count(len(events)) :]:
            change(event)

    return lambda: quick(change=spoil, **more)


def _broke(event: Event) -> None:
    event.did = Did.FAILED


def _earlier(event: Event) -> None:
    event.t -= 1.0


def _nobodys(event: Event) -> None:
    event.operation = None


def _calm(rate: float, *, warmup: float = 5, recovery: float = 5, baseline: float = 0) -> Run:
    """No fault and, unless asked for, no baseline, so that few operations are nothing else's business."""
    return quick(made.calm, of(rate=rate, warmup=warmup, baseline=baseline, fault=0, recovery=recovery, rules=()))


def _more_operations(found: re.Match[str]) -> Iterable[Run]:
    yield _calm(rate_of(found))
    yield _calm(0.1, warmup=seconds_of(found) / 2, recovery=seconds_of(found) / 2)


def _calls(count: int) -> Callable[[], Run]:
    def few(samples: list[Sample], events: list[Event]) -> None:
        del events[count:]

    return lambda: quick(made.calm, of(warmup=0, baseline=0, fault=0, recovery=5, rules=()), change=few)


def _ran(seconds: float, *, stopped: str | None) -> Run:
    return quick(until=seconds, meta={"stopped": stopped})


BYPASS = {"bypass": {"what": "made no call through the proxy", "hint": "set OPENAI_BASE_URL"}, "stopped": "bypass"}

BOUNDS = (
    Bound(
        "internal failures", "a process tells of one", told(failures=[]), told(failures=["the proxy died"]),
        "report it", numberless="our own bug has no amount",
    ),
    Bound(
        "internal failures", "an error in a hook or rule", some(lambda _: 0, _broke), some(lambda _: 1, _broke),
        "report it", numberless="our own bug has no amount",
    ),
    Bound(
        "internal failures", "the proxy counts one", told(proxy=QUIET | {"failures": 0}),
        told(proxy=QUIET | {"failures": 1}), "report it", numberless="our own bug has no amount",
    ),
    Bound(
        "bypass", "the clean operation before the run", told(), lambda: quick(until=0.0, meta=BYPASS),
        "OPENAI_BASE_URL", numberless="the hint is that of the clean operation",
        beside=frozenset({"steady state in baseline", "injection of storm.0"}),
    ),
    Bound(
        "app", "the app ended by itself", told(app_ended=""), told(app_ended="exit code 1"), r"app\.log",
        numberless="why an app ends is in its log",
    ),
    Bound(
        "certificate", "one connection given up", told(proxy=QUIET | {"tls_refused": 0}),
        told(proxy=QUIET | {"tls_refused": 1}), "SSL_CERT_FILE", numberless="a file is named, not an amount",
    ),
    Bound(
        "operations", "nothing is due after the warm-up", lambda: _calm(0.2), lambda: _calm(0.1),
        rf"needs 1 operation, expects 0\.5: raise {TO_RATE}, or the phases' durations together from 10s to "
        r"(?P<seconds>\w+)", _more_operations,
    ),
    Bound(
        "operations", "every phase is a warm-up", lambda: _calm(20.0), lambda: _calm(20.0, recovery=0),
        r"name: baseline, duration: (?P<seconds>\w+)",
        lambda found: [_calm(20.0, recovery=0, baseline=seconds_of(found))],
    ),
    Bound(
        "records", "one file is missing", told(missing=[]), told(missing=["samples.npz"]), "run again",
        numberless="a lost file comes back by no amount",
    ),
    Bound(
        "samples", "as many as were due", told(driver=QUIET | {"due": 420}), told(driver=QUIET | {"due": 421}),
        r"driver\.log", numberless="what a process lost comes back by no amount",
    ),
    Bound(
        "events", "as many as the proxy counted", told(proxy=QUIET | {"recognised": 520}, events_read=520),
        told(proxy=QUIET | {"recognised": 520}, events_read=519), r"proxy\.log",
        numberless="what a file lost comes back by no amount",
    ),
    Bound(
        "one run", "one call in a hundred may be early", some(lambda n: n // 100, _earlier),
        some(lambda n: n // 100 + 1, _earlier), "run again", numberless="records of two runs do not mix",
    ),
    Bound(
        "traffic", "one call shows that the app passes the proxy", _calls(1), _calls(0), "OPENAI_BASE_URL",
        numberless="an address is named, not an amount",
    ),
    Bound(
        "whole run", "the run came to its end", lambda: _ran(21.0, stopped=None),
        lambda: _ran(20.9, stopped="interrupted"), r"its end, (?P<seconds>\w+) after its start",
        lambda found: [_ran(seconds_of(found), stopped=None)],
    ),
    Bound(
        "whole run", "driver and proxy gave their accounts", told(), told(driver=None), r"its end, (?P<seconds>\w+)",
    ),
    Bound(
        "hypothesis", "something could fail the run", lambda: quick(scenario=of(fail_on="critical")),
        lambda: quick(scenario=of(fail_on="none")), "fail_on be critical", numberless="objectives are the user's own",
    ),
    Bound(
        "match rate", "95 % of calls", some(lambda n: n // 20, _nobodys), some(lambda n: n // 20 + 1, _nobodys),
        r"needs (?P<share>\d+)% of calls",
        lambda found: [some(lambda n: n - -(-n * int(found["share"]) // 100), _nobodys)()],
    ),
)  # fmt: skip

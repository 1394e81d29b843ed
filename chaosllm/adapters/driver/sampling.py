"""Turns what Locust users send into samples: a reference in front of each request, a sample behind it.

Laws:
1. An operation is due when it is sent, because a Locust user asks only after its last answer came.
2. No request is lost: one whose answer the locustfile trips over has a sample all the same.
3. The user's deadline ends a request, because `requests` has none of its own.
4. Of requests and answers only numbers, marks and prints are kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import gevent
from locust.clients import HttpSession
from locust.exception import CatchResponseError, ResponseError, StopUser
from locust.user.task import LOCUST_STATE_WAITING
from requests.exceptions import ReadTimeout

from chaosllm.adapters.driver.account import Account
from chaosllm.adapters.driver.client import BODY_AT_MOST
from chaosllm.adapters.driver.exchange import Exchange
from chaosllm.adapters.driver.judge import Judge, telltales
from chaosllm.identity import PREFLIGHT, REFERENCE_HEADER
from chaosllm.record import Outcome, Sample
from chaosllm.reference import reference, traceparent
from chaosllm.scenario import Operation, Scenario

#: Where a request's own `Sent` stands in Locust's context of it.
_MARK = "chaosllm"
#: From good to bad: of what the scenario and the locustfile say of one answer the worse holds.
_WORSE = (Outcome.GOOD, Outcome.DEGRADED, Outcome.WRONG, Outcome.ERROR, Outcome.HANG)


class DeadlineError(ReadTimeout):
    """The user's deadline passed; a kind of error that Locust's HttpUser takes for a failed request."""


@dataclass(eq=False, slots=True)
class Sent:
    """One request on its way; `t0` is None in the rehearsal, `index` None for what is no operation of ours."""

    index: int | None
    began: float
    user: Any
    path: str = ""
    streamed: bool = False
    response: Any = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One request before the run: what came of it; `asked` without its query, which may hold a secret."""

    asked: str
    outcome: Outcome
    status: int
    error: str


class Sampler:
    """Samples all requests of one load's users."""

    def __init__(self, scenario: Scenario, target: str, account: Account, *, key: bytes) -> None:
        """Raises ValueError for an operation whose conditions cannot be read."""
        self._scenario = scenario
        self._target = urlsplit(target)
        self._account = account
        self._key = key
        leaks, planted = telltales(scenario)
        self._judges = {one.path: Judge(one, leaks, planted) for one in scenario.target.operations}
        self._plain = Judge(Operation(), leaks, planted)
        self._open: set[Sent] = set()
        self._left: set[int] = set()  # users that were told that it is over
        self._t0: float | None = None
        self._index = 0
        self.over = False
        self.killed = False
        self.elsewhere = 0  # requests to other hosts than the target
        self.rehearsed: list[Rehearsed] = []

    def start(self, t0: float) -> None:
        """From now on requests are operations."""
        self._left.clear()
        self._t0 = t0

    def retime(self, scenario: Scenario) -> None:
        """The phases last as long as they do in this one."""
        self._scenario = scenario

    @property
    def left(self) -> int:
        """Users that were told that it is over."""
        return len(self._left)

    @property
    def in_flight(self) -> int:
        """Requests that have no answer yet."""
        return sum(1 for sent in self._open if sent.ended is None)

    # Before and behind a request -----------------------------------------------------------------

    def send(self, user: Any, original: Callable[..., Any], method: str, url: str, *more: Any, **given: Any) -> Any:
        """Stands in for `client.request` of a user."""
        names = [*inspect.signature(original).parameters]
        given |= dict(zip(names[2:], more, strict=False))
        sent = self._begin(user, str(url), streamed=bool(given.get("stream")))
        given["context"] = {**(given.get("context") or {}), _MARK: sent}
        if sent.index is None:
            return original(method, url, **given)
        given["headers"] = self._headers(given.get("headers") or {}, sent.index)
        # HttpSession makes a failed answer of a RequestException alone, FastHttpSession of gevent's own alone.
        error = DeadlineError("the user's deadline passed") if isinstance(user.client, HttpSession) else None
        deadline = gevent.Timeout(self._scenario.target.timeout, error)
        deadline.start()
        try:
            sent.response = original(method, url, **given)
        except gevent.GreenletExit:
            self._open.discard(sent)  # the run was stopped: no outcome, no sample
            raise
        finally:
            deadline.close()
            sent.ended = monotonic()
        return sent.response

    def answered(
        self,
        *,
        response_time: float,
        request_type: str = "",
        name: str = "",
        exception: BaseException | None = None,
        context: Mapping[str, Any] | None = None,
        response: Any = None,
        **_: Any,
    ) -> None:
        """Locust's request event."""
        took = float(response_time or 0.0) / 1000.0
        sent = (context or {}).get(_MARK)
        if not isinstance(sent, Sent):  # a client of the locustfile's own, which carries no reference
            now = monotonic()
            sent = Sent(self._next(), now - took, None)
            self._open.add(sent)
        if sent.index is None or sent not in self._open:
            return
        self._open.discard(sent)
        sent.response = response
        self._keep(sent, sent.began + took, exception, f"{request_type} {name}")

    def tripped(self, user: Any, exception: BaseException) -> None:
        """A task of a user raised: what it had asked and not told the outcome of gets one now."""
        for sent in [sent for sent in self._open if sent.user is user and sent.ended is not None]:
            self._open.discard(sent)
            self._keep(sent, sent.ended or sent.began, exception, sent.path)

    def finish(self) -> None:
        """Keeps what was answered and never told of."""
        for sent in [sent for sent in self._open if sent.ended is not None]:
            self._open.discard(sent)
            self._keep(sent, sent.ended or sent.began, None, sent.path)

    # Parts ---------------------------------------------------------------------------------------

    def _begin(self, user: Any, url: str, *, streamed: bool) -> Sent:
        parts = urlsplit(url)
        now = monotonic()
        if parts.netloc and (parts.scheme, parts.netloc) != (self._target.scheme, self._target.netloc):
            self.elsewhere += 1
            return Sent(None, now, user)
        if self.killed:
            raise StopUser
        if self.over or (self._t0 is not None and now >= self._t0 + self._scenario.duration):
            if id(user) not in self._left:  # the rest of its task is not asked; `on_stop` may still log out
                self._left.add(id(user))
                if user._state != LOCUST_STATE_WAITING:
                    raise StopUser
            return Sent(None, now, user)
        path = parts.path.removeprefix(self._target.path.rstrip("/")) if parts.netloc else parts.path
        sent = Sent(self._next(), now, user, path, streamed)
        self._open.add(sent)
        return sent

    def _next(self) -> int:
        if self._t0 is None:
            return PREFLIGHT
        index, self._index = self._index, self._index + 1
        self._account.counts.due += 1
        self._account.counts.sent += 1
        return index

    def _headers(self, given: Mapping[str, Any], index: int) -> dict[str, Any]:
        if self._scenario.load.correlate == "none":
            return dict(given)
        ours = {
            REFERENCE_HEADER: reference(index, self._scenario.seed),
            "traceparent": traceparent(index, self._scenario.seed),
        }
        return {name: value for name, value in given.items() if name.lower() not in ours} | ours

    def _keep(self, sent: Sent, ended: float, exception: BaseException | None, asked: str) -> None:
        sample = self._sample(sent, ended, exception)
        if sent.index == PREFLIGHT:
            self.rehearsed.append(Rehearsed(asked.partition("?")[0], sample.outcome, sample.status, sample.error))
        else:
            self._account.counts.ended += 1
            self._account.keep(sample)

    def _sample(self, sent: Sent, ended: float, exception: BaseException | None) -> Sample:
        status = int(getattr(sent.response, "status_code", 0) or 0)
        judge = self._judges.get(sent.path)
        exchange = Exchange(judge or self._plain)
        if status:
            headers = getattr(sent.response, "headers", None) or {}
            exchange.started(status, {str(name).lower(): str(value) for name, value in headers.items()})
            exchange.piece(_body(sent), ended)
        exchange.ended(ended)
        t0 = self._t0 if self._t0 is not None else sent.began
        index = PREFLIGHT if sent.index is None else sent.index
        sample, _ = exchange.result(index, sent.began - t0, sent.began, t0, self._key)
        said, error = self._said(status, exception, ended - sent.began)
        whole = judge is not None and status and not sent.streamed
        if not whole or _WORSE.index(said) >= _WORSE.index(sample.outcome):
            sample.outcome, sample.error = said, error
        if sent.streamed or exchange.streamed:
            sample.t_first = sample.t_last = None  # when its pieces came is the locustfile's to know
            sample.chunks = 0
        return sample

    def _said(self, status: int, exception: BaseException | None, seconds: float) -> tuple[Outcome, str]:
        """What Locust and the locustfile say of an answer; never in their words, which may quote it."""
        if exception is None:
            return Outcome.GOOD, ""
        if not status or status >= 400:
            if seconds >= self._scenario.target.timeout:
                return Outcome.HANG, "nothing whole within the deadline"
            return Outcome.ERROR, f"HTTP {status}" if status else _kind(exception)
        if isinstance(exception, CatchResponseError | ResponseError):
            return Outcome.WRONG, "refused by the locustfile"
        return Outcome.WRONG, f"{_kind(exception)} in the locustfile"


def _body(sent: Sent) -> bytes:
    """The answer's body, as far as it is there and of a size that is worth a look."""
    if sent.streamed:
        return b""
    body = getattr(sent.response, "content", None)
    return bytes(body) if isinstance(body, bytes | bytearray) and len(body) <= BODY_AT_MOST else b""


def _kind(exception: BaseException) -> str:
    return type(exception).__name__[:60]

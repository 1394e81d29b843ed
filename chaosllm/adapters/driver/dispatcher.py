"""Open-loop load: starts each operation when it is due, whatever became of those before it.

Laws:
1. Due times are fixed before the run; every latency counts from them, so that a stalled app cannot
   hide its stalls by slowing its users (coordinated omission).
2. An operation over the in-flight cap is dropped and counted, never delayed.
3. Nothing is tried twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group

from chaosllm.adapters.driver.account import Account
from chaosllm.adapters.driver.client import Client, ExchangeError
from chaosllm.adapters.driver.exchange import Exchange
from chaosllm.adapters.driver.judge import Judge
from chaosllm.adapters.driver.outgoing import Outgoing
from chaosllm.adapters.driver.samples import Samples
from chaosllm.identity import PREFLIGHT
from chaosllm.record import Outcome, Sample
from chaosllm.scenario import Scenario


class OperationFailed(Exception):  # noqa: N818  # it is a result for Locust's failure table, nobody raises it
    """What Locust shows of an operation that was neither good nor degraded."""


class Dispatcher:
    """Drives one scenario's load at one target."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        outgoing: Outgoing,
        client: Client,
        judges: Sequence[Judge],
        key: bytes = b"",
        samples: Samples | None = None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`judges`: one for each of the target's operations.

        `failed` is told, once per kind, of errors in our own code.
        """
        self.account = Account(scenario, samples)
        self.fire: Callable[..., Any] | None = None  # Locust's request event
        self._scenario = scenario
        self._outgoing = outgoing
        self._client = client
        self._judges = judges
        self._key = key
        self._failed = failed
        self._failures: set[str] = set()
        self._group = Group()
        self._stopped = Event()

    @property
    def warnings(self) -> list[str]:
        """What will work, but not as its author may think."""
        if self._scenario.load.correlate == "prompt" and not self._outgoing.carries_prompt:
            return [
                "a target.operation has no {prompt}, so its calls cannot be matched to operations;"
                " put it into json, body or path, or set load.correlate to header"
            ]
        return []

    def run(self, t0: float) -> None:
        """Sends every operation that is due after monotonic time `t0`, and waits for the last ones."""
        load, counts = self._scenario.load, self.account.counts
        for index, due in enumerate(load.due_times(self._scenario.seed, self._scenario.duration)):
            # wait(0) yields too, so that operations already started get their turn when we are late.
            self._stopped.wait(max(0.0, t0 + due - monotonic()))
            if self._stopped.is_set():
                return
            counts.due += 1
            if len(self._group) >= load.max_in_flight:
                counts.dropped += 1
                self.account.keep(Sample(index, due))
            else:
                counts.sent += 1
                self._group.start(gevent.Greenlet(self._operate, index, due, t0))
        self._group.join(timeout=self._scenario.target.timeout + 1.0)

    def stop(self) -> None:
        """Ends the load at once; operations in flight have no outcome, and so get no sample."""
        self._stopped.set()
        self._group.kill()

    def close(self) -> None:
        """Closes connections and sample files. Raises OSError when the disk is full."""
        self._client.close()
        self.account.close()

    def flush(self) -> None:
        """Writes out what is kept. Raises OSError when the disk is full."""
        self.account.flush()

    def preflight(self, place: int) -> dict[str, Any]:
        """One of the target's operations, which no rule touches, outside the load: what came of it, for people."""
        began = monotonic()
        exchange = self._exchange(PREFLIGHT, place, began)
        sample, judgement = exchange.result(PREFLIGHT, 0.0, began, began, self._key)
        return {
            "outcome": str(sample.outcome),
            "status": sample.status,
            "error": sample.error,
            "answer_found": judgement.answer_found,
            "json_keys": list(judgement.json_keys),
            "seconds": round(monotonic() - began, 4),
        }

    def progress(self, t: float) -> dict[str, Any]:
        """How the load goes at second `t` of the run."""
        return self.account.progress(t, len(self._group))

    def totals(self) -> dict[str, Any]:
        """The load's account of itself, once it is over."""
        return self.account.totals()

    def _operate(self, index: int, due: float, t0: float) -> None:
        began = monotonic()
        t_sent, place = began - t0, self._outgoing.place(index)
        self.account.began(t_sent, t_sent - due)
        try:
            exchange = self._exchange(index, place, began)
            sample, _ = exchange.result(index, due, began, t0, self._key)
            self.account.keep(sample)
            self._tell_locust(sample, place, exchange.size)
        except Exception as error:  # ours: it is reported, and makes the run INCONCLUSIVE
            what = f"{type(error).__name__} while operation {index} was driven"
            if type(error).__name__ not in self._failures:  # once per kind: 10 000 lines help nobody
                self._failures.add(type(error).__name__)
                self._failed(what)
        self.account.counts.ended += 1  # not when stop() ended it

    def _exchange(self, index: int, place: int, began: float) -> Exchange:
        exchange = Exchange(self._judges[place])
        deadline = gevent.Timeout(self._scenario.target.timeout - (monotonic() - began))
        deadline.start()
        try:
            self._client.exchange(self._outgoing.ask(index, place), exchange.started, exchange.piece)
            exchange.ended(monotonic())
        except ExchangeError as error:
            exchange.ended(monotonic(), str(error))
        except gevent.Timeout as timeout:
            if timeout is not deadline:
                raise
            exchange.given_up(monotonic())
        finally:
            deadline.close()
        return exchange

    def _tell_locust(self, sample: Sample, place: int, size: int) -> None:
        if self.fire is None or sample.t_end is None:
            return
        operation = self._judges[place].operation
        well = sample.outcome in (Outcome.GOOD, Outcome.DEGRADED)
        self.fire(
            request_type=operation.method.upper(),
            name=operation.name or operation.path,
            response_time=(sample.t_end - sample.t_due) * 1000.0,
            response_length=size,
            exception=None if well else OperationFailed(f"{sample.outcome}: {sample.error}".removesuffix(": ")),
            context={"operation": sample.operation},
        )

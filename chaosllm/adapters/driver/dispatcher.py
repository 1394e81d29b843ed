"""Open-loop load: lets each user come when due, whatever became of those before.

Laws:
1. Due times are fixed before the run; every latency counts from them, so that a stalled app cannot
   hide its stalls by slowing its users (coordinated omission).
2. An operation over the in-flight cap is dropped and counted, never delayed; the rest of its session falls away.
3. Nothing is tried twice.
4. A step of a session is due when the answer before it has ended and its user has thought; none after the run's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group

from chaosllm.adapters.driver.account import Account
from chaosllm.adapters.driver.client import Client, ExchangeError
from chaosllm.adapters.driver.exchange import Exchange
from chaosllm.adapters.driver.judge import Judge
from chaosllm.adapters.driver.outgoing import Outgoing, UnfitError
from chaosllm.adapters.driver.samples import Samples
from chaosllm.identity import PREFLIGHT
from chaosllm.mix import Mix
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
        self._mix = Mix(scenario.target, scenario.seed)
        self._group = Group()
        self._in_flight = 0
        self._woken = Event()  # the main loop must look again
        self._enough = False  # nobody more comes

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
        """Lets every user come who is due after monotonic time `t0`, and waits for the last ones."""
        user, due = 0, self._due()
        while not self._enough:
            end = self._scenario.duration
            # wait(0) yields too, so that users already started get their turn when we are late.
            woken = self._woken.wait(max(0.0, t0 + (due[user] if user < len(due) else end) - monotonic()))
            if woken:  # what comes next may be another
                self._woken.clear()
                due = self._due()
            elif user >= len(due):
                break
            else:
                if self._begins(user * self._mix.stride, due[user]):
                    self._group.start(gevent.Greenlet(self._visit, user, due[user], t0))
                user += 1
        self._group.join(timeout=self._scenario.target.timeout + 1.0)

    def retime(self, durations: Sequence[float]) -> None:
        """Lets phases last as long as is said now. Raises ValueError when there are not as many."""
        self._scenario = self._scenario.retimed(durations)
        self.account.retime(self._scenario)
        self._woken.set()

    def finish(self) -> None:
        """Nobody more comes; who is there is waited for."""
        self._enough = True
        self._woken.set()

    def stop(self) -> None:
        """Ends the load at once; operations in flight have no outcome, and so get no sample."""
        self.finish()
        self._group.kill()

    def _due(self) -> Sequence[float]:
        """When each user is due; of longer phases what was due before stays as it was."""
        return self._scenario.load.due_times(self._scenario.seed, self._scenario.duration)

    def close(self) -> None:
        """Closes connections and sample files. Raises OSError when the disk is full."""
        self._client.close()
        self.account.close()

    def flush(self) -> None:
        """Writes out what is kept. Raises OSError when the disk is full."""
        self.account.flush()

    def preflight(self, place: int) -> dict[str, Any]:
        """One session's operations up to one of the target's, outside the load and its rules: what came of the last.

        For people. Of a session the first that asks it is taken.
        """
        steps = next(one.steps for one in self._mix.sessions if place in one.steps)
        taken: dict[str, Any] = {}
        for before in steps[: steps.index(place)]:
            taken |= self._exchange(PREFLIGHT, before, monotonic(), taken).taken()
        began = monotonic()
        exchange = self._exchange(PREFLIGHT, place, began, taken)
        sample, judgement = exchange.result(PREFLIGHT, 0.0, began, began, self._key)
        lacks = sorted(self._judges[place].operation.take.keys() - exchange.taken().keys())
        return {
            "outcome": str(sample.outcome),
            "status": sample.status,
            "error": sample.error,
            "answer_found": judgement.answer_found,
            "json_keys": list(judgement.json_keys),
            "not_taken": lacks,
            "seconds": round(monotonic() - began, 4),
        }

    def progress(self, t: float) -> dict[str, Any]:
        """How the load goes at second `t` of the run."""
        return self.account.progress(t, self._in_flight)

    def totals(self) -> dict[str, Any]:
        """The load's account of itself, once it is over."""
        return self.account.totals()

    def _begins(self, index: int, due: float) -> bool:
        """Counts an operation that is due; False when it is over the cap, and so dropped."""
        counts = self.account.counts
        counts.due += 1
        if self._in_flight >= self._scenario.load.max_in_flight:
            counts.dropped += 1
            self.account.keep(Sample(index, due))
            return False
        counts.sent += 1
        self._in_flight += 1
        return True

    def _visit(self, user: int, due: float, t0: float) -> None:
        """A user's session, whose first operation has begun."""
        first, places = user * self._mix.stride, self._mix.session(user).steps
        taken: dict[str, Any] = {}
        takes = {name for place in places for name in self._judges[place].operation.take}
        for step, place in enumerate(places):
            if step:
                due = monotonic() - t0 + self._mix.pause(first + step)
                if self._enough or due >= self._scenario.duration:
                    return
                if takes & self._outgoing.wants(place) - taken.keys() and place not in places[:step]:
                    self.account.counts.cut_short += 1
                    return
                gevent.sleep(max(0.0, t0 + due - monotonic()))
                # Looked at again, because a live command may have ended the load while its user thought.
                if self._enough or due >= self._scenario.duration or not self._begins(first + step, due):
                    return
            taken |= self._operate(first + step, place, due, t0, taken)

    def _operate(self, index: int, place: int, due: float, t0: float, taken: Mapping[str, Any]) -> dict[str, Any]:
        """One operation from its beginning to its sample; what was taken from its answer."""
        began = monotonic()
        found: dict[str, Any] = {}
        self.account.began(began - t0, began - t0 - due)
        try:
            exchange = self._exchange(index, place, began, taken)
            sample, _ = exchange.result(index, due, began, t0, self._key)
            self.account.keep(sample)
            found = exchange.taken()
            self._tell_locust(sample, place, exchange.size)
        except Exception as error:  # ours: it is reported, and makes the run INCONCLUSIVE
            what = f"{type(error).__name__} while operation {index} was driven"
            if type(error).__name__ not in self._failures:  # once per kind: 10 000 lines help nobody
                self._failures.add(type(error).__name__)
                self._failed(what)
        finally:
            self._in_flight -= 1
        self.account.counts.ended += 1  # not when stop() ended it
        return found

    def _exchange(self, index: int, place: int, began: float, taken: Mapping[str, Any]) -> Exchange:
        exchange = Exchange(self._judges[place])
        deadline = gevent.Timeout(self._scenario.target.timeout - (monotonic() - began))
        deadline.start()
        try:
            self._client.exchange(self._outgoing.ask(index, place, taken), exchange.started, exchange.piece)
            exchange.ended(monotonic())
        except (ExchangeError, UnfitError) as error:
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

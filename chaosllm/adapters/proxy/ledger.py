"""The proxy's record: events.jsonl while it runs, and the counts that a status message shows.

No prompt, no answer's text, no key passes through here.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosllm.adapters.processor import waiting
from chaosllm.adapters.proxy.exchange import Exchange
from chaosllm.errors import ChaosError
from chaosllm.record import Did, Ended, Event, Origin
from chaosllm.vitals import Vitals

#: Seconds between two writes to disk: a kill loses at most these.
FLUSH = 0.5
_AT_ONCE = 1 << 16  # bytes held back at most
_MODELS, _NAME = 50, 80  # models whose tokens are counted apart, characters of each: an app may make names up


@dataclass(slots=True)
class Counts:
    """What a status message tells."""

    calls: int = 0
    recognised: int = 0
    unrecognised: int = 0
    injected: int = 0
    upstream_errors: int = 0
    last_upstream_error: str = ""
    failures: int = 0
    tls_refused: int = 0  # connections whose client did not trust our CA
    paths: Counter[str] = field(default_factory=Counter)  # streams by `Event.path`
    by_rule: dict[str, Counter[str]] = field(default_factory=dict)
    tokens: dict[str, Counter[str]] = field(default_factory=dict)  # billed, by model


class Ledger:
    """Every call of one proxy. `t0` is the run's start on the monotonic clock; None before it.

    Calls that end before the start are kept, because their times count from it. Of several that share a folder
    each appends whole lines, in one write each time, so that lines are whole, and in no order.
    """

    def __init__(
        self,
        folder: Path | None,
        key: bytes,
        *,
        report: Callable[[dict[str, Any]], None],
        shared: bool = False,
    ) -> None:
        self.counts = Counts()
        self.t0: float | None = None
        self.in_flight: set[Exchange] = set()
        self.vitals = Vitals(time.monotonic, time.process_time, waiting())
        self._last = time.monotonic()  # when a call came, or ended
        self._key = key
        self._report = report
        self._early: list[tuple[Exchange, float]] = []
        self._file = _open(folder / "events.jsonl", fresh=not shared) if folder is not None else None
        self._lines: list[bytes] = []
        self._held = 0  # bytes in them

    def start(self, t0: float) -> None:
        """The run begins."""
        self.t0 = t0
        for exchange, now in self._early:
            self._write(exchange.to_event(t0, now, self._key))
        self._early.clear()

    def opened(self, exchange: Exchange) -> None:
        """A call came, or a connection that a rule strikes; the latter counts for its rules only."""
        self._last = time.monotonic()
        if exchange.is_call:
            self.counts.calls += 1
            self.counts.recognised += 1
        self.in_flight.add(exchange)
        for applied in exchange.decision.applied:
            counts = self._rule(applied.rule)
            counts.update({"eligible": 1, "planned": applied.planned, "fired": applied.fired})
            counts["capped"] += applied.planned and not applied.fired
            counts["in_flight"] += applied.fired

    @property
    def quiet(self) -> float:
        """Seconds since any call came or ended; 0 while one is under way."""
        return 0.0 if any(one.is_call for one in self.in_flight) else time.monotonic() - self._last

    def passed_by(self) -> None:
        """A request to a listed host came that is no model call."""
        self.counts.calls += 1
        self.counts.unrecognised += 1

    def closed(self, exchange: Exchange, now: float) -> None:
        """A call is over; the second time it is told so, nothing happens."""
        if exchange not in self.in_flight:
            return
        self.in_flight.discard(exchange)
        self._last = time.monotonic()
        exchange.over = True
        event = exchange.to_event(self.t0 if self.t0 is not None else now, now, self._key)
        self._count(event)
        if self.t0 is None:
            self._early.append((exchange, now))
        else:
            self._write(event)

    def failure(self, what: str) -> None:
        """Our own code broke; the run's verdict cannot be a pass."""
        self.counts.failures += 1
        self._report({"type": "failure", "what": what})

    def status(self) -> dict[str, Any]:
        """The numbers of a status message."""
        counts = self.counts
        return {
            "type": "status",
            "calls": counts.calls,
            "recognised": counts.recognised,
            "unrecognised": counts.unrecognised,
            "injected": counts.injected,
            "in_flight": len(self.in_flight),
            "upstream_errors": counts.upstream_errors,
            "last_upstream_error": counts.last_upstream_error,
            "failures": counts.failures,
            "tls_refused": counts.tls_refused,
            "paths": dict(counts.paths),
            "by_rule": {rule: dict(numbers) for rule, numbers in counts.by_rule.items()},
            "tokens": {model: dict(numbers) for model, numbers in counts.tokens.items()},
            # Of several workers each the highest: one at its limit is at its limit.
            "lag_p99": round(self.vitals.lag_at(0.99), 6),  # seconds, since the run's start
            **self.vitals.newest,
        }

    def flush(self) -> None:
        """Write what is buffered."""
        if self._file is None or not self._lines:
            return
        lines = b"".join(self._lines)
        self._lines.clear()
        self._held = 0
        try:
            while lines:  # a write is cut short by a disk that is full, which the next one says
                lines = lines[os.write(self._file, lines) :]
        except OSError as error:
            os.close(self._file)
            self._file = None
            self.failure(f"events.jsonl cannot be written: {error.strerror}")

    def seal(self) -> None:
        """The record ends here, with what is in flight written as such; calls go on, and are counted alone."""
        now = time.monotonic()
        if self.t0 is None:
            self.start(now)
        t0 = self.t0 if self.t0 is not None else now
        for exchange in sorted(self.in_flight, key=lambda one: one.t):
            self._write(exchange.to_event(t0, now, self._key, in_flight=True))
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close(self) -> None:
        """Write the calls still in flight, close the file, and forget them."""
        self.seal()
        self.in_flight.clear()

    def _rule(self, name: str) -> Counter[str]:
        return self.counts.by_rule.setdefault(
            name, Counter(eligible=0, planned=0, fired=0, delivered=0, capped=0, in_flight=0)
        )

    def _count(self, event: Event) -> None:
        counts = self.counts
        counts.injected += event.did is Did.INJECTED
        if event.billed:
            model = event.model[:_NAME]
            model = model if model in counts.tokens or len(counts.tokens) < _MODELS else ""
            used = counts.tokens.setdefault(model, Counter())
            used["in"] += event.tokens_in
            used["out"] += event.tokens_out
        if event.path:
            counts.paths[event.path] += 1
        failed = event.ended in (Ended.BROKEN, Ended.NO_ANSWER) or (event.status or 0) >= 500
        if event.origin is Origin.UPSTREAM and failed:
            counts.upstream_errors += 1
            counts.last_upstream_error = event.why or f"{event.provider} answered {event.status}"
        for part in event.rules:
            numbers = self._rule(part.rule)
            numbers["in_flight"] -= part.fired
            numbers["delivered"] += part.delivered

    def _write(self, event: Event) -> None:
        """Hold a line back for the next flush; a full disk breaks neither a call nor the run's end, and is told."""
        if self._file is not None:
            line = json.dumps(event.to_json(), separators=(",", ":")).encode() + b"\n"
            self._lines.append(line)
            self._held += len(line)
            if self._held >= _AT_ONCE:
                self.flush()


def _open(path: Path, *, fresh: bool) -> int:
    """A file to append to, which O_APPEND makes whole writes beside others' (write(2)); `fresh` empties it first."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if fresh else 0), 0o600)
    except OSError as error:
        raise ChaosError(f"{path} cannot be written: {error.strerror}", hint="give a folder that can be") from error

"""Asks the app's control routes, which need no LLM, all through the run, to see whether they stay well meanwhile.

Laws:
1. Each route is asked at a fixed rate and counts from when it was due, like an operation; it is no operation.
2. What it found is written when it is known; a kill loses at most what came since the last flush.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import gevent
from gevent.pool import Group

from chaosllm.adapters.driver.client import Client, ExchangeError
from chaosllm.adapters.driver.outgoing import Ask
from chaosllm.record import Control

#: How often each route is asked, a second: enough for a p95 of a minute, and nothing next to any load.
RATE = 2.0
FILE = "control.jsonl"


class Controls:
    """Asks `routes` of the app at `url` for `seconds`, and keeps what came of it."""

    def __init__(
        self,
        routes: Sequence[str],
        url: str,
        *,
        seconds: float,
        deadline: float,
        folder: Path | None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`deadline`: seconds after which nobody waits for an answer. Raises OSError when `folder` cannot be used."""
        parts = urlsplit(url)
        self._base = parts.path.rstrip("/")
        self._headers = (("host", parts.netloc.rpartition("@")[2]), ("user-agent", "chaosllm"), ("accept", "*/*"))
        self._routes = routes
        self._seconds = seconds
        self._deadline = deadline
        self._failed = failed
        self._client = Client(url)
        self._group = Group()
        self.found: list[Control] = []
        self._lines: list[bytes] = []
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        keeps = folder is not None and bool(routes)
        self._file = os.open(folder / FILE, flags, 0o600) if folder is not None and keeps else None

    def run(self, t0: float) -> None:
        """Asks until the time is over, each route in its turn."""
        step = 1 / (RATE * max(1, len(self._routes)))
        for number in count() if self._routes else ():
            due = number * step
            # Slept first, because the time may be made longer or shorter meanwhile.
            gevent.sleep(max(0.0, t0 + due - monotonic()))
            if due >= self._seconds:
                return
            self._group.spawn(self._ask, self._routes[number % len(self._routes)], due, t0)

    def ask_until(self, seconds: float) -> None:
        """Asks until this second of the run."""
        self._seconds = seconds

    def flush(self) -> None:
        """Hands what is known to the operating system. Raises OSError when the disk is full."""
        lines, self._lines = self._lines, []
        if self._file is not None and lines:
            os.write(self._file, b"".join(lines))

    def close(self) -> None:
        """Gives up on what was asked last, which then tells nothing; raises OSError when the disk is full."""
        self._group.kill()
        self._client.close()
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _ask(self, route: str, due: float, t0: float) -> None:
        status = 0

        def started(code: int, _: dict[str, str]) -> None:
            nonlocal status
            status = code

        whole = False
        deadline = gevent.Timeout(self._deadline - (monotonic() - t0 - due))
        deadline.start()
        try:
            self._client.exchange(Ask("GET", self._base + route, self._headers, b""), started, lambda *_: None)
            whole = True
        except ExchangeError:
            pass  # nothing whole came, which is what is told
        except gevent.Timeout as timeout:
            if timeout is not deadline:
                raise
        except Exception as error:  # ours: it is reported, and makes the run INCONCLUSIVE
            self._failed(f"{type(error).__name__} while a control route was asked")
            return
        finally:
            deadline.close()
        control = Control(route, due, monotonic() - t0, status if whole else 0)
        self.found.append(control)
        self._lines.append(json.dumps(control.to_json(), separators=(",", ":")).encode() + b"\n")

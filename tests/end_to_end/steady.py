"""Clients that ask all the time through one port, and keep count of every call and what came of it."""

from __future__ import annotations

import http.client
import json
import select
import threading
import time
from dataclasses import dataclass, field

BODY = json.dumps({"model": "steady", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5})


@dataclass
class Steady:
    """Two clients of a port of 127.0.0.1: one keeps its connection, one connects anew for each call.

    Nothing is asked twice. Like urllib3 and httpcore the one that keeps its connection looks before each call whether
    the server has closed it, and then connects anew; a connection that breaks after that counts as a lost call.
    """

    port: int
    pause: float = 0.02
    calls: list[tuple[float, float, object]] = field(default_factory=list)  # UNIX seconds asked, ended; status or error

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(keep,), daemon=True) for keep in (True, False)]
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        for one in self._threads:
            one.join()

    def lost(self) -> list[tuple[float, float, object]]:
        """Calls that got no answer: UNIX seconds asked and given up, and why."""
        return [call for call in self.calls if not isinstance(call[2], int)]

    def lost_but_one_reset(self) -> list[tuple[float, float, object]]:
        """The same without one whose connection was reset.

        Because a machine that holds the leaver up between its last look at the queue and the close makes those
        microseconds long enough to be met (docs/decisions/0027).
        """
        lost = self.lost()
        reset = [call for call in lost if str(call[2]).startswith("ConnectionResetError")]
        return [call for call in lost if call not in reset[:1]]

    def longest(self, since: float, until: float) -> float:
        """The longest stretch of seconds in which no answer came."""
        ends = sorted(ended for _, ended, what in self.calls if isinstance(what, int) and since <= ended <= until)
        return max((later - one for one, later in zip([since, *ends], [*ends, until], strict=True)), default=0.0)

    def _ask(self, keep: bool) -> None:
        connection = None
        while not self._over.is_set():
            asked = time.time()
            try:
                if connection is None or _closed(connection):
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("POST", "/v1/chat/completions", BODY, {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                what: object = answer.status
            except (OSError, http.client.HTTPException) as error:
                what = repr(error)
            if connection is not None and not (keep and isinstance(what, int)):
                connection.close()
                connection = None
            self.calls.append((asked, time.time(), what))
            time.sleep(self.pause)
        if connection is not None:
            connection.close()


def _closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed it; http.client itself closes one whose answer said so."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])

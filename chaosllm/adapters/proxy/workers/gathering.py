"""Live limits that proxies on many hosts share: a place in Redis where they meet, and the store that it holds.

Laws:
1. Proxies meet by the scenario as run: the first one makes the place, the last one that leaves unmakes it.
2. A place whose proxies all died is forgotten after LEASE seconds, and what was counted there after KEPT.
3. The URL may hold a password, so it is in no message and no file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from chaosllm.errors import ChaosError, Exit
from chaosllm.store import Piece

if TYPE_CHECKING:
    import redis

#: Seconds that a place outlives the last sign of a proxy; each gives one every RENEW.
LEASE = 30
RENEW = 10.0
#: Seconds that a piece of state outlives its last change: a limit by the day must not forget within one.
KEPT = 2 * 86_400
#: Seconds for Redis to answer; a proxy does nothing else meanwhile.
_PATIENCE = 1.0
#: Seconds after a failure in which it is not asked again: else each call would hold the whole proxy up for so long.
_REST = 5.0
#: Sets a key when it still holds what the caller has seen ("" for nothing), else says what it holds; atomic, as all
#: scripts of Redis are ("blocks", redis.io/docs, EVAL).
_CHANGE = """
local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return false
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where proxies meet: its name in Redis, the key that all hash with, the UNIX time from which it counts."""

    id: str
    key: str
    epoch: float


class Gathering:
    """One proxy's part in a place, from `join` to `leave`."""

    def __init__(self, url: str, scenario: str) -> None:
        """Raises ChaosError for a URL that is none, or without the redis package."""
        self._redis = connect(url)
        digest = hashlib.blake2b(scenario.encode(), digest_size=16).hexdigest()
        self._lease = f"chaosllm:{digest}"
        self.place = Place("", "", 0.0)

    def join(self) -> Place:
        """Meet the others, or be the first; raises ChaosError when Redis does not answer."""
        mine = json.dumps(asdict(Place(secrets.token_hex(8), secrets.token_hex(16), time.time())))
        with _telling():
            while True:
                self._redis.set(self._lease, mine, nx=True, ex=LEASE)
                if (found := self._text()) is None:
                    continue
                self.place = Place(**json.loads(found))
                self._redis.incr(self._members)
                if self._text() == found:  # else the last one left between our two looks
                    self._redis.expire(self._members, KEPT)
                    self.renew()
                    return self.place

    def renew(self) -> None:
        """Give a sign that somebody is here; raises ChaosError when Redis does not answer."""
        with _telling():
            self._redis.set(self._lease, json.dumps(asdict(self.place)), ex=LEASE)

    def leave(self) -> None:
        """Go; raises ChaosError when Redis does not answer."""
        with _telling():
            if int(str(self._redis.decr(self._members))) <= 0:
                self._redis.delete(self._lease, self._members)

    @property
    def _members(self) -> str:
        return f"chaosllm:{self.place.id}:members"

    def _text(self) -> str | None:
        held: Any = self._redis.get(self._lease)
        return held.decode() if held is not None else None


class RedisStore:
    """A Store in a place; `begin` says when the run's time began. One round trip a change, 0.1 ms on one host."""

    def __init__(self, url: str, place: Place) -> None:
        """Raises ChaosError for a URL that is none, or without the redis package."""
        self.ahead = 0.0
        self._place = place
        self._change = connect(url).register_script(_CHANGE)
        self._seen: dict[str, bytes] = {}
        self._down_until = 0.0  # monotonic seconds

    def begin(self, t0: float) -> None:
        """The run began at this UNIX time; its hosts must agree on the time as well as NTP has them do."""
        self.ahead = t0 - self._place.epoch

    def change[P: Piece, R](self, name: str, kind: type[P], act: Callable[[P], R]) -> R:
        """As Store says; raises an error of Redis' client when it does not answer, or has lost what was counted."""
        import redis  # noqa: PLC0415  # it is installed, else `connect` had refused

        if time.monotonic() < self._down_until:
            raise redis.ConnectionError("Redis did not answer a moment ago")
        try:
            return self._changed(name, kind, act)
        except (redis.ConnectionError, redis.TimeoutError):
            self._down_until = time.monotonic() + _REST
            raise

    def _changed[P: Piece, R](self, name: str, kind: type[P], act: Callable[[P], R]) -> R:
        import redis  # noqa: PLC0415  # as above

        key = f"chaosllm:{self._place.id}:{name}"
        before = self._seen.get(name, b"")
        while True:
            piece = kind.unpack(json.loads(before)) if before else kind()
            done = act(piece)
            after = json.dumps(piece.pack(), separators=(",", ":")).encode()
            held: Any = self._change(keys=[key], args=[before, after, KEPT])
            if held is None:
                self._seen[name] = after
                return done
            if before and not held:  # a Redis that began anew, or was emptied: buckets would be full again unawares
                self._seen.pop(name, None)
                raise redis.DataError("Redis has lost what was counted")
            before = held


def connect(url: str) -> redis.Redis:
    """A client for a URL; raises ChaosError when it is none, or without the redis package."""
    try:
        import redis  # noqa: PLC0415  # an extra that few need
    except ImportError:
        raise ChaosError(
            "--redis needs the redis package, which is not installed",
            hint='pip install "chaosllm[redis]"',
            exit_code=Exit.USAGE,
        ) from None
    try:
        return redis.Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
    except ValueError as error:
        raise ChaosError(
            "--redis is no address of Redis", hint="such as redis://127.0.0.1:6379/0", exit_code=Exit.USAGE
        ) from error


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Turn an error of Redis' client into a ChaosError, without the URL."""
    import redis  # noqa: PLC0415  # it is installed, else `connect` had refused

    try:
        yield
    except redis.RedisError as error:
        raise ChaosError(
            f"Redis does not answer as it should: {type(error).__name__}",
            hint="is it running, and are host, port and password in --redis right?",
        ) from error

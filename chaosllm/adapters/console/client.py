"""Talks to a live run: finds it, asks for its state, sends commands, follows its events."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chaosllm.adapters.console.runtime import LiveRun, find
from chaosllm.errors import ChaosError, Exit
from chaosllm.spelling import cut, nearest

#: Seconds for one answer: loopback needs none of them, a machine that is busy may.
PATIENCE = 10.0
#: Seconds without a byte after which a stream is given up; the server speaks at least every 2 s.
SILENCE = 8.0
_TRIES = 5


class Gone(ChaosError):  # noqa: N818  # what happened to the run, and no mistake
    """Nobody answers at the address of the run."""


def choose(wanted: str = "", environment: Mapping[str, str] = os.environ) -> LiveRun:
    """The run that is meant: by name, folder or address; CHAOSLLM_CONTROL and CHAOSLLM_TOKEN say one, too.

    Raises ChaosError where there is none (exit 3), or several and nothing says which (exit 2).
    """
    url, token = environment.get("CHAOSLLM_CONTROL", ""), environment.get("CHAOSLLM_TOKEN", "")
    if not wanted and url:
        return _addressed(url, token, find())
    runs = find()
    if wanted.startswith(("http://", "https://")):
        return _addressed(wanted, token, runs)
    found = [run for run in runs if not wanted or _fits(run, wanted)]
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  {one}" for one in map(told, found or runs))
    if not runs:
        raise ChaosError(
            "no run is live", hint="start one with chaosllm run, gameday or proxy, and ask again meanwhile"
        )
    if not found:
        near = nearest(wanted, [run.name for run in runs])
        hint = f"did you mean {near[0]}?" if near else f"live are:{listed}"
        raise ChaosError(f"no live run is called {cut(wanted)}", hint=hint, exit_code=Exit.COULD_NOT_RUN)
    raise ChaosError(
        f"{len(found)} runs are live:{listed}",
        hint="say which one with --run NAME, FOLDER or URL",
        exit_code=Exit.USAGE,
    )


def told(run: LiveRun) -> str:
    """A run in a line, for people who must choose."""
    where = f", {run.folder}" if run.folder else ""
    return f"{cut(run.name)} ({run.kind}, {run.url}{where}, process {run.pid})"


def _fits(run: LiveRun, wanted: str) -> bool:
    if wanted == run.name:
        return True
    return bool(run.folder) and Path(wanted).resolve() == Path(run.folder)


def _addressed(url: str, token: str, runs: list[LiveRun]) -> LiveRun:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    token = parse_qs(parts.fragment).get("token", [""])[0] or token
    known = next((run for run in runs if run.url == origin), None)
    if known is not None and not token:
        return known
    if not token:
        raise ChaosError(
            f"there is no token for {cut(origin)}", exit_code=Exit.USAGE,
            hint="set CHAOSLLM_TOKEN, or give the address as the terminal printed it, with its #token=...",
        )  # fmt: skip
    return LiveRun(origin, token, known.name if known else origin, "run", "", 0, 0.0)


class Control:
    """The API of one run; a context manager. Raises Gone when nobody answers, ChaosError with exit 2 on a refusal.

    By the standard library, because a stop must not wait for a larger one to load: httpx takes a fifth of a second, on
    a busy machine one. No proxy of the environment is asked: it may be our own.
    """

    def __init__(self, run: LiveRun, *, patience: float = PATIENCE) -> None:
        self.run = run
        self._patience = patience
        self._open: list[HTTPConnection] = []

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open:
            connection.close()

    def state(self) -> dict[str, Any]:
        """Everything that is known now."""
        found: dict[str, Any] = self._answered("GET", "/v1/state")
        return found

    def send(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Do a command; its event."""
        # In ASCII, because what a shell hands over may be no text, which only escapes can say.
        found: dict[str, Any] = self._answered("POST", "/v1/commands", json.dumps(dict(command)))
        return found

    def follow(self) -> Iterator[dict[str, Any]]:
        """The state as `{"type": "state", "seq", "state"}`, then each event; ends when the run does.

        A stream that breaks is taken up where it broke. Raises Gone when the run cannot be reached any more.
        """
        seq: int | None = None
        failed = 0
        while True:
            with suppress(OSError, HTTPException):
                for kind, told in self._stream(seq):
                    failed = 0
                    if kind == "end":
                        return
                    seq = told["seq"]
                    yield {"type": "state", "seq": seq, "state": told} if kind == "state" else told
            failed += 1
            if failed >= _TRIES:
                raise self._gone()
            time.sleep(0.2 * failed)

    def _stream(self, seq: int | None) -> Iterator[tuple[str, Any]]:
        answer = self._ask("GET", "/v1/events" if seq is None else f"/v1/events?after={seq}", patience=SILENCE)
        if answer.status != 200:
            self._read(answer.status, answer.read())
        kind = "message"
        while raw := answer.readline():
            line = raw.decode().rstrip("\r\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                yield kind, json.loads(line[6:])
                kind = "message"

    def _answered(self, method: str, path: str, body: str | None = None) -> Any:
        try:
            answer = self._ask(method, path, body, patience=self._patience)
            status, text = answer.status, answer.read()
        except (OSError, HTTPException) as error:
            raise self._gone() from error
        return self._read(status, text)

    def _ask(self, method: str, path: str, body: str | None = None, *, patience: float) -> HTTPResponse:
        parts = urlsplit(self.run.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=patience)
        self._open.append(connection)
        headers = {"authorization": f"Bearer {self.run.token}", "x-chaosllm-channel": "terminal"}
        connection.request(method, path, body, headers | ({"content-type": "application/json"} if body else {}))
        return connection.getresponse()

    def _read(self, status: int, text: bytes) -> Any:
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        if status == 200 and body is not None:
            return body
        if status == 401:
            raise ChaosError(f"{self.run.url} does not take the token", hint="another run may have taken the port")
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            raise ChaosError(f"{self.run.url} is no run of chaosllm: it answers {status}")
        code = Exit.USAGE if status < 500 else Exit.COULD_NOT_RUN
        raise ChaosError(str(error.get("what")), hint=str(error.get("hint") or ""), exit_code=code)

    def _gone(self) -> Gone:
        at = "" if self.run.name == self.run.url else f" at {self.run.url}"  # a run that is named by its URL alone
        return Gone(f"{cut(self.run.name)}{at} does not answer", hint="it may be over; its folder has the report")

"""The supervisor's side of the pipe: its config, its commands, and what is said to it; JSON lines over stdio."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

type Message = dict[str, Any]

#: Seconds that calls under way may take to end when a proxy is told to yield: what Kubernetes gives a pod
#: (terminationGracePeriodSeconds).
LONGEST = 30.0


def say(message: Message) -> None:
    """Write one message; a supervisor that is gone is passed over, end of file on stdin tells."""
    with suppress(BrokenPipeError):
        os.write(1, json.dumps(message).encode() + b"\n")


def receive() -> tuple[Message, bytes]:
    """The config, and what came after its line; raises ValueError when it is no JSON object."""
    received = b""
    while b"\n" not in received and (more := os.read(0, 65536)):
        received += more
    line, _, pending = received.partition(b"\n")
    config = json.loads(line)
    if not isinstance(config, dict):
        raise ValueError("no object")  # noqa: TRY004  # as what is no JSON at all
    return config, pending


def listen(pending: bytes, take: Callable[[Message], None], abandoned: Callable[[], None]) -> None:
    """Hand each command to `take` in the running loop; at the end of the file call `abandoned`.

    `pending` came with the config. A thread reads, because stdin may be any kind of file; what is no command is
    reported on stderr and passed over.
    """
    loop = asyncio.get_running_loop()

    def carry_out(line: bytes) -> None:
        try:
            take(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            logging.getLogger(__name__).warning("a command that cannot be read: %s", type(error).__name__)

    def watch() -> None:
        rest = pending
        with suppress(RuntimeError):  # the loop may have ended meanwhile
            while True:
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    loop.call_soon_threadsafe(carry_out, line)
                data = os.read(0, 65536)
                if not data:
                    break
                rest += data
            loop.call_soon_threadsafe(abandoned)

    threading.Thread(target=watch, daemon=True, name="stdin").start()

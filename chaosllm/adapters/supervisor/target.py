"""The app under test: starts it where we are to, and waits until it takes requests."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import random
import socket
import ssl
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from chaosllm.adapters.supervisor.children import exit_text, spawn, stop_group, tail
from chaosllm.errors import Blame, ChaosError

WAIT_STARTED = 30.0  # seconds that an app we start has to accept connections (DESIGN section 5)
WAIT_RUNNING = 10.0  # seconds for one that is said to run already
_PAUSE = 0.1

#: The sample apps of `--app`.
APPS = ("fragile", "hardened")


@dataclass(frozen=True, slots=True)
class Command:
    """How to start the app: the words of the command, its own variables, and the route that says ready."""

    words: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    ready: str | None = None
    cwd: Path | None = None


def sample(name: str, port: int) -> Command:
    """The command of a sample app."""
    words = (sys.executable, "-P", "-m", f"chaosllm.demo.{name}", "--port", str(port))
    return Command(words, ready="/healthz")


#: Ports below those that kernels give out by themselves: from 32768 on Linux, from 49152 elsewhere (RFC 6335).
_QUIET = range(25_000, 32_000)


def free_port() -> int:
    """A port of this machine that nobody listens on now, and that is still free when an app has started.

    Not one that the kernel chooses: by then our own proxy, or anybody's, may have been given the same.
    """
    for port in (*random.SystemRandom().sample(_QUIET, 50), 0):  # the kernel's, where none of those can be had
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    raise ChaosError("this machine has no free port", blame=Blame.TARGET)


def address(url: str) -> tuple[str, int]:
    """Host and port that a URL is served on."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)


async def listens(url: str) -> str:
    """Why the URL's port takes no connection now; empty when it does."""
    host, port = address(url)
    try:
        async with asyncio.timeout(2.0):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return "no answer to a connection within 2 s"
    except socket.gaierror as error:
        return (error.strerror or str(error)).lower()
    except OSError as error:  # by number, because asyncio writes "Connect call failed" over the system's words
        return (os.strerror(error.errno) if error.errno else str(error) or type(error).__name__).lower()
    writer.close()
    return ""


async def refuse_taken(url: str) -> None:
    """Raise ChaosError when somebody listens where the app is to be started."""
    if not await listens(url):
        raise ChaosError(
            f"cannot be started: something already listens at {url}",
            hint="stop it, or test it as it runs: name it with --target",
            blame=Blame.TARGET,
        )


async def free(port: int, count: int) -> bool:
    """Whether nobody listens on `count` ports from `port` on."""
    return all([await listens(f"http://127.0.0.1:{one}") for one in range(port, port + count)])


async def wait_until_ready(url: str, ready: str | None, limit: float, process: App | None = None) -> None:
    """Return once the app accepts connections, and its `ready` route answers 2xx; raises ChaosError after `limit` s."""
    began = time.monotonic()
    why = ""
    while time.monotonic() - began < limit:
        if process is not None and process.ended:
            raise process.early_end()
        why = await listens(url)
        if not why and ready is not None:
            why = await asyncio.to_thread(_route, url, ready)
        if not why:
            return
        await asyncio.sleep(_PAUSE)
    what = f"does not take requests at {url}{ready or ''}: {why}; tried for {limit:g} s"
    if process is None:
        raise ChaosError(
            what,
            hint="start the app first, name another --target, or let chaosllm start it: chaosllm run ... -- COMMAND",
            blame=Blame.TARGET,
        )
    raise ChaosError(what, hint=f"look into {process.log}, or set target.url to where it listens", blame=Blame.TARGET)


def _route(url: str, path: str) -> str:
    """Why a route does not answer 2xx; empty when it does."""
    host, port = address(url)
    connection: http.client.HTTPConnection
    if urlsplit(url).scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=5, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"{path} answers {status}"


class App:
    """The app as a process of ours."""

    def __init__(self, process: asyncio.subprocess.Process, command: Command, log: Path) -> None:
        self.process = process
        self.command = command
        self.log = log

    @classmethod
    async def start(cls, command: Command, env: dict[str, str], log: Path) -> App:
        """Start the app; raises ChaosError when the command cannot be run."""
        process = await spawn(command.words, log=log, env={**env, **command.env}, cwd=command.cwd)
        return cls(process, command, log)

    @property
    def ended(self) -> bool:
        """Whether it ended by itself."""
        return self.process.returncode is not None

    def early_end(self) -> ChaosError:
        """What to say when it ended before the run was over."""
        last = "".join(tail(self.log, 1))
        return ChaosError(
            f"ended by itself ({exit_text(self.process.returncode)}): {self.command.words[0]}"
            + (f"; it said last: {last}" if last else ""),
            hint=f"look into {self.log}",
            blame=Blame.TARGET,
        )

    async def stop(self, grace: float) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            await stop_group(self.process, grace=grace)

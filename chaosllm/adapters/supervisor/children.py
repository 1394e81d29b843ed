"""Child processes: starts them in groups of their own, talks JSON lines with ours, and always ends them.

Laws:
1. Each child leads its own session, so Ctrl-C reaches the supervisor alone, which then decides.
2. Our children end themselves at end of file on stdin, and a leash ends what is not ours, so that nothing
   outlives a killed supervisor.
3. `stop` returns only when the whole process group is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chaosllm.adapters.interpreter import interpreter
from chaosllm.adapters.run_folder import open_log
from chaosllm.adapters.supervisor import leash
from chaosllm.errors import Blame, ChaosError

type Message = dict[str, Any]

#: Seconds between SIGTERM and SIGKILL, as in the issue; docker and systemd give 10 and 90.
GRACE = 5.0
#: Seconds that killed processes may take to go. In a container without an init they stay as zombies for ever.
_REAPED = 0.5
#: Seconds that a leash may take to start; it takes 0.02 when the machine is quiet.
_LEASH = 30.0
#: Longest message line in bytes; a status with a hundred rules is about 10 kB.
LINE = 1 << 20


class ChildError(ChaosError):
    """A process that a run needs ended by itself."""


async def stop_group(process: asyncio.subprocess.Process, *, grace: float = GRACE) -> None:
    """End a process and its group: SIGTERM, after `grace` seconds SIGKILL; returns when both are gone."""
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace)
    _signal_group(process.pid, signal.SIGKILL)  # what is left of the group, even when its leader is gone
    await process.wait()
    ends = asyncio.get_running_loop().time() + _REAPED
    while _group_lives(process.pid) and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110  # nobody tells us
        await asyncio.sleep(0.005)


def _group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_group(process: asyncio.subprocess.Process) -> None:
    """SIGKILL to a process and its group, without waiting."""
    _signal_group(process.pid, signal.SIGKILL)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS says so of zombies
        os.killpg(leader, number)


async def spawn(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> asyncio.subprocess.Process:
    """Start a command that says nothing to us, on a leash; all its output goes to `log`.

    The process is the leash: it leads the group and ends as the command ends. Raises ChaosError when the
    command cannot be started.
    """
    handle = open_log(log)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", leash.__file__,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=handle, env=env, cwd=cwd,
            start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise _unstartable(command, (error.strerror if isinstance(error, OSError) else None) or str(error)) from error
    finally:
        os.close(handle)
    try:
        assert process.stdin is not None  # noqa: S101  # we asked for pipes
        assert process.stdout is not None  # noqa: S101  # as above
        process.stdin.write(json.dumps([*command]).encode() + b"\n")
        async with asyncio.timeout(_LEASH):
            said = await process.stdout.readline()
    except BaseException:  # cancelled here, nobody else knows of it yet
        kill_group(process)
        raise
    if said != b"\n":
        await stop_group(process, grace=GRACE)
        number = int(said or 0)
        raise _unstartable(command, os.strerror(number) if number else "its process ended before it began")
    return process


def _unstartable(command: Sequence[str], reason: str) -> ChaosError:
    return ChaosError(
        f"cannot be started: {command[0]}: {reason.lower()}",
        hint="give a command that runs in this shell",
        blame=Blame.TARGET,
    )


class Child:
    """One of our own processes: config in, messages out, commands in between."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.latest: dict[str, Message] = {}
        self.stopping = False
        self.told = False  # anything at all: one that was not has begun nothing
        self._waiting: dict[str, list[asyncio.Future[Message]]] = defaultdict(list)
        self._listeners: dict[str, Callable[[Message], None]] = {}
        self.gone = asyncio.create_task(self._read(), name=f"read {name}")

    @classmethod
    async def start(cls, name: str, module: str, config: Message | None, *, log: Path) -> Child:
        """Start `python -m module` and hand it its config; with None it loads its libraries, and waits for `send`."""
        handle = open_log(log)
        try:
            process = await asyncio.create_subprocess_exec(
                *interpreter(module),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=handle,
                start_new_session=True, limit=LINE,
            )  # fmt: skip
        finally:
            os.close(handle)
        child = cls(name, process, log)
        if config is None:
            return child
        try:
            await child.send(config)
        except BaseException:  # cancelled here, nobody else knows of it yet
            kill_group(process)
            raise
        return child

    def on(self, kind: str, listener: Callable[[Message], None]) -> None:
        """Call `listener` with every later message of this type."""
        self._listeners[kind] = listener

    async def send(self, command: Message) -> None:
        """Write one command; a child that is gone is passed over, `gone` tells."""
        stdin = self.process.stdin
        if stdin is None or stdin.is_closing():
            return
        self.told = True
        with contextlib.suppress(ConnectionError):
            stdin.write(json.dumps(command).encode() + b"\n")
            await stdin.drain()

    async def first(self, kind: str, *, timeout: float) -> Message:  # noqa: ASYNC109  # its own sentence on timeout
        """The latest message of this type, or the next when none came yet; raises ChaosError after `timeout` s."""
        return self.latest[kind] if kind in self.latest else await self.next(kind, timeout)

    async def ask(self, command: Message, kind: str, *, timeout: float) -> Message:  # noqa: ASYNC109  # as above
        """Send a command and wait for the next message of this type; raises ChaosError after `timeout` s."""
        answer = asyncio.ensure_future(self.next(kind, timeout))
        try:
            await asyncio.sleep(0)  # so that the wait is on before the answer can come
            await self.send(command)
            return await answer
        finally:
            answer.cancel()

    async def next(self, kind: str, timeout: float) -> Message:  # noqa: ASYNC109  # as above
        """The next message of this type; raises ChaosError after `timeout` s, or when the child is gone."""
        if self.gone.done():
            raise self.death()
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[kind].append(waiting)
        try:
            return await asyncio.wait_for(waiting, timeout)
        except TimeoutError:
            raise ChaosError(
                f"the {self.name} did not say {kind!r} within {timeout:g} s", hint=f"look into {self.log}"
            ) from None
        finally:
            self._waiting[kind].remove(waiting)

    async def _read(self) -> int:
        assert self.process.stdout is not None  # noqa: S101  # we asked for a pipe
        while True:
            try:
                line = await self.process.stdout.readline()
            except ValueError:  # a line over LINE: no message of ours is that long
                continue
            if not line:
                break
            try:
                message = json.loads(line)
                kind = str(message["type"])
            except (ValueError, TypeError, KeyError):
                continue  # a library printed something; messages are objects with a type
            self.latest[kind] = message
            if kind in self._listeners:
                self._listeners[kind](message)
            for waiting in self._waiting[kind]:
                if not waiting.done():
                    waiting.set_result(message)
        code = await self.process.wait()
        for waiters in self._waiting.values():
            for waiting in waiters:
                if not waiting.done():
                    waiting.set_exception(self.death())
        return code

    def death(self) -> ChildError:
        """Why this child is gone: its own `error` message, else its exit code and last line of log."""
        if "error" in self.latest:
            said = self.latest["error"]
            blame = Blame(said["blame"]) if said.get("blame") in list(Blame) else Blame.TOOL
            return ChildError(str(said.get("what", "")), hint=str(said.get("hint", "")), blame=blame)
        last = "".join(f": {line}" for line in tail(self.log, 1))
        full = os.strerror(errno.ENOSPC) in last
        return ChildError(
            f"the {self.name} ended by itself ({exit_text(self.process.returncode)}){last}",
            hint=f"make room for {self.log.parent}: chaosllm clean removes old runs"
            if full
            else f"look into {self.log}; this is likely a bug in chaosllm",
        )

    async def stop(self, *, grace: float = GRACE) -> None:
        """Ask it to stop, then make it: end of file on stdin and SIGTERM, then SIGKILL, `grace` seconds apart."""
        self.stopping = True
        if self.process.returncode is None and self.told:
            await self.send({"do": "stop"})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.gone), grace)
        if self.process.stdin is not None:
            self.process.stdin.close()
        await stop_group(self.process, grace=grace if self.told else 0.0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.gone), 1.0)
        self.gone.cancel()
        with contextlib.suppress(OSError):
            if self.log.stat().st_size == 0:
                self.log.unlink()


def exit_text(code: int | None) -> str:
    """An exit code as people read it: "exit code 1", "killed by SIGKILL"."""
    if code is None:
        return "still running"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def tail(log: Path, count: int) -> list[str]:
    """The last lines of a log that are not blank, control characters taken out, each cut at 300 characters."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    kept = ["".join(c for c in line if c.isprintable() or c == " ")[:300] for line in text.splitlines()]
    return [line for line in kept if line.strip()][-count:]


async def together(*works: Awaitable[Any]) -> list[Any]:
    """The results of all; the first that fails cancels the others, which are waited for."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Starts, pins and ends processes, and reads what the operating system says they used."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

PROC = Path("/proc")
#: The core of what is measured, and the one of everything else; None leaves both to the system.
CORES: tuple[int, int] | None = None
if hasattr(os, "sched_getaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > 1:
    CORES = (cores[0], cores[1])


def tree(root: int) -> list[int]:
    """A process and all that came of it, so that workers count; empty when it is gone."""
    found, ahead = [], [root]
    while ahead:
        process = ahead.pop()
        found.append(process)
        for task in _tasks(process):
            with contextlib.suppress(OSError):
                ahead += [int(child) for child in (task / "children").read_text().split()]
    return found


def used(processes: Sequence[int]) -> float:
    """Processor seconds of all threads that live, in nanosecond steps (proc_pid_schedstat, Linux).

    Threads that ended are not in it; none of the proxies starts any for a request. Raises RuntimeError without any.
    """
    total = 0
    for process in processes:
        for task in _tasks(process):
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    if not total:
        raise RuntimeError(f"the system has no account of the processes {[*processes]}")
    return total / 1e9


def _tasks(process: int) -> list[Path]:
    try:
        return [*(PROC / str(process) / "task").iterdir()]
    except OSError:
        return []


def pin(root: int, cores: Collection[int]) -> None:
    """Bind a process that runs, and all that came of it, to some cores; raises OSError when it is gone."""
    for process in tree(root):
        for task in _tasks(process):
            os.sched_setaffinity(int(task.name), cores)


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """Return when the port accepts; raises RuntimeError when the process ends or the time is over."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.005)
    raise RuntimeError(f"did not listen within {seconds:g} s")


def start(command: Sequence[str], *, core: int | None = None, **more: Any) -> subprocess.Popen[bytes]:
    """A process in a session of its own, on one core when asked; what it prints is thrown away."""
    if core is not None and CORES is not None and (taskset := shutil.which("taskset")):
        command = [taskset, "--cpu-list", str(CORES[core]), *command]
    said = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*command], start_new_session=True, **{**said, **more})


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that `start` began, by SIGTERM, after ten seconds by SIGKILL."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@contextlib.contextmanager
def running(command: Sequence[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of a block."""
    process = start(command, **more)
    try:
        yield process
    finally:
        end(process)


def ask(job: dict[str, Any], *, core: int | None = 1, seconds: float = 180.0) -> dict[str, Any]:
    """What a client process answers to a job; raises RuntimeError when it fails."""
    command = [sys.executable, "-m", "benchmarks.client"]
    if core is not None and CORES is not None and (taskset := shutil.which("taskset")):
        command = [taskset, "--cpu-list", str(CORES[core]), *command]
    try:
        done = subprocess.run(
            command, input=json.dumps(job).encode(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"the client took more than {seconds:g} s") from error
    if done.returncode:
        raise RuntimeError(f"the client failed: {done.stderr.decode(errors='replace').strip().splitlines()[-1:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer

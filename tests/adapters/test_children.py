"""Children talk in lines, die loudly, and never outlive the supervisor's stop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from chaosllm.adapters.supervisor import children
from chaosllm.adapters.supervisor.children import Child, ChildError, spawn, stop_group, tail
from chaosllm.adapters.supervisor.judging import our_bug
from chaosllm.adapters.supervisor.target import App, Command, free_port, listens, wait_until_ready
from chaosllm.errors import Blame, ChaosError

ECHO = """
    import json, sys
    config = json.loads(sys.stdin.readline())
    print(json.dumps({"type": "ready", "config": config}), flush=True)
    print("a library says hello", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "stop":
            break
        if command["do"] == "die":
            sys.stderr.write(command.get("last", "boom") + "\\n")
            sys.exit(7)
        print(json.dumps({"type": "status", "n": command.get("n")}), flush=True)
"""
STUBBORN = """
    import json, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.readline()
    child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
    print(json.dumps({"type": "ready", "grandchild": child.pid}), flush=True)
    time.sleep(60)
"""
REFUSES = """
    import json, sys
    sys.stdin.readline()
    print(json.dumps({"type": "error", "what": "port 1 is taken", "hint": "name another"}), flush=True)
    sys.exit(3)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a module of some code that children can be started from."""

    def make(code: str) -> str:
        (tmp_path / "tiny_child.py").write_text(textwrap.dedent(code))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "tiny_child"

    return make


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_lines_both_ways(tmp_path: Path, module) -> None:
    """Config goes in, messages come out, what is no message is passed over, and an answer meets its question."""

    async def go() -> None:
        child = await Child.start("echo", module(ECHO), {"seed": 7}, log=tmp_path / "echo.log")
        assert (await child.first("ready", timeout=20))["config"] == {"seed": 7}
        for n in range(3):
            assert (await child.ask({"do": "status", "n": n}, "status", timeout=20))["n"] == n
        await child.stop()
        assert child.process.returncode == 0
        assert not (tmp_path / "echo.log").exists(), "an empty log is nothing to read"

    asyncio.run(go())


def test_death_is_told(tmp_path: Path, module) -> None:
    """A child that dies fails who waits for it, with its exit code and last words; none waits for ever."""

    async def go() -> None:
        child = await Child.start("echo", module(ECHO), {}, log=tmp_path / "echo.log")
        await child.first("ready", timeout=20)
        with pytest.raises(ChildError, match=r"exit code 7\): boom"):
            await child.ask({"do": "die"}, "status", timeout=20)
        with pytest.raises(ChildError):
            await child.ask({"do": "status"}, "status", timeout=5)
        await child.stop()

    asyncio.run(go())


def test_a_full_disk_is_no_bug_of_ours(tmp_path: Path, module) -> None:
    """Whoever ran out of room is told to make some: for a child that died of it, and for a run that cannot be told."""

    async def go() -> None:
        child = await Child.start("echo", module(ECHO), {}, log=tmp_path / "echo.log")
        await child.first("ready", timeout=20)
        last = "OSError: [Errno 28] No space left on device"
        with pytest.raises(ChildError) as caught:
            await child.ask({"do": "die", "last": last}, "status", timeout=20)
        assert "make room" in caught.value.hint
        await child.stop()

    asyncio.run(go())
    error = our_bug(OSError(errno.ENOSPC, "No space left on device"), tmp_path / "gone")
    assert (error.what, "chaosllm report" in error.hint) == (f"no space is left for {tmp_path / 'gone'}", True)


def test_start_failure_is_its_own_sentence(tmp_path: Path, module) -> None:
    """A child that cannot start says why itself."""

    async def go() -> None:
        child = await Child.start("proxy", module(REFUSES), {}, log=tmp_path / "proxy.log")
        with pytest.raises(ChildError, match="port 1 is taken") as caught:
            await child.first("ready", timeout=20)
        assert caught.value.hint == "name another"
        await child.stop()

    asyncio.run(go())


def test_stubborn_group_is_killed(tmp_path: Path, module) -> None:
    """A child that ignores everything, and its own child, are gone when stop returns."""

    async def go() -> int:
        child = await Child.start("stubborn", module(STUBBORN), {}, log=tmp_path / "s.log")
        grandchild = (await child.first("ready", timeout=20))["grandchild"]
        await child.stop(grace=0.3)
        assert child.process.returncode == -signal.SIGKILL
        return grandchild

    grandchild = asyncio.run(go())
    assert not alive(grandchild)


def test_one_that_was_told_nothing_ends_at_once(tmp_path: Path, module) -> None:
    """A child without its config has begun nothing, so nobody waits for it to come to its own end."""

    async def go() -> None:
        child = await Child.start("stubborn", module(STUBBORN), None, log=tmp_path / "s.log")
        began = time.monotonic()
        await child.stop(grace=60)
        assert time.monotonic() - began < 30
        assert child.process.returncode in (-signal.SIGTERM, -signal.SIGKILL)
        assert child.latest == {}

    asyncio.run(go())


def test_config_may_come_later(tmp_path: Path, module) -> None:
    """A child that was started without its config is ready once it is sent."""

    async def go() -> None:
        child = await Child.start("echo", module(ECHO), None, log=tmp_path / "echo.log")
        await child.send({"seed": 7})
        assert (await child.first("ready", timeout=20))["config"] == {"seed": 7}
        await child.stop()
        assert child.process.returncode == 0

    asyncio.run(go())


def test_ctrl_c_does_not_reach_children(tmp_path: Path, module) -> None:
    """A child leads its own session, so that Ctrl-C on the terminal is the supervisor's alone."""

    async def go() -> None:
        child = await Child.start("echo", module(ECHO), {}, log=tmp_path / "echo.log")
        await child.first("ready", timeout=20)
        assert os.getsid(child.process.pid) != os.getsid(0)
        await child.stop()

    asyncio.run(go())


def test_leader_that_left_its_group(tmp_path: Path) -> None:
    """What a shell left in the background is gone too, although the shell itself ended long ago."""

    async def go() -> int:
        shell = await spawn(["sh", "-c", "sleep 60 & echo $!"], log=tmp_path / "app.log")
        await shell.wait()
        left = int((tmp_path / "app.log").read_text())
        assert alive(left)
        await stop_group(shell)
        return left

    left = asyncio.run(go())
    ends = time.monotonic() + 15
    while alive(left) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not alive(left)


def test_missing_command(tmp_path: Path) -> None:
    """A command that does not exist is the target's mistake, in one sentence."""
    with pytest.raises(ChaosError, match=r"no-such-app: no such file") as caught:
        asyncio.run(spawn(["no-such-app"], log=tmp_path / "app.log"))
    assert caught.value.blame is Blame.TARGET


SUPERVISOR = """
    import asyncio, sys
    from pathlib import Path
    from chaosllm.adapters.supervisor.children import spawn

    async def main():
        await spawn(["sh", "-c", sys.argv[2]], log=Path(sys.argv[1]))
        print("started", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["polite", "with workers"])
def test_an_app_does_not_outlive_a_killed_supervisor(tmp_path: Path, kind: str) -> None:
    """After SIGKILL to the supervisor the app and what it started end too."""
    command = "echo $$; exec sleep 60" if kind == "polite" else "sleep 60 & echo $!; wait"
    log = tmp_path / "app.log"
    code = textwrap.dedent(SUPERVISOR)
    with subprocess.Popen([sys.executable, "-c", code, str(log), command], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"started\n"
        while not (words := log.read_text().split()):
            time.sleep(0.01)
        assert alive(int(words[0]))
        supervisor.kill()
    ends = time.monotonic() + 15
    while alive(int(words[0])) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not alive(int(words[0]))


@pytest.mark.parametrize(("command", "code"), [("exit 5", 5), ("kill -9 $$", -9), ("kill -15 $$", -15)])
def test_a_leash_ends_as_its_command_ends(tmp_path: Path, command: str, code: int) -> None:
    """Exit codes and signals come through, so that an app's death is told for what it was."""

    async def go() -> int:
        return await (await spawn(["sh", "-c", command], log=tmp_path / "app.log")).wait()

    assert asyncio.run(asyncio.wait_for(go(), 20)) == code


def test_an_app_is_asked_before_it_is_killed(tmp_path: Path) -> None:
    """SIGTERM reaches the app itself, which may end in its own way, with its own signal handling whole."""
    log = tmp_path / "app.log"

    async def go() -> None:
        app = await spawn(["sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"], log=log)
        while "up" not in log.read_text():  # noqa: ASYNC110  # another process says it
            await asyncio.sleep(0.01)
        await stop_group(app, grace=10)
        assert app.returncode == 3

    asyncio.run(asyncio.wait_for(go(), 20))
    assert "bye" in log.read_text()


def test_app_that_ends_early(tmp_path: Path) -> None:
    """An app that dies at start is told at once with its exit code and last line, not after the whole wait."""
    words = (sys.executable, "-c", "import sys; print('no module named app'); sys.exit(4)")

    async def go() -> None:
        app = await App.start(Command(words), dict(os.environ), tmp_path / "app.log")
        try:
            await wait_until_ready(f"http://127.0.0.1:{free_port()}", None, 20, app)
        finally:
            await app.stop(1.0)

    with pytest.raises(ChaosError, match=r"exit code 4.*no module named app"):
        asyncio.run(asyncio.wait_for(go(), 40))


def test_ready_route(tmp_path: Path) -> None:
    """An app is ready only when its own route says so; one that answers 404 there is not."""

    async def go() -> None:
        port = free_port()
        words = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path))
        app = await App.start(Command(words), dict(os.environ), tmp_path / "app.log")
        try:
            await wait_until_ready(f"http://127.0.0.1:{port}", "/", 20, app)
            with pytest.raises(ChaosError, match="/healthz answers 404"):
                await wait_until_ready(f"http://127.0.0.1:{port}", "/healthz", 1.5, app)
            assert not await listens(f"http://127.0.0.1:{port}")
        finally:
            await app.stop(2.0)
        assert await listens(f"http://127.0.0.1:{port}")

    asyncio.run(go())


def test_tail_is_clean(tmp_path: Path) -> None:
    """Last lines of a log carry no terminal escapes and no blank lines."""
    (tmp_path / "app.log").write_bytes(b"one\n\x1b[31mred\x1b[0m\xff\n\n")
    assert tail(tmp_path / "app.log", 5) == ["one", "[31mred[0m\ufffd"]
    assert tail(tmp_path / "none.log", 5) == []
    assert children.exit_text(-9) == "killed by SIGKILL"

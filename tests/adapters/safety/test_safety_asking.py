"""Whatever a server answers, asking ends in time, in bounds, and with nothing secret in its words."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import zlib
from pathlib import Path

import pytest
from odd_server import drip, flood, header_flood, nowhere, odd, ok, silence

from chaosllm.adapters.safety.asking import MOST, Asker, Looker, look
from chaosllm.live.lever import State
from chaosllm.probes import Answer, Ask

SECRET = "s3cret-token-of-mine"
GZIPPED = zlib.compress(b"0" * 10_000_000, wbits=31)


def ask(answer, timeout: float = 10.0, **more) -> tuple[Answer, list[str], float]:
    """The answer, the requests that the server saw, and the seconds it took."""

    async def go():
        async with odd({"/x": answer, "/elsewhere": ok("on")}) as server:
            asker = Asker({"TOKEN": SECRET})
            begin = time.monotonic()
            found = await asker.ask(Ask(f"{server.url}/x", **more), timeout)
            took = time.monotonic() - begin
            await asker.close()
            return found, server.heads, took

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (ok("hello"), 200, "hello"),
        (ok("", "204 No Content"), 204, ""),
        (ok("no", "503 Service Unavailable"), 503, "no"),
        (ok("é"), 200, "é"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe", 200, "��"),
        (ok("", "302 Found", "location: /elsewhere"), 302, ""),
    ],
)
def test_an_answer(answer: bytes, status: int, text: str) -> None:
    """Status and body come back as they are; a redirect is an answer, and is not followed."""
    found, heads, _ = ask(answer)
    assert (found.status, found.text, found.error, found.cut) == (status, text, "", False)
    assert len(heads) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (silence, "no whole answer within 300ms"),
        (drip, "no whole answer within 300ms"),
        (header_flood, "no HTTP"),
        (b"", "no HTTP"),
        (b"\x00\x01\x02 rubbish\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n", "no HTTP"),
    ],
)
def test_no_answer(answer, words: str) -> None:
    """What is none is told as none, in time."""
    found, _, took = ask(answer, 0.3 if "within" in words else 10.0)
    assert found.status == 0
    assert words in found.error
    assert took < 5


@pytest.mark.parametrize("answer", [flood, ok("0" * (MOST + 1))])
def test_a_long_body_is_cut(answer) -> None:
    """No more is read than anybody needs."""
    found, _, took = ask(answer)
    assert (found.status, len(found.text), found.cut) == (200, MOST, True)
    assert took < 8


def test_a_body_that_swells_is_not_decoded() -> None:
    """An answer in gzip, which nobody asked for, stays as small as it came."""
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(GZIPPED)}\r\n\r\n".encode()
    found, heads, _ = ask(head + GZIPPED)
    assert len(found.text) <= len(GZIPPED)
    assert "accept-encoding: identity" in heads[0].lower()


def test_variables_are_filled_and_never_told() -> None:
    """A header gets its secret; an error that it brings about does not repeat it."""
    _, heads, _ = ask(ok(), headers={"authorization": "Bearer ${env:TOKEN}"}, params=(("query", "up{a='b'} > 1"),))
    assert f"authorization: Bearer {SECRET}" in heads[0]
    assert heads[0].startswith("GET /x?query=up")
    found, heads, _ = ask(ok(), headers={"a": "${env:TOKEN}\nx: ${env:TOKEN}"})
    assert (heads, found.status) == ([], 0)
    assert SECRET not in found.error


@pytest.mark.parametrize(
    "url",
    [nowhere(), "http://256.256.256.256/", "http://[::1", "http://127.0.0.1:0/"],
    ids=["free-port", "no-address", "no-url", "port-0"],  # workers must collect the same names
)
def test_nobody_there(url: str) -> None:
    """Where nobody listens there is an error in words."""
    found = asyncio.run(Asker().ask(Ask(url), 10.0))
    assert found.status == 0
    assert found.error.startswith("it can")


def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own proxy, which the environment may name, is never between a probe and what it asks."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nowhere())
    assert ask(ok("hello"))[0].text == "hello"


def test_looking_for_a_file(tmp_path: Path) -> None:
    """A file, a folder and a link that leads nowhere are there; a name in no folder cannot be."""
    lever = tmp_path / "off"
    assert look(lever).state is State.RELEASED
    lever.touch()
    assert look(lever).state is State.SET
    assert look(tmp_path).state is State.SET
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert look(tmp_path / "link").state is State.SET
    assert look(tmp_path / "gone" / "off").why == "its folder is not there"
    assert look(lever / "off").state is State.UNREADABLE
    assert look(tmp_path / "a\0b").state is State.UNREADABLE
    assert look(tmp_path / ("x" * 5000)).why == "ENAMETOOLONG"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    """A lever behind a closed door cannot be read."""
    tmp_path.chmod(0)
    assert look(tmp_path / "off").why == "EACCES"
    tmp_path.chmod(0o700)


def test_a_disk_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks waits for its time and no longer; meanwhile no second look is begun."""
    free, looks = threading.Event(), []

    def slow(path: Path):
        looks.append(path)
        free.wait(5)
        return look(path)

    monkeypatch.setattr("chaosllm.adapters.safety.asking.look", slow)

    async def go() -> None:
        looker = Looker(tmp_path / "off")
        assert (await looker.look(0.05)).why == "the disk does not answer within 50ms"
        assert (await looker.look(0.05)).state is State.UNREADABLE
        assert len(looks) == 1
        free.set()
        await asyncio.sleep(0.1)
        assert (await looker.look(10.0)).state is State.RELEASED

    asyncio.run(go())

"""Upstreams that break every rule and clients that leave at any byte: the right one is blamed, siblings live on."""

import asyncio
import sys
from dataclasses import replace
from random import Random

import pytest
from proxy_rig import EVENTS, eventually
from soak import count
from stream_cells import Cell
from stream_clients import WAYS, connect
from stream_rig import PATHS, Bench
from stream_upstream import Serving

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.soak,
    pytest.mark.timeout(1700),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory and processor time in /proc"),
]

WHOLE = b"".join(EVENTS)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
#: Long enough for what was written to be read on its own.
PAUSE = 0.03
#: Passed, and played.
FAULTED = ("plain", "pace")


def chunk(raw):
    return b"%x\r\n%s\r\n" % (len(raw), raw)


ALL = b"".join(chunk(raw) for raw in EVENTS)
SOME = b"".join(chunk(raw) for raw in EVENTS[:5])
#: What an HTTP/1.1 upstream does, and how the log says that it ended.
BROKEN = {
    "bad-size": ((CHUNKED + SOME, PAUSE, b"zz\r\nabc\r\n", 1.0), "broken"),
    "no-size": ((CHUNKED + SOME, PAUSE, b"\r\nabc\r\n", 1.0), "broken"),
    "huge-size": ((CHUNKED + SOME, PAUSE, b"f" * 40 + b"\r\nabc\r\n", 1.0), "broken"),
    "negative-size": ((CHUNKED + SOME, PAUSE, b"-5\r\nabcde\r\n", 1.0), "broken"),
    "longer-than-said": ((CHUNKED + SOME, PAUSE, b"3\r\nabcdefgh\r\n", 1.0), "broken"),
    "fin": ((CHUNKED + SOME, PAUSE, "fin"), "broken"),
    "fin-in-chunk": ((CHUNKED + SOME, PAUSE, b"ff\r\ndata: {", PAUSE, "fin"), "broken"),
    "fin-in-size": ((CHUNKED + SOME, PAUSE, b"f", PAUSE, "fin"), "broken"),
    "fin-in-trailer": ((CHUNKED + ALL, PAUSE, b"0\r\n", PAUSE, "fin"), "broken"),
    "rst": ((CHUNKED + SOME, PAUSE, "rst"), "broken"),
    "rst-in-chunk": ((CHUNKED + SOME, PAUSE, b"ff\r\ndata: {", PAUSE, "rst"), "broken"),
    "short": ((HEAD + b"content-length: 9999\r\n\r\n" + WHOLE, PAUSE, "fin"), "broken"),
    "fin-at-once": (("fin",), "no_answer"),
    "rst-at-once": (("rst",), "no_answer"),
    "fin-in-head": ((HEAD, PAUSE, "fin"), "no_answer"),
    "no-http": ((b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 1.0), "no_answer"),
    "both-lengths": ((HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + ALL, 1.0), "no_answer"),
    "two-lengths": ((HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", 1.0), "no_answer"),
}
#: What is allowed, or is more than was announced: the app gets all that it can.
WHOLESOME = {
    "extensions": (CHUNKED, *(b'%x;a=b;c="d"\r\n%s\r\n' % (len(raw), raw) for raw in EVENTS), b"0\r\n\r\n"),
    "upper-case-sizes": (CHUNKED, *(b"0%X\r\n%s\r\n" % (len(raw), raw) for raw in EVENTS), b"0\r\n\r\n"),
    "trailers": (CHUNKED + ALL + b"0\r\nx-checksum: 1\r\nx-other: 2\r\n\r\n",),
    "trailers-late": (CHUNKED + ALL + b"0\r\n", PAUSE, b"x-checksum: 1\r\n", PAUSE, b"\r\n"),
    "garbage-after": (CHUNKED + ALL + b"0\r\n\r\n", PAUSE, b"HTTP/1.1 200 OK\r\n\r\ngarbage"),
    "garbage-with-the-end": (CHUNKED + ALL + b"0\r\n\r\ngarbage",),
    "byte-by-byte": (CHUNKED, *(ALL[at : at + 1] for at in range(len(ALL))), b"0\r\n\r\n"),
    "sizes-alone": (
        CHUNKED,
        *(part for raw in EVENTS for part in (b"%x\r\n" % len(raw), PAUSE, raw + b"\r\n", PAUSE)),
        b"0\r\n\r\n",
    ),
    "ends-alone": (
        CHUNKED,
        *(part for raw in EVENTS for part in (b"%x\r\n" % len(raw) + raw, PAUSE, b"\r\n", PAUSE)),
        b"0\r\n\r\n",
    ),
    "longer-than-length": (HEAD + b"content-length: %d\r\n\r\n" % len(WHOLE) + WHOLE, PAUSE, b"and more"),
    "old": (HEAD.replace(b"1.1", b"1.0") + b"\r\n" + WHOLE, "fin"),
    "close": (HEAD + b"connection: close\r\n\r\n" + WHOLE, "fin"),
    "close-chunked": (HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n" + ALL + b"0\r\n\r\n", "fin"),
}
#: The same over HTTP/2: how it breaks once its first event is with the app, because an answer that comes in one
#: piece with what breaks it, as on a busy machine, is none (h2 gives nothing of what it reads together with garbage).
BROKEN_HTTP2 = {
    "rst_stream": ("rst_stream",),
    "goaway": ("goaway",),
    "garbage": ("garbage", 1.0),
    "fin": ("fin",),
    "rst": ("rst",),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("hostile"))
    yield bench
    bench.close()


both = pytest.mark.parametrize("path", PATHS)


@both
@pytest.mark.parametrize("fault", FAULTED)
def test_a_broken_answer_is_the_upstreams_fault(bench, path, fault):
    """Whatever rule of HTTP/1.1 it breaks: what came before reaches the app, the log blames it, siblings live on."""
    cells = [bench.cell(fault=fault, way=way) for way in ("h1", "h2-tls") for _ in BROKEN]
    beside = replace(cells[0], fault="plain", number=1 << 29)

    async def go():
        acts = [acts for acts, _ in BROKEN.values()] * 2
        calls = (bench.ask(path, cell, Serving(acts=one)) for cell, one in zip(cells, acts, strict=True))
        return await asyncio.gather(*calls, bench.ask(path, beside, Serving(tuple(EVENTS), gap=0.02)))

    *answers, sibling = bench.do(go())
    assert (sibling.body, sibling.end) == (WHOLE, "proper")
    wrong = []
    for cell, name, answer, event in zip(cells, [*BROKEN] * 2, answers, bench.events(path, cells), strict=True):
        ended = BROKEN[name][1]
        came = b"" if ended == "no_answer" else WHOLE[: len(b"".join(EVENTS[:5]))]
        ends = {"rst_stream"} if cell.http2 else {"fin", "reset"}
        good = answer.end in ends and answer.body.startswith(came) and (ended == "broken" or not answer.status)
        if not good or (event["ended"], event["origin"]) != (ended, "upstream"):
            wrong.append((name, cell.way, answer.status, answer.end, answer.body[-60:], event))
    assert not wrong, "\n".join(map(str, wrong))
    bench.settled(path)


@both
@pytest.mark.parametrize("fault", FAULTED)
def test_what_is_odd_but_allowed_is_whole(bench, path, fault):
    """Chunk extensions, trailers, single bytes, HTTP/1.0, and what is more than was announced."""
    cells = [bench.cell(fault=fault, way=way) for way in ("h1", "h2-tls") for _ in WHOLESOME]

    async def go():
        acts = [*WHOLESOME.values()] * 2
        return await asyncio.gather(*(bench.ask(path, c, Serving(acts=a)) for c, a in zip(cells, acts, strict=True)))

    answers = bench.do(go())
    wrong = [
        (name, cell.way, answer.end, answer.body[-60:], event)
        for name, cell, answer, event in zip([*WHOLESOME] * 2, cells, answers, bench.events(path, cells), strict=True)
        if (answer.body, answer.end, event["ended"]) != (WHOLE, "proper", "whole")
    ]
    assert not wrong, "\n".join(map(str, wrong))
    bench.settled(path)


@both
def test_a_broken_http2_upstream_is_blamed_too(bench, path):
    """Its stream reset, its connection gone or full of garbage: the app sees its own stream break, the log says why."""
    bench.upstream.speak("h2")
    cells = [
        bench.cell(framing="named", way="h2-tls", fault=fault) for fault in ("plain", "pace") for _ in BROKEN_HTTP2
    ]

    async def ask(cell, acts):
        heard = asyncio.Event()
        return await bench.ask(path, cell, Serving(acts=(EVENTS[0], heard, *acts)), heard=heard)

    async def go():
        return await asyncio.gather(*map(ask, cells, [*BROKEN_HTTP2.values()] * 2))

    answers = bench.do(go())
    wrong = [
        (name, answer.end, answer.body[-60:], event)
        for name, answer, event in zip([*BROKEN_HTTP2] * 2, answers, bench.events(path, cells), strict=True)
        if not answer.body.startswith(EVENTS[0]) or answer.end != "rst_stream" or event["ended"] != "broken"
    ]
    assert not wrong, "\n".join(map(str, wrong))
    bench.settled(path)


@both
def test_a_client_may_leave_at_any_byte(bench, path):
    """Of its request or of the answer, by FIN, RST or RST_STREAM: the log says so, and the upstream is let go."""
    dice = Random(5)
    bench.upstream.speak("http/1.1")
    ways = [way for way in WAYS if WAYS[way][2] == "reverse"]
    faults = ["plain", "pace", "stall", "cut-honest", "twice", "error", "stall-ever"]
    total = count(60, 2000)
    for _ in range(0, total, 60):
        cells = [bench.cell(way=dice.choice(ways), fault=dice.choice(faults)) for _ in range(60)]
        before = bench.upstream.cancelled

        async def go(cells=cells):
            work = []
            for cell in cells:
                most = 300 if cell.fault == "stall-ever" else 900  # of some 14 000, which take longer than any clean-up
                how = dice.choice(["fin", "rst", "cancel"] if cell.http2 else ["fin", "rst"])
                keep = dice.choice([0, dice.randrange(most)])
                serving = Serving(tuple(EVENTS[:-1]) * 4, gap=0.05)
                work.append(bench.ask(path, cell, serving, leave=keep, quiet=0.0, how=how))
            return await asyncio.gather(*work, *(half(bench, path, dice) for _ in range(10)))

        answers = bench.do(go())[:60]
        assert [answer.end for answer in answers] == ["left"] * 60
        for cell, answer, event in zip(cells, answers, bench.events(path, cells), strict=True):
            assert event["ended"] == "client_left", (cell, answer.end, event)
            touched = event.get("origin") == "injected"
            assert touched or event["origin"] == "client", (cell, event)
        eventually(lambda before=before: bench.upstream.cancelled >= before + 60)
        bench.settled(path)


async def half(bench, path, dice):
    """A client that goes inside its request."""
    client = await connect(bench.proxies[path].ready, "h1", "openai", "x")
    data = client.request(Cell(1 << 28).ask(name=bench.upstream.add(Serving(tuple(EVENTS)))))
    client.transport.write(data[: dice.randrange(len(data))])
    await asyncio.sleep(0.02)
    client.leave(dice.choice(["fin", "rst"]))

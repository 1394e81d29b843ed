"""What is too large or too slow costs no memory: stalled readers, an event of 100 MB, endless and idle streams."""

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
from proxy_rig import EVENTS, eventually
from soak import count
from stream_clients import connect
from stream_rig import PATHS, PATIENCE, Bench
from stream_upstream import Serving

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.soak,
    pytest.mark.timeout(1700),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory and processor time in /proc"),
]
both = pytest.mark.parametrize("path", PATHS)


def some(names, few, values):
    """Few of the cases in every run, all of them in a soak."""
    return pytest.mark.parametrize(names, values[: count(few, len(values))])


MEGABYTE = 1 << 20
#: What the proxy may grow by while a reader sleeps, bytes.
GROWTH = 64 * MEGABYTE
#: And while a stream has more to be held than it holds: 16 MB, and their copies on the way out when it gives up.
GIVEN_UP = 96 * MEGABYTE
#: Of what the upstream has written, so much may be held by sockets and buffers while a reader sleeps.
HELD = 24 * MEGABYTE
#: Body bytes of what is called too large.
LARGE = count(100, 300) * MEGABYTE
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PIECE = b"data: " + b"x" * (64 * 1024 - 8) + b"\n\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("bounded"))
    bench.upstream.speak("http/1.1")
    yield bench
    bench.close()


def chunk(raw):
    return b"%x\r\n%s\r\n" % (len(raw), raw)


class Watch:
    """The most that a proxy's memory grew by while this was open."""

    def __init__(self, bench, path):
        self.read = lambda: bench.memory(path)

    async def __aenter__(self):
        self.before = self.most = self.read()
        self.task = asyncio.ensure_future(self.look())
        return self

    async def look(self):
        while True:
            self.most = max(self.most, self.read())
            await asyncio.sleep(0.02)

    async def __aexit__(self, *_):
        self.task.cancel()
        self.most = max(self.most, self.read())

    @property
    def grown(self):
        return self.most - self.before


@both
@some(("fault", "way"), 2, [(fault, way) for fault in ("plain", "late") for way in ("h1", "h2-tls", "h1-tls")])
def test_a_reader_that_sleeps_holds_the_upstream_up(bench, path, way, fault):
    """It reads some and then nothing: the upstream is not read on, siblings are quick, and at last all of it comes."""
    cell = bench.cell(way=way, fault=fault)
    serving = Serving((PIECE,), again=LARGE // len(PIECE) - 1)

    async def go():
        name = bench.upstream.add(serving)
        client = await connect(bench.proxies[path].ready, way, cell.provider, "127.0.0.1")
        async with Watch(bench, path) as watch:
            if cell.http2:
                client.reading = False  # its windows are never opened again
            asking = asyncio.ensure_future(client.ask(cell.ask(name=name, keep=False)))
            await asyncio.sleep(0.2)
            client.transport.pause_reading()
            quiet, written = -1, 0
            while written != quiet:  # until nothing moves any more
                quiet = written
                await asyncio.sleep(0.3)
                written = bench.upstream.written[name]
            sibling = await bench.ask(path, bench.cell(way=way), Serving(tuple(EVENTS)))
            if cell.http2:
                client.close()
                with suppress(AssertionError):
                    await asking
                return written, watch.grown, sibling, None
            client.transport.resume_reading()
            async with asyncio.timeout(PATIENCE * 5):
                answer = await asking
        client.close()
        return written, watch.grown, sibling, answer

    written, grown, sibling, answer = bench.do(go())
    assert written > 0
    if (path, cell.http2) == ("reference", True):
        return  # mitmproxy keeps for a client whose windows are closed whatever comes; the fast path holds it up
    assert written < LARGE / 2 + HELD
    assert grown < GROWTH, f"{grown / MEGABYTE:.0f} MB"
    assert (sibling.body, sibling.end) == (b"".join(EVENTS), "proper")
    if answer is not None:
        assert (answer.size, answer.end) == (len(PIECE) * (LARGE // len(PIECE)), "proper")
    bench.settled(path)


@both
@some("fault", 2, ["plain", "cut-clean", "late", "stall", "twice"])
def test_an_event_of_100_megabytes_is_not_held(bench, path, fault):
    """An event without an end goes its way, whatever was to be done to it; the proxy does not hold it."""
    cell = bench.cell(fault=fault)
    many = count(64, 100) * 16
    serving = Serving((EVENTS[0], b"data: ", b"y" * (64 * 1024)), again=many - 1)

    async def go():
        async with Watch(bench, path) as watch:
            answer = await bench.ask(path, cell, serving, keep=False)
        return answer, watch.grown

    answer, grown = bench.do(go())
    assert answer.end == "proper"
    if fault != "cut-clean":
        assert answer.size == len(EVENTS[0]) + 6 + many * 64 * 1024
    assert grown < GIVEN_UP, f"{grown / MEGABYTE:.0f} MB"
    bench.settled(path)


@both
@some("fault", 2, ["plain", "cut-clean", "late", "stall-share", "twice", "cut-honest"])
def test_an_endless_stream_is_not_held(bench, path, fault):
    """A share of a stream without an end is never known: it flows on, and the client may leave it."""
    cell = bench.cell(fault=fault)
    most = count(48, 200) * MEGABYTE
    serving = Serving((EVENTS[0], EVENTS[1], PIECE), again=1 << 30)

    async def go():
        async with Watch(bench, path) as watch:
            answer = await bench.ask(path, cell, serving, leave=most, keep=False)
        return answer, watch.grown

    answer, grown = bench.do(go())
    assert answer.end == "left", answer.end
    assert grown < GIVEN_UP, f"{grown / MEGABYTE:.0f} MB"
    event = bench.events(path, [cell])[0]
    assert event["ended"] == "client_left"
    bench.settled(path)


@both
def test_idle_streams_cost_nothing(bench, path):
    """Streams that say nothing for a while take no processor time, and go on as if nothing was."""
    cells = [bench.cell(way="h1") for _ in range(100)]
    seconds = count(1, 10)

    async def go():
        over, begun = asyncio.Event(), [asyncio.Event() for _ in cells]
        rest = (over, b"".join(chunk(raw) for raw in EVENTS[1:]), b"0\r\n\r\n")
        asking = [
            asyncio.ensure_future(bench.ask(path, cell, Serving(acts=(CHUNKED + chunk(EVENTS[0]), *rest)), heard=heard))
            for cell, heard in zip(cells, begun, strict=True)
        ]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(one.wait() for one in begun))
        await asyncio.sleep(0.3)
        before = bench.processor(path)
        await asyncio.sleep(seconds)
        spent = bench.processor(path) - before
        over.set()
        return spent, await asyncio.gather(*asking)

    spent, answers = bench.do(go())
    assert all((answer.body, answer.end) == (b"".join(EVENTS), "proper") for answer in answers)
    assert spent < 0.25 * seconds
    eventually(lambda: bench.proxies[path].status()["in_flight"] == 0)


@both
def test_a_stream_that_is_over_is_not_kept_for_its_connection(bench, path):
    """Apps keep their connections open: of 200 calls on one, each with 100 KB of prompt, nothing is left."""
    cell = bench.cell(fault="plain", way="h1")
    ask = cell.ask(name=bench.upstream.add(Serving(tuple(EVENTS))))
    ask = replace(ask, body=json.dumps({**json.loads(ask.body), "user": "u" * 100_000}).encode(), keep=False)

    async def go():
        client = await connect(bench.proxies[path].ready, cell.way, cell.provider, "127.0.0.1")
        try:
            for number in range(230):
                if number == 30:
                    before = bench.memory(path)
                assert (await client.ask(ask)).end == "proper"
            return bench.memory(path) - before
        finally:
            client.close()

    assert bench.do(go()) < 8 * MEGABYTE

"""Streams on real sockets, byte for byte what a player alone makes of them: by mitmproxy's path and by our own."""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict, replace
from itertools import combinations
from random import Random

import pytest
from proxy_rig import authority, eventually
from soak import count
from stream_cells import (
    DELIMITS,
    FAULTS,
    FRAMINGS,
    PROVIDERS,
    SERVED,
    SPLITS,
    Cell,
    Oracle,
    Seen,
    logged,
    run,
)
from stream_clients import WAYS
from stream_rig import PATHS, Background, descriptors, start_proxies
from stream_upstream import StreamUpstream

pytestmark = [pytest.mark.end_to_end, pytest.mark.soak, pytest.mark.timeout(1800)]

UPSTREAMS = ("h1", "h1-tls", "h2")
#: Cells under way at once, for each proxy.
AT_ONCE = 16


class Rig(Background):
    """An upstream, and for each path a proxy in front of its plain port and one in front of its TLS port."""

    def __init__(self, folder):
        super().__init__()
        pem, context = authority(folder)
        self.upstream = self.do(StreamUpstream(context).start())
        plain, secret = (dict.fromkeys(PROVIDERS, url) for url in (self.upstream.url, self.upstream.tls_url))
        trusted = dict.fromkeys(PROVIDERS, str(pem))
        wanted = {(path, False): (path, plain, {}) for path in PATHS}
        wanted |= {(path, True): (path, secret, trusted) for path in PATHS}
        self.proxies = start_proxies(folder, wanted)
        self.idle = {key: descriptors(proxy) for key, proxy in self.proxies.items()}
        self.oracle = Oracle()
        self.number = 0

    def next(self):
        self.number += 1
        return self.number

    def play(self, cells, paths=PATHS):
        """{path: [what was seen of each cell]}, beside what the oracle says of each."""
        judged = [self.oracle.judge(cell) for cell in cells]
        found = {path: [Seen()] * len(cells) for path in paths}
        for kind in UPSTREAMS:
            self.upstream.speak("h2" if kind == "h2" else "http/1.1")
            places = [place for place, cell in enumerate(cells) if cell.upstream == kind]
            self.do(self._play(cells, judged, found, places, kind != "h1"))
        for path in paths:
            self._read_logs(path, cells, found[path])
        return [seen for _, seen in judged], found

    async def _play(self, cells, judged, found, places, secret):
        async def one(path, place):
            cell, (serving, seen) = cells[place], judged[place]
            beside = self.oracle.judge(replace(cell, number=-1, fault="plain"))[0]
            names = self.upstream.add(serving), self.upstream.add(beside)
            async with gates[path]:
                try:
                    async with asyncio.timeout(30):
                        answer, others = await run(cell, seen, names, self.proxies[path, secret].ready)
                except TimeoutError:
                    found[path][place] = Seen(end="nothing within 30 s")
                    return
            for name in names:
                del self.upstream.servings[name]
            plain = b"".join(beside.pieces)
            broken = [other.end for other in others if (other.end, other.body) != ("proper", plain)]
            end = answer.end + (f", and a sibling {broken}" if broken else "")
            found[path][place] = Seen(answer.body, end, {}, [data for _, data in answer.chunks], answer.took)

        gates = {path: asyncio.Semaphore(AT_ONCE) for path in found}
        await asyncio.gather(*(one(path, place) for path in found for place in places))

    def _read_logs(self, path, cells, found):
        lines = {}
        wanted = {cell.number for cell in cells}
        proxies = [self.proxies[path, secret] for secret in (False, True)]

        def read():
            for proxy in proxies:
                if proxy.status()["in_flight"]:
                    return False
                for line in (proxy.folder / "events.jsonl").read_text().splitlines():
                    event = json.loads(line)
                    if event.get("operation") in wanted:
                        lines[event["operation"]] = event
            return wanted <= {*lines}

        eventually(read)
        for place, cell in enumerate(cells):
            found[place] = replace(found[place], logged=logged(lines[cell.number]))

    def close(self):
        for proxy in self.proxies.values():
            assert proxy.stop() == 0
            assert not [one for one in proxy.messages if one["type"] == "failure"]
            assert proxy.errors == ""
        self.do(self.upstream.stop())
        self.end()


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    rig = Rig(tmp_path_factory.mktemp("cells"))
    yield rig
    rig.close()


DIMENSIONS = {
    "fault": tuple(FAULTS), "framing": tuple(FRAMINGS), "way": tuple(WAYS), "delimit": DELIMITS,
    "served": SERVED, "split": SPLITS, "upstream": UPSTREAMS, "sibling": (False, True),
}  # fmt: skip


def pairwise(seed):
    """Settings of all dimensions in which every pair of values of any two dimensions occurs; greedy, seeded."""
    dice, names = Random(seed), list(DIMENSIONS)
    wanted = {
        ((one, a), (other, b))
        for one, other in combinations(names, 2)
        for a in DIMENSIONS[one]
        for b in DIMENSIONS[other]
    }
    cover = []
    left = sorted(wanted, key=repr)
    dice.shuffle(left)
    while wanted:
        first = next(pair for pair in left if pair in wanted)
        best = max((_filled(first, dice) for _ in range(12)), key=lambda one: len(_pairs(one) & wanted))
        wanted -= _pairs(best)
        cover.append(best)
    return cover


def _filled(pair, dice):
    return {name: dice.choice(values) for name, values in DIMENSIONS.items()} | dict(pair)


def _pairs(setting):
    return set(combinations(setting.items(), 2))


def differences(cells, wanted, found):
    """A line for every cell that was not as it should be."""
    for cell, want, seen in zip(cells, wanted, found, strict=True):
        got = replace(seen, chunks=seen.chunks if want.chunks is not None else None)
        if got.end in ("proper", "fin", "rst_stream") and got.seconds < want.seconds:
            yield f"{cell}: took {got.seconds:.4f} s, not {want.seconds:.4f} s"
        if got != want:
            one, other = asdict(want), asdict(got)
            for part in ("body", "end", "chunks"):
                if one[part] != other[part]:
                    yield f"{cell}: {part}\n  want {one[part]!r:.300}\n  got  {other[part]!r:.300}"
            for name in sorted({*want.logged} | {*got.logged}):
                if want.logged.get(name) != got.logged.get(name):
                    yield f"{cell}: log {name}\n  want {want.logged.get(name)}\n  got  {got.logged.get(name)}"


def test_every_fault_is_exact(rig):
    """Any fault on any framing, for any client, from any upstream: the bytes, the end and the log foretold."""
    cells = [Cell(rig.next(), **setting) for seed in range(count(1, 40)) for setting in pairwise(seed)]
    for start in range(0, len(cells), 1000):
        for path, step in (("fast", 1), ("reference", count(3, 1))):  # the other test plays both paths as well
            some = cells[start : start + 1000 : step]
            wanted, found = rig.play(some, [path])
            wrong = list(differences(some, wanted, found[path]))
            assert not wrong, f"{path}: {len(wrong)}\n" + "\n".join(wrong[:20])
        rig.oracle.forget()


def random_cell(number, dice):
    setting = {name: dice.choice(values) for name, values in DIMENSIONS.items()}
    if dice.random() < 0.4:
        setting["fault"] = "plain"
    return Cell(number, **setting, gap=dice.choice([0.0, 0.0, 0.002, 0.01]))


def test_both_paths_are_alike(rig):
    """Random streams by mitmproxy's path and by ours: the same bytes, chunks where they pass, ends and log."""
    dice = Random(count(11, 12))
    total = count(150, 10_000)
    for start in range(0, total, 1000):
        cells = [random_cell(rig.next(), dice) for _ in range(min(1000, total - start))]
        wanted, found = rig.play(cells)
        alike = [
            replace(one, chunks=one.chunks if want.chunks else None, seconds=want.seconds)
            for one, want in zip(found["reference"], wanted, strict=True)
        ]
        wrong = list(differences(cells, alike, found["fast"]))
        assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong[:20])
        rig.oracle.forget()
    paths = {path: Counter() for path in PATHS}
    for (path, _), proxy in rig.proxies.items():
        for line in (proxy.folder / "events.jsonl").read_text().splitlines():
            paths[path][json.loads(line).get("path", "")] += 1
    print({path: dict(counts) for path, counts in paths.items()})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts descriptors in /proc")
def test_nothing_leaks(rig):
    """After all of them: no call in flight, no descriptor more than before, no failure of ours."""
    for key, proxy in rig.proxies.items():
        eventually(lambda proxy=proxy: proxy.status()["in_flight"] == 0)
        eventually(lambda proxy=proxy, key=key: descriptors(proxy) <= rig.idle[key])
        assert proxy.status()["failures"] == 0

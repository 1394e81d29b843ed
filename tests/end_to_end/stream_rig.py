"""Proxies by each path, mitmproxy's own and ours, in front of one upstream; everything on a loop in a thread."""

import asyncio
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proxy_rig import Answer, ProxyChild, authority, eventually
from stream_cells import PROVIDERS, Cell, Oracle, make_scenario
from stream_clients import connect
from stream_upstream import StreamUpstream

#: By which code the bodies of streams go.
PATHS = ("reference", "fast")
#: Seconds that an answer may take, on a busy machine too.
PATIENCE = 20


def start_proxies(folder, wanted):
    """Children started side by side: `wanted` gives for each key (path, upstreams, their CAs)."""
    folder.mkdir(exist_ok=True)

    def start(place, path, upstreams, ca):
        scenario = make_scenario()
        return ProxyChild(folder / f"run-{place}", scenario, upstreams, ca=ca, reference=path == "reference")

    with ThreadPoolExecutor(4) as pool:
        begun = {key: pool.submit(start, place, *one) for place, (key, one) in enumerate(wanted.items())}
    return {key: one.result() for key, one in begun.items()}


def descriptors(proxy):
    """How many files a proxy has open; 0 where nothing tells."""
    return len(os.listdir(f"/proc/{proxy.process.pid}/fd")) if sys.platform.startswith("linux") else 0


class Background:
    """A loop in a thread, where upstreams and clients live."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def do(self, work, within=1700):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within)

    def end(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


class Bench(Background):
    """An upstream and a proxy for each path, in front of its plain port (openai) and its TLS port (anthropic)."""

    def __init__(self, folder):
        super().__init__()
        pem, context = authority(folder)
        self.upstream = self.do(StreamUpstream(context).start())
        upstreams = dict.fromkeys(PROVIDERS, self.upstream.url) | {"anthropic": self.upstream.tls_url}
        self.proxies = start_proxies(folder, {path: (path, upstreams, {"anthropic": str(pem)}) for path in PATHS})
        self.oracle = Oracle()
        self.number = 0

    def cell(self, **setting):
        self.number += 1
        return Cell(self.number, **setting)

    async def ask(self, path, cell, serving, **more):
        """The answer to one call on a connection of its own."""
        client = await connect(self.proxies[path].ready, cell.way, cell.provider, "127.0.0.1")
        try:
            async with asyncio.timeout(PATIENCE):
                return await client.ask(cell.ask(name=self.upstream.add(serving), **more))
        except TimeoutError:
            return Answer(end=f"nothing within {PATIENCE} s")
        finally:
            client.close()

    def events(self, path, cells):
        """The log of these calls, once it is whole."""
        wanted = {cell.number for cell in cells}
        found = {}

        def read():
            self.proxies[path].status()
            for line in (self.proxies[path].folder / "events.jsonl").read_text().splitlines():
                event = json.loads(line)
                found[event.get("operation")] = event
            return wanted <= {*found}

        eventually(read)
        return [found[cell.number] for cell in cells]

    def memory(self, path):
        """Resident bytes of a proxy."""
        status = Path(f"/proc/{self.proxies[path].process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def processor(self, path):
        """Seconds of processor time that a proxy has had."""
        fields = Path(f"/proc/{self.proxies[path].process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def settled(self, path):
        proxy = self.proxies[path]
        eventually(lambda: proxy.status()["in_flight"] == 0)
        assert proxy.process.poll() is None
        failures = [one["what"] for one in proxy.messages if one["type"] == "failure"]
        proxy.messages.clear()
        assert not failures, failures

    def close(self):
        for proxy in self.proxies.values():
            assert proxy.stop() == 0
            assert proxy.errors == ""
        self.do(self.upstream.stop())
        self.end()

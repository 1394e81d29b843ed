"""What is measured side by side: stock mitmdump, our proxy in several guises, nginx."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks.certificates import make
from benchmarks.connections import Route
from benchmarks.processes import free_port, pin, running, wait_for

BIN = Path(sys.executable).parent
STOCK = (str(BIN / "mitmdump"), "--set", "stream_large_bodies=1")
#: The ways in that are compared. "tls" and "h2" greet the reverse listener with TLS, the upstream is plain;
#: "explicit" is a provider's own https address behind HTTPS_PROXY: CONNECT, TLS to the client and to the upstream.
WAYS = ("plain", "tls", "h2", "explicit")

#: Two upstreams of one dialect, so that one proxy has both: the reverse way to the plain one, the explicit to TLS.
SCENARIO = """version: 1
name: benchmark
seed: 7
upstreams:
  - {{provider: openai, url: "http://127.0.0.1:{port}"}}
  - {{provider: openai_compatible, url: "https://localhost:{tls_port}", ca: authority.pem}}
phases:
  - {{name: held, duration: 1h, rules: {rules}}}
"""
NO_RULE = "[]"
#: A rule that is on, is asked at every call, and never fires.
INERT = "[{fault: overload, when: {share: 0%}}]"


def paced(rate: float) -> str:
    """A rule that paces every stream to so many tokens a second."""
    return f"[{{fault: latency, tokens: {rate:g}/s}}]"


@dataclass(frozen=True)
class Contestant:
    """A running proxy: its process, and the route to it by each way it has."""

    name: str
    pid: int
    routes: dict[str, Route]


class Ground:
    """The raw upstream, and every proxy started against it; ends all of them when its block ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self.port, self.tls_port = free_port(), free_port()
        self._authority, self._certificate, self._key = make(folder)

    def __enter__(self) -> Self:
        """Start the upstream. Raises RuntimeError when it does not listen."""
        command = [sys.executable, "-m", "benchmarks.upstream", str(self.port), str(self.tls_port)]
        self._upstream = self._run([*command, str(self._certificate), str(self._key)], core=1)
        wait_for(self.tls_port, self._upstream)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def round(self) -> Iterator[None]:
        """What is started in this block ends with it."""
        outer, self._stack = self._stack, ExitStack()
        try:
            yield
        finally:
            self._stack.close()
            self._stack = outer

    def direct(self) -> Contestant:
        """No proxy at all; the process is the upstream."""
        routes = {"plain": Route(self.port), "tls": Route(self.tls_port, tls=True)}
        return Contestant("direct", self._upstream.pid, routes)

    def stock(self, *, core: int | None = 0) -> Contestant:
        """mitmdump as it is installed: a reverse listener and an explicit one. Raises RuntimeError."""
        port, explicit = free_port(), free_port()
        process = self._run(stock_command(self.folder, port, self.port, explicit), core=core)
        wait_for(port, process)
        wait_for(explicit, process)
        return Contestant("stock", process.pid, self._routes(port, explicit))

    def spread(self, there: Contestant, cores: Collection[int]) -> None:
        """From now on a contestant and the upstream have these cores, all of them."""
        pin(there.pid, cores)
        pin(self._upstream.pid, cores)

    def ours(self, name: str, rules: str = NO_RULE, *, core: int | None = 0, workers: int = 1) -> Contestant:
        """`chaosllm proxy` that holds these rules. Raises RuntimeError when it does not come up."""
        process = self._run(self.our_command(rules, workers), core=core, stdout=subprocess.PIPE)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"chaosllm proxy ended with {process.wait()}")
        ready = json.loads(line)
        port, explicit = urlsplit(ready["reverse"]["openai"]).port, urlsplit(ready["explicit"]).port
        return Contestant(name, process.pid, self._routes(port or 0, explicit or 0))

    def our_command(self, rules: str, workers: int = 1) -> list[str]:
        """The command line of ours, with a scenario file made for it."""
        scenario = self.folder / f"{abs(hash(rules))}.yaml"
        scenario.write_text(SCENARIO.format(port=self.port, tls_port=self.tls_port, rules=rules))
        command = [sys.executable, "-m", "chaosllm", "proxy", str(scenario), "--phase", "held", "--json"]
        return command + (["--proxy-workers", str(workers)] if workers > 1 else [])

    def nginx(self, *, core: int | None = 0) -> Contestant:
        """Nginx with one worker, unbuffered. Raises RuntimeError when there is none."""
        if (program := which("nginx")) is None:
            raise RuntimeError("nginx is not installed")
        folder = self.folder / "nginx"
        folder.mkdir(exist_ok=True)
        port, tls_port = free_port(), free_port()
        (folder / "nginx.conf").write_text(
            NGINX.format(
                folder=folder,
                port=port,
                tls_port=tls_port,
                upstream=self.port,
                certificate=self._certificate,
                key=self._key,
            )
        )
        # `listen ... http2`, because `http2 on` came with nginx 1.25.1 and distributions have older ones.
        command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        process = self._run([*command, "-g", "daemon off;"], core=core)
        wait_for(port, process)
        routes = {"plain": Route(port), "tls": Route(tls_port, tls=True), "h2": Route(tls_port, tls=True, h2=True)}
        return Contestant("nginx", process.pid, routes)

    def _run(self, command: list[str], *, core: int | None, **more: Any) -> subprocess.Popen[bytes]:
        return self._stack.enter_context(running(command, core=core, **more))

    def _routes(self, port: int, explicit: int) -> dict[str, Route]:
        return {
            "plain": Route(port),
            "tls": Route(port, tls=True),
            "h2": Route(port, tls=True, h2=True),
            "explicit": Route(explicit, tls=True, connect=f"localhost:{self.tls_port}"),
        }


def stock_command(folder: Path, port: int, upstream: int, explicit: int = 0) -> list[str]:
    """The command line of stock mitmdump, in front of a plain upstream."""
    command = [
        *STOCK, "--mode", f"reverse:http://127.0.0.1:{upstream}@127.0.0.1:{port}",
        "--set", f"confdir={folder / 'stock'}", "--set", f"ssl_verify_upstream_trusted_ca={folder / 'authority.pem'}",
    ]  # fmt: skip
    if explicit:
        # Lazy, because an eager stock learns that the upstream speaks HTTP/1.1, and denies its client HTTP/2.
        command += ["--mode", f"regular@127.0.0.1:{explicit}", "--set", "connection_strategy=lazy"]
    return command


NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream raw {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    listen 127.0.0.1:{tls_port} ssl http2 backlog=2048;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location / {{
      proxy_pass http://raw; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""

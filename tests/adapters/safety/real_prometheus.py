"""A real Prometheus, when one is installed, and a page of one metric that it scrapes each second."""

from __future__ import annotations

import http.server
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOUND = shutil.which("prometheus")
WHY = "no `prometheus` on PATH: apt-get install prometheus, and what is tried here is tried against a real one"
#: Seconds within which it is ready by far, on a machine that has much else to do.
SOON = 40.0


class Metric:
    """`sick_users` as an app would show it on /metrics; `changed` is when it was last set, by the monotonic clock."""

    def __init__(self) -> None:
        self.value, self.changed = 0.0, 0.0
        outer = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"# TYPE sick_users gauge\nsick_users {outer.value}\n".encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def set(self, value: float) -> None:
        self.value, self.changed = value, time.monotonic()


@contextmanager
def prometheus(folder: Path, *more: str, scraped: Metric | None = None, wait: bool = True) -> Iterator[int]:
    """Its port, once it answers (or at once without `wait`); its data lie in `folder`."""
    assert FOUND
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    jobs = []
    if scraped is not None:
        jobs = [f"- job_name: app\n  static_configs: [{{targets: ['127.0.0.1:{scraped.server.server_port}']}}]\n"]
    head = "global: {scrape_interval: 1s, scrape_timeout: 900ms}\nscrape_configs:"
    (folder / "prometheus.yml").write_text(head + ("\n" + "".join(jobs) if jobs else " []\n"))
    words = [FOUND, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*words, f"--web.listen-address=127.0.0.1:{port}", *more], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        if wait:
            _until_ready(port, process, folder)
        yield port
    finally:
        process.kill()
        process.wait()


def _until_ready(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    ends = time.monotonic() + SOON
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1):
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:  # a prefix, a login or TLS: it serves
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"prometheus never became ready: {(folder / 'log').read_text()[-2000:]}")

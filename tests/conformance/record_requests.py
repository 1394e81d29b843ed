"""Asks every official SDK once in every way, against a socket of our own, and keeps the requests as they came.

python tests/conformance/record_requests.py    (writes tests/wire/PROVIDER/requests/WAY.json)

The answer is always 401, because no SDK repeats a call after it: one request for one way. Keys are
placeholders from the start, and a signature over nothing is worth nothing. `[ref:00000000]` stands where
the driver puts an operation's reference.
"""

from __future__ import annotations

import json
import platform
import re
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import conformance_ask
from conformance_ask import Ask, Seen
from conformance_rig import PACKAGES, versions
from conformance_rules import FAMILIES, embeds

from chaosllm.registry import members

WIRE = Path(__file__).parents[1] / "wire"
REFERENCE = "[ref:00000000]"
#: A model of each provider that a real account has, and one for vectors.
MODELS = {
    "openai": ("gpt-4o-mini", "text-embedding-3-small"),
    "azure_openai": ("gpt-4o-mini", ""),
    "openrouter": ("openai/gpt-4o-mini", ""),
    "openai_compatible": ("meta-llama/Llama-3.1-8B-Instruct", ""),
    "anthropic": ("claude-haiku-4-5", ""),
    "gemini": ("gemini-2.5-flash", "gemini-embedding-001"),
    "vertex": ("gemini-2.5-flash", ""),
    "bedrock": ("anthropic.claude-haiku-4-5-20251001-v1:0", ""),
    "mistral": ("mistral-small-latest", "mistral-embed"),
    "cohere": ("command-a-03-2025", "embed-v4.0"),
    "groq": ("llama-3.1-8b-instant", ""),
    "ollama": ("llama3.2", "nomic-embed-text"),
}
#: Ways whose endpoint has no tools.
WITHOUT_TOOLS = ("embed", "completions", "generate_", "ollama_generate")
#: Where a real client would send it, where the provider's own list has globs; the socket's address says nothing.
HOSTS = {
    "azure_openai": "example.openai.azure.com",
    "bedrock": "bedrock-runtime.us-east-1.amazonaws.com",
    "ollama": "localhost:11434",
    "openai_compatible": "localhost:8000",
    "vertex": "us-central1-aiplatform.googleapis.com",
}


class Asked(Ask):
    """An ask whose prompt holds an operation's reference."""

    @property
    def said(self) -> str:
        return f"{super().said} {REFERENCE}"


class Listener(BaseHTTPRequestHandler):
    """Keeps a request and refuses it."""

    protocol_version = "HTTP/1.1"
    kept: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self._chunks() if self.headers.get("transfer-encoding") else self._whole()
        self.kept.append(
            {"method": "POST", "path": self.path, "headers": dict(self.headers), "body": body.decode("utf-8")}
        )
        answer = b'{"error":{"message":"recorded","type":"recorded"},"message":"recorded"}'
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _whole(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a request is kept, not told."""


def main() -> None:
    conformance_ask.INPUTS[:] = [f"{text} {REFERENCE}" for text in conformance_ask.INPUTS]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    release, providers = versions(), members("providers")
    today = datetime.now(UTC).date()
    for family, table in FAMILIES.items():
        reverse = {name: origin + providers[name].base_path for name in table}
        found = import_module(f"clients.{family}_family").ways(reverse)
        for provider, names in table.items():
            for way in names:
                tools = (False,) if any(part in way for part in WITHOUT_TOOLS) else (False, True)
                for tool in tools:
                    Listener.kept.clear()
                    seen = _ask(found[way], Asked(MODELS[provider][embeds(way)], 20.0, tool))
                    assert len(Listener.kept) == 1, (way, seen, len(Listener.kept))
                    kept = Listener.kept[0]
                    kept["headers"] = {name: _neutral(provider, name, text) for name, text in kept["headers"].items()}
                    sdk = f"{PACKAGES[family]} {release[family]}"
                    source = f"{sdk} on Python {platform.python_version()}, {today}, against a socket of ours"
                    _write(provider, way + "_tool" * tool, {"source": source, "evidence": "captured", **kept})


def _ask(way: Any, ask: Ask) -> str:
    try:
        way(ask, Seen())
    except Exception as error:
        return type(error).__name__
    return ""


def _neutral(provider: str, name: str, value: str) -> str:
    """A header without this machine in it."""
    if name.lower() == "host":
        return HOSTS.get(provider) or members("providers")[provider].hosts[0]
    return re.sub(r"os/linux#\S+", "os/linux#6", value)


def _write(provider: str, name: str, kept: dict[str, Any]) -> None:
    folder = WIRE / provider / "requests"
    folder.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What the proxy tests stand on: an upstream made of sockets, the proxy as a child process, raw clients."""

import gzip
import json
import socket
import ssl
import struct
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from handing import handed

from chaosllm.adapters.interpreter import interpreter, proxy_module

#: Seconds that something may take on a machine with much else to do; waiting ends as soon as it is there.
PATIENCE = 30.0
WORDS = [f"word{n:02d} " for n in range(20)]
TEXT = "".join(WORDS)


def event(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


EVENTS = [event({"role": "assistant", "content": ""}), *(event({"content": word}) for word in WORDS), event({}, "stop"),
          b"data: [DONE]\n\n"]  # fmt: skip
TOOL_ARGUMENTS = '{"city": "Paris", "unit": "celsius"}'
TOOL_EVENTS = [
    EVENTS[0],
    event({"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
    *(event({"tool_calls": [{"index": 0, "function": {"arguments": TOOL_ARGUMENTS[at : at + 6]}}]})
      for at in range(0, len(TOOL_ARGUMENTS), 6)),
    event({}, "tool_calls"),
    EVENTS[-1],
]  # fmt: skip
WHOLE = json.dumps(
    {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
     "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": TEXT}}],
     "usage": {"prompt_tokens": 5, "completion_tokens": 20, "total_tokens": 25}}
).encode()  # fmt: skip


class Upstream:
    """A provider on raw sockets; the request's `user` field says how to answer: "gap=0.01 tool gzip break ..."."""

    def __init__(self, context=None):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=300)
        self.context = context
        self.requests = []
        self.cancelled = 0
        self.connections = 0
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        self.connections += 1
        with suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = connection.makefile("rb")
            while line := reader.readline():
                headers = {}
                while (header := reader.readline().strip()) != b"":
                    name, _, value = header.partition(b":")
                    headers[name.decode().lower()] = value.strip().decode()
                body = reader.read(int(headers.get("content-length", 0)))
                self.requests.append((line.decode().split()[1], headers, body))
                try:
                    self._answer(connection, json.loads(body) if body else {})
                except EOFError:  # the end of an answer that only the connection's end tells
                    return
                except (BrokenPipeError, ConnectionResetError):
                    self.cancelled += 1
                    return

    def _answer(self, connection, request):
        wishes = dict(word.partition("=")[::2] for word in request.get("user", "").split())
        gap = float(wishes.get("gap", 0))
        time.sleep(float(wishes.get("think", 0)))
        if "close" in wishes:
            raise BrokenPipeError
        if "unframed" in wishes and not request.get("stream"):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + WHOLE)
            raise EOFError
        if not request.get("stream"):
            body, extra = WHOLE, b""
            if "gzip" in wishes and "identity" not in self.requests[-1][1].get("accept-encoding", ""):
                body, extra = gzip.compress(WHOLE), b"content-encoding: gzip\r\n"
            if "limited" in wishes:
                extra += b"x-ratelimit-remaining-requests: 77\r\n"
            status = b"500 Oops" if "fail" in wishes else b"200 OK"
            connection.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json\r\n" + extra
                               + b"content-length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
            return
        if "unframed" in wishes:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + b"".join(EVENTS))
            raise EOFError
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        events = TOOL_EVENTS if "tool" in wishes else EVENTS
        for number, raw in enumerate(events):
            if "break" in wishes and number == len(events) // 2:
                raise BrokenPipeError
            connection.sendall(b"%x\r\n%s\r\n" % (len(raw), raw))
            time.sleep(gap)
        connection.sendall(b"0\r\n\r\n")

    def close(self):
        self.listener.close()


class ProxyChild:
    """The proxy as the supervisor runs it; `workers` of more than one are coordinated."""

    def __init__(self, folder, scenario, upstreams, *, phase="on", **more):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        (folder / "scenario.yaml").write_text(yaml.safe_dump(scenario))
        config = {
            "packed": handed(folder / "scenario.yaml"), "folder": str(folder), "key": "ab" * 16,
            "phase": phase, "upstreams": upstreams, "ca": {}, "port": 0, "host": "127.0.0.1",
            "confdir": str(folder / "ca"), "keep": False,
        } | more  # fmt: skip
        self.process = subprocess.Popen(
            interpreter(proxy_module(more.get("workers", 1))),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.messages = []
        self.tell(config)
        self.ready = self.next()

    def tell(self, command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def next(self, kind=None):
        for line in self.process.stdout:
            message = json.loads(line)
            self.messages.append(message)
            if kind in (None, message["type"]):
                return message
        raise AssertionError(f"the proxy ended: {self.process.stderr.read().decode()}")

    def status(self):
        self.tell({"do": "status"})
        return self.next("status")

    def events(self, model, count=1):
        """The events of the calls with this model, once there are `count`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.status()  # which writes what is counted
            lines = (self.folder / "events.jsonl").read_text().splitlines()
            found = [one for line in lines if line.endswith("}") and (one := json.loads(line)).get("model") == model]
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"no event for {model}")

    def stop(self):
        if self.process.poll() is None:
            with suppress(BrokenPipeError):
                self.tell({"do": "stop"})
        self.process.stdin.close()
        out = self.process.stdout.read()
        self.messages += [json.loads(line) for line in out.splitlines()]
        code = self.process.wait(PATIENCE)
        self.errors = self.process.stderr.read().decode()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()
        return code


@dataclass
class Answer:
    """What a raw client saw; `end` is proper, fin or reset."""

    status: int = 0
    headers: dict = field(default_factory=dict)
    head: bytes = b""
    body: bytes = b""
    chunks: list = field(default_factory=list)  # (seconds since the request, bytes)
    end: str = ""
    took: float = 0.0


class RawClient:
    """One HTTP/1.1 connection to a reverse listener."""

    def __init__(self, url):
        self.address = ("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        self.socket = socket.create_connection(self.address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, model, wishes="", *, stream=True, headers=""):
        body = {"model": model, "user": wishes, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        if {"tool", "offers"} & {*wishes.split()}:
            body["tools"] = [{"type": "function", "function": {"name": "f"}}]
        data = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{headers}content-length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)
        self.sent = time.monotonic()

    def begun(self):
        """Wait until the answer has begun."""
        self._more()

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def _take(self, size):
        while len(self.buffer) < size:
            self._more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def _line(self, end=b"\r\n"):
        while end not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(end)
        return line

    def receive(self):
        answer = Answer()
        try:
            self._receive(answer)
            answer.end = "proper"
        except EOFError:
            answer.end = "fin"
        except ConnectionResetError:
            answer.end = "reset"
        answer.took = time.monotonic() - self.sent
        return answer

    def _receive(self, answer):
        answer.head = self._line(b"\r\n\r\n")
        first, *lines = answer.head.split(b"\r\n")
        answer.status = int(first.split()[1])
        answer.headers = {
            k.decode().lower(): v.strip().decode() for k, _, v in (line.partition(b":") for line in lines)
        }
        if answer.headers.get("transfer-encoding") == "chunked":
            while size := int(self._line(), 16):
                data = self._take(size)
                self._take(2)
                answer.chunks.append((time.monotonic() - self.sent, data))
                answer.body += data
            self._take(2)
        else:
            length = int(answer.headers["content-length"])
            while len(answer.body) < length:
                if not self.buffer:
                    self._more()
                data = self._take(min(len(self.buffer), length - len(answer.body)))
                answer.chunks.append((time.monotonic() - self.sent, data))
                answer.body += data

    def ask(self, model, wishes="", *, stream=True, headers=""):
        self.send(model, wishes, stream=stream, headers=headers)
        return self.receive()

    def close(self):
        self.socket.close()

    def abort(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def eventually(fact, within=PATIENCE):
    """Wait until a fact holds."""
    deadline = time.monotonic() + within
    while not fact():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def authority(folder, name="127.0.0.1"):
    """A test CA (its PEM file) and the TLS context of a server that it vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(start).not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "test-ca.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = folder / "test-key.pem"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


def text_of(body):
    """The text in a (possibly cut) chat stream."""
    text = ""
    for raw in body.split(b"\n\n"):
        with suppress(ValueError, LookupError):
            text += json.loads(raw.removeprefix(b"data: "))["choices"][0]["delta"].get("content") or ""
    return text


def scenario(*rules, **more):
    """A scenario with one phase `on`, each rule matching the model of its own name."""
    found = []
    for model, rule in rules:
        found.append(rule | ({"match": {"model": model}} if model else {}))
    return {
        "version": 1, "name": "rig", "seed": 7, "upstreams": [{"provider": "openai", "url": "http://127.0.0.1:9"}],
        "phases": [{"name": "on", "duration": "60s", "rules": found}],
    } | more  # fmt: skip

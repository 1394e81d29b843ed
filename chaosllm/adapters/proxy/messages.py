# mypy: untyped-calls-exclude=mitmproxy
"""Messages: those of mitmproxy to ours, and back."""

from __future__ import annotations

import time
from email.utils import formatdate

from mitmproxy import http
from mitmproxy.net.http import status_codes

from chaosllm.call import Request
from chaosllm.script import Reply


def request_of(flow: http.HTTPFlow, upstream: str | None) -> Request:
    """The request that a flow carries, its body decoded; `upstream` is the provider whose listener took it."""
    headers = tuple((name.lower(), value) for name, value in flow.request.headers.items(multi=True))
    body = flow.request.get_content(strict=False) or b""
    return Request(flow.request.method, flow.request.pretty_host, flow.request.path, headers, body, upstream)


def canned(reply: Reply) -> http.Response:
    """The reply as mitmproxy sends it: these headers, the date that every server says, a length where none is said."""
    now = time.time()
    fields = [(name.encode(), value.encode()) for name, value in reply.headers]
    if not any(name == b"date" for name, _ in fields):  # RFC 9110, section 6.6.1
        fields.insert(0, (b"date", formatdate(now, usegmt=True).encode()))
    if not any(name in (b"content-length", b"transfer-encoding") for name, _ in fields):
        fields.append((b"content-length", str(len(reply.body)).encode()))
    reason = status_codes.RESPONSES.get(reply.status, "").encode()
    return http.Response(b"HTTP/1.1", reply.status, reason, http.Headers(fields), reply.body, None, now, now)

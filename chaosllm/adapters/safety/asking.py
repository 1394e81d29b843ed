"""Asks over HTTP, and looks for a file, in a time that is bounded whatever answers.

Laws:
1. No answer makes it raise, hang or fill the memory: what cannot be used is an Answer with an error.
2. No error holds what was sent or what came: a header may be a secret, and a body may be anything.
3. Neither the environment's proxies nor a redirect leads a request elsewhere; of the environment it takes the CAs of
   `SSL_CERT_FILE` alone, because monitoring often has a certificate of the house.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chaosllm.errors import ChaosError, Exit
from chaosllm.live.lever import Seen, State, of_look
from chaosllm.probes import Answer, Ask
from chaosllm.units import format_duration
from chaosllm.variables import filled

if TYPE_CHECKING:
    import httpx

#: Bytes of a body that are read; a page of health is short, and Prometheus sends 100 bytes for each series.
MOST = 64 * 1024
#: What OpenSSL says of a certificate whose CA it does not know (X509_V_ERR_*, openssl-verification-options(1)).
_UNKNOWN_CA = {18, 19, 20, 21}


class Asker:
    """Asks with one client; `environ` fills the variables of headers."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._client: httpx.AsyncClient | None = None

    async def ask(self, what: Ask, timeout: float) -> Answer:  # noqa: ASYNC109  # what came late is an Answer too
        """What comes of it within `timeout` seconds, all of it included: name, connection, TLS, headers, body."""
        client = self.load()
        begin = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                return await self._ask(client, what, begin)
        except TimeoutError:
            error = f"no whole answer within {format_duration(timeout)}"
        except Exception as caught:  # noqa: BLE001, RUF100  # whatever a stranger's answer brings about
            error = _words(caught)
        return Answer(took=time.monotonic() - begin, error=error)

    def load(self) -> httpx.AsyncClient:
        """Load what asking takes (some 0.3 s, once), so that no answer has to wait for it.

        Raises ChaosError when `SSL_CERT_FILE` cannot be read.
        """
        if self._client is None:
            self._client = _client(self._environ.get("SSL_CERT_FILE", ""))
        return self._client

    async def _ask(self, client: httpx.AsyncClient, what: Ask, begin: float) -> Answer:
        # Identity, because a body that decodes to gigabytes is then not decoded at all.
        headers = {"accept-encoding": "identity", "user-agent": "chaosllm"}
        headers |= {name: filled(value, self._environ).strip() for name, value in what.headers.items()}
        request = client.build_request(what.method, what.url, params=what.params or None, headers=headers)
        answer = await client.send(request, stream=True)
        try:
            found, cut = bytearray(), False
            async for piece in answer.aiter_raw():
                found += piece
                if len(found) > MOST:
                    cut = True
                    break
        finally:
            await answer.aclose()
        text = bytes(found[:MOST]).decode("utf-8", "replace")
        return Answer(answer.status_code, text, time.monotonic() - begin, cut)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.aclose()


def _client(roots: str) -> httpx.AsyncClient:
    """`roots`: a file of the CAs that are trusted; empty: the public ones."""
    import httpx  # noqa: PLC0415  # late: time that only a run with a probe or a lever at a URL pays

    # A connection of its own each time, because one that the server closes just when it is used again would be
    # told as a failure of the app's.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    try:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=roots) if roots else True
    except OSError as error:
        raise ChaosError(
            f"SSL_CERT_FILE={roots} cannot be read as certificates: {error.strerror or type(error).__name__}",
            hint="name a file of CA certificates in PEM, or unset it",
            exit_code=Exit.USAGE,
        ) from None
    return httpx.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=None, limits=limits)  # noqa: S113  # the whole asking has one


def _words(error: Exception) -> str:
    """An error in words that hold nothing of what was sent."""
    import httpx  # noqa: PLC0415  # as above

    if isinstance(error, httpx.ConnectError):
        why = next(filter(None, map(_reason, _causes(error))), "")
        return f"it cannot be reached: {why}" if why else "it cannot be reached"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return "the connection broke, or what came is no HTTP"
    return f"it cannot be asked ({type(error).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):  # a chain may be a ring
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    """Why a connection did not come about, where the system says it."""
    match error:
        case ssl.SSLCertVerificationError():  # the words are OpenSSL's own, and name at most the host that we asked
            hint = "; its CA may stand in SSL_CERT_FILE" if error.verify_code in _UNKNOWN_CA else ""
            return f"its certificate is not trusted ({error.verify_message.rstrip('.')}){hint}"
        case ssl.SSLError():
            return "what listens there speaks no TLS that we do"
        case socket.gaierror():
            return "no such host is known"
        case ConnectionRefusedError():
            return "nobody listens there"
        case _:
            return ""


class Looker:
    """Looks for one file, on a thread of its own, because a network disk that is gone holds whoever looks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._busy = False

    async def look(self, timeout: float) -> Seen:  # noqa: ASYNC109  # what came late is a Seen too
        """Whether it is there; unreadable when that is not known within `timeout` seconds."""
        late = Seen(State.UNREADABLE, f"the disk does not answer within {format_duration(timeout)}")
        if self._busy:  # the look before still waits
            return late
        loop, found = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def tell(seen: Seen) -> None:
            self._busy = False
            if not found.done():
                found.set_result(seen)

        def work() -> None:
            seen = look(self._path)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, seen)

        self._busy = True
        threading.Thread(target=work, name="lever", daemon=True).start()
        done, _ = await asyncio.wait([found], timeout=timeout)
        return found.result() if done else late


def look(path: Path) -> Seen:
    """Whether a file is there, of whatever kind; a link that leads nowhere is one."""
    try:
        os.lstat(path)
    except OSError as error:
        return of_look(error.errno, folder=_is_folder(path.parent))
    except ValueError:
        return Seen(State.UNREADABLE, "no file can have its name")
    return of_look(None, folder=True)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False

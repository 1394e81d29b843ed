"""Ports for the proxy's listeners: those asked for or free ones, for one process or for several that share them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from chaosllm.errors import ChaosError, Exit

#: Ports that are taken between the look and the bind are looked for so often.
TRIES = 5


def family(host: str) -> socket.AddressFamily:
    """The kind of address that a host is written in."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def find(host: str, first: int, count: int) -> list[int]:
    """Ports for all listeners: `first` and those after it, or free ones; raises ChaosError when one is taken."""
    with contextlib.ExitStack() as open_until_all_are_known:
        ports = []
        for number in range(count):
            probe = open_until_all_are_known.enter_context(socket.socket(family(host), socket.SOCK_STREAM))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as asyncio's servers do
            wanted = first + number if first else 0
            try:
                probe.bind((host, wanted))
                if wanted:
                    probe.listen(1)  # because SO_REUSEADDR lets a bind succeed beside another bound socket
            except (OSError, OverflowError) as error:
                reason = getattr(error, "strerror", None) or "there is no such port"
                raise ChaosError(
                    f"the proxy cannot listen on {host}:{wanted}: {reason.lower()}",
                    hint=f"give another with --port (it takes {count} in a row), or leave it out",
                ) from error
            ports.append(probe.getsockname()[1])
    return ports


def shared(host: str, port: int) -> socket.socket:
    """A socket bound to a port that other processes of this user may bind too; raises OSError.

    Of those that listen the kernel gives each new connection to one (Linux, by its addresses: socket(7), SO_REUSEPORT).
    """
    bound = socket.socket(family(host), socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def join(host: str, wanted: Sequence[int]) -> list[socket.socket]:
    """Hold ports that others of ours hold too; raises ChaosError, and holds none, when one cannot be had."""
    held: list[socket.socket] = []
    try:
        for port in wanted:
            held.append(shared(host, port))  # noqa: PERF401  # what is held must be known when one fails
    except OSError as error:
        for one in held:
            one.close()
        raise ChaosError(
            f"the proxy cannot listen on {host}:{wanted[len(held)]}: {(error.strerror or str(error)).lower()}",
            hint="give another with --port",
        ) from error
    return held


def reserve(host: str, first: int, count: int) -> list[socket.socket]:
    """Hold ports, found as by `find`, for workers to share; raises ChaosError.

    A look without SO_REUSEPORT comes first, else two proxies of one user would take each other's connections.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ChaosError(
            "this system cannot share a port between processes",
            hint="leave out --proxy-workers",
            exit_code=Exit.USAGE,
        )
    for _ in range(TRIES):
        held: list[socket.socket] = []
        try:
            for port in find(host, first, count):
                held.append(shared(host, port))  # noqa: PERF401  # what is held must be known when one fails
        except OSError:
            for one in held:
                one.close()
        else:
            return held
    raise ChaosError(f"no free port on {host}", hint="give another with --port, or end what holds them")

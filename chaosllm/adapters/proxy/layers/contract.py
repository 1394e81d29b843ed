"""The private names of mitmproxy (and of h11, h2, pyOpenSSL) that we stand on, and the refusal when one is gone.

Law: a name that is gone stops the proxy at its start, loudly; no fault is ever silently not played for it.
"""

from __future__ import annotations

from typing import Any

from chaosllm.adapters.proxy.fast import route
from chaosllm.adapters.proxy.layers import connections, drive, http_layer, stream, unusual
from chaosllm.adapters.proxy.workers import sharing
from chaosllm.errors import ChaosError

_USERS = (stream, connections, drive, http_layer, route, sharing, unusual)
#: (owner, names).
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = tuple(row for user in _USERS for row in user.PRIVATE)
#: Attributes that exist on instances only, by the class whose `__init__` or annotations must name them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = tuple(
    row for user in _USERS for row in user.PRIVATE_INSTANCE
)


def missing() -> list[str]:
    """The private names of mitmproxy that this file needs and that are not there."""
    gone = [f"{_name(owner)}.{name}" for owner, names in PRIVATE for name in names if not _has(owner, name)]
    for owner, names in PRIVATE_INSTANCE:
        known = {*owner.__init__.__code__.co_names, *getattr(owner, "__annotations__", {})}
        gone += [f"{_name(owner)}.{name}" for name in names if name not in known]
    return gone


def require() -> None:
    """Refuse loudly to run on a mitmproxy that has moved; raises ChaosError."""
    if gone := missing():
        raise ChaosError(
            f"this mitmproxy has no {', '.join(gone)}: faults could not be played",
            hint='install the version chaosllm is made for: pip install "mitmproxy>=12.2,<13"',
        )


def _has(owner: Any, name: str) -> bool:
    """A class must have it itself: what it inherits in its place does something else."""
    return name in vars(owner) if isinstance(owner, type) else hasattr(owner, name)


def _name(owner: Any) -> str:
    return f"{owner.__module__}.{owner.__qualname__}" if isinstance(owner, type) else str(owner.__name__)

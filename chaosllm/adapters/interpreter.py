"""How our own child processes are started; imports little, because the proxy is started first of all."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import cache_from_source, find_spec
from pathlib import Path

#: Nothing of the user's folder may shadow a library.
_SAFE_PATH = "-P"


def proxy_module(workers: int) -> str:
    """What to start as the proxy: itself, or the coordinator of several."""
    return "chaosllm.adapters.proxy" + (".workers.coordinator" if workers > 1 else "")


@cache
def interpreter(module: str) -> tuple[str, ...]:
    """The words that start `module`; with `-O` where its bytecode can be kept.

    Under `-O` mitmproxy leaves out the type checks of every message (`if __debug__`, mitmproxy/http.py), which
    cost a tenth of a request. Without a cache the whole of it would be compiled anew at each start.
    """
    optimise = ("-O",) if module.startswith("chaosllm.adapters.proxy") and _keeps_bytecode("mitmproxy") else ()
    return (sys.executable, _SAFE_PATH, *optimise, "-m", module)


def _keeps_bytecode(package: str) -> bool:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return False
    kept = Path(cache_from_source(spec.origin, optimization=1))
    folder = next((one for one in kept.parents if one.is_dir()), kept.parent)
    return kept.exists() or (os.access(folder, os.W_OK) and not sys.flags.dont_write_bytecode)

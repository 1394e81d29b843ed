"""What a run stood on: versions and the machine, for meta.json; nothing that names a person or a host."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from chaosllm import __version__, registry

#: The frameworks whose version decides what a run can do.
_FRAMEWORKS = ("mitmproxy", "locust", "numpy", "matplotlib", "openai", "anthropic")


def versions() -> dict[str, str]:
    """Versions of chaosllm, Python and the frameworks found, without importing them, and of the plugins loaded."""
    found = {"chaosllm": __version__, "python": platform.python_version()}
    for name in _FRAMEWORKS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    loaded = (plugin for kind in registry.KINDS for plugin in registry.plugins(kind) if not plugin.error)
    return found | {plugin.package: plugin.version for plugin in loaded if plugin.package}


def machine() -> dict[str, Any]:
    """System, processor count and load of this machine."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }

"""Keeps mitmproxy from loading the addons that we do not use: a third of what the proxy's start takes."""

from __future__ import annotations

import importlib.util
import sys

_ADDONS = "mitmproxy.addons"


def without_defaults() -> None:
    """Let `mitmproxy.addons.X` be imported without the package's own list of all addons, and their libraries.

    Flask, ldap3 and pyparsing among them. Only in a process of ours, before anything of the package is loaded.
    """
    spec = importlib.util.find_spec(_ADDONS)
    if spec is not None and _ADDONS not in sys.modules:
        sys.modules[_ADDONS] = importlib.util.module_from_spec(spec)

"""The option that spreads the proxy over several processes."""

from __future__ import annotations

import click

#: More would only wait for each other: each takes a core.
_MOST = 64

PROXY_WORKERS = click.option(
    "--proxy-workers",
    metavar="N",
    type=click.IntRange(1, _MOST),
    default=1,
    help="Processes that share the proxy's ports, for loads that keep one core busy (Linux).",
)

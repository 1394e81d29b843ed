"""Plugins that do not load: a warning, because only a scenario that names one needs it."""

from __future__ import annotations

import click

#: The kinds that reading and judging a scenario take members of.
_READ = ("faults", "providers", "findings", "metrics", "probes")


def warn_of_plugins(*kinds: str) -> None:
    """Say on stderr which plugins of these kinds do not load; without any, of those that a run takes."""
    from chaosllm.registry import plugins  # noqa: PLC0415  # late, so that --help stays quick

    for kind in kinds or _READ:
        for plugin in plugins(kind):
            if plugin.error:
                click.echo(f"warning: the plugin {plugin.name} of {kind} does not load: {plugin.error}", err=True)

"""`chaosllm baseline`: keeps what runs came to, small enough to be committed, and shows it."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group(
    epilog="\b\nExamples:\n"
    "  chaosllm baseline save main reports/rate-limit-storm-20261123-120000\n"
    "  chaosllm baseline show main\n"
    "  chaosllm gate scenarios/rate-limit-storm.yaml --baseline main -- python -m myapp\n\n"
    "A baseline is a small file for each scenario in .chaosllm/baselines/NAME: figures with their intervals, what the "
    "scenario did, versions; no records, no keys, no paths. Commit it, so that every branch is held against it."
)
def command() -> None:
    """Keep what a run came to, for compare and gate."""


@command.command(
    epilog="\b\nExamples:\n"
    "  chaosllm baseline save main reports/rate-limit-storm-20261123-120000\n"
    "  chaosllm baseline save main reports/smoke/* --force"
)
@click.argument("name", metavar="NAME")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Write over what is kept under this name.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON on stdout.")
def save(name: str, runs: tuple[Path, ...], *, force: bool, as_json: bool) -> int:
    """Keep the figures of runs under a name; one run of each scenario."""
    from chaosllm.adapters import baselines  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.renderers._words import clean  # noqa: PLC0415  # as above
    from chaosllm.snapshot import NOT_REPEATABLE  # noqa: PLC0415  # as above

    baselines.checked(name)
    found = [baselines.of_run(run) for run in runs]
    files = baselines.save(name, found, force=force)
    for path, one in zip(files, found, strict=True):
        click.echo(f"kept: {path} ({one.scenario}, {one.verdict}, {path.stat().st_size / 1000:.0f} kB)", err=True)
        if one.verdict == "inconclusive":
            why = f" ({one.doubts[0]})" if one.doubts else ""
            click.echo(f"warning: {one.scenario} is inconclusive{why}: a gate against it never passes", err=True)
        for doubt in one.doubts:
            if doubt.endswith(NOT_REPEATABLE):
                click.echo(f"warning: {one.scenario} was {clean(doubt)}: better keep a run of its own", err=True)
    if as_json:
        click.echo(
            json.dumps([{"scenario": one.scenario, "file": str(path)} for path, one in zip(files, found, strict=True)])
        )
    return 0


@command.command(epilog="\b\nExample:\n  chaosllm baseline show main")
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print all that is kept as JSON on stdout.")
def show(name: str, *, as_json: bool) -> int:
    """Show what is kept under a name."""
    from chaosllm.adapters import baselines  # noqa: PLC0415  # late, as above

    found = baselines.kept(name)
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], indent=1))
        return 0
    from rich.console import Console  # noqa: PLC0415  # late, as above

    from chaosllm.renderers._baseline import renderable  # noqa: PLC0415  # as above

    console = Console(highlight=False)
    for one in found:
        console.print(renderable(one))
    return 0


@command.command(name="list", epilog="\b\nExample:\n  chaosllm baseline list --json")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects on stdout.")
def list_(*, as_json: bool) -> int:
    """List the baselines of this folder."""
    from chaosllm.adapters import baselines  # noqa: PLC0415  # late, as above
    from chaosllm.errors import ChaosError  # noqa: PLC0415  # as above

    rows = []
    for name in baselines.names():
        try:
            rows += [
                {"name": name, "scenario": one.scenario, "verdict": one.verdict, "started": one.started}
                for one in baselines.kept(name)
            ]
        except ChaosError as error:  # one that is damaged hides no other
            rows.append({"name": name, "scenario": "", "verdict": "", "started": "", "error": error.what})
    if as_json:
        click.echo(json.dumps(rows))
        return 0
    from chaosllm.renderers._words import clean  # noqa: PLC0415  # as above

    for row in rows:
        click.echo(
            "  ".join(clean(row[key]) for key in ("name", "scenario", "verdict", "started", "error") if row.get(key))
        )
    if not rows:
        click.echo("none yet: chaosllm baseline save NAME RUN", err=True)
    return 0

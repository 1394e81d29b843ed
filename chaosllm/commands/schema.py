"""`chaosllm schema`: the JSON Schemas of scenarios, suites and game-day plans, for editors."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm schema > scenario.schema.json\n"
    "  chaosllm schema --out scenario.schema.json\n"
    "  chaosllm schema suite --out suite.schema.json\n\n"
    "An editor with a YAML language server completes and checks a scenario that begins with the line\n"
    "# yaml-language-server: $schema=scenario.schema.json"
)
@click.argument("kind", type=click.Choice(["scenario", "suite", "gameday"]), default="scenario")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file instead.")
def command(kind: str, out: Path | None) -> None:
    """Print the JSON Schema of the scenario language, of suites, or of game-day plans."""
    # Late: brings pydantic, which --help need not wait for.
    from chaosllm.language.json_schema import build, build_gameday, build_suite, text  # noqa: PLC0415  # as above

    schema = text({"scenario": build, "suite": build_suite, "gameday": build_gameday}[kind]())
    if out is None:
        click.echo(schema, nl=False)
    else:
        out.write_text(schema, encoding="utf-8")

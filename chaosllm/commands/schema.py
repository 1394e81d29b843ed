"""`chaosllm schema`: the JSON Schema of the scenario language, for editors."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm schema > scenario.schema.json\n"
    "  chaosllm schema --out scenario.schema.json\n\n"
    "An editor with a YAML language server completes and checks a scenario that begins with the line\n"
    "# yaml-language-server: $schema=scenario.schema.json"
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file instead.")
def command(out: Path | None) -> None:
    """Print the JSON Schema of the scenario language."""
    from chaosllm.language.json_schema import text  # noqa: PLC0415  # late: brings pydantic, which --help need not wait for

    if out is None:
        click.echo(text(), nl=False)
    else:
        out.write_text(text(), encoding="utf-8")

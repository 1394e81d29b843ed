"""`chaosllm stop`: the kill switch for every live run of this user."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help stays quick

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from chaosllm.errors import ChaosError, Exit

if TYPE_CHECKING:
    from chaosllm.adapters.console.runtime import LiveRun

#: Seconds for a run to say that it stops; who needs a kill switch does not want to wait for a run that hangs.
PATIENCE = 3.0


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm stop\n"
    "  chaosllm stop users complain\n"
    "  chaosllm stop --run release-1.4\n\n"
    "Faults end within a second, traffic then passes clean, and each run is judged and reported as far as it came "
    "(exit 5). Exit codes: 0 all are stopping, 3 no run is live or one did not answer."
)
@click.argument("reason", metavar="[REASON]...", nargs=-1)
@click.option("--run", "wanted", metavar="NAME|FOLDER|URL", default="", help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a run on stdout.")
@click.option("--who", metavar="NAME", default="", help="Your name in the log; else that of your account.")
def command(reason: tuple[str, ...], *, wanted: str, as_json: bool, who: str) -> int:
    """Stop every live run of yours, now; what ran is judged and reported."""
    from concurrent.futures import ThreadPoolExecutor

    from chaosllm.adapters.console.client import choose, told
    from chaosllm.adapters.console.runtime import find
    from chaosllm.commands.ctl import _account

    runs = [choose(wanted)] if wanted else find() or [choose()]
    given = {"do": "stop", "text": " ".join(reason) or "chaosllm stop", "who": who or _account()}
    # All at once, because one that hangs must not keep the others going.
    with ThreadPoolExecutor(max_workers=min(32, len(runs))) as pool:
        answers = [*pool.map(lambda run: _stop(run, given), runs)]
    for run, error in zip(runs, answers, strict=True):
        if as_json:
            click.echo(
                json.dumps({"run": run.name, "url": run.url, "pid": run.pid, "stopped": not error, "error": error})
            )
        elif error:
            click.echo(f"error: {told(run)}: {error}", err=True)
            if run.pid:
                click.echo(f"  try: kill {run.pid}", err=True)
        else:
            click.echo(f"stopping: {told(run)}")
    return Exit.COULD_NOT_RUN if any(answers) else Exit.PASS


def _stop(run: LiveRun, given: dict[str, Any]) -> str:
    """Stop one; what went wrong, or ""."""
    from chaosllm.adapters.console.client import Control

    try:
        with Control(run, patience=PATIENCE) as control:
            control.send(given)
    except ChaosError as error:
        return error.what
    return ""

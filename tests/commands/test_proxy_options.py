"""What `chaosllm proxy` says to options that do not go together, before anything is started."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from chaosllm.commands.proxy import command
from chaosllm.errors import Exit

STORM = Path(__file__).parents[2] / "scenarios" / "rate-limit-storm.yaml"


def test_attach_holds_no_phase() -> None:
    """--attach needs a baseline and a recovery, so one held phase is refused."""
    done = CliRunner().invoke(command, [str(STORM), "--attach", "--phase", "storm"])
    assert done.exit_code == Exit.USAGE
    assert "--attach lets the phases run by the clock" in done.output


def test_help_says_what_attach_leaves_unknown() -> None:
    """`--help` tells that users are not seen, and what mends it."""
    said = CliRunner().invoke(command, ["--help"]).output
    assert "--attach" in said and "--access-log" in said

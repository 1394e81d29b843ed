"""The verbs of the command line: one file each, imported only when it is used.

`commands/<verb>.py` holds a click command named `command`. The one-line help of each verb stands
in VERBS, so that `chaosllm --help` imports none of them; a test holds the table against the files.
"""

from __future__ import annotations

import difflib
from importlib import import_module

import click

from chaosllm import __version__

#: Verb -> one line, in the order in which a new user meets them.
VERBS: dict[str, str] = {
    "demo": "Show two sample apps under fire, one fragile and one hardened: no key, no network.",
    "new": "Write a first scenario of your own, from a few questions.",
    "validate": "Check scenarios and suites; every problem with line and column.",
    "explain": "Say what a scenario will do and what it can show, before it runs; or what a fault does.",
    "run": "Run scenarios against an app and judge what it did.",
    "gate": "As run, for CI: plain output, JUnit, annotations, the verdict as exit code.",
    "gameday": "Play a plan together: live console, approvals, stop conditions, post-mortem.",
    "sweep": "Find the level of a parameter at which an objective breaks, with an interval.",
    "report": "Judge and render a run folder again.",
    "compare": "Hold two runs of a scenario against each other, figure by figure, with intervals.",
    "baseline": "Keep what a run came to, for compare and gate: save, show, list.",
    "list": "List faults, providers, findings, metrics, scenarios or suites.",
    "proxy": "Only inject: a proxy that breaks LLM calls as a scenario says.",
    "ctl": "Command a live run: pause, switch faults, change shares, phases, approve, stop.",
    "stop": "Stop every live run of yours, now; what ran is judged and reported.",
    "simulate": "Only answer: a provider that speaks the real wire formats, without a key.",
    "clean": "Remove old run folders, the oldest first; asks before.",
    "schema": "Print the JSON Schema of scenarios, or of suites.",
    "version": "Print the version.",
}


class Verbs(click.Group):
    """A group that imports a verb's file only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click hands it over
        """The verbs in the order of VERBS."""
        return [*VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click hands it over
        """The verb's command; None for an unknown verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"chaosllm.commands.{cmd_name}").command
        below = command.commands if isinstance(command, click.Group) else {}
        for verb, one in ((cmd_name, command), *((f"{cmd_name}_{name}", found) for name, found in below.items())):
            for option in one.params:
                if isinstance(option, click.Option) and option.envvar is None:
                    option.envvar = _variables(verb, option)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest verb named when there is no such verb."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(VERBS)}"
            if args[0].endswith((".yaml", ".yml")):
                hint = f"did you mean chaosllm run {args[0]}?"
            raise click.UsageError(f"no such verb {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click hands it over
        """Write the table of verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([*VERBS.items()])


def _variables(verb: str, option: click.Option) -> list[str]:
    """The variables that stand for an option, the verb's own first: CHAOSLLM_RUN_SEED, CHAOSLLM_SEED."""
    name = max(option.opts, key=len).lstrip("-").replace("-", "_").upper()
    return [f"CHAOSLLM_{verb.upper()}_{name}", f"CHAOSLLM_{name}"]


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n"
    "  chaosllm demo\n"
    "  chaosllm run scenarios/rate-limit-storm.yaml -- python -m myapp\n\n"
    "Exit codes: 0 PASS, 1 FAIL, 2 wrong usage or scenario, 3 could not run, 4 INCONCLUSIVE, 5 stopped by a "
    "stop condition, 130 Ctrl-C. Every option is also a variable: CHAOSLLM_SEED for all verbs, CHAOSLLM_RUN_SEED "
    "for one.",
)
@click.version_option(__version__, message="%(prog)s %(version)s", help="Print the version.")
@click.option("--debug", is_flag=True, envvar="CHAOSLLM_DEBUG", help="Show the traceback of a mistake of ours.")
def verbs(debug: bool) -> None:
    """Break the LLM calls of your app as real providers do, and see what its users get."""
    del debug  # __main__ reads it from the arguments, because it must hold before click runs

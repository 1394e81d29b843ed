"""`chaosllm ctl`: commands to a run that is on, from any terminal of the same user."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help stays quick

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from chaosllm.errors import ChaosError, Exit
from chaosllm.spelling import cut

if TYPE_CHECKING:
    from chaosllm.adapters.console.client import Control


@click.group(
    epilog="\b\nExamples:\n"
    "  chaosllm ctl status\n"
    "  chaosllm ctl share storm.0 60%\n"
    "  chaosllm ctl note the dashboards show it, the pager is quiet\n"
    "  chaosllm ctl stop users complain\n\n"
    "Exit codes: 0 done, 2 refused, or several runs are live and --run does not say which, 3 no run is live. The same "
    "commands stand on the console's page and in the HTTP API: docs/control.md."
)
def command() -> None:
    """Command a live run: pause, switch faults, change shares, phases, approve, stop."""


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every one of these verbs takes."""
    options = (
        click.option(
            "--run", "wanted", metavar="NAME|FOLDER|URL", default="", help="Which run, where several are live."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout: the command's event."),
        click.option("--who", metavar="NAME", default="", help="Your name in the log; else that of your account."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _send(wanted: str, as_json: bool, who: str, given: dict[str, Any]) -> int:
    from chaosllm.adapters.console.client import Control, choose

    with Control(choose(wanted)) as control:
        return _tell(control, as_json, who, given)


def _tell(control: Control, as_json: bool, who: str, given: dict[str, Any]) -> int:
    from chaosllm.commands._status import done

    event = control.send({**given, "who": who or _account()})
    click.echo(json.dumps(event) if as_json else f"{control.run.name}: {done(event)}")
    return Exit.PASS


def _account() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return ""


@command.command(epilog="\b\nExamples:\n  chaosllm ctl status\n  chaosllm ctl status --json")
@_common
def status(wanted: str, as_json: bool, who: str) -> int:
    """Show phase, goodput, rules, stop conditions, steps and findings of now."""
    del who
    from chaosllm.adapters.console.client import Control, choose
    from chaosllm.commands import _status
    from chaosllm.commands._output import write

    with Control(choose(wanted)) as control:
        state = control.state()
    text = json.dumps(state) if as_json else "\n".join(_status.status(state, control.run.url))
    write(text + "\n", None)
    return Exit.PASS


@command.command(epilog="\b\nExample:\n  chaosllm ctl pause")
@_common
def pause(wanted: str, as_json: bool, who: str) -> int:
    """Hold every fault back; load and clock go on."""
    return _send(wanted, as_json, who, {"do": "pause"})


@command.command(epilog="\b\nExample:\n  chaosllm ctl resume")
@_common
def resume(wanted: str, as_json: bool, who: str) -> int:
    """Let faults strike again after a pause."""
    return _send(wanted, as_json, who, {"do": "resume"})


@command.command(epilog="\b\nExample:\n  chaosllm ctl enable storm.1")
@click.argument("rule", metavar="RULE")
@_common
def enable(rule: str, wanted: str, as_json: bool, who: str) -> int:
    """Switch a rule on."""
    return _send(wanted, as_json, who, {"do": "enable", "rule": rule})


@command.command(epilog="\b\nExample:\n  chaosllm ctl disable storm.0")
@click.argument("rule", metavar="RULE")
@_common
def disable(rule: str, wanted: str, as_json: bool, who: str) -> int:
    """Switch a rule off."""
    return _send(wanted, as_json, who, {"do": "disable", "rule": rule})


@command.command(epilog="\b\nExample:\n  chaosllm ctl share storm.0 60%")
@click.argument("rule", metavar="RULE")
@click.argument("share", metavar="SHARE")
@_common
def share(rule: str, share: str, wanted: str, as_json: bool, who: str) -> int:
    """Change the share of calls that a rule strikes."""
    try:
        given: float | str = float(share)
    except ValueError:
        given = share
    if isinstance(given, float) and not math.isfinite(given):  # JSON has no word for it
        given = share
    return _send(wanted, as_json, who, {"do": "share", "rule": rule, "share": given})


@command.command(epilog="\b\nExample:\n  chaosllm ctl trigger storm.0 --count 3")
@click.argument("rule", metavar="RULE")
@click.option("--count", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="How many calls.")
@_common
def trigger(rule: str, count: int, wanted: str, as_json: bool, who: str) -> int:
    """Have a rule strike the next call that it matches, while its phase is on."""
    return _send(wanted, as_json, who, {"do": "trigger", "rule": rule, "count": count})


@command.command(epilog="\b\nExamples:\n  chaosllm ctl extend 30s\n  chaosllm ctl extend 1m --phase recovery")
@click.argument("by", metavar="DURATION")
@click.option("--phase", metavar="NAME", help="Which phase; else the present one.")
@_common
def extend(by: str, phase: str | None, wanted: str, as_json: bool, who: str) -> int:
    """Let a phase last longer; those after it begin later."""
    return _send(wanted, as_json, who, {"do": "extend", "by": by, "phase": phase})


@command.command(epilog="\b\nExample:\n  chaosllm ctl end --phase storm")
@click.option("--phase", metavar="NAME", help="Which phase; else the present one.")
@_common
def end(phase: str | None, wanted: str, as_json: bool, who: str) -> int:
    """End a phase now; the next one begins."""
    return _send(wanted, as_json, who, {"do": "end", "phase": phase})


@command.command(epilog="\b\nExample:\n  chaosllm ctl note the dashboards show it, the pager is quiet")
@click.argument("text", metavar="TEXT...", nargs=-1, required=True)
@_common
def note(text: tuple[str, ...], wanted: str, as_json: bool, who: str) -> int:
    """Write a note into the log, for the post-mortem."""
    return _send(wanted, as_json, who, {"do": "note", "text": " ".join(text)})


@command.command(epilog="\b\nExamples:\n  chaosllm ctl approve\n  chaosllm ctl approve 2\n  chaosllm ctl approve storm")
@click.argument("step", metavar="[STEP]", required=False)
@_common
def approve(step: str | None, wanted: str, as_json: bool, who: str) -> int:
    """Let a step of a game day begin, by number or name; without STEP the one that waits for approval."""
    return _step("approve", ("approval",), step, wanted, as_json=as_json, who=who)


@command.command(epilog="\b\nExamples:\n  chaosllm ctl skip 2\n  chaosllm ctl skip storm")
@click.argument("step", metavar="[STEP]", required=False)
@_common
def skip(step: str | None, wanted: str, as_json: bool, who: str) -> int:
    """Leave a step of a game day out, or end the running one; without STEP the present one."""
    return _step("skip", ("running", "approval"), step, wanted, as_json=as_json, who=who)


def _step(do: str, statuses: tuple[str, ...], step: str | None, wanted: str, *, as_json: bool, who: str) -> int:
    from chaosllm.adapters.console.client import Control, choose

    with Control(choose(wanted)) as control:
        if step is not None and step.isdecimal():
            return _tell(control, as_json, who, {"do": do, "step": int(step)})
        day = control.state().get("day")
        if not day:
            raise ChaosError("this is no game day, so it has no steps", exit_code=Exit.USAGE)
        return _tell(control, as_json, who, {"do": do, "step": _number(do, statuses, step, day["steps"])})


def _number(do: str, statuses: tuple[str, ...], step: str | None, steps: list[dict[str, Any]]) -> int:
    """The number of the step of this name, or of the one whose turn it is."""
    if step is None:
        found = [one["number"] for status in statuses for one in steps if one["status"] == status]
        what, hint = f"there is no step to {do} now", "chaosllm ctl status shows the steps"
    else:
        found = [one["number"] for one in steps if one["name"] == step]
        names = ", ".join(f"{one['number']} ({cut(str(one['name']))})" for one in steps)
        what, hint = f"there is no step {cut(step)}", f"name one by its number or its name: {names}"
    if not found:
        raise ChaosError(what, hint=hint, exit_code=Exit.USAGE)
    return int(found[0])


@command.command(epilog="\b\nExample:\n  chaosllm ctl stop users complain")
@click.argument("reason", metavar="[REASON]...", nargs=-1)
@_common
def stop(reason: tuple[str, ...], wanted: str, as_json: bool, who: str) -> int:
    """Stop the run: traffic passes clean within a second, and what ran is judged."""
    given = {"do": "stop", "text": " ".join(reason)} if reason else {"do": "stop"}
    return _send(wanted, as_json, who, given)


@command.command(epilog="\b\nExamples:\n  chaosllm ctl watch\n  chaosllm ctl watch --json")
@_common
def watch(wanted: str, as_json: bool, who: str) -> int:
    """Print what happens, a line an event, until the run is over; with --json every event, one object a line.

    The first object with --json has `"type": "state"` and the whole state, and so has one after events were lost.
    """
    del who
    from chaosllm.adapters.console.client import Control, choose
    from chaosllm.commands import _status

    over = False
    with Control(choose(wanted)) as control:
        try:
            for event in control.follow():
                if event["type"] == "state":
                    over = event["state"]["status"] == "over"
                over = over or event["type"] == "over"
                shown = json.dumps(event) if as_json else _shown(event, control.run.url, _status)
                if shown is not None:
                    click.echo(shown)
        except ChaosError:
            if not over:
                raise
    return Exit.PASS


def _shown(event: dict[str, Any], url: str, words: Any) -> str | None:
    if event["type"] == "state":
        return "\n".join(words.status(event["state"], url))
    found: str | None = words.line(event)
    return found

"""What `run` and `sweep` share: the app's command behind `--`, which app is meant, and one run with its progress."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chaosllm.errors import Blame, ChaosError, Exit

if TYPE_CHECKING:
    from chaosllm.adapters.supervisor.order import Order, Result, Watcher
    from chaosllm.commands._events import Events
    from chaosllm.live.stopping import Reading
    from chaosllm.live.view import Queue
    from chaosllm.scenario import Scenario

#: Where WithApp keeps the words after `--`, out of click's sight.
_COMMAND = "chaosllm.command"
#: How the name of a scenario ends.
_SUFFIXES = (".yaml", ".yml")


class WithApp(click.Command):
    """Takes what follows `--` as the app's command; click alone would take it for more scenarios."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, on what stands before `--`."""
        if "--" in args:
            end = args.index("--")
            args, ctx.meta[_COMMAND] = args[:end], tuple(args[end + 1 :])
            if not ctx.meta[_COMMAND]:
                raise click.UsageError("`--` is followed by no command", ctx)
        elif (at := _forgotten(args)) is not None:
            said = shlex.join([*args[:at], "--", *args[at:]])
            raise click.UsageError(
                f"{args[at]} is a command, not a scenario: put `--` before it: {ctx.command_path} {said}", ctx
            )
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line, with the command."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


def _forgotten(args: list[str]) -> int | None:
    """Where `--` is missing: at a word after a scenario that this shell would run; None when it is nowhere."""
    after = False
    for at, word in enumerate(args):
        if word.endswith(_SUFFIXES):
            after = True
        elif after and not args[at - 1].startswith("-") and not word.startswith("-") and shutil.which(word):
            return at
    return None


def the_app(ctx: click.Context, target: str | None, app: str | None) -> tuple[str | None, str | None, tuple[str, ...]]:
    """(the URL, the sample app, the command) that is meant, at most one of them; raises UsageError for more."""
    words: tuple[str, ...] = ctx.meta.get(_COMMAND, ())
    given = [name for name in ("target", "app") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if words or given:  # what stands on the command line wins over a variable such as CHAOSLLM_TARGET
        target, app = (target if "target" in given else None), (app if "app" in given else None)
    if sum((target is not None, app is not None, bool(words))) > 1:
        raise click.UsageError("--target, --app and -- COMMAND each name the app: give one of them")
    if target is not None:
        _check_url(target)
    return target, app, words


def check_scale(scale: float) -> None:
    """Raise UsageError for a --duration-scale that no phase could take."""
    if not 0 < scale < 10_000:
        raise click.UsageError(f"--duration-scale {scale:g}: expected a number above 0, such as 0.5")


def lacking(words: tuple[str, ...]) -> ChaosError | None:
    """What to say when the app's command is not there: before anything is started for it."""
    if not words or shutil.which(words[0]):
        return None
    why = "permission denied" if Path(words[0]).exists() else "no such file or directory"
    return ChaosError(
        f"cannot be started: {words[0]}: {why}",
        hint="behind -- give a command as you would type it here, such as -- python -m myapp",
        blame=Blame.TARGET,
    )


def checked_rate(text: str) -> str:
    """The text of --rate; raises BadParameter when it is none."""
    from chaosllm.units import parse_rate  # noqa: PLC0415  # late, as above

    try:
        parse_rate(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--rate") from None
    return text


class Watchers:
    """Several watchers of one run."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def say(self, text: str) -> None:
        """A stage began."""
        for one in self._watchers:
            one.say(text)

    def note(self, text: str) -> None:
        """Something to know beside the stages."""
        for one in self._watchers:
            one.note(text)

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any], outside: Sequence[Reading] = ()) -> None:
        """A second passed."""
        for one in self._watchers:
            one.progress(driver, proxy, outside)

    def retimed(self, scenario: Scenario) -> None:
        """Phases last as long as they do in this one."""
        for one in self._watchers:
            one.retimed(scenario)


def launch(
    order: Order, *, quiet: bool, events: Events | None = None, queue: Queue | None = None, control: bool = True
) -> Result:
    """One run from start to finish, with its progress on stderr, and told to `events`; `control`: `ctl` reaches it."""
    from chaosllm.adapters.supervisor.controlled import controlled  # noqa: PLC0415  # late, as above
    from chaosllm.adapters.supervisor.session import Session  # noqa: PLC0415  # as above
    from chaosllm.commands._console import Progress  # noqa: PLC0415  # as above
    from chaosllm.commands._signals import interrupting, resizing  # noqa: PLC0415  # as above

    async def go() -> Result:
        # On a terminal that also shows the events a view between them could not be read.
        plain = events is not None and sys.stdout.isatty()
        with Progress(order.scenario, quiet=quiet, plain=plain, queue=queue) as progress:
            watchers: list[Watcher] = [progress] if events is None else [progress, events]
            session = Session(order, Watchers(watchers))
            with interrupting([session]), resizing(progress.redraw):
                if not control:
                    return await session.run()
                async with controlled(session, progress.note) as desk:
                    watchers.append(desk)
                    return await session.run()

    if events is not None:
        events.started()
    return asyncio.run(go())


def _check_url(url: str) -> None:
    from urllib.parse import urlsplit  # noqa: PLC0415  # late, as above

    parts = urlsplit(url)
    try:
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise ChaosError(
            f"--target {url} is no address",
            hint=f"http://{url}" if "://" not in url and ":" in url else "such as http://127.0.0.1:8000",
            exit_code=Exit.USAGE,
        )

"""A game day on the terminal: the console's address, each step as it comes, and a prompt where one waits."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands import _status
from chaosllm.commands._console import Progress
from chaosllm.live.stopping import Stop
from chaosllm.renderers._words import clean

if TYPE_CHECKING:
    from chaosllm.adapters.gameday.day import Day, DayOrder
    from chaosllm.adapters.supervisor.order import Result, Watcher
    from chaosllm.adapters.supervisor.session import Session
    from chaosllm.gameday import Step

#: Fits 80 columns with a letter typed.
_PROMPT = "  approve? a = approve, s = skip, q = stop the day; anything else is a note: "
#: Meant as commands at any time: a "q" that became a note would stop nothing.
_WORDS = {"a": "approve", "approve": "approve", "y": "approve", "yes": "approve", "s": "skip", "skip": "skip",
          "q": "stop", "stop": "stop"}  # fmt: skip


#: Commands whose effect is told by other lines.
_TOLD = ("note", "stop", "approve")
#: Status of a step -> how a line says it.
STATES = {"failed": "could not run", "stopped": "stopped", "skipped": "left out", "done": "done"}


def came_of(row: Mapping[str, Any]) -> str:
    """How a step went, in a line: "done, FAIL, not as expected"."""
    begun = row["status"] != "stopped" or row["began"] is not None
    parts = [STATES.get(row["status"], row["status"]) if begun else "not begun"]
    parts = ["ended early"] if row["status"] == "skipped" and row["began"] is not None else parts
    parts += [str(row["verdict"]).upper()] if row["verdict"] else []
    if row["as_expected"] is not None:
        parts.append("as expected" if row["as_expected"] else "not as expected")
    return ", ".join(parts)


def why(row: Mapping[str, Any]) -> Iterator[str]:
    """What differs, why nothing can be said, or what kept it from running, with what would work."""
    yield from (clean(one, 400) for one in (*row["differences"], *row["reasons"]))
    if error := row["error"]:
        yield clean(error["what"], 400)
        if error["hint"]:
            yield f"  try: {clean(error['hint'], 400)}"


class Terminal:
    """The audience at the terminal; `quiet` shows the console's address alone."""

    def __init__(self, order: DayOrder, *, quiet: bool, as_json: bool) -> None:
        self.day: Day | None = None
        self._order, self._quiet, self._json = order, quiet, as_json
        self._progress: Progress | None = None
        self._asking = self._typed_now = False
        # _typed_now: what was typed has ended the line of the prompt
        self._own: set[str] = set()  # ids of commands that were typed here
        self._tasks: set[asyncio.Task[None]] = set()
        self._interrupts = 0

    @property
    def _who(self) -> str:
        with contextlib.suppress(Exception):  # no such user in a container
            return f"terminal:{getpass.getuser()}"
        return "terminal"

    def say(self, text: str) -> None:
        """A line for people."""
        if not self._quiet:
            click.echo(text, err=True)

    def note(self, text: str) -> None:
        """Something to know beside the steps."""
        if self._progress is not None:
            self._progress.note(text)
        else:
            click.echo(f"note: {text}", err=True)

    def opened(self, page: str, folder: Path) -> None:
        """The console is open."""
        if self._json:
            click.echo(json.dumps({"type": "opened", "console": page, "folder": str(folder)}))
            sys.stdout.flush()
        click.echo(f"console: {page}", err=True)
        self.say(f"records: {folder}")

    def begins(self, step: Step) -> None:
        """A step has its turn."""
        if self.day is not None and self.day.desk.ended is not None:
            return
        expected = step.expect.words()
        self.say(f"\nstep {step.number} of {len(self._order.day.steps)}: {clean(step.name)} ({clean(step.what)})")
        if step.hypothesis and step.hypothesis != step.expect.summary:
            self.say(f"  {clean(step.hypothesis, 400)}")
        if expected:
            self.say(f"  expected: {clean(expected, 400)}")

    def waits(self, step: Step) -> None:
        """It waits for approval."""
        by = f" by {clean(step.approval.by)}" if step.approval is not None and step.approval.by else ""
        file = step.approval.file if step.approval is not None else None
        ways = f", with the file {clean(file)}" if file else ""
        self.say(f"  waits for approval{by}: in the console, with `chaosllm ctl approve`{ways}")
        if sys.stdin.isatty():
            self._asking = True
            self._prompt()

    def _prompt(self) -> None:
        self._typed_now = False
        click.echo(_PROMPT, err=True, nl=False)

    def answered(self, step: Step, answer: str, who: str) -> None:  # noqa: ARG002  # an audience's signature
        """Somebody approved it, or did not."""
        if self._asking and not self._typed_now:
            click.echo(err=True)  # ends the line of the prompt
        self._asking = False
        self.say(f"  {answer} by {clean(who)}")

    def runs(self, step: Step, session: Session) -> Sequence[Watcher]:  # noqa: ARG002  # as above
        """It runs: its progress is shown."""
        self._progress = Progress(session.order.scenario, quiet=self._quiet)
        return [self._progress]

    def ended(self, step: Step, result: Result | None, row: dict[str, Any]) -> None:  # noqa: ARG002  # as above
        """It is over."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None
        self.say(f"step {step.number} ({clean(step.name)}): {came_of(row)}")
        for text in why(row):
            self.say(f"  {text}")
        for one in row["rollback"]:
            self.say(
                f"  {'well again' if one['ok'] else 'NOT well again'}: {clean(one['check'])} ({clean(one['text'])})"
            )

    def heard(self, event: dict[str, Any]) -> None:
        """What others did, what stopped the day, and what was found, as it happens."""
        match event["type"]:
            case "command":
                shown = event["id"] not in self._own and (event["do"] not in _TOLD or not event["ok"])
            case "note":
                shown = event["who"] != self._who
            case "stop":
                shown = event["kind"] != "interrupt"
            case "finding" | "page":
                shown = True
            case _:
                shown = False
        if shown and (line := _status.line(event)) is not None:
            self._tell(line, last=event["type"] == "stop")

    def _tell(self, line: str, *, last: bool) -> None:
        """A line between others; after the `last` one nothing is asked any more."""
        if self._progress is not None:
            self._progress.tell(line)
        elif self._asking:
            self.say(f"{'' if self._typed_now else chr(10)}  {line}")
            if last:
                self._asking = False
            else:
                self._prompt()
        else:
            self.say(f"  {line}")

    def interrupted(self) -> None:
        """Ctrl-C: the day ends; the next one is impatient."""
        day = self.day
        if day is None:
            return
        self._interrupts += 1
        if day.session is not None and not (day.session.judging and self._interrupts == 1):
            day.session.interrupt(self._who)
        day.end(Stop("interrupt", "Ctrl-C", self._who))

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Read what is typed while a step waits; needs a running loop."""
        loop = asyncio.get_running_loop()
        if not sys.stdin.isatty():
            yield
            return
        loop.add_reader(sys.stdin, self._typed)
        try:
            yield
        finally:
            loop.remove_reader(sys.stdin)

    def _typed(self) -> None:
        line = sys.stdin.readline()
        if not line:
            asyncio.get_running_loop().remove_reader(sys.stdin)
            return
        self._typed_now, text = True, line.strip()
        if not text or self.day is None:
            return
        do = _WORDS.get(text.lower())
        command: dict[str, Any] = {"do": do} if do else {"do": "note", "text": text}
        if do in ("approve", "skip"):
            command["step"] = self.day.desk.hub.state["day"]["current"]
        task = asyncio.create_task(self._take(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, command: dict[str, Any]) -> None:
        day = self.day
        if day is None:
            return
        name = secrets.token_hex(6)
        self._own.add(name)
        event = await day.desk.take({**command, "id": name}, who=self._who)
        if not event["ok"]:
            self.note(f"{event['result']['what']}")
        elif command["do"] == "note":
            self.say("  noted")
        if self._asking and (command["do"] == "note" or not event["ok"]):
            self._prompt()

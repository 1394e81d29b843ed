"""A whole game day: each step is approved, run, judged and checked; who did what is written down as it happens.

Laws:
1. A step that cannot start costs the day nothing but that step.
2. Whatever ends the day (a button, `ctl stop`, the lever, Ctrl-C, a condition), what ran is judged, and the record
   is written.
3. Nothing here prints; watchers are told.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chaosllm.adapters.console.hub import Hub, blank
from chaosllm.adapters.gameday.desk import DayDesk
from chaosllm.adapters.gameday.door import DayDoor
from chaosllm.adapters.gameday.feed import Feed
from chaosllm.adapters.gameday.paging import Pager
from chaosllm.adapters.gameday.record import FINDINGS, DayRecord, now
from chaosllm.adapters.gameday.rollback import check
from chaosllm.adapters.gameday.words import became, reasons
from chaosllm.adapters.supervisor.controlled import ControlRoom
from chaosllm.adapters.supervisor.log import Log
from chaosllm.adapters.supervisor.order import Order, Result, Watcher
from chaosllm.adapters.supervisor.session import Session
from chaosllm.errors import ChaosError, Exit, worst
from chaosllm.gameday import GameDay, Step, as_expected, differences
from chaosllm.live.stopping import Stop
from chaosllm.units import format_duration

#: Seconds between two looks for a file that approves a step.
_LOOK = 0.3


@dataclass(frozen=True, slots=True)
class DayOrder:
    """What to play. `base` is the plan's folder; of the app at most one of `target`, `app` and `command` is given."""

    day: GameDay
    base: Path
    out: Path | None = None
    target: str | None = None
    app: str | None = None
    command: tuple[str, ...] = ()
    port: int = 0  # of the proxy
    console: int = 0  # its port
    proxy_workers: int = 1
    approve: bool = False  # every step begins by itself


class Audience(Protocol):
    """Who is told how the day goes, beside its desk."""

    def opened(self, page: str, folder: Path) -> None:
        """The console is open."""

    def begins(self, step: Step) -> None:
        """A step has its turn."""

    def waits(self, step: Step) -> None:
        """It waits for approval."""

    def answered(self, step: Step, answer: str, who: str) -> None:
        """Somebody approved it, or did not."""

    def runs(self, step: Step, session: Session) -> Sequence[Watcher]:
        """It runs; who watches."""
        ...

    def ended(self, step: Step, result: Result | None, row: dict[str, Any]) -> None:
        """It is over."""

    def heard(self, event: dict[str, Any]) -> None:
        """Something happened; every event, as the log has it."""


@dataclass(eq=False)
class Day:
    """One game day; `end` may be called at any moment from the same loop."""

    order: DayOrder
    audience: Audience
    note: Callable[[str], None] = lambda _: None
    session: Session | None = None

    def __post_init__(self) -> None:
        day = self.order.day
        self.record = DayRecord(day, self.order.out)
        self._log = Log(self.note)
        self.desk = DayDesk(Hub(blank("gameday", day.name), heard=self._heard), self._log)
        self._log.open(self.record.folder)
        self._pager = Pager(day.pages, os.environ, self._paged)
        self._door = DayDoor(self.order, self.record.folder, self._say, self._warn)
        self._codes: list[Exit] = []
        self._paged_stop = False

    async def run(self) -> Exit:
        """Play it; the exit code. Raises ChaosError when the console cannot be opened, before anything is run."""
        day, record = self.order.day, self.record
        room = ControlRoom(self.desk, name=day.name, kind="gameday", port=self.order.console)
        try:
            try:
                await room.open(record.folder)
            except ChaosError:
                self._log.close()
                record.discard()
                raise
            self.desk.hub.publish("say", text="the day begins", set={"day": self._told(), "status": "waiting"})
            self.audience.opened(room.page, record.folder)
            await self._stale()
            box = asyncio.create_task(self._time_box(), name="time box")
            try:
                await self._door.prepare()
                for step in day.steps:
                    await self._step(step)
            finally:
                box.cancel()
                await self._door.close()
            return self._over()
        finally:
            await self._pager.close()
            await room.close()
            self._log.close()

    async def _stale(self) -> None:
        """Say which files that approve a step are there already: one of a rehearsal would let it begin unasked."""
        for step in self.order.day.steps:
            name = step.approval.file if step.approval is not None else None
            if name is None or self.order.approve or not await asyncio.to_thread((self.order.base / name).exists):
                continue
            text = (
                f"{name} is there already: it approves step {step.number} ({step.name}) at once; remove it to be asked"
            )
            self.desk.hub.publish("warning", text=text)
            self.note(text)

    def end(self, stop: Stop) -> None:
        """End the day as a stop; its record is written all the same."""
        self.desk.end_day(stop)

    def _heard(self, event: dict[str, Any]) -> None:
        self._log.heard(event)
        self.audience.heard(event)

    def _say(self, text: str) -> None:
        self.desk.hub.publish("say", text=text)
        self.note(text)

    def _warn(self, text: str) -> None:
        self.desk.hub.publish("warning", text=text)
        self.note(f"warning: {text}")

    # A step --------------------------------------------------------------------------------------

    async def _step(self, step: Step) -> None:
        row = self.record.step(step)
        self.audience.begins(step)
        self.desk.hub.publish("step", step=step.number, name=step.name, status="waiting",
                              set={"day.current": step.number})  # fmt: skip
        result: Result | None = None
        if self.desk.ended is None:
            await self._door.stand(step.number)
        if (who := self.desk.left_out.get(step.number)) is not None:
            self.audience.answered(step, "skipped", who)
            self._state(step, "skipped")
        elif self.desk.ended is not None:
            self._state(step, "stopped")
        elif step.scenario is None:
            error = step.error or {"what": "it cannot start", "hint": ""}
            self._codes.append(Exit.USAGE)
            self._state(step, "failed", error=error)
            self.desk.hub.publish("warning", text=f"step {step.number} ({step.name}) cannot start: {error['what']}")
        elif await self._approved(step):
            result = await self._play(step)
        if row["status"] == "skipped" and result is None:
            self._codes.append(Exit.INCONCLUSIVE)  # what nobody saw is no success
        self.audience.ended(step, result, row)

    async def _approved(self, step: Step) -> bool:
        """Whether a step may begin."""
        row, wanted = self.record.step(step), step.approval
        if wanted is None or self.order.approve:
            return True
        self._state(step, "approval")
        self.desk.hub.publish("approval", step=step.number, set={"status": "waiting"})
        self._pager.page("approval", f"{self.order.day.name}: step {step.number} ({step.name}) waits for approval",
                         gameday=self.order.day.name, step=step.name, by=wanted.by)  # fmt: skip
        self.audience.waits(step)
        looking = asyncio.create_task(self._look_for(step), name="approval file")
        try:
            answer, who = await self.desk.approval(step)
        finally:
            looking.cancel()
        self.audience.answered(step, answer, who)
        if answer == "approved":
            row["approved"] = {"by": wanted.by, "via": who, "at": now()}
            self.record.write()
            return True
        self._state(step, "skipped" if answer == "skipped" else "stopped")
        return False

    async def _look_for(self, step: Step) -> None:
        """Approve the step once its file is there."""
        name = step.approval.file if step.approval is not None else None
        if name is None:
            return
        path = self.order.base / name
        while not await asyncio.to_thread(path.exists):  # noqa: ASYNC110  # nobody tells us of a file
            await asyncio.sleep(_LOOK)
        self.desk.hub.publish("say", text=f"{name} approves step {step.number}")
        self.desk.answer("approved", f"file:{name}")

    async def _play(self, step: Step) -> Result | None:
        row, record, desk = self.record.step(step), self.record, self.desk
        home = record.home(step)
        row["began"], row["folder"] = now(), home.name
        self._state(step, "running")
        session = self.session = self._session(step, home)
        feed: list[Feed] = []

        def opened(folder: Path) -> None:
            desk.begin(session, folder)
            feed.append(Feed(folder, record.folder / FINDINGS, self._seen))

        async def leaving() -> None:
            row["rollback"] = await check(self.order.day.rollback, session.url, os.environ)

        session.opened, session.stopped, session.leaving = opened, self._stopping, leaving
        session.door = self._door.of(step, lambda: desk.ended is not None)
        desk.heard = session.guard.heard
        desk.skipping = False
        try:
            result = await session.run()
        except ChaosError as error:  # before anything was started: the lever, a target that is taken
            result = Result(error.exit_code, None, None, error)
        finally:
            self.session, desk.heard = None, _nobody
            for one in feed:
                await one.close()
            desk.end(home)
        await self._judged(step, result)
        return result

    def _session(self, step: Step, home: Path) -> Session:
        order = self.order
        assert step.scenario is not None  # noqa: S101  # asked before
        assert step.base is not None  # noqa: S101  # it has one where it has a scenario
        ports = self._door.ports(step)
        given = Order(
            step.scenario, step.as_run, step.base, home, "", order.target, order.app, order.command,
            ports[0] if ports else order.port, False, order.proxy_workers, disabled=step.disabled,
            dead_man=order.day.dead_man, ports=ports,
        )  # fmt: skip
        watchers: list[Watcher] = [self.desk]
        session = Session(given, _Told(watchers))
        watchers += self.audience.runs(step, session)
        return session

    async def _judged(self, step: Step, result: Result) -> None:
        row, desk = self.record.step(step), self.desk
        summary = result.material.summary if result.material is not None else None
        row["exit"] = int(result.code)
        if summary is not None:
            row["verdict"] = summary.get("verdict")
            row["differences"] = differences(step.expect, summary)
            row["reasons"] = reasons(summary, row["differences"])
            row["as_expected"] = as_expected(step.expect, summary) if result.code in (Exit.PASS, Exit.FAIL) else None
            self._seen([*summary.get("findings", ())], last=True)
        row["ended"] = now()  # after what its judging showed, as the log has it
        error = result.error
        row["error"] = {"what": error.sentence, "hint": error.hint} if error is not None else None
        if error is not None:
            desk.hub.publish("warning", text=f"step {step.number} ({step.name}): {error.sentence}")
        if error is not None and error.exit_code is Exit.STOPPED:  # the lever: nothing further may start either
            desk.end_day(Stop("lever", error.what, "lever"))
        for bad in (one for one in row["rollback"] if not one["ok"]):
            desk.hub.publish("warning", text=f"after step {step.number}: {bad['check']}: {bad['text']}")
        failed = error is not None and summary is None
        stopped = result.code in (Exit.STOPPED, Exit.INTERRUPTED)
        skipped, desk.skipping = desk.skipping, False
        state = "skipped" if skipped else "stopped" if stopped else "failed" if failed else "done"
        failed_early = row["verdict"] == "fail" and step.expect.verdict != "fail"
        early = Exit.FAIL if failed_early else Exit.INCONCLUSIVE
        self._codes.append(early if skipped else _code(result.code, row["as_expected"]))
        self._state(step, state, error=row["error"])
        critical = [one["code"] for one in (summary or {}).get("findings", ()) if one.get("severity") == "critical"]
        if critical:
            self._pager.page("critical", f"{self.order.day.name}: step {step.name} shows {', '.join(critical)}",
                             gameday=self.order.day.name, step=step.name, findings=critical)  # fmt: skip

    # The day -------------------------------------------------------------------------------------

    def _stopping(self, stop: Stop) -> None:
        self.desk.stopping(stop)
        if self.desk.ended is not None:
            self._page_stop(self.desk.ended)

    def _page_stop(self, stop: Stop) -> None:
        if not self._paged_stop:
            self._paged_stop = True
            self._pager.page("stop", f"{self.order.day.name} is stopped: {stop.text}", gameday=self.order.day.name,
                             kind=stop.kind, who=stop.who)  # fmt: skip

    async def _time_box(self) -> None:
        most = self.order.day.time_box
        if most is None:
            return
        await asyncio.sleep(most)
        self.desk.end_day(Stop("time_box", f"the time box of {format_duration(most)} is over"))

    def _over(self) -> Exit:
        stop = self.desk.ended
        if stop is not None:
            self._page_stop(stop)
            self.record.data["stopped"] = {"kind": stop.kind, "text": stop.text, "who": stop.who, "at": now()}
            self._codes.append(Exit.INTERRUPTED if stop.kind == "interrupt" else Exit.STOPPED)
        code = worst(self._codes)
        self.record.end(code)
        self.desk.hub.publish("over", exit=int(code), set={"status": "over", "day.current": None})
        self._pager.page("over", f"{self.order.day.name} is over, exit {int(code)}", gameday=self.order.day.name,
                         exit=int(code), folder=str(self.record.folder))  # fmt: skip
        return code

    def _paged(self, to: str, why: str, ok: bool, what: str) -> None:
        self.record.data["pages"].append({"at": now(), "to": to, "why": why, "ok": ok, "what": what})
        self.record.write()
        self.desk.hub.publish("page", to=to, why=why, ok=ok, result=what)

    def _seen(self, rows: list[dict[str, Any]], *, last: bool = False) -> None:
        """Findings so far; those that are new are events of their own."""
        names = ("code", "severity", "phase", "count", "title", "advice")
        before = {(one["code"], one["phase"]): one["seen_at"] for one in self.desk.hub.state["findings"]}
        t = self.desk.moment()
        told = [
            {name: row.get(name) for name in names}
            | {"seen_at": before.get((row.get("code"), row.get("phase")), t), "provisional": not last}
            for row in rows
        ]
        fresh = [one for one in told if (one["code"], one["phase"]) not in before]
        for one in fresh:
            about = {name: one[name] for name in ("code", "severity", "phase", "count", "title")}
            self.desk.hub.publish("finding", t=t, **about, provisional=not last)
        if fresh or told != self.desk.hub.state["findings"]:
            self.desk.hub.publish("findings", t=t, set={"findings": told})

    def _state(self, step: Step, status: str, *, error: dict[str, str] | None = None) -> None:
        row, here = self.record.step(step), f"day.steps.{step.number - 1}"
        row["status"] = status
        if error is not None:
            row["error"] = error
        self.record.write()
        names = ("status", "verdict", "as_expected", "differences", "reasons", "error", "folder")
        changes: dict[str, Any] = {f"{here}.{name}": row[name] for name in names}
        self.desk.hub.publish("step", step=step.number, name=step.name, status=status, verdict=row["verdict"],
                              as_expected=row["as_expected"], text=became(row), set=changes)  # fmt: skip

    def _told(self) -> dict[str, Any]:
        """The day as the state holds it."""
        day = self.order.day
        names = ("number", "name", "what", "hypothesis", "status", "verdict", "as_expected", "differences", "reasons",
                 "error", "folder")  # fmt: skip
        return {
            "title": day.name, "summary": day.summary, "roles": [one.to_json() for one in day.roles],
            "time_box": day.time_box, "began": now(), "current": None, "folder": str(self.record.folder.absolute()),
            "steps": [
                {name: row[name] for name in names}
                | {"expect": step.expect.words(), "approval": step.approval.to_json() if step.approval else None}
                for step, row in zip(day.steps, self.record.data["steps"], strict=True)
            ],
        }  # fmt: skip


class _Told:
    """Several watchers of one run; more may come while it starts."""

    def __init__(self, watchers: list[Watcher]) -> None:
        self._watchers = watchers

    def __getattr__(self, name: str) -> Callable[..., None]:
        def tell(*args: Any) -> None:
            for one in self._watchers:
                getattr(one, name)(*args)

        return tell


def _code(code: Exit, expected: bool | None) -> Exit:
    """What a step counts for: as expected is well, be it a FAIL; a surprise is none."""
    return code if expected is None else Exit.PASS if expected else Exit.FAIL


def _nobody(_: str) -> None:
    """No run is on that a console could keep alive."""

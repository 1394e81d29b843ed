"""What the server talks to: a desk takes commands, and says in events what came of them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from chaosllm.adapters.console.hub import Hub
from chaosllm.errors import ChaosError

#: Answers kept for clients that ask again with the same id: more than any client has under way.
ANSWERS = 4096
#: Characters of a client's id and of a name; what is longer is cut.
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command: the result that is told, and what the command's own event changes of the state."""

    result: Any = None
    set: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, Any] = field(default_factory=dict)


class Desk(Protocol):
    """A run, a game day or a proxy, as the server sees it."""

    hub: Hub

    async def take(self, command: Mapping[str, Any], *, who: str) -> dict[str, Any]:
        """Do a command; the command event. Its `ok` says whether it was done; if not, `result` holds what and hint."""
        ...

    def heartbeat(self, console: str) -> None:
        """A console is alive."""
        ...


class BaseDesk:
    """A desk that answers an id once, times each command and puts it into the log; `obey` is for the real desks."""

    def __init__(self, hub: Hub | None = None) -> None:
        self.hub = hub or Hub()
        self._answers: OrderedDict[str, asyncio.Future[dict[str, Any]]] = OrderedDict()

    async def obey(self, do: str, args: Mapping[str, Any], *, who: str) -> Done:
        """Do it, and say what came of it; raises ChaosError to refuse."""
        raise NotImplementedError

    def moment(self) -> float | None:
        """Seconds of the run; None where no run is on."""
        return None

    def heartbeat(self, console: str) -> None:
        """A console is alive; nothing listens here."""

    async def take(self, command: Mapping[str, Any], *, who: str) -> dict[str, Any]:
        """Do a command; the same id again, also while the first is under way, gets the first one's event."""
        given = command.get("id")
        name = str(given)[:_LONGEST] if given else secrets.token_hex(6)
        known = self._answers.get(name)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[name] = asyncio.get_running_loop().create_future()
        while len(self._answers) > ANSWERS:
            self._answers.popitem(last=False)
        try:
            event = await self._done(name, command, who)
        except BaseException:
            self._answers.pop(name, None)
            answer.cancel()
            raise
        answer.set_result(event)
        return event

    async def _done(self, name: str, command: Mapping[str, Any], who: str) -> dict[str, Any]:
        do = command.get("do")
        args = {key: value for key, value in command.items() if key not in ("do", "id", "who")}
        began = time.monotonic()
        try:
            if not isinstance(do, str) or not do:
                raise ChaosError("a command says what to `do`", hint='such as {"do": "pause"}')
            ok, done = True, await self.obey(do, args, who=who)
        except ChaosError as error:
            ok, done = False, Done({"what": error.what, "hint": error.hint})
        except Exception as error:  # a mistake of ours in one command must not end the day
            what = f"this is a bug in chaosllm: {type(error).__name__}: {error}"
            ok, done = False, Done({"what": what, "hint": "the run goes on as it was"})
        took = round(time.monotonic() - began, 4)
        shown = str(do)[:_LONGEST]
        return self.hub.publish(
            "command", who=who, t=self.moment(), set=done.set, add=done.add,
            id=name, do=shown, args=args, ok=ok, result=done.result, took=took,
        )  # fmt: skip

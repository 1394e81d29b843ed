"""The safety levers of a run: the scenario's own, and the one of the place, from CHAOSLLM_SAFETY_LEVER."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from chaosllm.adapters.safety.asking import Asker, Looker
from chaosllm.errors import ChaosError, Exit
from chaosllm.live.lever import LeverWatch, Seen, State, is_url, of_answer
from chaosllm.live.stopping import Reading, Stop
from chaosllm.probes import Ask

#: The lever of a place: it holds for everything that is started there.
VARIABLE = "CHAOSLLM_SAFETY_LEVER"
#: Seconds from one look to the next; a stop has to reach the last injection within 1 s.
FILE_EVERY, URL_EVERY = 0.2, 0.5
#: Seconds that a lever may take to be read.
PATIENCE = 1.0


class Lever:
    """One lever and what was seen of it; `base` is where a path that is not absolute begins."""

    def __init__(self, lever: str, base: Path, asker: Asker) -> None:
        self.is_url = is_url(lever)
        self.name = lever if self.is_url else str(base / lever)
        self.every = URL_EVERY if self.is_url else FILE_EVERY
        shown = self.name.partition("?")[0] if self.is_url else self.name  # a query may hold a secret
        self.what = f"the safety lever {shown}"
        self._watch = LeverWatch(self.what)
        self._asker = asker
        self._looker = None if self.is_url else Looker(Path(self.name))

    async def see(self) -> Seen:
        """One look at it, in PATIENCE seconds at most; never raises for what is found."""
        if self._looker is not None:
            return await self._looker.look(PATIENCE)
        return of_answer(await self._asker.ask(Ask(self.name), PATIENCE))

    def take(self, seen: Seen) -> Stop | None:
        """A Stop when the lever says so, or could not be read twice in a row."""
        return self._watch.take(seen)

    def reading(self) -> Reading:
        """Where it stands."""
        return self._watch.reading()

    def refusal(self, seen: Seen) -> ChaosError | None:
        """Why nothing may start; None when it may."""
        if seen.state is State.SET:
            hint = "whoever set it wants no chaos now: " + (
                "release it" if self.is_url else "ask, then remove the file"
            )
            return ChaosError(f"{self.what} is set", hint=hint, exit_code=Exit.STOPPED)
        if seen.state is State.UNREADABLE:
            hint = "a lever that nobody can pull is none: mend it, or take it out of the scenario or the environment"
            what = f"{self.what} cannot be read: {seen.why}"
            return ChaosError(what, hint=hint, exit_code=Exit.STOPPED)
        return None


def levers(
    own: str | None, more: str | None, base: Path, asker: Asker, environ: Mapping[str, str]
) -> tuple[Lever, ...]:
    """The scenario's lever, one more, and the environment's; each once. A path of the environment's begins here."""
    found = [Lever(text, base, asker) for text in (own, more) if text]
    if place := environ.get(VARIABLE):
        found.append(Lever(place, Path.cwd(), asker))
    return tuple({one.name: one for one in found}.values())


async def refuse(watched: tuple[Lever, ...]) -> None:
    """Raise ChaosError (exit code 5) when a lever is set, or cannot be read."""
    seen = await asyncio.gather(*(one.see() for one in watched))
    for one, found in zip(watched, seen, strict=True):
        one.take(found)
        if (error := one.refusal(found)) is not None:
            raise error

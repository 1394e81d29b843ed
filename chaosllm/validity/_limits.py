"""Limits of our own processes, held against what they measured of themselves during the run.

Beside the quantiles of a whole run single seconds are looked at, because a p99 over ten minutes hides five
seconds in which nothing moved, and a burst of retries lasts no longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chaosllm.instrument import EARLY, Seconds, delay_errors, late_at, pace_lateness, processes, seconds
from chaosllm.join import Run
from chaosllm.stats import Floats, quantile
from chaosllm.units import format_duration, format_share
from chaosllm.validity._amounts import less, within
from chaosllm.validity._check import TIMING, WAITS, Check
from chaosllm.vitals import APP, MOST_BUSY, MOST_LAG

#: Seconds of a phase that may be over a limit: one for a burst of arrivals or a collection of garbage, and one
#: more because a burst seldom keeps to one second. Single seconds matter, because recovery is told by them.
MOST_SECONDS = 2
#: Of busy seconds as many as cannot move a p95, where those are more: work that waits long is seen as lag.
MOST_BUSY_SHARE = 0.05
#: The share of the user's deadline from which our lag may turn an answer into a hang, so that no metric holds.
MOST_OF_DEADLINE = 0.1
#: Seconds by which 95 % of injected delays, and of paced events, may be late: as much as the proxy.
MOST_DELAY = MOST_LAG

_NAMES = {"proxy": "the proxy", "driver": "the load generator", "simulator": "the simulated provider"}


@dataclass(frozen=True, slots=True)
class _Excess:
    """Seconds of a phase over a limit: how many, of how many, and the highest value."""

    part: Seconds
    over: int
    most: int
    highest: float

    @classmethod
    def of(cls, part: Seconds, values: Floats, limit: float, share: float = 0.0) -> _Excess:
        rows = int((values > limit).sum())
        most = max(MOST_SECONDS, int(share * len(values) * part.width))
        return cls(part, int(rows * part.width), most, float(values.max()))

    @property
    def grave(self) -> bool:
        return self.over > self.most

    def where(self) -> str:
        """Such as "in 5 of 20 seconds of storm (at most 2)"."""
        whole = int(len(self.part.cpu) * self.part.width)
        return f"in {self.over:,} of {whole:,} seconds of {self.part.phase.name} (at most {self.most:,})"


def starved(run: Run) -> Iterable[Check]:
    """An app that we started has a core when it needs one: what others keep from it is no behaviour of its own.

    What it uses itself is: where it ran for longer than it waited, its seconds are not counted. All its threads are
    added up, and what two of them waited at once is above a second in a second.
    """
    parts = [part for signs in processes(run) if signs.process == APP for part in seconds(run, signs)]
    if not parts:
        return
    kept = [np.where(part.wait > part.cpu, np.minimum(part.busy, 1.0), 0.0) for part in parts]
    found = [_Excess.of(part, busy, MOST_BUSY, MOST_BUSY_SHARE) for part, busy in zip(parts, kept, strict=True)]
    worst = max(found, key=lambda one: (one.grave, one.over, one.highest))
    at = int(worst.part.wait.argmax())
    waited = f"waited {format_share(min(float(worst.part.wait[at]), 1.0))} of a second for a core that others had"
    yield Check(
        "app starved",
        not worst.grave,
        f"the app could not get on {worst.where()}; in the worst it ran {format_share(float(worst.part.cpu[at]))} and "
        f"{waited}"
        if worst.grave
        else f"the app {waited} in its worst second",
        f"other work has the cores: end it, {less(run, within(MOST_BUSY, worst.highest))}, or use {_machine(run)}",
        WAITS,
    )


def cores(run: Run) -> Iterable[Check]:
    """None of our processes needs the whole of a core, or waits for one that others have."""
    for name, parts in _by_process(run).items():
        found = [_Excess.of(part, part.busy, MOST_BUSY, MOST_BUSY_SHARE) for part in parts]
        worst = max(found, key=lambda one: (one.grave, one.over, one.highest))
        at = int(worst.part.busy.argmax())
        used, waited = float(worst.part.cpu[at]), float(worst.part.wait[at])
        busiest = f"{format_share(used)} of a core" + (f" and waited {format_share(waited)} for one" if waited else "")
        yield Check(
            f"{name} CPU",
            not worst.grave,
            f"{_who(worst.part, parts)} was over {format_share(MOST_BUSY)} busy {worst.where()}; "
            f"in the busiest it used {busiest}"
            if worst.grave
            else f"{_NAMES[name]} used {busiest} in its busiest second (at most {format_share(MOST_BUSY)})",
            f"other work has the cores: end it, {less(run, within(MOST_BUSY, worst.highest))}, or use {_machine(run)}"
            if waited > used
            else _hint(run, name, within(MOST_BUSY, worst.highest)),
            TIMING,
        )


def lag(run: Run) -> Iterable[Check]:
    """The proxy and the simulated provider keep up in each second; the load generator is held to its due times."""
    for name, parts in _by_process(run).items():
        if name == "driver":
            continue
        found = [_Excess.of(part, part.lag, MOST_LAG) for part in parts]
        worst = max(found, key=lambda one: (one.grave, one.over, one.highest))
        late = f"{_who(worst.part, parts)} was over {format_duration(MOST_LAG)} late {worst.where()}"
        yield Check(
            f"{name} lag by second",
            not worst.grave,
            f"{late}, {format_duration(worst.highest)} in the worst"
            if worst.grave
            else f"{_NAMES[name]} was {format_duration(max(one.highest for one in found))} late in its worst second "
            f"(median of the second, at most {format_duration(MOST_LAG)})",
            _hint(run, name, within(MOST_LAG, worst.highest)),
            WAITS if worst.highest > MOST_OF_DEADLINE * run.timeout else TIMING,
        )


def delays(run: Run) -> Iterable[Check]:
    """Injected delays are as long as the scenario asks."""
    errors = delay_errors(run)
    if not len(errors):
        return
    late, early = quantile(errors, 0.95), float(errors.min())
    told = f"{len(errors):,} injected delays were {format_duration(late)} longer than asked for"
    yield Check(
        "injected delays",
        late <= MOST_DELAY and early >= -EARLY,
        f"an injected delay ended {format_duration(-early)} early"
        if early < -EARLY
        else f"{told} (p95, at most {format_duration(MOST_DELAY)})",
        "this is our bug, not your app's: please report it with the run folder, and run again"
        if early < -EARLY
        else _hint(run, "proxy", within(MOST_DELAY, late)),
        TIMING,
    )


def pace(run: Run) -> Iterable[Check]:
    """Paced events leave when their schedule says."""
    counts, worst = pace_lateness(run)
    if total := sum(counts):
        late = late_at(counts, worst, 0.95)
        yield Check(
            "pace",
            late <= MOST_DELAY,
            f"{total:,} paced events left {format_duration(late)} after their schedule (p95, "
            f"at most {format_duration(MOST_DELAY)})",
            _hint(run, "proxy", within(MOST_DELAY, late)),
            TIMING,
        )


def late_seconds(run: Run, late: Floats, due: Floats, most: float) -> tuple[str, int, float]:
    """(the phase with the most seconds in which half of the operations were later than `most`, how many, the worst).

    The worst is the greatest median of a second of that phase, in seconds; 0 where none was late.
    """
    found = ("", 0, 0.0)
    for phase in run.scenario.phases:
        inside = (due >= phase.start) & (due < phase.end)
        second, lags = (due[inside] - phase.start).astype(np.int64), late[inside]
        medians = [float(np.median(lags[second == one])) for one in np.unique(second[lags > most])]
        over = [median for median in medians if median > most]
        found = max(found, (phase.name, len(over), max(over, default=0.0)), key=lambda one: one[1])
    return found


def _by_process(run: Run) -> dict[str, list[Seconds]]:
    found: dict[str, list[Seconds]] = {}
    for signs in processes(run):
        if signs.process in _NAMES:
            found.setdefault(signs.process, []).extend(seconds(run, signs))
    return {name: parts for name, parts in found.items() if parts}


def _who(part: Seconds, parts: list[Seconds]) -> str:
    worker = part.signs.worker
    several = len({one.signs.worker for one in parts}) > 1
    return _NAMES[part.signs.process] + (f"'s worker {worker}" if several and worker is not None else "")


def _hint(run: Run, name: str, factor: float) -> str:
    return proxy_hint(run, factor) if name == "proxy" else f"{less(run, factor)}, or use {_machine(run)}"


def proxy_hint(run: Run, factor: float) -> str:
    """What to change when the proxy is over a limit; `factor` is the limit over what was found."""
    if others_have_cores(run):
        return f"other work has the cores: end it, {less(run, factor)}, or use {_machine(run)}"
    workers = len({signs.worker for signs in processes(run) if signs.process == "proxy"}) or 1
    return (
        f"{less(run, factor)}, so that fewer calls and streams run at a time, give the proxy more "
        f"processes with --proxy-workers {workers + 1}, or use {_machine(run)}"
    )


def others_have_cores(run: Run) -> bool:
    """Whether the proxy waited for a core for longer than it used one, so that more workers would wait as well."""
    parts = _by_process(run).get("proxy", [])
    used = max((float(part.cpu.max()) for part in parts), default=0.0)
    return max((float(part.wait.max()) for part in parts), default=0.0) > used


def _machine(run: Run) -> str:
    cpus = (run.meta.get("machine") or {}).get("cpus")
    return "a machine with more cores" + (f" (this one has {cpus})" if isinstance(cpus, int) else "")

"""A run held against its baseline: whether it is shown to be no worse, within a margin, in what users feel and pay.

Laws:
1. The baseline lies in the run's own records (meta.json), so that a report made years later says the same.
2. PASS needs the proof: the one-sided 95 % bound of the change within the margin. FAIL needs it past the margin, with
   Holm's correction over all rows. All else is undecided, and says what would decide it.
3. A baseline that is damaged, of another scenario, or itself inconclusive makes the run INCONCLUSIVE, never PASS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from chaosllm import registry
from chaosllm.comparison import Kind, change_of, kind_of, same_experiment
from chaosllm.errors import ChaosError
from chaosllm.join import Run
from chaosllm.metrics import Estimate
from chaosllm.noninferiority import Change, no_worse
from chaosllm.objectives import Judged
from chaosllm.power import ALPHA
from chaosllm.sameness import identity
from chaosllm.scenario import Comparator, Objective, Role
from chaosllm.snapshot import TOKENS, Measured, Snapshot, around, figure, written
from chaosllm.spelling import suggest
from chaosllm.units import format_share, parse_share
from chaosllm.validity import Check

#: Of `latency` the 95th percentile is held, where the baseline has operations enough for it, else the median.
LATENCY, USUAL, SHORT = "latency", "latency_p95", "latency_p50"
#: How much worse may pass: points of a share, a ratio of all else. METHOD section 3: gate latency as ratios of 1.5
#: and more, because the interval of a p95 is 27 % wide at 300 operations; cost as METHOD metric 19.
MARGINS: Mapping[str, float] = {"success_rate": 0.02, LATENCY: 1.5, TOKENS: 1.5}
#: An answer to "how many operations would decide it" above this is no help.
_TOO_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """What came of it: rows as of objectives, and whether the baseline could be used."""

    rows: Sequence[Judged] = field(default_factory=list)
    checks: Sequence[Check] = field(default_factory=list)


def order(name: str, snapshot: Snapshot, margins: Mapping[str, float]) -> dict[str, Any]:
    """What is kept in meta.json, so that `hold` finds it there."""
    return {"name": name, "margins": dict(margins), "snapshot": snapshot.to_json()}


def read_margins(texts: Sequence[str]) -> dict[str, float]:
    """The margins that `success_rate=2%`, `latency_p95=1.5` and `latency=none` make of MARGINS.

    A percentile of latency that is named takes the place of `latency`. Raises ValueError for what is no margin.
    """
    found = dict(MARGINS)
    for text in texts:
        name, _, value = text.partition("=")
        kind = kind_of(USUAL if name == LATENCY else name)
        if kind is None or not kind.better:
            known = [LATENCY, TOKENS, *(name for name, one in registry.members("metrics").items() if one.better)]
            raise ValueError(f"{name!r} is no metric that could be worse: {suggest(name, known)}")
        if value == "none":
            found.pop(name, None)
            continue
        found[name] = _margin(value, kind)
        if name != LATENCY and name.startswith(LATENCY):
            found.pop(LATENCY, None)
    return found


def _margin(text: str, kind: Kind) -> float:
    if kind.unit == "share":
        margin = parse_share(text)
        if margin <= 0:
            raise ValueError(f"{text!r} leaves no room: expected a share above 0, such as 2%")
        return margin
    try:
        margin = float(text)
    except ValueError:
        margin = 0.0
    if not 1 < margin < math.inf:
        raise ValueError(f"{text!r} is no ratio above 1, such as 1.5")
    return margin


def hold(run: Run, spoiled: Callable[[Objective], str | None]) -> Held:
    """The run's rows; none without a baseline. `spoiled` says what spoils an objective of this run."""
    told = run.meta.get("baseline")
    if told is None:
        return Held()
    try:
        name, margins, before = _read(told)
    except ValueError as error:
        return _unusable(f"the baseline cannot be used: {error}", "save the baseline again")
    try:
        scale = same_experiment(before.identity, identity(written(run)))
    except ChaosError as error:
        return _unusable(f"the baseline {name} cannot be used: {error.what}", error.hint)
    rows = _rows(run, name, before, margins, spoiled)
    checks = [Check("baseline", ok=True, what=_changed(name, before, run, scale))]
    if before.verdict == "inconclusive":
        why = f": {before.doubts[0]}" if before.doubts else ""
        checks = [_doubt(f"the baseline {name} is itself inconclusive{why}", "save a run that passed or failed")]
    elif not rows:
        checks = [_doubt(f"nothing of the run could be held against {name}", "save a baseline that measured something")]
    return Held(rows, checks)


def _unusable(what: str, hint: str) -> Held:
    return Held(checks=[_doubt(what, hint)])


def _doubt(what: str, hint: str) -> Check:
    return Check("baseline", ok=False, what=what, hint=hint)


def _read(told: Any) -> tuple[str, dict[str, float], Snapshot]:
    """Raises ValueError for what `order` did not make."""
    margins = told.get("margins") if isinstance(told, dict) else None
    if not isinstance(margins, dict) or not margins:
        raise ValueError("the record of it is damaged")
    for name, margin in margins.items():
        kind = kind_of(USUAL if name == LATENCY else name)
        sound = isinstance(margin, int | float) and math.isfinite(margin)
        if kind is None or not kind.better or not sound or margin <= (0 if kind.unit == "share" else 1):
            raise ValueError(f"its margin of {name} is none")
    return str(told.get("name")), margins, Snapshot.from_json(told.get("snapshot"))


def _changed(name: str, before: Snapshot, run: Run, scale: float) -> str:
    now = around(run)
    changed = [
        f"{key} {before.around.get(key)} -> {now.get(key)}" for key in now if before.around.get(key) != now.get(key)
    ]
    changed += [f"phases {scale:.3g} times as long"] if scale != 1.0 else []
    return f"held against {name} of {before.started or 'an unknown day'}; changed: {', '.join(changed) or 'nothing'}"


@dataclass(frozen=True, slots=True)
class _Row:
    """One figure of both runs, with the margin between them."""

    metric: str
    phase: str
    kind: Kind
    margin: float
    before: Measured
    after: Measured
    names: tuple[str, str]

    def change(self, alpha: float) -> tuple[Change | None, str]:
        """At the confidence whose bounds are one-sided at `alpha`."""
        return change_of(self.kind, self.before, self.after, 1 - 2 * alpha, self.names)

    def verdict(self, alpha: float) -> Literal["pass", "fail", "inconclusive"]:
        """Undecided where there is no change to judge, and a pass where both are one exact value."""
        change, why = self.change(alpha)
        if change is None:
            return "inconclusive" if why else "pass"
        return "inconclusive" if why else no_worse(change, self.margin, self.kind.better)

    @property
    def edge(self) -> float:
        """The change at which it becomes too much."""
        share, higher = self.kind.unit == "share", self.kind.better == "higher"
        return (-self.margin if higher else self.margin) if share else (1 / self.margin if higher else self.margin)


def _rows(
    run: Run,
    name: str,
    before: Snapshot,
    margins: Mapping[str, float],
    spoiled: Callable[[Objective], str | None],
) -> list[Judged]:
    rows, nothing = [], Measured(None, why="nothing was kept", spoiled=True)
    # The run's own phases: one that a damaged baseline lacks must not go unheld.
    for phase in dict.fromkeys(one.judged_as for one in run.scenario.phases if one.role is not Role.WARMUP):
        kept = before.figures.get(phase, {})
        for metric, margin in margins.items():
            chosen = _chosen(metric, kept)
            kind, mine = kind_of(chosen), kept.get(chosen, nothing)
            # Where no answer of the baseline was good, nobody made its cost worse: `success_rate` stands beside it.
            if kind is not None and not (chosen == TOKENS and mine.value is None and not mine.spoiled):
                now = figure(run, chosen, phase, spoiled)
                rows.append(_Row(chosen, phase, kind, margin, mine, now, (name, "this run")))
    verdicts = [one.verdict(ALPHA) for one in rows]
    failed, confirmed = {at for at, said in enumerate(verdicts) if said == "fail"}, set[int]()
    while more := {
        at for at in failed - confirmed if rows[at].verdict(ALPHA / max(1, len(rows) - len(confirmed))) == "fail"
    }:
        confirmed |= more
    judged = [_judged(row, said, name) for row, said in zip(rows, verdicts, strict=True)]
    holm = f"too close to tell when {len(rows)} figures are tested at once (Holm): lengthen the run"
    return [
        replace(one, verdict="inconclusive", why=holm) if at in failed - confirmed else one
        for at, one in enumerate(judged)
    ]


def _chosen(metric: str, kept: Mapping[str, Measured]) -> str:
    """The metric that stands for `latency`: decided by the baseline, so that a run cannot choose what suits it."""
    if metric != LATENCY:
        return metric
    found, kind = kept.get(USUAL), kind_of(USUAL)
    return USUAL if found is not None and kind is not None and found.n >= kind.needs else SHORT


def _judged(row: _Row, verdict: str, name: str) -> Judged:
    change, why = row.change(ALPHA)
    share, higher = row.kind.unit == "share", row.kind.better == "higher"
    comparator = Comparator.GE if higher else Comparator.LE
    bound = format_share(row.edge) if share else f"{row.edge:.3g}"
    text = f"{row.metric}({row.phase}) {'-' if share else '/'} {name} {comparator.value} {bound}"
    objective = Objective(text, row.metric, row.phase, comparator, row.edge)
    if change is not None:
        estimate = Estimate(change.value, change.low, change.high, row.after.n)
    else:
        estimate = Estimate.none(why) if why else Estimate.of(0.0 if share else 1.0, row.after.n)
    if verdict == "inconclusive" and not why:
        why = _what_would_decide(row, change)
    return Judged(objective, "share" if share else "ratio", estimate, row.edge, verdict, why)


def _what_would_decide(row: _Row, change: Change | None) -> str:
    """In words, what would decide it if the change stays what it is: most widths shrink with the root of n."""
    had = f"had {row.before.n:,} and {row.after.n:,}"
    if change is not None and change.value != row.edge:
        scale = math.log if change.kind == "ratio" else float
        bound = change.low if change.value > row.edge else change.high
        if math.isfinite(bound) and (bound > 0 or change.kind == "difference"):
            reach = abs(scale(bound) - scale(change.value)) / abs(scale(row.edge) - scale(change.value))
            # Of two shares at 0 or 1 an interval shrinks with n itself.
            power = 1 if change.kind == "difference" and row.before.value == row.after.value in (0.0, 1.0) else 2
            n = math.ceil(min(row.before.n, row.after.n) * max(1.0, reach) ** power) + 1
            if n < _TOO_MANY:
                return f"needs about {n:,} operations in {row.phase} of both runs to decide, {had}"
    return f"the interval holds the margin; more operations may not decide it, {had}"

"""Judges what animals left against what is true of them: precision and recall of each finding, and the page of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import zoo_app
from zoo_rig import PLAYS, Cell, place_of


def judged(folder: Path) -> dict[str, Any]:
    """The summary of a run folder by today's code."""
    from chaosllm import verdict
    from chaosllm.adapters import run_folder

    return verdict.judge(run_folder.load(folder))


def raised(summary: dict[str, Any]) -> set[tuple[str, str]]:
    """(phase, code) of each finding."""
    return {(one["phase"], one["code"]) for one in summary["findings"]}


@dataclass
class Truth:
    """How often a finding was right, for each code."""

    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    critical: list[str] = field(default_factory=list)
    seeds: Counter[int] = field(default_factory=Counter)
    runs: int = 0
    calm: int = 0
    alarms: int = 0

    def add(self, cell: Cell, findings: set[tuple[str, str]], severities: dict[str, str]) -> None:
        """Count one run."""
        animal = zoo_app.every()[cell.animal]
        self.runs += 1
        self.seeds[cell.seed] += 1
        told: dict[str, set[str]] = defaultdict(set)
        for phase, code in findings:
            told[phase].add(code)
        if cell.play == "calm":
            self.calm += 1
            self.alarms += bool(findings)
        for phase in {*PLAYS[cell.play], *told}:
            place = place_of(cell.play, phase)
            must = animal.must.get(place, set())
            may = animal.may.get(place, set()) | must
            self.found.update(must & told[phase])
            for code in sorted(must - told[phase]):
                self.missed[code] += 1
                self.wrong.append(f"{cell.name} {phase}: {code} was missed")
            for code in sorted(told[phase] - may):
                self.false[code] += 1
                self.wrong.append(f"{cell.name} {phase}: {code} ({severities[code]}) is a false alarm")
                if severities[code] == "critical":
                    self.critical.append(self.wrong[-1])

    def table(self) -> list[tuple[str, int, int, int, float, float]]:
        """(code, found, missed, false alarms, precision, recall), by code."""
        rows = []
        for code in sorted({*self.found, *self.missed, *self.false}):
            found, missed, false = self.found[code], self.missed[code], self.false[code]
            rows.append((code, found, missed, false, _share(found, found + false), _share(found, found + missed)))
        return rows


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def seen(parent: Path, cell: Cell) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """What today's code finds in the run of a cell: (phase, code) of each finding, and severities by code."""
    summary = judged(parent / cell.name)
    return raised(summary), {one["code"]: one["severity"] for one in summary["findings"]}


def truth(parent: Path, wanted: Iterable[Cell], jobs: int = 2) -> Truth:
    """What the runs in a folder say, of those cells that are there."""
    total = Truth()
    there = [cell for cell in wanted if (parent / cell.name / "summary.json").exists()]
    with ProcessPoolExecutor(jobs) as pool:
        for cell, found in zip(there, pool.map(partial(seen, parent), there, chunksize=4), strict=True):
            total.add(cell, *found)
    return total


def page(total: Truth, day: str, wanted: int) -> str:
    """docs/truth.md; `wanted` is how many runs a whole zoo has."""
    seeds = ", ".join(f"{count} with seed {seed}" for seed, count in sorted(total.seeds.items()))
    rows = [
        f"| `{code}` | {found} | {missed} | {false} | {precision:.3f} | {recall:.3f} |"
        for code, found, missed, false, precision, recall in total.table()
    ]
    animals = [
        f"| {name} | {_first(kind)} | {_codes(kind.must) or 'nothing'} |"
        for name, kind in sorted(zoo_app.every().items())
    ]
    return f"""\
# How often findings are right

<!-- Made by `make zoo`: change it in tests/zoo/zoo_truth.py. -->

The zoo (`tests/zoo`) is {len(animals)} small apps on the official SDKs of OpenAI, Anthropic and Google, each with one \
known conduct.
Each of them meets ten faults in a row, a whole outage, a hang of everything and a calm run; agents meet failing and \
garbled calls of their tool.
What is true of an app in each phase is written down beside its code, before it is played.
A finding is *found* where it is true and raised, *missed* where it is true and not raised, and *false* where it is \
raised and not true.
Precision is found / (found + false), recall found / (found + missed).
What is true of an app but left to chance, or that follows from another conduct, counts as neither.

Played on {day}, on 2 cores with other work beside: {total.runs} of the {wanted} runs of a whole zoo, on real \
processes ({seeds}).
With each seed those cells come first in which something is to be found.
Where a run showed that a condition misled, the condition was changed and all runs were judged again \
([decision 20](decisions/0020-a-zoo-of-known-conduct.md)), so these figures tell how findings fit these apps; what \
they are worth on other apps is what the next seeds and your own runs tell.

| finding | found | missed | false | precision | recall |
|---|---|---|---|---|---|
{"\n".join(rows)}

Calm runs, without any fault: {total.calm - total.alarms} of {total.calm} gave no finding.
Critical false alarms: {len(total.critical)}.

{_wrongs(total.wrong)}
## The apps

| app | conduct | what is to be found |
|---|---|---|
{"\n".join(animals)}

`make test` judges a recorded run of each app (`tests/zoo/test_zoo_recorded.py`) and plays six live.
"""


def _wrongs(wrong: list[str]) -> str:
    if not wrong:
        return "Nothing was missed, and nothing was raised that is not true.\n"
    return "What was wrong, by app, play, seed and phase:\n\n" + "".join(f"- {one}\n" for one in wrong)


def _first(kind: type) -> str:
    """The first sentence of its docstring."""
    told = " ".join((kind.__doc__ or "").split())
    return told.split(". ")[0].removesuffix(".") + "."


def _codes(must: Mapping[str, set[str]]) -> str:
    return ", ".join(f"`{code}`" for code in sorted(set().union(*must.values()))) if must else ""

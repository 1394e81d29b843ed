"""docs/scenarios.md: the scenarios that are shipped, by group, with their hypothesis, faults, length and lesson."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from chaosllm.adapters.scenario_file import read_scenario
from chaosllm.scenario import Scenario
from chaosllm.units import format_duration

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "scenarios"
#: Folders beside the scenarios that hold something else.
OTHERS = {"suites", "gamedays"}

HEAD = """# Scenarios

Made by `make docs` from the files in `scenarios/`: edit those.

Each is one experiment: it opens with what it teaches and with a hypothesis, and its objectives decide whether the
hypothesis held.
All of them run without a key and without a network, against the simulator:

```
chaosllm run scenarios/outage/short.yaml --app hardened
chaosllm run scenarios/outage/short.yaml -- python -m myapp
```

`--duration-scale 0.5` shortens one, and all that lies inside its phases; `--set` changes any value in it.
`chaosllm explain` says what it will do.

"""
#: What a group is about, in the order of the page.
GROUPS = {
    "": "To begin with",
    "rate-limits": "Rate limits: wait, and then ask again",
    "quota": "Quota: waiting does not help",
    "latency": "Latency: late, slow, or both",
    "truncation": "Truncation: answers that end early",
    "streams": "Streams: what goes wrong between the first event and the last",
    "malformed": "Malformed output: status 200, and yet no answer",
    "connections": "Connections: nobody there, or gone",
    "outage": "Outages: short, long, of one model, of everybody",
    "recovery": "Recovery: the second outage",
    "agents": "Agents: tool calls that must not be trusted",
    "cost": "Cost: bills that grow while nothing fails",
    "leaks": "Leaks: what no user should read",
    "replays": "Replays: shaped after published incidents",
}


def text() -> str:
    """The page."""
    files = sorted(file for file in LIBRARY.rglob("*.yaml") if file.relative_to(LIBRARY).parts[0] not in OTHERS)
    names = [*GROUPS]
    files.sort(key=lambda file: (names.index(_group(file)), file.name))
    page = [HEAD]
    for group, members in groupby(files, _group):
        page += [f"## {GROUPS[group]}\n\n| scenario | hypothesis | faults | lasts |\n|---|---|---|---|\n"]
        told = []
        for file in members:
            scenario = read_scenario(file).unwrap()
            page.append(_row(file, scenario))
            told.append(f"- **{scenario.name}**: {_lesson(file)}\n")
        page += ["\n", *told, "\n"]
    return "".join(page).rstrip() + "\n"


def _group(file: Path) -> str:
    return "" if file.parent == LIBRARY else file.parent.name


def _row(file: Path, scenario: Scenario) -> str:
    faults = ", ".join(dict.fromkeys(f"[`{rule.fault.name}`](faults.md#{rule.fault.name})" for rule in scenario.rules))
    link = f"[{scenario.name}](../{file.relative_to(ROOT)})"
    hypothesis = " ".join(scenario.hypothesis.split()).replace("|", "\\|")
    return f"| {link} | {hypothesis} | {faults or 'none'} | {format_duration(scenario.duration)} |\n"


def _lesson(file: Path) -> str:
    """The comment that the file opens with, without the line for editors."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return re.sub(r"\s+", " ", " ".join(lines))

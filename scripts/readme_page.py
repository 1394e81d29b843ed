"""README.md: what in it can be told from the code, between `<!-- made: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import sample_page

from chaosllm.commands import VERBS
from chaosllm.errors import Exit
from chaosllm.findings import SEVERITIES
from chaosllm.registry import members

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
_PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: What goes wrong -> its faults; each fault stands in one row.
FAULTS = {
    "the provider says no": ("rate_limit", "quota", "overload", "error", "refusal"),
    "it is slow, or silent": ("latency", "stall", "hang"),
    "the answer breaks off": ("truncate", "stream_error", "drop"),
    "the answer is not right": (
        "malformed", "empty", "tool_call", "usage", "embeddings", "model_swap", "repetition", "content", "duplicate",
        "reorder",
    ),
    "the connection": ("connection", "reset"),
}  # fmt: skip
EXITS = {
    Exit.PASS: "PASS",
    Exit.FAIL: "FAIL",
    Exit.USAGE: "wrong usage or scenario",
    Exit.COULD_NOT_RUN: "could not run",
    Exit.INCONCLUSIVE: "INCONCLUSIVE",
    Exit.STOPPED: "stopped by a stop condition",
    Exit.INTERRUPTED: "Ctrl-C (with a partial report)",
}


def text() -> str:
    """The page, with its made parts as the code is now. Raises KeyError for a part that there is not."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", README.read_text(encoding="utf-8"))


def counts() -> str:
    """How much there is of each kind."""
    scenarios = [file for file in (ROOT / "scenarios").rglob("*.yaml") if _is_scenario(file)]
    found = {kind: len(members(kind)) for kind in ("faults", "providers", "findings", "metrics")}
    return (
        f"There are [{found['faults']} faults](docs/faults.md) for [{found['providers']} kinds of"
        f" provider](docs/providers.md), [{len(scenarios)} ready scenarios](docs/scenarios.md),"
        f" [{found['metrics']} metrics](docs/metrics.md) and [{found['findings']} findings](docs/findings.md).\n"
    )


def _is_scenario(file: Path) -> bool:
    return file.relative_to(ROOT / "scenarios").parts[0] not in ("suites", "gamedays")


def verbs() -> str:
    """A table of the command line."""
    rows = "".join(f"| `{verb}` | {said.rstrip('.').replace('|', chr(92) + '|')} |\n" for verb, said in VERBS.items())
    return f"| verb | what it does |\n|---|---|\n{rows}"


def faults() -> str:
    """A table of what breaks."""
    told = [name for names in FAULTS.values() for name in names]
    if sorted(told) != sorted(members("faults")):
        raise ValueError(f"FAULTS in {Path(__file__).name} does not tell of {set(told) ^ set(members('faults'))}")
    rows = "".join(f"| {what} | {' '.join(map(_fault, names))} |\n" for what, names in FAULTS.items())
    return f"| what goes wrong | faults |\n|---|---|\n{rows}"


def _fault(name: str) -> str:
    return f"[`{name}`](docs/faults.md#{name})"


def findings() -> str:
    """Every finding, by how bad it is."""
    rows = []
    for severity in SEVERITIES:
        codes = sorted(code for code, kind in members("findings").items() if kind.severity == severity)
        if codes:
            rows.append(f"| {severity} | {' '.join(f'[`{code}`](docs/findings.md#{code})' for code in codes)} |\n")
    return f"| severity | findings |\n|---|---|\n{''.join(rows)}"


def exits() -> str:
    """Exit codes."""
    return f"Exit codes, for scripts: {', '.join(f'{int(code)} {EXITS[code]}' for code in Exit)}.\n"


def console() -> str:
    """The sample as a terminal shows it."""
    lines = sample_page.rendered("terminal").rstrip().splitlines()
    return "```\n" + "".join(f"{line.rstrip()}\n" for line in lines) + "```\n"


PARTS: dict[str, Callable[[], str]] = {
    "counts": counts,
    "verbs": verbs,
    "faults": faults,
    "findings": findings,
    "exits": exits,
    "console": console,
}

"""Every provider and fault met once by the official SDKs through the proxy; `make atlas` asks the whole matrix.

expected.yaml holds what each cell showed when the atlas was last made. Here a changed cell names the SDK, its
version, what it was and what it is; and every cell that was measured without a proxy agrees, or says why not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from conformance_oracle import differences, explained, oracle
from conformance_rig import Cell, Result, cells, run, versions
from conformance_rules import FAMILIES, ROWS

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(sys.version_info < (3, 13), reason="google-genai does not install beside mitmproxy on 3.12"),
]

# libyaml's loader, because the other takes a second for it, in every process that collects the tests
EXPECTED = yaml.load((Path(__file__).parent / "expected.yaml").read_text(), yaml.CSafeLoader)
PROVIDERS = [provider for family in FAMILIES.values() for provider in family]


def chosen() -> list[Cell]:
    """Each quick row once with each provider, in ways that take turns."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells(quick=True):
        found.setdefault((cell.provider, cell.row), []).append(cell)
    return [some[number % len(some)] for number, some in enumerate(found.values())]


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[Cell, Result], str]:
    """What was seen of the chosen cells."""
    return run(tmp_path_factory.mktemp("conformance"), chosen())


def test_every_provider_and_every_fault_is_met() -> None:
    """12 providers, each row with each provider that can play it, at least 150 cells."""
    asked = chosen()
    assert {cell.provider for cell in asked} == set(PROVIDERS)
    assert len(PROVIDERS) >= 12
    assert len(asked) >= 150
    assert {cell.row for cell in asked} == {name for name, row in ROWS.items() if row.quick}


def test_no_cell_has_changed(met: tuple[dict[Cell, Result], str]) -> None:
    """Exception or silence, requests on the wire and finish reason are those of the atlas."""
    release = versions()
    before = {cell: EXPECTED["cells"].get(cell.way, {}).get(cell.row, "not in the atlas") for cell in met[0]}
    changed = [
        f"{cell.row} by {cell.way}: {cell.family} {EXPECTED['versions'].get(cell.family)} showed {before[cell]!r}, "
        f"{release[cell.family]} shows {str(result)!r}"
        for cell, result in met[0].items()
        if str(result) != before[cell]
    ]
    assert not changed, "run `make atlas`, and look at what it changes:\n" + "\n".join(changed)


def test_every_fault_was_injected(met: tuple[dict[Cell, Result], str]) -> None:
    """Each request of a faulted cell was injected and delivered, and nothing broke in our own code."""
    spared = [
        f"{cell.row} by {cell.way}: {event['did']} {event.get('why', '')} {event.get('rules')}"
        for cell, result in met[0].items()
        for event in result.events
        if ROWS[cell.row].rule is not None
        and not (event["did"] == "injected" and all(part["delivered"] for part in event["rules"]))
    ]
    assert not spared, "\n".join(spared)
    assert ", 0 not recognised" in met[1]
    assert "failures" not in met[1]


def test_the_atlas_agrees_with_what_was_measured_without_a_proxy() -> None:
    """Every cell of SDK-BEHAVIOUR.md that the atlas has is the same, or its difference is explained."""
    measured = oracle()
    shared = [(way, row) for way, row in measured if row in EXPECTED["cells"].get(way, {})]
    assert len(shared) >= 150
    wrong = [
        f"{row} by {way}: {measured[way, row]!r} without a proxy, {EXPECTED['cells'][way][row]!r} through it"
        for way, row in shared
        if measured[way, row] != EXPECTED["cells"][way][row]
        and explained(way, row, measured[way, row], EXPECTED["cells"][way][row]) is None
    ]
    assert not wrong, "\n".join(wrong)


def test_every_explanation_is_used() -> None:
    """A difference that no cell shows any more must go."""
    used = {
        explained(way, row, was, EXPECTED["cells"][way][row])
        for (way, row), was in oracle().items()
        if row in EXPECTED["cells"].get(way, {}) and was != EXPECTED["cells"][way][row]
    }
    assert not set(differences()) - used

"""The pages that are made from the code: as the code is now, whole, and with examples that work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chaosllm.errors import Level
from chaosllm.faults import Fault
from chaosllm.findings import Finding
from chaosllm.language.rules import adapter_of
from chaosllm.reader import read
from chaosllm.registry import members

ROOT = Path(__file__).parents[2]
#: Prints the name and text of each page, as JSON; a process of its own, because the scripts are no package.
PAGES = "import json, runpy; print(json.dumps(runpy.run_path('scripts/pages.py')['pages']()))"
SCENARIO = """version: 1
name: page
upstreams: [{{provider: {provider}, url: simulator}}]
phases:
  - {{name: baseline, duration: 10s}}
  - {{name: storm, duration: 10s, rules: [{rule}]}}
  - {{name: recovery, duration: 10s}}
"""


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Path -> text, made now."""
    done = subprocess.run([sys.executable, "-c", PAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, str] = yaml.safe_load(done.stdout)
    return found


def test_the_pages_are_those_of_the_code(pages: dict[str, str]) -> None:
    """`make docs` has been run since the last change."""
    assert [path for path, text in pages.items() if (ROOT / path).read_text(encoding="utf-8") != text] == []


def test_every_metric_and_finding_has_its_part(pages: dict[str, str]) -> None:
    """None is left out, and a finding's part says what to do."""
    assert all(f'<a id="{name}"></a>' in pages["docs/metrics.md"] for name in members("metrics"))
    for code, kind in members("findings").items():
        part = re.split(rf"^## {code}$", pages["docs/findings.md"], flags=re.MULTILINE)[1].partition("\n## ")[0]
        assert kind.advice in part
        assert kind.summary in part
        found = Finding(code, kind.severity, "", 1, 1, "", "", "", ())
        assert found.to_json()["docs"] == f"docs/findings.md#{code}", "a link that leads to this part"


def test_every_fault_and_provider_has_its_part(pages: dict[str, str]) -> None:
    """None is left out, and each field has a row."""
    faults, providers = pages["docs/faults.md"], pages["docs/providers.md"]
    for name, fault in members("faults").items():
        part = re.split(rf"^## {name}$", faults, flags=re.MULTILINE)[1].partition("\n## ")[0]
        for field in adapter_of(fault).json_schema().get("properties", {}):
            assert f"| `{field}` |" in part, (name, field)
    for name, provider in members("providers").items():
        part = providers.partition(f'<a id="{name}"></a>')[2].partition("<a id=")[0]
        for variable, _ in provider.env:
            assert variable in part
        assert part.count("| `") >= len(provider.refusals)


def test_inferred_wording_says_so(pages: dict[str, str]) -> None:
    """Every row whose wording or use nobody has seen is marked on the page."""
    for name, provider in members("providers").items():
        part = pages["docs/providers.md"].partition(f'<a id="{name}"></a>')[2].partition("<a id=")[0]
        inferred = [row for row in provider.rows.values() if "inferred" in row.evidence]
        assert len(re.findall(r"\| \*\*[^|]*inferred[^|]*\*\* \|", part)) >= len(inferred) > 0


@pytest.mark.parametrize("name", sorted(members("providers")))
def test_what_is_not_inferred_has_a_source(name: str) -> None:
    """A claim that words were seen names where."""
    rows = members("providers")[name].rows.items()
    assert [key for key, row in rows if not row.source and not row.evidence.startswith("inferred")] == []


@pytest.mark.parametrize("name", sorted(members("faults")))
def test_a_fault_explains_itself(name: str) -> None:
    """Each field has a line of its own for editors and the page, and the example is one that the reader takes."""
    fault: type[Fault] = members("faults")[name]
    fields = set(adapter_of(fault).json_schema().get("properties", {}))
    assert set(getattr(fault, "about", {})) == fields
    example = getattr(fault, "example", "")
    assert yaml.safe_load(example)["fault"] == name
    found = read(SCENARIO.format(provider="openai", rule=example), "s.yaml").problems
    assert [str(one) for one in found if one.level is Level.ERROR] == []


@pytest.mark.parametrize("kind", ["faults", "providers"])
def test_the_readme_names_every_member(kind: str) -> None:
    """What can break, and whose calls, is on the front page."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in members(kind) if f"`{name}`" not in readme] == []


def test_every_scenario_has_its_row(pages: dict[str, str]) -> None:
    """The table of the library lists each shipped file once, in a group that says what it is about."""
    files = sorted((ROOT / "scenarios").rglob("*.yaml"))
    shown = re.findall(r"^\| \[[^]]+\]\(\.\./(\S+?)\)", pages["docs/scenarios.md"], re.MULTILINE)
    wanted = [
        path
        for file in files
        if not (path := str(file.relative_to(ROOT))).startswith(("scenarios/suites/", "scenarios/gamedays/"))
    ]
    assert sorted(shown) == sorted(wanted)

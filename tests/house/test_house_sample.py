"""The sample and the front page: what the code makes of the committed records, small, and of no machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "reports" / "sample"
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Prints path and text of each file, as JSON; a process of its own, because the scripts are no package.
MADE = "import json, runpy; print(json.dumps(runpy.run_path('scripts/pages.py')['sample']()))"
SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Path -> text, made now."""
    done = subprocess.run([sys.executable, "-c", MADE], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def pinned() -> bool:
    """Whether matplotlib is the one that the committed drawings are by; another one may place a tick elsewhere."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return f"\nmatplotlib=={version('matplotlib')}\n" in f"\n{pins}\n"


def test_the_sample_is_what_the_code_makes_of_its_records(made: dict[str, str]) -> None:
    """`make docs` has been run since the last change; nothing in the page is of the day or of the machine."""
    for name in ("report.html", "summary.md"):
        text, kept = made[f"reports/sample/{name}"], (SAMPLE / name).read_text(encoding="utf-8")
        if not pinned():
            text, kept = SVG.sub("", text), SVG.sub("", kept)
        assert text == kept, f"{name} is old: run `make docs`"


def test_its_numbers_are_those_of_the_records(made: dict[str, str]) -> None:
    """Up to the last digits, in which sums differ from processor to processor."""
    assert near(json.loads(made["reports/sample/summary.json"])) == near(
        json.loads((SAMPLE / "summary.json").read_text())
    )


def near(value: object) -> object:
    """With nine digits of every number."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: near(inner) for key, inner in value.items()}
    return [near(inner) for inner in value] if isinstance(value, list) else value


def test_it_stays_small() -> None:
    """Records under 500 KB, pictures under 300 KB, the page under 2 MB: each clone of the repository pays for them."""
    records = ("scenario.yaml", "meta.json", "events.jsonl", "samples.npz", "samples.jsonl")
    assert sum((SAMPLE / name).stat().st_size for name in records) < 500_000
    assert all(picture.stat().st_size <= 300_000 for picture in SAMPLE.glob("*.png"))
    assert (SAMPLE / "report.html").stat().st_size < 2_000_000


def test_the_front_page_shows_it() -> None:
    """Every picture of the sample is shown, each that is shown is there, and what it stands for can be read."""
    shown = set(re.findall(r"reports/sample/[\w.-]+\.png", README))
    assert shown == {f"reports/sample/{picture.name}" for picture in SAMPLE.glob("*.png")}
    assert re.search(r'<img [^>]*alt="[^"]{20,}"', README)


def test_no_part_of_the_front_page_is_empty() -> None:
    """Each marked part has been filled, and ends before the next begins."""
    parts = re.findall(r"<!-- made: (\w+) -->\n(.*?)<!-- end -->", README, re.DOTALL)
    assert len(parts) == README.count("<!-- made: ") == README.count("<!-- end -->") >= 6
    assert all(body.strip() and "<!--" not in body for _, body in parts)

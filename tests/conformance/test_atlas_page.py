"""The page of the SDK atlas: what is silent, what stands where, and that it holds the cells of expected.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from atlas_page import silent, text

# libyaml's loader, because the other takes a second for it, in every process that collects the tests
EXPECTED = yaml.load((Path(__file__).parent / "expected.yaml").read_text(), yaml.CSafeLoader)
PAGE = (Path(__file__).parents[2] / "docs" / "sdk-atlas.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "seen", "quiet"),
    [
        ("cut-clean", "=", True),
        ("drop-end", "=stop", True),
        ("vectors-fewer", "[1536]", True),
        ("error-200", "=no candidates", True),
        ("cut-clean", "JSONDecodeError", False),
        ("cut-honest", "=MAX_TOKENS", False),
        ("filter", "=guardrail_intervened", False),
        ("filter", "=content-filter", False),
        ("filter", "=incomplete/content_filter", False),
        ("filter-400", "=no candidates", False),
        ("stream-error", "=ERROR", False),
        ("stream-error", "= [onError: APIError]", False),
        ("hang", "HANGS", False),
        ("ok", "=stop", False),
    ],
)
def test_a_cell_is_silent_when_nothing_tells_the_app(row: str, seen: str, quiet: bool) -> None:
    """Neither an exception nor a finish reason nor a callback."""
    assert silent(row, seen) is quiet


def test_streams_and_whole_answers_stand_apart() -> None:
    """A table has the rows that its columns have."""
    table = {"groq_chat": {"ok": "=stop"}, "groq_chat_stream": {"ok": "=stop", "drop-end": "=stop"}}
    page = text(table, {"groq": "1.7.0"}, date="2026-01-01", python="3.13")
    assert "## groq 1.7.0\n\n### Groq, whole answers\n\n| fault | chat |\n|---|---|\n| ok | = stop |\n\n" in page
    assert "### Groq, streams\n\n| fault | chat |\n|---|---|\n| ok | = stop |\n| drop-end | 🔇 = stop |\n\n" in page
    assert "2026-01-01 with Python 3.13: 3 cells" in page
    assert "Silent cells: 1." in page


def test_the_page_is_that_of_the_expected_cells() -> None:
    """What the Python SDKs showed stands on the page as the test expects it."""
    found = re.search(r"on (\S+) with Python (\S+?)( and Node)?:", PAGE)
    assert found is not None
    made = text(EXPECTED["cells"], EXPECTED["versions"], date=found[1], python=found[2])
    parts = re.findall(r"^## \S+ [\d.]+\n.*?(?=^## )", made, flags=re.MULTILINE | re.DOTALL)
    assert len(parts) == len(EXPECTED["versions"])
    assert [part.partition("\n")[0] for part in parts if part not in PAGE] == []

"""`make docs`: writes the pages that are made from code and scenarios; `pages()` gives their texts, for the test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import fault_page  # noqa: E402  # because the folder of scripts is no package
import provider_page  # noqa: E402  # as above
import scenario_page  # noqa: E402  # as above
import truth_page  # noqa: E402  # as above

PAGES: dict[str, Callable[[], str]] = {
    "docs/faults.md": fault_page.text,
    "docs/providers.md": provider_page.text,
    "docs/scenarios.md": scenario_page.text,
    "docs/metrics.md": truth_page.metrics,
    "docs/findings.md": truth_page.findings,
}


def pages() -> dict[str, str]:
    """Path from the root -> text, of each page."""
    return {path: text() for path, text in PAGES.items()}


def main() -> None:
    for path, text in pages().items():
        page = ROOT / path
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            print(f"written: {path}")  # noqa: T201  # because it tells whoever ran `make docs` what to look at


if __name__ == "__main__":
    main()

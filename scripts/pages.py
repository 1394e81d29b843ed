"""`make docs`: writes what is made from code, scenarios and the sample's records, and takes the pictures.

`pages()` and `sample()` give the texts, for the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import fault_page  # noqa: E402  # because the folder of scripts is no package
import openapi_page  # noqa: E402  # as above
import pictures  # noqa: E402  # as above
import probe_page  # noqa: E402  # as above
import provider_page  # noqa: E402  # as above
import readme_page  # noqa: E402  # as above
import sample_page  # noqa: E402  # as above
import scenario_page  # noqa: E402  # as above
import truth_page  # noqa: E402  # as above

PAGES: dict[str, Callable[[], str]] = {
    "README.md": readme_page.text,
    "docs/faults.md": fault_page.text,
    "docs/probes.md": probe_page.text,
    "docs/providers.md": provider_page.text,
    "docs/scenarios.md": scenario_page.text,
    "docs/metrics.md": truth_page.metrics,
    "docs/findings.md": truth_page.findings,
    "docs/openapi.json": openapi_page.text,
}


def pages() -> dict[str, str]:
    """Path from the root -> text, of each page."""
    return {path: text() for path, text in PAGES.items()}


def sample() -> dict[str, str]:
    """The same of what is rendered from the sample's records."""
    return sample_page.pages()


def main() -> None:
    for path, text in {**pages(), **sample()}.items():
        page = ROOT / path
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            say(f"written: {path}")
    if why := pictures.lacking():
        say(f"the pictures in reports/sample stay as they are, because {why}")
        return
    for picture in pictures.take():
        say(f"written: {picture.relative_to(ROOT)}")


def say(text: str) -> None:
    """Tell whoever ran `make docs` what to look at."""
    print(text)  # noqa: T201  # as said


if __name__ == "__main__":
    main()

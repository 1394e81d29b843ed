"""The pictures of the README: the first screen of reports/sample, light and dark, from Debian's Chromium."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHROMIUM = Path("/usr/bin/chromium")
REPORT = ROOT / "reports" / "sample" / "report.html"
#: File -> colour scheme.
PICTURES = {"report.png": "light", "report-dark.png": "dark"}
WIDTH, HEIGHT = 1280, 860
#: Bytes that one may take: a page of a repository loads two of them.
MOST = 300_000


def lacking() -> str:
    """Why no picture can be taken here; "" when it can."""
    if importlib.util.find_spec("playwright") is None:
        return "the package playwright is not installed"
    return "" if CHROMIUM.exists() else f"{CHROMIUM} is not there"


def take() -> list[Path]:
    """The pictures that changed. Raises ValueError when one is too large to be kept."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # because it is not there everywhere

    changed = []
    with sync_playwright() as playwright:
        args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=args)
        for name, scheme in PICTURES.items():
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if scheme == "dark" else "light"
            )
            page = context.new_page()
            page.goto(REPORT.as_uri())
            picture = page.screenshot()
            context.close()
            if len(picture) > MOST:
                raise ValueError(f"{name} has {len(picture):,} bytes, at most {MOST:,} are kept: show less of the page")
            file = REPORT.with_name(name)
            if not file.exists() or file.read_bytes() != picture:
                file.write_bytes(picture)
                changed.append(file)
        browser.close()
    return changed

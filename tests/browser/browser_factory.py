"""Debian's Chromium and pages of runs, for the tests that look at a report as its readers do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--headless",
    "--no-sandbox",  # because containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def lacking() -> str:
    """Why a browser cannot be driven here; "" when it can."""
    if find_spec("playwright") is None:
        return "the package playwright is not installed, so no report was looked at in a browser"
    if not CHROMIUM.exists():
        seen = shutil.which("chromium") or shutil.which("google-chrome")
        other = f" (there is {seen}, which is not Debian's)" if seen else ""
        return f"{CHROMIUM} is not there{other}, so no report was looked at in a browser; apt-get install chromium"
    return ""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, closed again: its event loop must not outlive the tests of one file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield browser
        browser.close()


class Visit:
    """A page that is open, with all that it said and asked for."""

    def __init__(self, browser: Any, path: Path, *, width: int = 1440, height: int = 900, dark: bool = False) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.asked.remove(path.as_uri())

    def _dialog(self, dialog: Any) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def open_all(self) -> None:
        """Unfold everything, because what is folded away is not looked at."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    def bottom(self, selector: str) -> float:
        """Pixels from the top of the page to the lower edge of the first such element."""
        box = self.page.locator(selector).first.bounding_box()
        assert box is not None, selector
        return float(box["y"] + box["height"])

    def grave(self) -> list[str]:
        """Serious and critical findings of axe-core, with the first element of each."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']} at {one['nodes'][0]['html'][:200]}: {one['nodes'][0].get('failureSummary', '')[:300]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

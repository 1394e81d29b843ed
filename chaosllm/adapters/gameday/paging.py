"""Tells people by webhook: a small JSON object that Slack, Mattermost and Teams show as text, and scripts can read.

Laws:
1. A webhook's address may be a secret: it is filled in for the request alone, and nothing of it but its host is told.
2. Nobody waits for it: a day goes on whether or not somebody could be paged, and the record says which.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from chaosllm.gameday import Occasion, Page
from chaosllm.variables import VARIABLE, filled

#: Seconds that a webhook may take.
PATIENCE = 5.0


class Pager:
    """Pages those of `pages` who asked for an occasion; `told` takes (to, why, ok, what came of it)."""

    def __init__(
        self, pages: tuple[Page, ...], environ: Mapping[str, str], told: Callable[[str, str, bool, str], None]
    ) -> None:
        self._pages, self._environ, self._told = pages, environ, told
        self._tasks: set[asyncio.Task[None]] = set()

    def page(self, occasion: Occasion, text: str, **more: Any) -> None:
        """Tell them, soon."""
        for one in self._pages:
            if occasion in one.when:
                body = {"text": text, "occasion": occasion, **more}
                task = asyncio.create_task(self._send(one.webhook, occasion, body))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for those under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE)

    async def _send(self, webhook: str, why: str, body: Mapping[str, Any]) -> None:
        import httpx  # noqa: PLC0415  # late, because most days page nobody

        to = webhook
        if unset := [name for name in VARIABLE.findall(webhook) if not self._environ.get(name)]:
            self._told(f"the webhook of {unset[0]}", why, False, "the environment variable is not set")
            return
        try:
            url = filled(webhook, self._environ).strip()
            to = urlsplit(url).hostname or "?"
            async with httpx.AsyncClient(timeout=PATIENCE, trust_env=True) as client:
                answer = await client.post(url, json=body)
            ok, what = answer.is_success, f"HTTP {answer.status_code}"
        except Exception as error:  # noqa: BLE001, RUF100  # whatever a stranger's address brings about
            ok, what = False, type(error).__name__  # its text may hold the address
        self._told(to if ok or to != webhook else "a webhook that cannot be used", why, ok, what)

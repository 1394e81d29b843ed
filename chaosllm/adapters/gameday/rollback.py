"""Rollback checks: whether the app is well again once calls pass clean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from chaosllm.adapters.safety.asking import Asker
from chaosllm.gameday import RollbackCheck
from chaosllm.probes.http import HttpProbe

#: An app that comes back needs a moment: so often it is asked, so many seconds apart.
_TRIES, _APART, _PATIENCE = 5, 1.0, 3.0


async def check(checks: tuple[RollbackCheck, ...], target: str, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of day.json: what was asked, whether it was well, and what came."""
    if not checks:
        return []
    asker = Asker(environ)
    try:
        return list(await asyncio.gather(*(_check(asker, one, target) for one in checks)))
    finally:
        await asker.close()


async def _check(asker: Asker, one: RollbackCheck, target: str) -> dict[str, Any]:
    probe = HttpProbe(one.http, status=(one.status,))
    for left in reversed(range(_TRIES)):
        judged = probe.judge(await asker.ask(probe.ask(target), _PATIENCE))
        if judged.ok or not left:
            break
        await asyncio.sleep(_APART)
    return {"check": f"{one.http} answers {one.status}", "ok": bool(judged.ok), "text": judged.text}

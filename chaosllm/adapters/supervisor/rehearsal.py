"""One user of each class of a locustfile, before the run: does it work, is the app answering, does a call pass.

A task may need no LLM, so that a rehearsal without a call is no proof of a bypass: it is noted, and the run's own
traffic decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chaosllm.adapters.supervisor.children import Child
from chaosllm.errors import Blame, ChaosError
from chaosllm.scenario import Scenario

#: Seconds beyond the user's deadline within which the driver ends its rehearsal by itself.
_PATIENCE = 20.0


async def rehearse(
    driver: Child, proxy: Child, scenario: Scenario, *, url: str, note: Callable[[str], None]
) -> dict[str, Any]:
    """What the rehearsal showed, for meta.json; raises ChaosError for whatever would make the run worthless."""
    for warning in driver.latest["ready"].get("warnings", ()):
        note(str(warning))
    before = await proxy.ask({"do": "status"}, "status", timeout=5)
    patience = scenario.target.timeout + _PATIENCE
    asking = asyncio.ensure_future(driver.ask({"do": "preflight"}, "preflight", timeout=patience))
    calls = 0
    while not asking.done():
        await asyncio.wait([asking], timeout=0.1)
        status = await proxy.ask({"do": "status"}, "status", timeout=5)
        if not calls and status["recognised"] > before["recognised"]:
            await driver.send({"do": "enough"})
        calls = status["recognised"] - before["recognised"]
    shown = asking.result()
    _weigh(shown, str(scenario.load.locustfile), url)
    if not calls:
        note("no call to the LLM passed the proxy while the locustfile was rehearsed; the run goes on, and tells")
    if shown["raised"]:
        note(f"{shown['raised']} tasks of {scenario.load.locustfile} raised with no fault on: {shown['place']}")
    # Without `last` and `error`: an exception's own words may quote an answer, and meta.json stays.
    kept = ("requests", "answered", "good", "finished", "raised", "elsewhere", "seconds")
    return {name: shown[name] for name in kept} | {"calls": calls}


def _weigh(shown: dict[str, Any], name: str, url: str) -> None:
    if shown["raised"] and not shown["finished"]:
        raise ChaosError(
            f"every task of {name} raised with no fault on ({shown['place']})",
            hint=f"{shown['last']}; `locust -f {name} --host {url}` must work too",
            blame=Blame.SCENARIO,
        )
    if not shown["requests"]:
        elsewhere = f", and {shown['elsewhere']} went to other hosts" if shown["elsewhere"] else ""
        raise ChaosError(
            f"the users of {name} sent no request to {url}{elsewhere}",
            hint="ask with self.client and paths such as /chat, so that target.url is where they go",
            blame=Blame.SCENARIO,
        )
    if not shown["answered"]:
        raise ChaosError(
            f"gave no answer to {name}: {shown['error']}",
            hint="is the app running, and is target.url right?",
            blame=Blame.TARGET,
        )
    if not shown["good"]:
        raise ChaosError(
            f"answered no request of {name} well with no fault on: {shown['error']}",
            hint="check its paths and logins, and that the app works by itself",
            blame=Blame.TARGET,
        )

"""One clean operation before the run: does the app answer, is the answer found, does its call pass the proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from chaosllm.adapters.supervisor.children import Child, Message
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.registry import member
from chaosllm.scenario import Operation, Scenario
from chaosllm.units import format_duration

#: Seconds that the proxy may take to count a call the app has already answered from.
_SETTLE = 2.0
#: Answers that a wrong path, method or login gives: no model call is to be expected behind them.
_REFUSED = (301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 415, 422, 501)


class BypassError(ChaosError):
    """The app answers, and no call of it came through the proxy: nothing could be injected."""


async def preflight(
    driver: Child, proxy: Child, scenario: Scenario, ready: Message, *, url: str, started: bool, port: int
) -> dict[str, Any]:
    """What clean operations showed, one of each kind, for meta.json.

    Raises ChaosError for whatever would make the run worthless.

    `url`: where the app is. `started`: we started it. `port`: what `--port` was, or would have to be, for the hint.
    """
    bypass = partial(_bypass, scenario, ready, started=started, port=port)
    operations = scenario.target.operations
    if len(operations) == 1:
        return await _prove(driver, proxy, scenario, 0, url=url, bypass=bypass)
    found = [await _prove(driver, proxy, scenario, place, url=url, bypass=None) for place in range(len(operations))]
    # Some of several operations may need no LLM; where none does, nothing could be injected.
    if not any(one["calls"] for one in found):
        raise bypass(sum(one["unrecognised"] for one in found), answered=True)
    return {**found[0], "operations": found}


async def _prove(
    driver: Child,
    proxy: Child,
    scenario: Scenario,
    place: int,
    *,
    url: str,
    bypass: Callable[..., BypassError] | None,
) -> dict[str, Any]:
    """What one clean operation showed; raises ChaosError when it was not answered as its author says.

    `bypass` makes the error for an operation whose call did not come through the proxy; None lets it pass.
    """
    before = await proxy.ask({"do": "status"}, "status", timeout=5)
    patience = scenario.target.timeout + 10
    shown = await driver.ask({"do": "preflight", "place": place}, "preflight", timeout=patience)
    status = await proxy.ask({"do": "status"}, "status", timeout=5)
    for _ in range(int(_SETTLE / 0.1)):
        if status["recognised"] > before["recognised"] or status.get("failures"):
            break
        await asyncio.sleep(0.1)
        status = await proxy.ask({"do": "status"}, "status", timeout=5)
    calls = status["recognised"] - before["recognised"]
    operation = scenario.target.operations[place]
    tried = f"{operation.method.upper()} {url.partition('?')[0].rstrip('/')}{operation.path}"
    at = _called(operation)
    unrecognised = status["unrecognised"] - before["unrecognised"]
    found = {key: value for key, value in shown.items() if key != "type"} | {"calls": calls, "tried": tried}
    if operation.name:
        found |= {"name": operation.name, "unrecognised": unrecognised}
    good = shown.get("outcome") in ("good", "degraded", "wrong")

    if status.get("upstream_errors", 0) > before.get("upstream_errors", 0) and shown["outcome"] != "good":
        where = ", ".join(f"{upstream.provider} at {upstream.url}" for upstream in scenario.upstreams)
        why = str(status.get("last_upstream_error", "")).removeprefix("the upstream could not be reached: ")
        raise ChaosError(
            f"could not be reached: {why or 'no reason known'} (upstreams: {where})",
            hint="check the upstream's url and the network, or use `url: simulator`",
            blame=Blame.UPSTREAM,
        )
    if not shown.get("status") and shown.get("outcome") != "hang":
        raise ChaosError(
            f"gave no answer to {tried}: {shown.get('error', '')}",
            hint="is the app running, and is target.url right?",
            blame=Blame.TARGET,
        )
    if bypass is not None and calls == 0 and shown.get("status") not in _REFUSED:
        raise bypass(unrecognised, answered=shown.get("outcome") != "hang")
    if not good:
        raise ChaosError(
            f"did not answer {tried} with no fault on: {shown.get('error') or shown.get('outcome')}",
            hint=f"check {at}, and that the app works by itself (its log: app.log, where we started it)",
            blame=Blame.TARGET,
        )
    if not shown.get("answer_found"):
        keys = ", ".join(str(key) for key in shown.get("json_keys") or []) or "none, the body is no JSON object"
        raise ChaosError(
            f"answered, but nothing stands at answer: {operation.answer}; keys found: {keys}",
            hint=f"set {at}.answer to where the text is, such as $.answer",
            blame=Blame.TARGET,
        )
    if lacks := shown.get("not_taken"):
        keys = ", ".join(str(key) for key in shown.get("json_keys") or []) or "none, the body is no JSON object"
        raise ChaosError(
            f"answered {tried}, but nothing stands at take.{lacks[0]}: {operation.take[lacks[0]]}; keys found: {keys}",
            hint=f"set {at}.take.{lacks[0]} to where it is",
            blame=Blame.TARGET,
        )
    return found


def _called(operation: Operation) -> str:
    """How the author would point to it."""
    return f"target.operations.{operation.name}" if operation.name else "target.operation"


def variables(scenario: Scenario, ready: Message) -> dict[str, str]:
    """The base-URL variable of each upstream's SDK, and the value that leads it through the proxy."""
    found: dict[str, str] = {}
    for upstream in scenario.upstreams:
        url = ready.get("reverse", {}).get(upstream.provider)
        names = member("providers", upstream.provider).env
        if url and names:
            found.setdefault(names[0][0], str(url))  # as `environment.variables` has it
    return found


def _bypass(
    scenario: Scenario, ready: Message, unrecognised: int, *, answered: bool, started: bool, port: int
) -> BypassError:
    settings = " ".join(f"{name}={value}" for name, value in variables(scenario, ready).items())
    if unrecognised:
        what = f"sent {unrecognised} requests through the proxy, and none is a model call we know"
    else:
        does = "answers, but" if answered else f"gave no answer within {format_duration(scenario.target.timeout)}, and"
        what = f"{does} no call of it came through the proxy"
    if started:
        hint = f"let the app read {settings}, which it overrides, or go by HTTPS_PROXY={ready.get('explicit')}"
    else:
        hint = (
            f"start the app with {settings} and run again with --port {port}, "
            "or let chaosllm start it: chaosllm run ... -- COMMAND"
        )
    return BypassError(what, hint=hint, blame=Blame.TARGET, exit_code=Exit.INCONCLUSIVE)

"""The same open-loop load for people who drive with stock Locust.

    export CHAOSLLM_SCENARIO=scenario.yaml
    locust -f chaosllm/adapters/driver/locustfile.py --host http://127.0.0.1:8000 --headless

One user drives all of the scenario's load, so `--users` changes nothing; the run ends with the
scenario, or earlier with `--run-time`. Only Locust's own statistics come of it, counted from the
intended start of each operation; a verdict needs `chaosllm run`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from locust import events

from chaosllm.adapters.driver.user import OpenLoopUser, build, load_scenario
from chaosllm.errors import ChaosError

_path = Path(os.environ.get("CHAOSLLM_SCENARIO", ""))
if not _path.name:
    sys.exit("CHAOSLLM_SCENARIO is not set: it names the scenario whose load is to be driven")
try:
    _scenario = load_scenario(_path, _path.parent)
except ChaosError as error:
    sys.exit(error.what)


if _scenario.load.closed:
    sys.exit(f"the load of this scenario is a locustfile of its own: locust -f {_scenario.load.locustfile}")


class Users(OpenLoopUser):
    """All users of the scenario's app."""

    host = _scenario.target.url


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust is seen as untyped
def _start(environment: Any, **_: Any) -> None:
    """Builds the load when the target is known: `--host`, else the scenario's `target.url`."""
    try:
        Users.dispatcher = build(_scenario, base=_path.parent, target=environment.host or _scenario.target.url)
    except ChaosError as error:
        sys.exit(f"{error.what} ({error.hint})")
    if environment.web_ui is None:  # headless: the run is over when the scenario is
        Users.over = staticmethod(lambda: _quit(environment))


def _quit(environment: Any) -> None:
    import gevent  # noqa: PLC0415  # Locust has patched the process by now

    gevent.spawn(environment.runner.quit)

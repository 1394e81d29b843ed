"""The one Locust user: it owns the clock of all arrivals, because Locust's own users are a closed loop.

`constant_throughput` fires in lock-step bursts and the `poisson` wait starts a user's next
operation only after its last one ended (421 of 500 a second were reached); one user with an
absolute clock and a greenlet for each arrival reaches what is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import ClassVar

from locust import User, task
from locust.exception import StopUser

from chaosllm.adapters.driver.client import Client
from chaosllm.adapters.driver.dispatcher import Dispatcher
from chaosllm.adapters.driver.judge import Judge, telltales
from chaosllm.adapters.driver.outgoing import Outgoing
from chaosllm.adapters.driver.prompts import PROMPTS
from chaosllm.adapters.driver.samples import Samples
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.rows import Rows, RowsError, prompts, read_rows
from chaosllm.scenario import Scenario


class OpenLoopUser(User):
    """Runs the dispatcher once, then ends. Subclass it and set `dispatcher`."""

    abstract = True
    fixed_count = 1
    dispatcher: ClassVar[Dispatcher]
    t0: ClassVar[float | None] = None  # None: the run starts when this user does
    over: ClassVar[Callable[[], None]] = staticmethod(lambda: None)

    @task
    def drive(self) -> None:
        """Sends all of the scenario's load."""
        self.dispatcher.fire = self.environment.events.request.fire
        try:
            self.dispatcher.run(monotonic() if self.t0 is None else self.t0)
        finally:
            type(self).over()
        raise StopUser


def load_scenario(path: Path, base: Path) -> Scenario:
    """The scenario in a file. Raises ScenarioError, or ChaosError when it cannot be read."""
    from chaosllm.adapters.scenario_file import loader  # noqa: PLC0415  # late, because reading loads pydantic
    from chaosllm.reader import read  # noqa: PLC0415  # as above

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ChaosError(
            f"cannot read {path}: {reason}", hint="give the path of a scenario", blame=Blame.SCENARIO
        ) from None
    return read(text, file=str(path), load=loader(base)).unwrap()


def build(
    scenario: Scenario,
    *,
    base: Path,
    target: str,
    key: bytes = b"",
    folder: Path | None = None,
    failed: Callable[[str], None] = lambda _: None,
) -> Dispatcher:
    """A dispatcher for a scenario; raises ChaosError with what to do when it cannot be driven."""
    operations = scenario.target.operations
    if not operations:
        raise ChaosError(
            "the scenario has no target.operation, so there is nothing to ask the app",
            hint="add target.operation with method, path, json and answer",
            blame=Blame.SCENARIO,
            exit_code=Exit.USAGE,
        )
    name = scenario.load.prompts
    rows = prompts(PROMPTS) if name is None else _rows(base, name)
    outgoing = Outgoing(scenario, url=target, rows=rows, environ=os.environ)
    leaks, planted = telltales(scenario)
    try:
        judges = [Judge(operation, leaks, planted) for operation in operations]
        samples = Samples(folder) if folder is not None else None
    except ValueError as error:
        raise ChaosError(f"target.operation: {error}", blame=Blame.SCENARIO, exit_code=Exit.USAGE) from None
    except OSError as error:
        raise ChaosError(f"cannot write samples into {folder}: {error.strerror}") from None
    return Dispatcher(
        scenario,
        outgoing=outgoing,
        client=Client(target),
        judges=judges,
        key=key,
        samples=samples,
        failed=failed,
    )


def _rows(base: Path, name: str) -> Rows:
    try:
        return read_rows((base / name).read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ChaosError(
            f"load.prompts: cannot read {name}: {reason}",
            hint="a file beside the scenario: .txt with one prompt a line, .csv or .jsonl",
            blame=Blame.SCENARIO,
            exit_code=Exit.USAGE,
        ) from None
    except RowsError as error:
        line, what, hint = error.mistakes[0]
        raise ChaosError(f"{name}:{line}: {what}", hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE) from None

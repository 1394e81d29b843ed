"""A team's own locustfile as the load: its users run under Locust in our process, and all they ask is sampled.

Laws:
1. The users are there from the run's start to the end of its last phase, whatever the app does to them.
2. What the locustfile prints or logs stays off disk, because it may quote requests and answers.
3. A locustfile that does nothing, or never finishes a task, is an error with its own words, never a silent run.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import gevent
import locust
from gevent.event import Event
from locust import User
from locust.argument_parser import get_parser
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately
from locust.user.task import TaskSet
from locust.util.load_locustfile import load_locustfile

from chaosllm.adapters.driver.account import Account
from chaosllm.adapters.driver.samples import Samples
from chaosllm.adapters.driver.sampling import Sampler
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.record import Outcome
from chaosllm.scenario import Scenario

#: What would send the users elsewhere than to the app; the app's own proxy is none of theirs.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
#: Seconds that a rehearsal goes on after the first answer, for a task that does call the LLM.
_REHEARSAL = 5.0
_LAST_LINE = 200  # characters of a traceback's last line


class ClosedLoop:
    """Drives one locustfile's users at one target."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        base: Path,
        target: str,
        key: bytes = b"",
        folder: Path | None = None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Raises ChaosError, to the author's address, when the file cannot be loaded or has no users."""
        try:
            self.account = Account(scenario, Samples(folder) if folder is not None else None)
        except OSError as error:
            raise ChaosError(f"cannot write samples into {folder}: {error.strerror}") from None
        self._scenario = scenario
        self._sampler = Sampler(scenario, target, self.account, key=key)
        self._file = str(scenario.load.locustfile)
        self._failed = failed
        self._over = Event()
        self._enough = Event()
        self._woken = Event()  # who waits for the end must look again
        self._finishes = False
        self._finished = 0  # tasks
        self._raised = 0
        self._lost = 0  # users that were gone before the run was over
        self._last = ""  # the last line of the newest traceback; for the terminal alone
        self._place = ""  # what was raised where, without its words
        self.warnings: list[str] = []
        self._environment = self._locust(_load(base, self._file, self.warnings), target)

    def _locust(self, classes: list[type[User]], target: str) -> Any:  # an Environment; Locust is seen as untyped
        users = [_sampled(one, self._sampler, target) for one in classes]
        options = get_parser(default_config_files=[]).parse_args([])
        environment: Any = Environment(
            user_classes=users, host=target, events=locust.events, parsed_options=options,
            stop_timeout=self._scenario.target.timeout + 1.0,
        )  # fmt: skip
        runner = environment.create_local_runner()
        environment.events.request.add_listener(self._sampler.answered)
        environment.events.user_error.add_listener(self._task_raised)
        environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
        tasks_of: Any = TaskSet
        original = tasks_of.execute_next_task

        def counted(tasks: Any) -> None:
            try:
                original(tasks)
            except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
                self._finished += 1  # Locust's own ways for a task to say that it is over
                raise
            self._finished += 1

        tasks_of.execute_next_task = counted  # no event of Locust's tells of a task that came to its end
        return environment

    @property
    def load(self) -> ClosedLoop:
        """Itself: Locust and the load are one here."""
        return self

    # The run -------------------------------------------------------------------------------------

    def begin(self, t0: float, over: Callable[[], None]) -> None:
        """Starts the load; `over` is called at its end."""

        def ended(work: Any) -> None:
            if work.exception is not None:  # nothing else would tell of it (law 2)
                self._failed(f"the load ended early: {type(work.exception).__name__}")
            over()

        gevent.spawn(self.run, t0).link(ended)

    def run(self, t0: float) -> None:
        """Lets the users ask from monotonic time `t0` to the end of the last phase, and waits for the last answers."""
        load, runner = self._scenario.load, self._environment.runner
        self._over.wait(max(0.0, t0 - monotonic()))
        if self._over.is_set():
            return
        self._finished = self._raised = 0
        self._sampler.start(t0)
        runner.start(load.users, spawn_rate=load.spawn_rate or load.users)
        while not self._over.is_set() and (left := t0 + self._scenario.duration - monotonic()) > 0:
            if self._woken.wait(left):
                self._woken.clear()
                if self._finishes:
                    break
        if self._over.is_set():
            return
        self._lost = max(0, load.users - runner.user_count - self._sampler.left)
        self._sampler.over = True
        runner.stop()
        self._sampler.finish()

    def retime(self, durations: Sequence[float]) -> None:
        """Lets phases last as long as is said now. Raises ValueError when there are not as many."""
        self._scenario = self._scenario.retimed(durations)
        self.account.retime(self._scenario)
        self._sampler.retime(self._scenario)
        self._woken.set()

    def finish(self) -> None:
        """Nobody asks anew; the last answers are waited for."""
        self._finishes = True
        self._woken.set()

    def stop(self) -> None:
        """Ends the load at once; what is in flight has no outcome, and so gets no sample."""
        self._sampler.killed = True
        self._environment.stop_timeout = 0.0
        self._over.set()
        self._woken.set()
        self._enough.set()

    def quit(self) -> None:
        """Ends what is left of Locust."""
        self._environment.runner.quit()
        self._environment.events.quitting.fire(environment=self._environment, reverse=True)

    def close(self) -> None:
        """Closes the sample files. Raises OSError when the disk is full."""
        self.account.close()

    def flush(self) -> None:
        """Writes out what is kept. Raises OSError when the disk is full."""
        self.account.flush()

    # Before the run ------------------------------------------------------------------------------

    def enough(self) -> None:
        """Ends the rehearsal: what it was to show was seen."""
        self._enough.set()

    def preflight(self, _place: int) -> dict[str, Any]:
        """A rehearsal: one user of each class asks outside the load; what came of it, for people."""
        runner, began = self._environment.runner, monotonic()
        self._environment.events.test_start.fire(environment=self._environment)
        runner.spawn_users({one.__name__: 1 for one in self._environment.user_classes})
        first: float | None = None
        while not self._enough.wait(0.05) and runner.user_count:
            if first is None and (self._sampler.rehearsed or self._raised):
                first = monotonic()
            if first is not None and monotonic() - first > _REHEARSAL:
                break
            if monotonic() - began > self._scenario.target.timeout + _REHEARSAL:
                break
        self._environment.stop_timeout, patience = 0.5, self._environment.stop_timeout
        self._sampler.over = True
        # A call at the proxy ends the rehearsal while its answer is still on the way, and one that is cut off here
        # would be told as the app's silence.
        while self._sampler.in_flight and monotonic() - began <= self._scenario.target.timeout + _REHEARSAL:
            gevent.sleep(0.02)
        runner.stop()
        self._sampler.over = False
        self._environment.stop_timeout = patience
        self._sampler.finish()
        return self._told(monotonic() - began)

    def _told(self, seconds: float) -> dict[str, Any]:
        shown = self._sampler.rehearsed
        good = [one for one in shown if one.outcome in (Outcome.GOOD, Outcome.DEGRADED, Outcome.WRONG)]
        worst = next((one for one in shown if one not in good), None)
        return {
            "requests": len(shown),
            "answered": sum(1 for one in shown if one.status),
            "good": len(good),
            "error": f"{worst.asked.strip()}: {worst.error}" if worst else "",
            "finished": self._finished,
            "raised": self._raised,
            "place": self._place,
            "last": self._last,
            "elsewhere": self._sampler.elsewhere,
            "seconds": round(seconds, 4),
        }

    # Accounts ------------------------------------------------------------------------------------

    def progress(self, t: float) -> dict[str, Any]:
        """How the load goes at second `t` of the run."""
        return self.account.progress(t, self._sampler.in_flight)

    def totals(self) -> dict[str, Any]:
        """The load's account of itself, once it is over."""
        told = {name: value for name, value in self.account.totals().items() if not name.startswith("lag")}
        tasks = {"finished": self._finished, "raised": self._raised, "newest": self._place}
        return told | {"tasks": tasks, "users_lost": self._lost, "elsewhere": self._sampler.elsewhere}

    def _task_raised(self, *, user_instance: Any, exception: BaseException, tb: Any, **_: Any) -> None:
        self._raised += 1
        where = next((f" at {Path(one.filename).name}:{one.lineno}" for one in reversed(traceback.extract_tb(tb))
                      if Path(one.filename).name == Path(self._file).name), "")  # fmt: skip
        self._place = f"{type(exception).__name__}{where}"
        self._last = _last_line(exception)
        self._sampler.tripped(getattr(user_instance, "user", user_instance), exception)  # a TaskSet tells of its user


class _Sampled:
    """What is put before each of the locustfile's user classes."""

    sampler: ClassVar[Sampler]
    client: Any = None

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)  # type: ignore[call-arg]  # of the User class behind it
        if hasattr(self.client, "request"):
            self.client.request = partial(self.sampler.send, self, self.client.request)

    def run(self) -> None:
        """As Locust does; the end of a user whose `on_start` raised was told by then."""
        with suppress(Exception):  # gevent would print it, with what it quotes
            super().run()  # type: ignore[misc]  # as above


def _sampled(users: type[User], sampler: Sampler, target: str) -> type[User]:
    """The same class with its requests sampled, under the same name."""
    own = {"sampler": sampler, "host": target, "abstract": False, "__module__": users.__module__}
    kind: Any = type(users)
    made: type[User] = kind(users.__name__, (_Sampled, users), own)
    return made


def _load(base: Path, name: str, warnings: list[str]) -> list[type[User]]:
    """The user classes of the file; what it imports may be slow, and anything may go wrong in it."""
    root = base.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise _wrong(f"load.locustfile: there is no file {name} in the scenario's folder", "a path beside the scenario")
    _keep_quiet()
    try:
        classes, shapes = load_locustfile(str(path))
    except (Exception, SystemExit) as error:
        # Its words go into the hint, which is shown and not kept: they may quote whatever the file holds (law 2).
        raise _wrong(
            f"load.locustfile: {name} cannot be loaded: {type(error).__name__}",
            f"{_last_line(error)}; `locust -f {name}` must load it too",
        ) from None
    users = [one for one in classes.values() if one.weight > 0 or one.fixed_count > 0]
    if not users:
        raise _wrong(f"load.locustfile: {name} has no User class", "such as class Customer(HttpUser) with a @task")
    idle = [one.__name__ for one in users if not one.tasks]
    if idle:
        raise _wrong(f"load.locustfile: {idle[0]} of {name} has no task", "mark a method of it with @task")
    if shapes:
        warnings.append(f"the LoadTestShape of {name} is not used: load.users and load.spawn_rate say how many come")
    return users


def _keep_quiet() -> None:
    """Law 2; and takes away the proxy variables. What ends the driver itself is still said where it was said before."""
    ours = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    sys.excepthook = lambda kind, error, trace: traceback.print_exception(kind, error, trace, file=ours)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    logging.disable(logging.CRITICAL)
    for variable in [one for one in os.environ if one.upper() in _PROXIES]:
        del os.environ[variable]


def _last_line(error: BaseException) -> str:
    lines = traceback.format_exception_only(error)
    text = lines[-1].strip() if lines else type(error).__name__
    return "".join(character for character in text if character.isprintable())[:_LAST_LINE]


def _wrong(what: str, hint: str) -> ChaosError:
    return ChaosError(what, hint=hint, blame=Blame.SCENARIO, exit_code=Exit.COULD_NOT_RUN)

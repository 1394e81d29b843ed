"""A locustfile's load that a verdict can rest on: its tasks come to their end, and its users stay."""

from __future__ import annotations

from collections.abc import Iterable

from chaosllm.join import Run
from chaosllm.validity._check import ALL, NONE, Check


def tasks(run: Run) -> Iterable[Check]:
    """Tasks come to their end; a locustfile that always trips over itself shows nothing of the app."""
    told = (run.meta.get("driver") or {}).get("tasks")
    if run.scenario.load.closed and isinstance(told, dict):
        finished, raised = int(told.get("finished") or 0), int(told.get("raised") or 0)
        newest = f", such as {told['newest']}" if told.get("newest") else ""
        yield Check(
            "locustfile",
            finished > 0,
            f"{finished:,} tasks of the locustfile came to their end, {raised:,} raised{newest}",
            f"`locust -f {run.scenario.load.locustfile}` must work by itself: mend it, and lengthen the phases",
            ALL,
        )


def users(run: Run) -> Iterable[Check]:
    """The same load in every phase: users that end are not replaced."""
    lost = (run.meta.get("driver") or {}).get("users_lost")
    if run.scenario.load.closed and isinstance(lost, int) and not run.stopped:
        yield Check(
            "users",
            lost <= 0,
            f"{lost:,} of {run.scenario.load.users:,} users were gone before the run was over",
            "a user ends when its on_start raises or a task stops it: let it go on, so that the phases compare",
            NONE,
        )


def elsewhere(run: Run) -> Iterable[Check]:
    """Requests go to the target."""
    if count := (run.meta.get("driver") or {}).get("elsewhere"):
        asked = int((run.phase_of >= 0).sum())
        yield Check(
            "target",
            asked > 0,
            f"{count:,} requests of the locustfile went to other hosts than the target, {asked:,} to it",
            "ask with paths such as /chat, so that target.url is where they go",
            NONE,
        )

"""The private names of Locust and geventhttpclient that we stand on are there, under a version that moved too."""

from __future__ import annotations

import subprocess
import sys

#: In a process of its own, because Locust patches sockets and threads when it is imported.
SCRIPT = """
import inspect
import locust
from geventhttpclient.response import HTTPResponse
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.runners import LocalRunner
from locust.user.task import LOCUST_STATE_WAITING, TaskSet

def names(function):
    return {*function.__code__.co_names}

def check(fact, what):
    if not fact:
        print(what)

check("execute_next_task" in vars(TaskSet) and "execute_next_task" in names(TaskSet.run), "tasks are counted there")
check(list(inspect.signature(TaskSet.execute_next_task).parameters) == ["self"], "and take nothing")
check({"user_error", "fire"} <= names(TaskSet.run), "a task that raises is told of")
check("_state" in names(locust.User.__init__) and "_state" in names(TaskSet.wait), "what a user does just now")
check("LOCUST_STATE_WAITING" in names(TaskSet.wait), "it waits between tasks")
check("user_classes_spawn_count" in inspect.signature(LocalRunner.spawn_users).parameters, "a rehearsal's users")
for name in ("user_count", "stop", "quit", "start"):
    check(hasattr(LocalRunner, name), name)
check("stop_timeout" in names(Environment.__init__), "how long users may take to end")
for session in (HttpSession, FastHttpSession):
    asked = [*inspect.signature(session.request).parameters]
    check(asked[1:3] == ["method", "url"] and {"context", "kwargs"} <= {*asked}, session.__name__)
for name in ("_on_body", "get_code", "should_close", "headers_complete", "message_complete"):
    check(hasattr(HTTPResponse(), name), name)
"""


def test_every_private_name_is_there() -> None:
    """A Locust that renamed one would leave requests without a sample, or a run without an end."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr

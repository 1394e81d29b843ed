"""The name of an app in reports: what its command runs, never who runs it and never a secret."""

from __future__ import annotations

import pytest

from chaosllm.adapters.supervisor.order import called


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ((), ""),
        (("/opt/venv/bin/python3.13", "-m", "myapp", "--key", "sk-1"), "myapp"),
        (("/usr/bin/python", "src/server.py"), "server.py"),
        (("C:\\Python\\python.exe", "app.py"), "app.py"),
        (("python", "-P", "-m", "chaosllm.demo.fragile", "--port", "1"), "chaosllm.demo.fragile"),
        (("uvicorn", "app:app"), "uvicorn"),
        (("uv", "run", "myapp"), "myapp"),
        (("env", "TOKEN=sk-1", "node", "dist/index.js"), "index.js"),
        (("java", "-jar", "target/shop.jar"), "shop.jar"),
        (("./start.sh", "sk-1"), "start.sh"),
        (("bash", "-c", "TOKEN=sk-1 serve"), "bash"),
        (("python3", "-c", "print('sk-1')"), "python3"),
        (("npm", "start"), "npm"),
    ],
)
def test_an_app_is_named_by_what_runs(command, name):
    """An interpreter's path names no app, and an argument may hold a key."""
    assert called(command) == name

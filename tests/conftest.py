"""Shared set-up: no plugin of this machine may change what the tests see."""

import os
import sys
from pathlib import Path

import pytest

os.environ["CHAOSLLM_NO_PLUGINS"] = "1"
sys.path.insert(0, str(Path(__file__).parent))

#: Tests on google-genai, which does not install beside mitmproxy on Python 3.12 (see pyproject.toml).
ON_GOOGLE = ["providers/test_provider_gemini*", "providers/test_provider_vertex*"]
collect_ignore_glob = [] if sys.version_info >= (3, 13) else ON_GOOGLE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start real processes first, because a long one that is begun last keeps one worker alone with it."""
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)

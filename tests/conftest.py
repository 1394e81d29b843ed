"""Shared set-up: no plugin of this machine may change what the tests see."""

import atexit
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import certifi
import pytest
from hypothesis import HealthCheck, settings

os.environ["CHAOSLLM_NO_PLUGINS"] = "1"
gc.disable()  # until all is imported: of what is collected by then hardly anything is garbage
sys.path.insert(0, str(Path(__file__).parent))

#: Hypothesis fails an example that took 200 ms, and a test whose examples take long to draw, which on a machine with
#: much else to do says nothing of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def _one_authority() -> str:
    """A file with one certificate authority in place of 150; goes with this process.

    For SDK clients, ours and those of apps under test: to load all of them takes 30 ms of every client, plain HTTP
    or not, thousands are made, and no test asks a host of the internet.
    """
    folder = tempfile.mkdtemp(prefix="chaosllm-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    end = "-----END CERTIFICATE-----\n"
    file = Path(folder) / "one.pem"
    file.write_text(certifi.contents().partition(end)[0] + end)
    return str(file)


if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has its controller's environment
    os.environ["SSL_CERT_FILE"] = _one_authority()
certifi.where = lambda: os.environ["SSL_CERT_FILE"]  # for clients that are told to ignore the environment

#: Tests on google-genai, which does not install beside mitmproxy on Python 3.12 (see pyproject.toml).
ON_GOOGLE = ["providers/test_provider_gemini*", "providers/test_provider_vertex*"]
collect_ignore_glob = [] if sys.version_info >= (3, 13) else ON_GOOGLE


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m alone` reads the files that speak of it, because to import all the others takes longer than a real run."""
    if config.option.markexpr != "alone" or not collection_path.name.startswith("test_"):
        return None
    return True if collection_path.is_file() and "mark.alone" not in collection_path.read_text() else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start real processes first, because a long one that is begun last keeps one worker alone with it."""
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)


def pytest_collection_finish() -> None:
    """Spare what was imported from every later collection of garbage, because half a gigabyte of it never is any."""
    gc.collect()
    gc.freeze()
    gc.enable()

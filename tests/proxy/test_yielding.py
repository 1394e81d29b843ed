"""What a proxy that leaves its ports says to its clients."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy.test import tflow, tutils

from chaosllm.adapters.proxy.yielding import Yielding


@pytest.mark.parametrize(("status", "said"), [(200, "close"), (101, "Upgrade")])
def test_an_answer_says_that_its_connection_ends(status: int, said: str) -> None:
    """One that goes over to another protocol does not: without its `Upgrade` there would be none."""
    nobody: Any = None
    flow = tflow.tflow(resp=tutils.tresp(status_code=status))
    flow.response.headers["connection"] = "Upgrade"
    Yielding(nobody, on=True).answers(flow)
    assert flow.response.headers["connection"] == said

"""The recorded requests of the official SDKs: each is what its provider reads, with its source and no key."""

from __future__ import annotations

import re

import pytest
from offline import PLACE, recorded, request

from chaosllm.providers import Provider
from chaosllm.reference import operation_of
from chaosllm.registry import members

PROVIDERS: dict[str, Provider] = members("providers")


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_reads_what_its_sdk_sends(name: str) -> None:
    """Every recorded request is a call, and the operation that it is for can be found in it."""
    assert recorded(name), f"tests/conformance/record_requests.py has asked {name} nothing"
    for kept in recorded(name):
        assert PLACE in kept["body"]
        one = request(name, kept, 4711, 7, 0)
        call = PROVIDERS[name].read(one)
        assert call is not None, kept["path"]
        assert call.model
        assert operation_of(PROVIDERS[name].prompt(one), 7) == 4711


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_each_says_where_it_comes_from(name: str) -> None:
    """SDK, release and date stand in the file, and what would be a key is a placeholder."""
    for kept in recorded(name):
        assert re.match(r"\S+ \d\S* on Python 3\S*, 20\d\d-\d\d-\d\d, against a socket of ours$", kept["source"])
        assert kept["evidence"] == "captured"
        headers = {key.lower(): text for key, text in kept["headers"].items()}
        for key in ("x-api-key", "api-key", "x-goog-api-key"):
            assert headers.get(key, "k") == "k"
        assert re.match(
            r"(Bearer (k|token)|AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/.*)$", headers.get("authorization", "Bearer k")
        )

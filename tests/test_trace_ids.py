"""Trace ids in headers and logs are one spelling, and only their hash is kept."""

from __future__ import annotations

import pytest

from chaosllm.trace_ids import hashed, trace_id, trace_ids

ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    "value",
    [
        ID,
        ID.upper(),
        f"00-{ID}-b7ad6b7169203331-01",
        f"{ID}/123;o=1",
        f"{ID}-b7ad6b7169203331-1",
        "0af76519-16cd-43dd-8448-eb211c80319c",
        f"Root={ID};Sampled=1",
        f"Self=1-2;Root={ID}",
    ],
)
def test_one_id_has_one_spelling(value: str) -> None:
    """W3C, B3, X-Ray, Google's and UUIDs of one id are the same id."""
    assert trace_id(value) == ID


@pytest.mark.parametrize("value", ["", "-", "x" * 201])
def test_what_is_no_id_is_none(value: str) -> None:
    """Nothing, a dash and a novel tell of nobody."""
    assert trace_id(value) == ""


def test_the_surest_header_comes_first() -> None:
    """traceparent goes before ids that proxies make."""
    headers = {"x-request-id": "r-1", "traceparent": f"00-{ID}-b7ad6b7169203331-01"}
    assert trace_ids(headers.get) == [ID, "r-1"]


def test_only_a_salted_hash_is_kept() -> None:
    """The id cannot be read from what is kept, and another seed gives another."""
    assert ID not in hashed([ID], 7)[0]
    assert hashed([ID], 7) != hashed([ID], 8)

"""The probe http: what it asks, and which answers are well."""

from __future__ import annotations

import pytest

from chaosllm.probes import Answer
from chaosllm.probes.http import HttpProbe


@pytest.mark.parametrize(
    ("url", "base", "asked"),
    [
        ("/healthz", "http://127.0.0.1:8000", "http://127.0.0.1:8000/healthz"),
        ("/healthz?x=1", "http://127.0.0.1:8000/app/", "http://127.0.0.1:8000/app/healthz?x=1"),
        ("https://else.where/up", "http://127.0.0.1:8000", "https://else.where/up"),
    ],
)
def test_what_is_asked(url: str, base: str, asked: str) -> None:
    """A path is one of the app's."""
    ask = HttpProbe(url, headers={"a": "b"}).ask(base)
    assert (ask.method, ask.url, ask.headers) == ("GET", asked, {"a": "b"})


@pytest.mark.parametrize(
    ("fields", "answer", "ok", "words"),
    [
        ({}, Answer(200, "", 0.01), True, "200 after 10ms"),
        ({}, Answer(204, "", 0.01), False, "204 after 10ms"),
        ({}, Answer(302, "", 0.01), False, "302 after 10ms"),
        ({"status": (200, 204)}, Answer(204, "", 0.01), True, "204"),
        ({}, Answer(error="it cannot be reached"), False, "it cannot be reached"),
        ({"max_latency": 1.0}, Answer(200, "", 0.9), True, "200"),
        ({"max_latency": 1.0}, Answer(200, "", 1.1), False, "only after 1.1s"),
        ({"text": "re+ady"}, Answer(200, "I am reeeady", 0.01), True, "200"),
        ({"text": "re+ady"}, Answer(200, "secret", 0.01), False, "without /re+ady/"),
        ({"text": "x"}, Answer(200, "x" * 99, 0.01, cut=True), True, "200"),
    ],
)
def test_what_is_well(fields: dict, answer: Answer, ok: bool, words: str) -> None:
    """Status, text and time are held against what is wanted; no word of a body is repeated."""
    judged = HttpProbe("/x", **fields).judge(answer)
    assert judged.ok is ok
    assert words in judged.text
    assert "secret" not in judged.text


def test_in_words() -> None:
    """What a failure is, without the query of a URL, in which a secret may stand."""
    assert HttpProbe("/x").says() == "/x does not answer 200"
    probe = HttpProbe("http://a/x?token=abc", (200, 204), "up", 0.5)
    assert probe.says() == "http://a/x does not answer 200 or 204 or lacks /up/ or takes over 500ms"

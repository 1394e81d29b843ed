"""Values from the environment are found however they are spelled, and left nowhere."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from chaosllm.adapters import redaction
from chaosllm.scenario import Load, Operation, Scenario, Target
from chaosllm.variables import HIDDEN, Redactor, secrets_of, too_short

SECRET = 'to"k<en/ä+4711\\?'
SPELLINGS = {
    "plain": SECRET,
    "json": json.dumps(SECRET)[1:-1],
    "json, as it is": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "url": quote(SECRET, safe=""),
    "form": quote_plus(SECRET),
    "html": html.escape(SECRET),
    "python": repr(SECRET)[1:-1],
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
def test_each_spelling_is_hidden(spelled: str) -> None:
    """As it is, and as the formats spell it that apps log."""
    redactor = Redactor([SECRET])
    assert redactor.text(f"before {spelled} behind") == f"before {HIDDEN} behind"
    assert redactor.raw(f"before {spelled} behind".encode()) == f"before {HIDDEN} behind".encode()


@pytest.mark.parametrize("before", ["", "u", "me", "ana", "user:"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_base64_is_hidden_wherever_it_begins(before: str, encode: object) -> None:
    """Of `user:secret` in Basic nothing is left from which the secret could be read."""
    assert callable(encode)
    coded = encode(f"{before}{SECRET}:end".encode()).decode()
    left = Redactor([SECRET]).text(coded)
    assert HIDDEN in left
    assert len(left) - len(HIDDEN) <= len(encode(f"{before}:end".encode())) + 4


def test_what_is_too_short_is_told() -> None:
    """A value that is found in any text is not hidden, and its variable is named."""
    operation = Operation(headers={"a": "${env:LONG}", "b": "${env:SHORT}", "c": "${env:NONE}"})
    scenario = Scenario("s", phases=(), upstreams=(), target=Target(operations=(operation,)), load=Load())
    environ = {"LONG": "abcdef", "SHORT": "abc", "NONE": ""}
    assert secrets_of(scenario, environ) == environ
    assert not Redactor(["abc"])
    [note] = too_short(scenario, environ)
    assert "SHORT has under 6 characters" in note


@pytest.mark.parametrize("block", range(1, 40))
def test_a_log_is_scrubbed_across_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """No end of a value is left because the file was read in pieces, also of one that begins as another does."""
    monkeypatch.setattr(redaction, "_BLOCK", block)
    log = tmp_path / "app.log"
    log.write_text("x secret-longer y secret z secretsecret-longer-secret-long")
    redaction.scrub(tmp_path, Redactor(["secret", "secret-longer"]))
    assert log.read_text() == "x *** y *** z ******-***-long"

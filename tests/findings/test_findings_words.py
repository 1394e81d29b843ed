"""What findings count is operations, in their words as in the whole report."""

from __future__ import annotations

import re
from pathlib import Path

import chaosllm.findings as house


def test_no_sentence_counts_users():
    """`users` and `operations` in one sentence read as two things; the one who sees an answer is `the user`."""
    for path in Path(house.__file__).parent.glob("*.py"):
        assert not re.search(r"plural\([^)]*, '(user|request)'\)", path.read_text(encoding="utf-8")), path.name

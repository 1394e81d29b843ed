"""The YAML in docs is read: what a page shows is what works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from chaosllm.reader import readings

ROOT = Path(__file__).parents[2]
PAGES = ("load", "composition", "sweep", "locustfiles", "verdicts", "stopping", "probes")
BASE = """\
version: 1
name: base
target: {operation: {path: /chat, json: {message: "{prompt}"}, answer: $.answer}}
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: warmup, duration: 5s}
  - {name: baseline, duration: 60s}
  - name: storm
    duration: 60s
    rules: [{fault: rate_limit, when: {share: 40%}}]
  - {name: recovery, duration: 60s}
"""
#: What the examples name.
FILES = {
    "users.csv": "prompt,user,plan,limit\nhello,ana,free,3\n",
    "arrivals.txt": "1s\n2s\n",
    "locustfile.py": "import locust\n",
    "common.yaml": "target: {operation: {path: /chat, json: '{prompt}'}}\n",
    "rules/429.yaml": "[{fault: rate_limit}]\n",
    "phases/recovery.yaml": "{name: recovery, duration: 60s}\n",
}


def examples(page: str) -> list[str]:
    """The blocks of YAML in a page, and what stands in the first column of its tables as YAML of `load`."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\{.*\})` \|", text, re.MULTILINE) if page == "load" else []
    inline = re.findall(r"`(load: \{[^`]*\})`", text)
    return [
        *re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL),
        *inline,
        *(f"load: {row}" for row in rows),
    ]


SHOWN = [(page, at, text) for page in PAGES for at, text in enumerate(examples(page))]


@pytest.mark.parametrize(("page", "at", "text"), SHOWN, ids=[f"{page}-{at}" for page, at, _ in SHOWN])
def test_an_example_is_read(page: str, at: int, text: str) -> None:
    """Each example, put over a plain scenario where it is a part of one, is sound."""
    given = yaml.safe_load(text)
    assert isinstance(given, dict), "a mapping, as a scenario is"
    whole = yaml.safe_load(BASE) | given
    for reading in readings(yaml.safe_dump(whole, sort_keys=False), load=FILES.__getitem__):
        assert reading.scenario is not None, [str(problem) for problem in reading.problems]
        told = [problem.what for problem in reading.problems]
        assert not [what for what in told if "different loads" not in what and "operations of" not in what], told


def test_there_are_examples() -> None:
    """The pages hold what is looked for."""
    assert len(SHOWN) >= 20
    assert {page for page, _, _ in SHOWN} >= {"load", "composition"}

"""What the front page and the page on `match` show: scenarios that are sound, commands that the command line takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from chaosllm.commands import verbs
from chaosllm.reader import readings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MATCH = (ROOT / "docs" / "match.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = sorted(
    {
        re.sub(r"^\.venv/bin/", "", line)
        for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"))
        for block in FENCED.findall(page.read_text(encoding="utf-8"))
        for line in block.splitlines()
        if re.match(r"(\.venv/bin/)?chaosllm \w", line)
    }
)


def blocks(page: str) -> list[str]:
    """The YAML that a page shows in blocks."""
    return re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def problems(text: str, **changed: object) -> list[str]:
    """What is told, warnings too, of a scenario with some of its keys changed, and of each that it varies into."""
    whole = yaml.safe_load(text) | changed
    return [str(problem) for one in readings(yaml.safe_dump(whole, sort_keys=False)) for problem in one.problems]


def with_rules(*rules: dict[str, object]) -> dict[str, object]:
    """Phases of the front page's scenario, with other rules and time enough to judge."""
    phases = yaml.safe_load(blocks(README)[0])["phases"]
    return {"phases": [one | ({"rules": [*rules]} if one["name"] == "storm" else {}) for one in phases]}


def test_the_first_scenario_is_sound() -> None:
    """What a newcomer saves gives no problem and no warning."""
    (text,) = blocks(README)
    assert problems(text) == []


def test_what_a_scenario_can_say_can_be_said() -> None:
    """Each example in the table of the front page, put into its first scenario, is sound."""
    (text,) = blocks(README)
    shown = re.findall(r"\| `((?:when|match|first_token|load|vary|accept): .*?)` \|", README)
    assert len(shown) == 6
    for one in shown:
        given = yaml.safe_load(one)
        inside = given.keys() & {"when", "match", "first_token"}
        changed = with_rules({"fault": "latency", "first_token": "1s"} | given) if inside else given
        assert [word for word in problems(text, **changed) if "different loads" not in word] == [], one


def test_every_match_that_is_shown_is_read() -> None:
    """Each key of `match` has its row, and each example a call that could fit."""
    (text,) = blocks(README)
    upstreams = [{"provider": "openai", "url": "simulator"}]
    rows = re.findall(r"^\| `(\w+)` \|.*\| `(\{.*\})` \|$", MATCH, re.MULTILINE)
    assert len(rows) == 15
    assert all([*yaml.safe_load(example)] == [key] for key, example in rows)
    examples = [{"fault": "error", "match": yaml.safe_load(example)} for _, example in rows]
    for rules in [*([one] for one in examples), *map(yaml.safe_load, blocks(MATCH))]:
        assert problems(text, upstreams=upstreams, **with_rules(*rules)) == [], rules


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_that_is_shown_is_taken(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs, options and arguments are those there are, and what it names in `scenarios/` is there."""
    _, verb, *words = shlex.split(line, comments=True)
    for word in words:
        if word.startswith("scenarios/"):
            assert (ROOT / word).exists()
        if word.endswith(".yaml") or word.startswith("scenarios/"):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch()
    monkeypatch.chdir(tmp_path)
    command = verbs.get_command(click.Context(verbs), verb)
    assert command is not None
    if isinstance(command, click.Group):
        verb, command, words = command.resolve_command(click.Context(command), words)
    assert command.make_context(verb, words).params


def test_there_are_commands() -> None:
    """The pages hold what is looked for."""
    assert len(COMMANDS) >= 15

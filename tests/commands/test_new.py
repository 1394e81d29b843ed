"""`new`: a first scenario from flags, from questions on a terminal, or from defaults that are said."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import chaosllm
from chaosllm.commands.new import command
from chaosllm.language.json_schema import text as schema
from chaosllm.reader import read

ROOT = Path(chaosllm.__file__).parents[1]


def ask(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def schema_of(path):
    """The file that the first line names, as an editor finds it."""
    first = path.read_text().splitlines()[0]
    return path.parent / first.partition("$schema=")[2]


def test_defaults_are_taken_and_said(tmp_path):
    """Without a terminal nothing is asked; what was taken, and what to do next, is said."""
    path = tmp_path / "chaos.yaml"
    result = ask(path)
    assert result.exit_code == 0, result.output
    assert "--provider openai" in result.stderr
    assert "--rate 10/s" in result.stderr
    assert f"chaosllm explain {path}" in result.stdout
    assert read(path.read_text()).problems == []
    assert read(path.read_text()).unwrap().name == "openai-rate-limit"


def test_flags_are_what_is_written(tmp_path):
    """Each flag reaches the scenario, and is not said to be a default."""
    path = tmp_path / "my storm.yaml"
    result = ask(
        path, "--provider", "anthropic", "--fault", "overload", "--share", "25%", "--url", "http://localhost:3000",
        "--path", "/ask", "--field", "q", "--answer", "body", "--rate", "20/s", "--phases", "1s,10s,20s,40s",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    scenario = read(path.read_text()).unwrap()
    (rule,) = scenario.rules
    operation = scenario.target.operations[0]
    assert (scenario.name, rule.fault.name, rule.when.share, rule.match.provider) == (
        "my-storm", "overload", 0.25, ("anthropic",),
    )  # fmt: skip
    assert (scenario.target.url, operation.path, operation.json, operation.answer) == (
        "http://localhost:3000", "/ask", {"q": "{prompt}"}, None,
    )  # fmt: skip
    assert (scenario.load.rate, [phase.duration for phase in scenario.phases]) == (20.0, [1, 10, 20, 40])


def test_schema_lies_where_the_modeline_says(tmp_path):
    """Outside a checkout it is written beside the file; inside, the shipped one is named."""
    path = tmp_path / "chaos.yaml"
    ask(path)
    assert schema_of(path).read_text() == schema()
    here = ROOT / "scenarios" / "test-of-new.yaml"
    try:
        ask(here)
        assert schema_of(here).resolve() == ROOT / "chaosllm" / "schema" / "scenario.json"
        assert not (here.parent / "scenario.schema.json").exists()
    finally:
        here.unlink(missing_ok=True)


def test_strangers_schema_is_left_alone(tmp_path):
    """A file of that name which is not ours stays, and is spoken of; an older one of ours is renewed."""
    beside = tmp_path / "scenario.schema.json"
    beside.write_text("{}")
    assert "is not ours" in ask(tmp_path / "a.yaml").stderr
    assert beside.read_text() == "{}"
    beside.write_text(json.dumps({"title": "chaosllm scenario"}))
    assert ask(tmp_path / "b.yaml").exit_code == 0
    assert beside.read_text() == schema()


def test_nothing_is_overwritten_unasked(tmp_path):
    """A file that is there stays as it is, unless --force is said."""
    path = tmp_path / "chaos.yaml"
    path.write_text("mine")
    result = ask(path)
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert "--force" in result.output
    assert ask(path, "--force").exit_code == 0
    assert read(path.read_text()).problems == []


def test_stdout():
    """`-` writes the scenario alone on standard output."""
    result = ask("-", "--fault", "truncate")
    assert read(result.stdout).problems == []
    assert "chaosllm schema --out scenario.schema.json" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--provider", "opneai"), "did you mean `openai`?"),
        (("--fault", "ratelimit"), "did you mean `rate_limit`?"),
        (("--provider", "groq", "--fault", "embeddings"), "groq cannot play embeddings"),
        (("--share", "140%"), "at most 100%"),
        (("--share", "0%"), "more than 0"),
        (("--rate", "10"), "such as 20/s"),
        (("--url", "localhost"), "http"),
        (("--path", "chat"), "Invalid value for --path: found 'chat', expected a path that begins with /"),
        (("--answer", "$[["), "JSONPath"),
        (("--phases", "5s,20s"), "four durations"),
        (("--field", " "), "found nothing"),
    ],
)
def test_wrong_answers_say_what_would_work(tmp_path, arguments, said):
    """Nothing is written, and the mistake is named."""
    result = ask(tmp_path / "chaos.yaml", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert not [*tmp_path.iterdir()]


def test_short_phases_of_ones_own_are_warned_of(tmp_path):
    """--phases is kept as it was said; what it is too short for is told."""
    result = ask(tmp_path / "chaos.yaml", "--phases", "1s,5s,2s,30s")
    assert result.exit_code == 0
    assert "warning: `success_rate(storm) >= 95%` needs 52 operations" in result.stderr


def test_questions_on_a_terminal(tmp_path):
    """What no flag says is asked, a wrong answer is asked again, and Enter takes the default."""
    path = tmp_path / "chaos.yaml"
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "chaosllm", "new", str(path), "--rate", "20/s"],
        stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    os.close(follower)
    os.write(leader, b"gimini\ngemini\nhang\n\n\n/ask\n\nbody\n")
    text = b""
    while True:
        try:
            some = os.read(leader, 4096)
        except OSError:  # Linux's way of saying that the other end is closed
            break
        if not some:
            break
        text += some
    os.close(leader)
    assert process.wait(timeout=30) == 0, text
    assert b"Which LLM provider" in text
    assert b"did you mean `gemini`?" in text
    assert b"How many users" not in text
    scenario = read(path.read_text()).unwrap()
    assert (scenario.upstreams[0].provider, scenario.rules[0].fault.name) == ("gemini", "hang")
    assert (scenario.target.operations[0].path, scenario.target.operations[0].answer) == ("/ask", None)
    assert (scenario.load.rate, scenario.rules[0].when.share) == (20.0, 0.3)

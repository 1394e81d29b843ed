"""Parameters: what `${rate}` becomes, where what is wrong with it stands, and that no text blows up."""

import time

import pytest
from scenario_text import EXAMPLE, SMALL

from chaosllm.errors import Level
from chaosllm.language.overrides import dump
from chaosllm.language.parameters import PARAMETERS_AT_MOST, escaped
from chaosllm.reader import read

STORM = "share: 40%"


def small(block, *changes):
    text = f"parameters: {block}\n{SMALL}" if block else SMALL
    for old, new in changes:
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    ("block", "old", "new", "sets", "value"),
    [
        ("{rate: 20/s}", "phases:", "load: {rate: '${rate}'}\nphases:", [], lambda s: s.load.rate == 20),
        ("{rate: 20/s}", "phases:", "load: {rate: '${rate}'}\nphases:", ["rate=9/s"], lambda s: s.load.rate == 9),
        ("{rate: 20/s}", "phases:", "load: {rate: '${rate:-3/s}'}\nphases:", [], lambda s: s.load.rate == 20),
        ("", "phases:", "load: {rate: '${rate:-3/s}'}\nphases:", [], lambda s: s.load.rate == 3),
        ("", "phases:", "load: {rate: '${rate:-3/s}'}\nphases:", ["rate=9/s"], lambda s: s.load.rate == 9),
        ("{rate: }", "phases:", "load: {rate: '${rate}'}\nphases:", ["rate=9/s"], lambda s: s.load.rate == 9),
        ("{n: 3}", STORM, "every: '${n}'", [], lambda s: s.rules[0].when.every == 3),
        ("", STORM, "every: '${n:-3}'", [], lambda s: s.rules[0].when.every == 3),
        ("{n: 30}", STORM, "share: '${n}%'", [], lambda s: s.rules[0].when.share == 0.3),
        ("{n: 30}", STORM, "share: '${n}%'", ["n=50"], lambda s: s.rules[0].when.share == 0.5),
        ("{a: x, b: y}", "name: small", "name: ${a}-${b}${c:-}", [], lambda s: s.name == "x-y"),
        ("{n: '3'}", "name: small", "name: small\nhypothesis: ${n}", [], lambda s: s.hypothesis == "3"),
        ("{able: true}", "name: small", "name: small\nhypothesis: is ${able}", [], lambda s: s.hypothesis == "is true"),
        ("", "name: small", "name: small\nhypothesis: a $${b} c", [], lambda s: s.hypothesis == "a ${b} c"),
        ("", "name: small", "name: small\nhypothesis: $${", [], lambda s: s.hypothesis == "${"),
        ("{a: '$${b}'}", "name: small", "name: small\nhypothesis: ${a}", [], lambda s: s.hypothesis == "${b}"),
        ("{n: 40%}", STORM, "share: '${n}'", ["parameters.n=5%"], lambda s: s.rules[0].when.share == 0.05),
        (
            "{n: 40%}",
            STORM,
            "share: '${n}'",
            ["rules.0.when.share=6%", "n=5%"],
            lambda s: s.rules[0].when.share == 0.06,
        ),
        ("{n: 40%}", STORM, "share: 1%", ["rules.0.when.share=${n}"], lambda s: s.rules[0].when.share == 0.4),
    ],
)
def test_parameter_is_filled(block, old, new, sets, value):
    """What is set wins over what the file declares, and that over the default; the flat text reads the same."""
    reading = read(small(block, (old, new)), sets=sets)
    assert value(reading.unwrap())
    if "parameters" in reading.as_run:
        assert not block
    assert read(reading.as_run).unwrap() == reading.scenario


def test_environment_is_left_alone():
    """`${env:NAME}` is the machine's, in a parameter too, and stays in the text that was run."""
    text = "parameters: {token: '${env:TOKEN}'}\n" + EXAMPLE.replace('"${env:APP_TOKEN}"', '"Bearer ${token} ${env:B}"')
    reading = read(text)
    assert reading.unwrap().target.operations[0].headers == {"authorization": "Bearer ${env:TOKEN} ${env:B}"}
    assert read(reading.as_run).unwrap() == reading.scenario


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (small("{rat: 1/s}", ("phases:", "load: {rate: @'${rate}'}\nphases:")), "did you mean ${rat}?"),
        (small("", ("phases:", "load: {rate: @'${rate}'}\nphases:")), "has no value"),
        (small("{rate: }", ("phases:", "load: {rate: @'${rate}'}\nphases:")), "--set rate=..."),
        (small("", ("name: small", "name: @${NAME}-x")), "did you mean ${env:NAME}?"),
        (small("{rate: 20}", ("phases:", "load: {rate: @'${rate}'}\nphases:")), "found 20"),
        (small("{n: x}", (STORM, "share: @'${n}%'")), "found 'x%'"),
        (small("", (STORM, "every: @'${n:-no}'")), "YAML readers disagree"),
        (small("", ("name: small", "name: small\nhypothesis: @a ${b c")), "which is no parameter"),
        (small("{@env: 1}"), "choose another name"),
        (small("{@seed: 1}"), "a key of the scenario"),
        (small("{@a-b: 1}"), "letters, digits and _"),
        (small("{a: @[1]}"), "one value"),
        (small("{a: 1, b: @'${a}'}"), "not made of others"),
        (small("@[a, b]"), "expected a mapping"),
        (small("@7"), "expected a mapping"),
    ],
)
def test_mistake_stands_where_it_was_made(text, words):
    """A parameter that cannot be, or whose value does not fit, is refused where the file uses or declares it."""
    line, at = next((number, found.index("@")) for number, found in enumerate(text.splitlines(), 1) if "@" in found)
    problems = read(text.replace("@", "")).errors
    assert [(problem.where.line, problem.where.column) for problem in problems] == [(line, at + 1)]
    assert words in str(problems[0])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("raet=5/s", "`rate`"),
        ("sed=5", "did you mean `seed`?"),
        ("rate=", "has no value"),
        ("rate=[1]", "one value"),
        ("rate={a: 1}", "one value"),
    ],
)
def test_setting_that_is_none(setting, words):
    """A setting that names neither a key nor a parameter, or gives no single value, is told what would work."""
    reading = read(small("", ("phases:", "load: {rate: '${rate}'}\nphases:")), sets=["rate=5/s", setting])
    assert reading.scenario is None
    assert any(words in str(problem) for problem in reading.problems)


def test_unused_parameter_is_a_warning():
    """A declared parameter that nothing uses is pointed out, and the scenario still runs."""
    reading = read(small("{rate: 20/s}"))
    assert reading.scenario is not None
    assert [(str(one.where), one.level) for one in reading.problems] == [("scenario.yaml:1:14", Level.WARNING)]


@pytest.mark.parametrize("text", ["${a}", "$${a}", "$$${a}", "${env:A}", "$${env:A}", "a ${", "$", "${${a}}", "{$}"])
def test_any_text_survives_being_written_out(text):
    """Escaped, a text with `${` in it is read back as it was."""
    data = {"version": 1, "name": "x", "hypothesis": text}
    rest = "upstreams: [{provider: openai, url: simulator}]\nphases: [{name: a, duration: 1s}]\n"
    assert read(dump(escaped(data)) + rest).unwrap().hypothesis == text


HOSTILE = {
    "many declared": small("{" + ", ".join(f"p{at}: 1" for at in range(9_000)) + "}"),
    "many without a value": small("") + "tags: [" + ", ".join(f"'${{p{at}}}'" for at in range(10_000)) + "]\n",
    "many in one text": small("") + f"hypothesis: '{'${a}' * 200_000}'\n",
    "a long value often": small("{a: " + "x" * 100_000 + "}") + f"hypothesis: '{'${a}' * 100_000}'\n",
    "many that begin": small("") + f"hypothesis: '{'${' * 400_000}'\n",
    "a long name": small("") + f"hypothesis: '${{{'a' * 900_000}'\n",
    "dollars": small("") + f"hypothesis: '{'$' * 900_000}'\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_blows_up(name):
    """Thousands of parameters, and one put in a hundred thousand times, are read or refused at once."""
    read(EXAMPLE)
    begin = time.process_time()
    reading = read(HOSTILE[name])
    assert time.process_time() - begin < 2.0  # generous: it takes a tenth of it on a quiet machine
    assert name == "dollars" or reading.errors
    assert PARAMETERS_AT_MOST < 9_000

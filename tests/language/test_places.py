"""Places in what users ask: columns and variables, held against what fills them."""

from __future__ import annotations

import pytest
from scenario_text import SMALL

from chaosllm.errors import Level
from chaosllm.reader import drive_problems, read

CSV = "prompt,user\nhello,7\n"
ASK = 'target: {{operation: {{path: /chat, json: {{m: "{{prompt}}"}}, {more}}}}}\nload: {{prompts: p.csv}}\n'


def problems(more: str, csv: str = CSV) -> list[tuple[int, str, str]]:
    reading = read(SMALL + ASK.format(more=more), load=lambda _: csv)
    return [
        (problem.where.line, str(problem.level), f"{problem.what} ({problem.hint})") for problem in reading.problems
    ]


def test_columns_that_are_there_fit() -> None:
    """Columns may stand in json, path, headers and cookies."""
    more = 'headers: {x-user: "{user}"}, cookies: {user: "{user}"}, method: PUT'
    assert problems(more) == []


@pytest.mark.parametrize(
    ("more", "csv", "line", "level", "words"),
    [
        ('headers: {x-user: "{usr}"}', CSV, 13, "warning", "did you mean `user`?"),
        ("method: PUT", "user\n7\n", 14, "error", "p.csv has no column `prompt`, and line 13 wants"),
        ('headers: {x-user: "{user}"}', 'prompt,user\na,"b\nc"\n', 13, "error", "row 1 of column `user`"),
        ("method: PUT", "prompt,user\nhello\n", 2, "error", "found 1 value"),
        ('answer: "$.a", cookies: {a: "${env:NA ME}"}', CSV, 13, "error", "${env:NAME}"),
        ("cookies: {session_id: abc}", CSV, 13, "warning", "keep it out of the file"),
        ('cookies: {"a b": abc}', CSV, 13, "error", "cookie's name"),
        ('cookies: {a: abc}, headers: {Cookie: "${env:A}"}', CSV, 13, "error", "leave one of them out"),
    ],
)
def test_what_cannot_be_filled_is_told(more: str, csv: str, line: int, level: str, words: str) -> None:
    """Each is one problem at its place, in the scenario or in the file of rows."""
    ((at, of, said),) = problems(more, csv)
    assert (at, of) == (line, level)
    assert words in said


def test_braces_of_a_table_nobody_read_are_let_be() -> None:
    """In a run folder, where no file is looked at, nothing is said of columns."""
    assert read(SMALL + ASK.format(more='headers: {x-user: "{usr}"}')).problems == []


def test_every_missing_variable_is_told_at_once() -> None:
    """Before anything is started each variable that is not set is told where it stands."""
    target = (
        'target:\n  start: {command: [app], env: {KEY: "${env:KEY}"}}\n  url: "http://127.0.0.1:8000?k=${env:QUERY}"\n'
        '  operation: {path: "/${env:PATH_PART}", json: {m: ["{prompt}", "${env:IN_JSON}"]},'
        ' cookies: {s: "${env:SET}"}}\n'
    )
    reading = read(SMALL + target)
    told = drive_problems(reading, {"SET": "x"})
    assert [(problem.where.line, problem.what.split()[3]) for problem in told] == [
        (14, "KEY"),
        (15, "QUERY"),
        (16, "PATH_PART"),
        (16, "IN_JSON"),
    ]
    assert {problem.level for problem in told} == {Level.ERROR}
    assert "KEY" not in [problem.what.split()[3] for problem in drive_problems(reading, {"SET": "x"}, starts=False)]
    assert drive_problems(reading) == []


OPERATIONS = """target:
  operations:
    - {name: chat, weight: 3, path: /chat, json: {m: "{prompt}"}}
    - {name: search, path: "/find?q={prompt}"}
"""


def test_rules_name_operations() -> None:
    """`match` takes names beside numbers; a name that nobody has is told with the nearest."""
    text = SMALL.replace("when: {share: 40%}", "match: {operation: [chat, 7]}") + OPERATIONS
    scenario = read(text).unwrap()
    assert [(one.name, one.weight) for one in scenario.target.operations] == [("chat", 3.0), ("search", 1.0)]
    assert scenario.rules[0].match.operation == ("chat", 7)
    wrong = text.replace("[chat, 7]", "[chta, 7]")
    (problem,) = read(wrong).problems
    assert (problem.where.line, problem.hint) == (11, "did you mean `chat`?")
    (problem,) = read(SMALL.replace("when: {share: 40%}", "match: {not: {operation: chat}}")).problems
    assert "no operation `chat`" in problem.what


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: search", "name: chat", "two operations `chat`"),
        ("  operations:", "  operation: {path: /a, json: '{prompt}'}\n  operations:", "found both"),
        ("weight: 3", "weight: 0", "more than 0"),
        ("name: search, ", "", "`name` is missing"),
        ("name: search", "name: 7", "text"),
    ],
)
def test_operations_that_cannot_be_meant(old: str, new: str, words: str) -> None:
    """Operations have names of their own, and weights."""
    (problem,) = read(SMALL + OPERATIONS.replace(old, new)).problems
    assert words in f"{problem.what} {problem.hint}"


@pytest.mark.parametrize(
    ("rule", "column"),
    [
        ("{fault: content, text: '${env:WORDS}'}", 1),
        ("{fault: error, match: {header: {x-team: 'a ${env:TEAM}'}}}", 1),
    ],
)
def test_variable_where_none_is_filled_is_told(rule: str, column: int) -> None:
    """A rule holds no variable's value, so one in it is warned of at its place."""
    text = SMALL + f"vary: {{phases.storm.rules: [[{rule}]]}}\n"
    told = [problem for problem in read(text).problems if "stands here as it is written" in problem.what]
    assert [problem.level for problem in told] == [Level.WARNING]
    assert told[0].where.line == len(text.splitlines())

"""A live command from a socket: what it may say, and the words in which it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosllm.errors import ChaosError, Exit
from chaosllm.live.commands import FIELDS, LONGEST_NAME, LONGEST_TEXT, MOST_AT_ONCE, Command, read_command
from chaosllm.live.openapi import COMMANDS

#: JSON -> the command that it is.
GOOD: list[tuple[dict[str, Any], Command]] = [
    ({"do": "pause"}, Command("pause")),
    ({"do": "resume", "id": "a-1", "who": "Ada"}, Command("resume", id="a-1", who="Ada")),
    ({"do": "enable", "rule": "storm.0"}, Command("enable", rule="storm.0")),
    ({"do": "disable", "rule": "storm.0", "id": None}, Command("disable", rule="storm.0")),
    ({"do": "share", "rule": "r", "share": "40%"}, Command("share", rule="r", share=0.4)),
    ({"do": "share", "rule": "r", "share": " 99.5 % "}, Command("share", rule="r", share=0.995)),
    ({"do": "share", "rule": "r", "share": 0.4}, Command("share", rule="r", share=0.4)),
    ({"do": "share", "rule": "r", "share": 0}, Command("share", rule="r", share=0.0)),
    ({"do": "share", "rule": "r", "share": 1}, Command("share", rule="r", share=1.0)),
    ({"do": "trigger", "rule": "r"}, Command("trigger", rule="r", count=1)),
    ({"do": "trigger", "rule": "r", "count": MOST_AT_ONCE}, Command("trigger", rule="r", count=MOST_AT_ONCE)),
    ({"do": "extend", "by": "1m30s"}, Command("extend", by=90.0)),
    ({"do": "extend", "by": 30, "phase": "storm"}, Command("extend", by=30.0, phase="storm")),
    ({"do": "extend", "by": "1d", "phase": None}, Command("extend", by=86400.0)),
    ({"do": "end"}, Command("end")),
    ({"do": "end", "phase": "storm"}, Command("end", phase="storm")),
    ({"do": "note", "text": " Zoë:\n\tok\r\n "}, Command("note", text="Zoë:\n\tok")),
    ({"do": "note", "text": "\x1b[2Jred\x07\u202e\ud800\u2028"}, Command("note", text="[2Jred")),
    ({"do": "note", "text": "x" * LONGEST_TEXT}, Command("note", text="x" * LONGEST_TEXT)),
    ({"do": "stop"}, Command("stop")),
    ({"do": "stop", "text": "users complain"}, Command("stop", text="users complain")),
    ({"do": "approve", "step": 3}, Command("approve", step=3)),
    ({"do": "skip"}, Command("skip")),
]
#: JSON -> what the refusal says, and what its hint says.
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({}, "`do` says nothing", "expected one of pause, resume"),
    ({"do": 7}, "`do` says 7", "expected one of pause"),
    ({"do": ["pause"]}, "`do` says a list of 1", "expected one of pause"),
    ({"do": "puase"}, "there is no command `puase`", "did you mean `pause`?"),
    ({"do": "PAUSE!"}, "there is no command `PAUSE!`", "did you mean `pause`?"),
    ({"do": "\x1b[31m"}, "there is no command `\\x1b[31m`", "expected one of"),
    ({"do": "x" * 100_000}, "there is no command `" + "x" * 60 + "...`", "expected one of"),
    ({"do": "pause", "rule": "r"}, "pause takes no `rule`", "expected one of do, id, who"),
    ({"do": "share", "rule": "r", "shre": 1}, "share takes no `shre`", "did you mean `share`?"),
    ({"do": "trigger", "rule": "r", "cuont": 1}, "trigger takes no `cuont`", "did you mean `count`?"),
    ({"do": "end", "by": "1s"}, "end takes no `by`", "phase"),
    ({"do": "enable"}, "enable says no `rule`", "such as storm.0"),
    ({"do": "enable", "rule": None}, "enable says no `rule`", "such as storm.0"),
    ({"do": "enable", "rule": ""}, "enable says no `rule`", "such as storm.0"),
    ({"do": "enable", "rule": 7}, "`rule` says 7", "expected a name of up to 200 characters"),
    ({"do": "enable", "rule": ["storm.0"]}, "`rule` says a list of 1", "expected a name"),
    ({"do": "enable", "rule": "a\nb"}, "`rule` says 'a\\nb'", "expected a name"),
    ({"do": "enable", "rule": "\x1b]0;x\x07"}, "`rule` says '\\x1b]0;x\\x07'", "expected a name"),
    ({"do": "enable", "rule": "x" * (LONGEST_NAME + 1)}, "`rule` says 'xxx", "up to 200 characters"),
    ({"do": "share", "rule": "r"}, "share says no `share`", "such as 40%"),
    ({"do": "share", "rule": "r", "share": True}, "`share` says true", "expected a share from 0% to 100%"),
    ({"do": "share", "rule": "r", "share": {"of": 1}}, "`share` says a mapping (of)", "40% or 0.4"),
    ({"do": "share", "rule": "r", "share": "lots"}, "`share` says 'lots'", "40% or 0.4"),
    ({"do": "share", "rule": "r", "share": "140%"}, "`share` says '140%'", "from 0% to 100%, such as 40% or 0.4"),
    ({"do": "share", "rule": "r", "share": "-4%"}, "`share` says '-4%'", "40% or 0.4"),
    ({"do": "share", "rule": "r", "share": 40}, "`share` says 40", "from 0% to 100%"),
    ({"do": "share", "rule": "r", "share": -0.1}, "`share` says -0.1", "from 0% to 100%"),
    ({"do": "share", "rule": "r", "share": float("nan")}, "`share` says nan", "from 0% to 100%"),
    ({"do": "share", "rule": "r", "share": 10**400}, "`share` says 1000", "from 0% to 100%"),
    ({"do": "trigger", "rule": "r", "count": 0}, "`count` says 0", "expected a whole number from 1 to 1,000"),
    ({"do": "trigger", "rule": "r", "count": 1001}, "`count` says 1001", "from 1 to 1,000"),
    ({"do": "trigger", "rule": "r", "count": 1.0}, "`count` says 1.0", "expected a whole number"),
    ({"do": "trigger", "rule": "r", "count": True}, "`count` says true", "expected a whole number"),
    ({"do": "trigger", "rule": "r", "count": "2"}, "`count` says '2'", "expected a whole number"),
    ({"do": "extend"}, "extend says no `by`", "such as 30s"),
    ({"do": "extend", "by": "30"}, "`by` says '30'", "expected a time with its unit, such as 30s"),
    ({"do": "extend", "by": [30]}, "`by` says a list of 1", "expected a time with its unit, such as 30s"),
    ({"do": "extend", "by": True}, "`by` says true", "expected a time with its unit, such as 30s"),
    ({"do": "extend", "by": False}, "`by` says false", "expected a time with its unit, such as 30s"),
    ({"do": "extend", "by": 0}, "`by` says 0", "above 0 and up to a day"),
    ({"do": "extend", "by": -5}, "`by` says -5", "above 0"),
    ({"do": "extend", "by": "25h"}, "`by` says '25h'", "up to a day"),
    ({"do": "extend", "by": float("inf")}, "`by` says inf", "up to a day"),
    ({"do": "extend", "by": float("nan")}, "`by` says nan", "above 0"),
    ({"do": "extend", "by": 10**400}, "`by` says 1000", "up to a day"),
    ({"do": "extend", "by": "1s", "phase": 3}, "`phase` says 3", "expected a name"),
    ({"do": "note"}, "note says no `text`", "a sentence"),
    ({"do": "note", "text": ""}, "note says no `text`", "a sentence"),
    ({"do": "note", "text": " \n\t"}, "note says no `text`", "a sentence"),
    ({"do": "note", "text": "\x1b\x07\u2028"}, "note says no `text`", "a sentence"),
    ({"do": "note", "text": 5}, "`text` says 5", "text of up to 4000 characters"),
    ({"do": "note", "text": "x" * (LONGEST_TEXT + 1)}, "`text` says 'xxx", "up to 4000 characters"),
    ({"do": "stop", "text": {}}, "`text` says a mapping ()", "expected text"),
    ({"do": "approve", "step": 0}, "`step` says 0", "expected a whole number from 1"),
    ({"do": "approve", "step": "1"}, "`step` says '1'", "expected a whole number"),
    ({"do": "pause", "id": 5}, "`id` says 5", "expected a name"),
    ({"do": "pause", "who": "A\x1bda"}, "`who` says 'A\\x1bda'", "expected a name"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "command"), GOOD, ids=lambda one: str(one)[:40])
def test_what_is_understood(said: dict[str, Any], command: Command) -> None:
    """Each spelling is read as what it means, in seconds and shares of 1."""
    assert read_command(said) == command


@pytest.mark.parametrize(("said", "what", "hint"), BAD, ids=lambda one: str(one)[:40])
def test_what_is_refused(said: dict[str, Any], what: str, hint: str) -> None:
    """A refusal says what was found and what would work, on one line of signs that can be shown."""
    with pytest.raises(ChaosError) as caught:
        read_command(said)
    assert what in caught.value.what
    assert hint in caught.value.hint
    assert caught.value.exit_code is Exit.USAGE
    assert (caught.value.what + caught.value.hint).isprintable()
    assert len(caught.value.what) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, "40%", "30s", 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({"do", "id", "who", *(name for names in FIELDS.values() for name in names)})


@given(
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), JSON, max_size=6),
    st.sampled_from(sorted(FIELDS)) | JSON,
)
def test_nothing_but_a_command_or_a_refusal(said: dict[str, Any], do: Any) -> None:
    """Whatever JSON comes, it is a command that says the same again when its args are read, or a ChaosError."""
    try:
        command = read_command({**said, "do": do})
    except ChaosError as refused:
        assert refused.what
        return
    logged = json.loads(json.dumps({"do": command.do, "id": command.id, "who": command.who, **command.args}))
    assert read_command({name: value for name, value in logged.items() if value != ""}) == command


def test_the_api_describes_these_commands() -> None:
    """The OpenAPI document names the same commands and fields, and its examples are understood."""
    assert {name: {*one.fields} for name, one in COMMANDS.items()} == {name: {*of} for name, of in FIELDS.items()}
    for name, one in COMMANDS.items():
        assert read_command({"do": name, **(one.example or {})}).do == name
        for field in {*one.needs} - {"step"}:  # which is the present one where none is said
            with pytest.raises(ChaosError, match=f"says no `{field}`"):
                read_command({"do": name, **{key: value for key, value in (one.example or {}).items() if key != field}})

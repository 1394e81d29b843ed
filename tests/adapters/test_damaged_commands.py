"""What the record of a run says of live commands, damaged: one clear sentence or a report, and never a PASS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import folder_factory as factory
import pytest
from click.testing import CliRunner

from chaosllm.adapters.run_folder import META, load
from chaosllm.adapters.supervisor import log
from chaosllm.commands.report import command
from chaosllm.errors import ChaosError

SOUND = {
    "paused": False,
    "durations": [1.0, 6.0, 5.0, 3.0],
    "rules": {"storm.0": {"on": True, "share": None, "owed": 0}},
}
STOP = {"kind": "command", "text": "users complain", "who": "console:Ada", "t": 9.5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return factory.write(factory.passing(), tmp_path / "run")


def say(folder: Path, **parts: str) -> None:
    """Put parts into meta.json, as they are spelt."""
    written = folder / "whole.json"  # as it was before anybody put something in
    if not written.exists():
        written.write_bytes((folder / META).read_bytes())
    meta = json.loads(written.read_text())
    text = json.dumps(meta | {name: f"<{name}>" for name in parts})
    for name, spelt in parts.items():
        text = text.replace(f'"<{name}>"', spelt)
    (folder / META).write_text(text)


def told(folder: Path, form: str = "json") -> str:
    """What `report` prints; fails on anything but a sentence."""
    result = CliRunner().invoke(command, [str(folder), "--format", form], standalone_mode=False)
    if result.exception is not None:
        assert isinstance(result.exception, ChaosError), result.exception
        return json.dumps({"verdict": "refused"})
    assert "\x1b" not in result.stdout
    return result.stdout


def verdict(folder: Path) -> str:
    return str(json.loads(told(folder))["verdict"])


def noticed(folder: Path, what: str) -> bool:
    """Whether meta.json is known to be damaged there, or cannot be read at all."""
    try:
        return any(one.endswith(what) for one in load(folder).meta["missing"])
    except ChaosError:
        return True


def test_a_sound_record_passes(folder: Path) -> None:
    """Otherwise nothing below would show anything; and the phases are those that were steered."""
    say(folder, steering=json.dumps(SOUND))
    assert verdict(folder) == "pass"
    say(folder, steering=json.dumps(SOUND | {"durations": [1.0, 5.0, 6.0, 3.0]}))
    assert [phase.start for phase in load(folder).scenario.phases] == [0, 1, 6, 12]
    say(folder, steering=json.dumps(SOUND | {"durations": []}))
    assert [phase.start for phase in load(folder).scenario.phases] == [0, 1, 7, 12]


DAMAGED = [one for one in factory.HOSTILE if one != "null"]
#: Those that a whole report is made of; of the others it is only asked whether they are noticed.
REPORTED = ("NaN", "{}", '"\\ud800"', '[null, {"a": []}]', "[" * 3000 + "]" * 3000)


def test_a_damaged_steering_is_no_pass(folder: Path) -> None:
    """Whatever stands in its place: nobody knows how long the phases were."""
    for spelt in DAMAGED:
        say(folder, steering=spelt)
        assert noticed(folder, "steering of meta.json"), spelt[:40]
    for spelt in REPORTED:
        say(folder, steering=spelt)
        assert verdict(folder) in ("inconclusive", "refused")


@pytest.mark.parametrize(
    "path", ["paused", "durations", "rules", "rules.storm.0", "share", "owed", "on", "durations.2"]
)
def test_a_damaged_part_of_the_steering_is_no_pass(folder: Path, path: str) -> None:
    """A value of another kind, without end or out of range makes the whole a lost record, and named as one."""
    means_something = {
        "durations": ("[]",), "rules": ("{}",), "share": ("null", "0", "-0"), "owed": ("0",),
        "on": ("true",), "durations.2": ("1.5",), "paused": ("true",),
    }  # fmt: skip
    for spelt in factory.HOSTILE:
        if spelt in means_something.get(path, ()) or len(spelt) > 1000:
            continue
        text = json.dumps(SOUND)
        place = {
            "paused": "false", "durations": json.dumps(SOUND["durations"]), "rules": json.dumps(SOUND["rules"]),
            "rules.storm.0": json.dumps(SOUND["rules"]["storm.0"]), "share": "null", "owed": "0}", "on": "true",
            "durations.2": "5.0",
        }[path]  # fmt: skip
        say(folder, steering=text.replace(place, spelt + "}" * (path == "owed"), 1))
        run = load(folder)
        assert "steering of meta.json" in run.meta["missing"], (path, spelt)
        assert run.meta["steering"] is None
    assert verdict(folder) == "inconclusive"


def test_a_damaged_stop_is_no_pass(folder: Path) -> None:
    """A run that was stopped is no whole one, whatever is left of who stopped it and why."""
    for spelt in DAMAGED:
        say(folder, stopped="null", stop=spelt)
        assert noticed(folder, " of meta.json"), spelt[:40]
    for spelt in REPORTED:
        for stop in (spelt, json.dumps(STOP | {"text": "<here>"}).replace('"<here>"', spelt)):
            say(folder, stopped='"command"', stop=stop)
            assert verdict(folder) in ("inconclusive", "refused")
    told(folder, "markdown")


def test_a_sound_stop_is_told(folder: Path) -> None:
    """By whom, and why, and it is judged as far as it came."""
    say(folder, stopped='"command"', stop=json.dumps(STOP))
    summary = json.loads(told(folder))
    assert (summary["verdict"], summary["stop"]) == ("inconclusive", STOP)
    assert any("by console:Ada: users complain" in reason for reason in summary["reasons"])
    assert "by console:Ada: users complain" in told(folder, "markdown")


# The log -----------------------------------------------------------------------------------------

EVENT = {"seq": 1, "at": 1.5, "t": None, "type": "note", "who": "console:Ada", "text": "a\u2028b\x85c\x0cd\re"}


def test_an_event_comes_back_whole(tmp_path: Path) -> None:
    """Signs that end lines elsewhere end none here; ticks and what only a page needs are left out."""
    kept = log.Log()
    kept.open(tmp_path)
    for event in (EVENT, {"type": "tick", "seq": 2}, EVENT | {"seq": 3, "set": {"x": 1}, "add": {"y": 2}}):
        kept.heard(event)
    kept.close()
    assert log.read(tmp_path) == [EVENT, EVENT | {"seq": 3}]
    assert (tmp_path / log.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage",
    [b"", b"\0" * 50, b"[]\n7\nnull\n{}\n", b'{"type": 5}\n', b"\xff\xfe{}\n", b'{"type": "note", "seq": 9',
     b"[" * 5000, b'{"type": ' + b"[" * 100_000 + b"\n", b'{"type": "x", "n": ' + b"9" * 5000 + b"}\n"],
    ids=lambda one: repr(one[:12]),
)  # fmt: skip
def test_a_damaged_log_gives_what_is_left(damage: bytes, tmp_path: Path, folder: Path) -> None:
    """Lines that are no events are passed over; the report does not hang on it."""
    line = json.dumps(EVENT).encode() + b"\n"
    (folder / log.FILE).write_bytes(line + damage + b"\n" + line)
    assert log.read(folder) == [EVENT, EVENT]
    (folder / log.FILE).write_bytes(damage)
    assert log.read(folder) == []
    assert verdict(folder) == "pass"


def test_a_log_that_is_none(tmp_path: Path) -> None:
    """No file, a folder in its place, a link to nowhere: no events."""
    assert log.read(tmp_path) == []
    (tmp_path / log.FILE).mkdir()
    assert log.read(tmp_path) == []
    (tmp_path / log.FILE).rmdir()
    (tmp_path / log.FILE).symlink_to("/nonexistent")
    assert log.read(tmp_path) == []


def test_a_disk_that_is_full_is_told_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And costs no run."""
    failed: list[str] = []
    kept = log.Log(failed.append)
    kept.open(tmp_path)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.os, "write", full)
    kept.heard(EVENT)
    kept.heard(EVENT)
    assert failed == ["log.jsonl cannot be written: No space left on device"]

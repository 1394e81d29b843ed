"""Line files are read quickly where they are as the driver writes them, and to the same end where they are not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np

from chaosllm.adapters import run_lines
from chaosllm.adapters.driver.samples import line
from chaosllm.record import MARKS, OUTCOMES, Event, Sample

OPERATIONS = np.arange(400, dtype=np.uint64)[::-1]


def written() -> list[bytes]:
    """Lines of every kind that the driver writes, in another order than the rows."""
    dice = random.Random(3)
    made = [
        Sample(
            number, 0.0, outcome=dice.choice(OUTCOMES), error=dice.choice(["", "HTTP 500", "no end event [half"]),
            prints=[dice.getrandbits(32) for _ in range(dice.choice([0, 0, 3]))],
            marks=dice.sample(sorted(MARKS), dice.choice([0, 1, 2])), gaps=dice.choice([[], [3, 1], [4, 2, 9, 1]]),
        )
        for number in range(390)
    ]  # fmt: skip
    dice.shuffle(made)
    return [line(one) for one in made]


def read(folder: Path, lines: list[bytes]) -> tuple[object, ...]:
    (folder / "samples.jsonl").write_bytes(b"".join(lines))
    found = run_lines.texts(folder / "samples.jsonl", OPERATIONS)
    return found.error, found.marks, [*map(list, found.prints)], [*map(list, found.gaps)], found.lost


def test_both_ways_give_the_same(tmp_path: Path) -> None:
    """A space in each line, which the driver never writes, changes nothing."""
    lines = written()
    assert all(run_lines._LINE.fullmatch(one) for one in lines)
    spaced = [one.replace(b'":', b'": ', 1) for one in lines]
    assert not any(run_lines._LINE.fullmatch(one) for one in spaced)
    quick = read(tmp_path, lines)
    assert quick == read(tmp_path, spaced)
    assert quick[-1] == 10, "operations of which no line tells"


def test_what_is_told_twice_counts_as_it_was_told_last(tmp_path: Path) -> None:
    """And operations that have no sample, or a number beyond any, are passed over."""
    twice = [line(Sample(7, 0.0, error="first")), line(Sample(7, 0.0, error="last")), line(Sample(9999, 0.0))]
    for lines in (twice, [*twice, b'{"operation":123456789012345678901234567890,"error":"x"}\n', b"[]\n", b"\n"]):
        error, *_, lost = read(tmp_path, lines)
        assert isinstance(error, list)
        assert error[int(np.flatnonzero(OPERATIONS == 7)[0])] == "last"
        assert lost == len(OPERATIONS) - 1


def test_a_broken_line_costs_only_itself(tmp_path: Path) -> None:
    """A kill cuts off the last line; a stranger may have changed any: the rest is read."""
    lines = written()
    whole = read(tmp_path, lines[:-1])
    assert read(tmp_path, [*lines[:-1], lines[-1][:-9]]) == whole
    assert read(tmp_path, [*lines[:200], b'{"operation":01,"error":""}\n', b"\xff\xfe\n", *lines[200:-1]]) == whole


def test_more_than_a_chunk_is_read_whole(tmp_path: Path, monkeypatch) -> None:
    """However the file falls into chunks, no line is torn."""
    whole = read(tmp_path, written())
    for size in (1, 100, 4096):
        monkeypatch.setattr(run_lines, "_CHUNK", size)
        assert read(tmp_path, written()) == whole


def test_fields_of_a_wrong_kind_make_no_event(tmp_path: Path) -> None:
    """Each field that metrics reckon with is checked; what is not said has its default."""
    sound = Event("op-1/call-0", 1.0, 1, provider="openai").to_json()
    wrong = [
        {"t": "soon"}, {"t": None}, {"t_end": "x"}, {"index": -1}, {"status": "200"}, {"call": 7}, {"head": [-1]},
        {"late": {}}, {"done": {"wait": "x"}}, {"asked": []}, {"did": "nothing"}, {"did": []}, {"rules": None},
        {"rules": [{"rule": 1, "fault": "x", "planned": True, "fired": True, "delivered": True}]}, {"effects": [{}]},
    ]  # fmt: skip
    lines = [json.dumps(sound | more) for more in ({}, *wrong, {"unknown": 1}, {"status": None, "t_end": None})]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    found = run_lines.events(tmp_path / "events.jsonl")
    assert found == [Event("op-1/call-0", 1.0, 1, provider="openai")] * 3

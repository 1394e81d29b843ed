"""Writes the records of a synthetic run as a run folder, and damages folders by seeded chance."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import run_factory as made

from chaosllm.adapters import run_folder, run_meta
from chaosllm.join import Run
from chaosllm.record import Outcome

SCENARIO = """\
version: 1
name: made-up
seed: 7
target: {operation: {path: /chat}, timeout: 10s}
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: warmup, duration: 1s}
  - {name: baseline, duration: 6s}
  - {name: storm, duration: 5s, rules: [{fault: rate_limit}]}
  - {name: recovery, duration: 3s}
objectives: ["success_rate(storm) >= 90%", no_backoff == 0]
"""
FILES = (run_folder.SCENARIO, run_folder.META, run_folder.EVENTS, run_folder.SAMPLES, run_folder.SAMPLES_TEXT)


def passing() -> Run:
    """An app that waits and tries again, so that all its users are served."""
    return made.run(made.hit, _scenario())


def failing() -> Run:
    """An app that fails its users whenever its provider does."""
    return made.run(made.only_in_storm(lambda _: made.Operation(Outcome.ERROR, tries=[made.refused()])), _scenario())


def _scenario():
    from chaosllm.reader import read

    return read(SCENARIO.encode(), file="made-up.yaml").unwrap()


def write(run: Run, folder: Path) -> Path:
    """The folder that such a run leaves behind; `mark` of each text is kept."""
    folder.mkdir(mode=0o700, parents=True)
    run_folder.write(folder / run_folder.SCENARIO, SCENARIO)
    recognised = sum(event.phase != "preflight" for event in run.events)
    meta = (
        run.meta
        | {"scenario": run_meta.digest(SCENARIO.encode())}
        | {"proxy": {**run.meta["proxy"], "recognised": recognised}}
    )
    run_folder.write_json(folder / run_folder.META, meta)
    lines = "".join(json.dumps(event.to_json()) + "\n" for event in run.events)
    run_folder.write(folder / run_folder.EVENTS, lines)
    columns = (name for name, *_ in run_folder._RECORD)
    np.savez(folder / run_folder.SAMPLES, **{name: getattr(run.samples, name) for name in columns})
    rows = zip(run.samples.operation.tolist(), run.samples.error, strict=True)
    lines = "".join(json.dumps({"operation": number, "error": error, "marks": []}) + "\n" for number, error in rows)
    run_folder.write(folder / run_folder.SAMPLES_TEXT, lines)
    return folder


#: What a value may become: wrong types, numbers that are none or far too large, nothing, deep nesting, markup, escapes.
HOSTILE = (
    "null", "true", "-1", "0", "1.5", "NaN", "Infinity", "-Infinity", "1e400", "9" * 400, str(1 << 70), '""', "[]",
    "{}", "[" * 3000 + "]" * 3000, '"<script>alert(1)</script>"',
    '"\\u001b]0;owned\\u0007\\u001b[31m"', '"::error::owned"',
    '"\\ud800"', '"' + "x" * 100_000 + '"', '[null, {"a": []}]', '{"": null}', '"../../etc/passwd"', '"2026-99-99"',
)  # fmt: skip


def damage(folder: Path, chance: random.Random) -> str:
    """Change one file of the folder for the worse, or two; what was done, in words."""
    done = []
    for name in chance.sample(FILES, chance.choice([1, 1, 1, 2])):
        kind = chance.choice(sorted(KINDS))
        KINDS[kind](folder / name, chance)
        done.append(f"{kind} {name}")
    return " and ".join(done)


def _cut(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def _empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def _remove(path: Path, chance: random.Random) -> None:
    path.unlink()


def _folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.symlink_to(chance.choice(["/nonexistent", path.name, "/dev/null", "events.jsonl"]))


def _noise(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.choice([1, 100, 10_000])))


def _bytes(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 5, 50])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)


def _encoding(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(chance.choice([b"\xef\xbb\xbf" + data, data.decode("latin-1").encode("utf-16"), b"\0" * 9 + data]))


def _lines(path: Path, chance: random.Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    at = chance.randrange(len(lines))
    change = chance.choice(["drop", "twice", "swap", "other"])
    if change == "drop":
        del lines[at : at + chance.choice([1, 50])]
    elif change == "twice":
        lines[at:at] = [lines[at]] * chance.choice([1, 50])
    elif change == "swap":
        chance.shuffle(lines)
    else:
        lines[at] = chance.choice(HOSTILE).encode() + b"\n"
    path.write_bytes(b"".join(lines))


def _value(path: Path, chance: random.Random) -> None:
    """One value of one JSON object becomes a hostile one; what is no JSON is cut."""
    lines = path.read_bytes().decode("utf-8", "replace").splitlines(keepends=True)
    if path.suffix == ".json":
        lines = ["".join(lines)]
    if path.suffix not in (".json", ".jsonl") or not lines:
        _cut(path, chance)
        return
    for at in chance.sample(range(len(lines)), min(len(lines), chance.choice([1, 20]))):
        lines[at] = _spoiled(json.loads(lines[at]), chance) + "\n"
    path.write_text("".join(lines))


def _spoiled(value: dict, chance: random.Random) -> str:
    """The object as JSON with one value, at any depth, replaced."""
    inner, key = value, chance.choice(sorted(value))
    while isinstance(inner[key], dict) and inner[key] and chance.random() < 0.7:
        inner = inner[key]
        key = chance.choice(sorted(inner))
    inner[key] = "@@"
    return json.dumps(value).replace('"@@"', chance.choice(HOSTILE))


KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    "cut": _cut, "emptied": _empty, "removed": _remove, "made a folder of": _folder, "linked": _link,
    "noise for": _noise, "changed bytes of": _bytes, "encoded": _encoding, "changed lines of": _lines,
    "changed values of": _value, "changed more values of": _value, "changed yet more values of": _value,
}  # fmt: skip


def copy(folder: Path, to: Path) -> Path:
    """A copy to be damaged, in place of the last one."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to, symlinks=True)
    return to

"""Load as apps are really used, on real processes: several operations, columns, and secrets that stay secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from running import Started, free_port, run, scenario

pytestmark = pytest.mark.end_to_end

SECRETS = {"SESSION": 'sess"ion/ä-4711', "TOKEN": "tok-abcdef-0815", "OWN": "own-secret-42"}
SPELLINGS = {
    spelling
    for value in SECRETS.values()
    for spelling in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe=""))
}


def written(folder: Path, port: int) -> Path:
    """A scenario of two operations whose every part takes a secret or a column."""
    (folder / "users.csv").write_text('prompt,user\n"Where is my parcel, please?",ana\nHello,bo\n')
    chat = {
        "name": "chat",
        "weight": 3,
        "path": "/chat?user={user}&s=${env:SESSION}",
        "headers": {"authorization": "Bearer ${env:TOKEN}"},
        "cookies": {"token": "${env:TOKEN}"},
        "json": {"message": "{prompt} ${env:SESSION}"},
        "answer": "$.answer",
    }
    search = {"name": "search", "path": "/search", "json": {"message": "find {prompt}"}, "answer": "$.answer"}
    command = [sys.executable, str(Path(__file__).with_name("tiny_app.py")), str(port)]
    return scenario(
        folder,
        target={
            "url": f"http://127.0.0.1:{port}",
            "start": {"command": command, "env": {"TELLS": "${env:OWN}"}},
            "operations": [chat, search],
            "timeout": "5s",
        },
        load={"rate": "30/s", "prompts": "users.csv"},
        phases=[
            {"name": "baseline", "duration": "2s"},
            {
                "name": "broken",
                "duration": "2s",
                "rules": [{"fault": "error", "status": 500, "match": {"operation": "search"}}],
            },
        ],
    )


def test_two_operations_and_secrets_that_nobody_sees(tmp_path: Path) -> None:
    """Rules strike the operation they name alone, and no value from the environment is left anywhere in the folder."""
    path = written(tmp_path, free_port())
    code, summary, err = run(str(path), cwd=tmp_path, env=SECRETS)
    assert summary["match_rate"] == 1.0, err
    folder = tmp_path / "out"
    log = (folder / "app.log").read_text()
    assert "/chat?user=ana&s=*** token=*** Bearer *** ***" in log
    left = [
        (found.name, spelling)
        for found in folder.rglob("*")
        if found.is_file()
        for spelling in SPELLINGS
        if spelling.encode() in found.read_bytes()
    ]
    assert left == []
    assert not any(spelling in err + json.dumps(summary, ensure_ascii=False) for spelling in SPELLINGS)
    meta = json.loads((folder / "meta.json").read_text())
    assert [one["name"] for one in meta["preflight"]["operations"]] == ["chat", "search"]
    [rule] = summary["injection"]
    samples = [json.loads(line) for line in (folder / "samples.jsonl").open()]
    failed = sum(sample["outcome"] == "error" for sample in samples)
    assert rule["eligible"] == rule["delivered"] == failed > 5
    assert failed < 0.5 * summary["phases"]["broken"]["operations"]
    assert code in (0, 4), err


def test_missing_variables_are_told_before_anything_starts(tmp_path: Path) -> None:
    """All of them at once, each with its line, exit 2, and no folder is made."""
    path = written(tmp_path, free_port())
    started = Started(("run", str(path), "--out", str(tmp_path / "out")), tmp_path, {"TOKEN": "x"})
    code, _, err = started.end(30)
    assert code == 2
    assert {name for name in SECRETS if f"the environment variable {name} is not set" in err} == {"SESSION", "OWN"}
    assert f"{path}:" in err
    assert not (tmp_path / "out").exists()


def test_an_app_that_dies_with_a_secret_on_its_lips(tmp_path: Path) -> None:
    """The last words of an app that does not start are shown without what it was told."""
    path = written(tmp_path, free_port())
    words = "import os; print('bad key', os.environ['TELLS']); raise SystemExit(9)"
    settings = ("--set", f'target.start.command=[{sys.executable}, -c, "{words}"]')
    code, printed, err = run(str(path), *settings, cwd=tmp_path, env=SECRETS)
    assert code == 3, err
    assert "it said last: bad key ***" in printed["error"]["what"]
    assert SECRETS["OWN"] not in err + (tmp_path / "out" / "app.log").read_text()

"""A fault in a package of its own: installed as pip lays it out, met by every command, played by the real proxy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from running import UNDRAWN, scenario
from scenario_text import SMALL

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
RULE = "fault: rate_limit"


def example(name: str) -> str:
    """The page's example file of that name."""
    (code,) = re.findall(rf"```\w+\n# {name}\n(.*?)```", PAGE, re.DOTALL)
    assert isinstance(code, str)
    return code


def install(site: Path, project: str, **modules: str) -> None:
    """Lay a distribution out as pip does: modules, METADATA and entry_points.txt."""
    told = tomllib.loads(project)["project"]
    info = site / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    lines = [f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in points.items())
             for group, points in told["entry-points"].items()]  # fmt: skip
    (info / "entry_points.txt").write_text("\n".join(lines))
    for name, code in modules.items():
        (site / f"{name}.py").write_text(code)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Site packages with the page's example, one plugin that cannot be imported, and one that is no fault."""
    folder = tmp_path_factory.mktemp("site")
    install(folder, example("pyproject.toml"), chaos_brownout=example("chaos_brownout.py"))
    broken = '[project]\nname = "icicle"\nversion = "0.1"\n[project.entry-points."chaosllm.faults"]\n'
    install(
        folder, f'{broken}icicle = "icicle"\nsnow = "snow"\n', icicle="import no_such_module\n", snow="MEMBER = 7\n"
    )
    return folder


def chaosllm(site: Path, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "CHAOSLLM_NO_PLUGINS"}
    env["PYTHONPATH"] = os.pathsep.join([str(site), str(ROOT)])
    program = ("-P", str(UNDRAWN)) if "run" in arguments else ("-m", "chaosllm")
    return subprocess.run(
        [sys.executable, *program, *map(str, arguments)],
        env=env, cwd=cwd, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_it_is_in_the_schema_and_the_list(site: Path) -> None:
    """The schema has its branch with the words of its fields; the list names its package."""
    schema = json.loads(chaosllm(site, "schema").stdout)
    branch = schema["$defs"]["fault_brownout"]["properties"]
    assert branch["fault"]["description"] == "late answers, some of which break"
    assert branch["delay"]["description"] == "how late"
    assert "brownout" in json.dumps(schema["$defs"]["Rule"]["properties"]["fault"])
    listed = chaosllm(site, "list", "faults", "--json")
    (row,) = [row for row in json.loads(listed.stdout) if row["name"] == "brownout"]
    assert (row["plugin"], row["fields"]) == ("chaos-brownout", ["delay", "breaks"])
    assert "the plugin icicle of faults does not load: ModuleNotFoundError" in listed.stderr
    assert "the plugin snow of faults does not load" in listed.stderr


def test_its_mistakes_are_told_with_their_place(site: Path, tmp_path: Path) -> None:
    """A sound rule is sound, though another plugin is broken; each mistake has line, column and cure."""
    texts = {
        "sound": f"{RULE}\n".replace("rate_limit", "brownout\n        delay: 300ms"),
        "key": f"{RULE}\n".replace("rate_limit", "brownout\n        dealy: 300ms"),
        "unit": f"{RULE}\n".replace("rate_limit", "brownout\n        delay: 300"),
        "name": f"{RULE}\n".replace("rate_limit", "brownot"),
        "broken": f"{RULE}\n".replace("rate_limit", "icicle"),
    }
    for name, rule in texts.items():
        (tmp_path / f"{name}.yaml").write_text(SMALL.replace(f"{RULE}\n", rule))
    done = chaosllm(site, "validate", tmp_path, "--json")
    assert done.returncode == 2
    assert "warning: the plugin icicle of faults does not load" in done.stderr
    found = {Path(row["file"]).stem: row for row in json.loads(done.stdout)}
    assert found["sound"]["ok"]
    said = {
        name: f"{one['line']}:{one['column']} {one['what']} ({one['hint']})"
        for name, row in found.items()
        for one in row["problems"]
        if one["level"] == "error"
    }
    assert sorted(said) == ["broken", "key", "name", "unit"]
    assert said["key"].startswith("11:9 ")
    assert "did you mean `delay`?" in said["key"]
    assert said["unit"].startswith("11:16 ")
    assert "300ms" in said["unit"] or "300s" in said["unit"]
    assert "did you mean `brownout`?" in said["name"]
    assert "does not load: ModuleNotFoundError: No module named 'no_such_module'" in said["broken"]


@pytest.mark.end_to_end
def test_it_is_played_by_the_real_proxy(site: Path, tmp_path: Path) -> None:
    """A run injects it as planned, the app's users meet it, and the run says which package it came from."""
    rules = [{"fault": "brownout", "delay": "250ms", "breaks": "0%", "match": {"provider": "openai"}}]
    phases = [
        {"name": "baseline", "duration": "2s"},
        {"name": "brown", "duration": "2s", "rules": rules},
        {"name": "recovery", "duration": "1s"},
    ]
    path = scenario(tmp_path, phases=phases, load={"rate": "10/s"})
    done = chaosllm(site, "run", path, "--app", "hardened", "--out", tmp_path / "run", "--json", cwd=tmp_path)
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary.get("error") is None, summary
    (row,) = summary["injection"]
    assert (row["fault"], row["planned"]) == ("brownout", row["delivered"])
    assert row["delivered"] >= 3, "some twenty on a quiet machine"
    # Not against the baseline, whose users a busy machine may keep waiting for as long.
    assert summary["phases"]["brown"]["latency"]["p50"] >= 0.25
    events = map(json.loads, (tmp_path / "run" / "events.jsonl").read_text().splitlines())
    late = [event["done"]["wait"] for event in events if event["did"] == "injected"]
    assert len(late) == row["delivered"] and min(late) >= 0.249
    meta = json.loads((tmp_path / "run" / "meta.json").read_text())
    assert meta["versions"]["chaos-brownout"] == "1.2.0"
    assert "chaos-brownout" in (tmp_path / "run" / "report.html").read_text()
    assert "the plugin icicle of faults does not load" in done.stderr

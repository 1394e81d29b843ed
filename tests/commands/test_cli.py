"""The root of the command line: quick, helpful, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from chaosllm.commands import VERBS, verbs

HEAVY = ("mitmproxy", "locust", "gevent", "matplotlib", "numpy", "scipy", "pydantic", "starlette", "uvicorn", "openai")
COMMANDS = Path(__file__).parents[2] / "chaosllm" / "commands"


def chaosllm(
    *args: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chaosllm", *args],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})}, cwd=cwd,
    )  # fmt: skip


def test_table_is_the_files() -> None:
    """Every verb in the help has its file, and every file is in the help."""
    assert set(VERBS) == {path.stem for path in COMMANDS.glob("*.py") if not path.stem.startswith("_")}


@pytest.mark.parametrize("args", [("--help",), ("run", "--help"), ("demo", "--help"), ("version",)])
def test_nothing_heavy_is_loaded(args: tuple[str, ...]) -> None:
    """Help and version load no framework: the reason why they are quick."""
    code = (
        "import sys\nfrom chaosllm.__main__ import main\n"
        f"sys.argv = ['chaosllm', *{list(args)!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\nassert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_help_names_every_verb() -> None:
    """`chaosllm --help` shows each verb with its line, an example and the exit codes."""
    shown = " ".join(chaosllm("--help").stdout.split())
    assert all(f"{verb} {line}" in shown for verb, line in VERBS.items())
    assert "Examples:" in shown
    assert "4 INCONCLUSIVE" in shown


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("rnu",), 2, "did you mean run?"),
        (("run",), 2, "SCENARIO..."),
        (("run", "missing.yaml"), 2, "missing.yaml cannot be read: no such file"),
        (("run", "missing.yaml", "--"), 2, "followed by no command"),
        (("run", "x.yaml", "--app", "fragile", "--target", "http://127.0.0.1:1"), 2, "give one of them"),
        (("run", "x.yaml", "--app", "robust"), 2, "'fragile', 'hardened'"),
        (("run", "x.yaml", "--target", "127.0.0.1:1"), 2, "is no address"),
        (("run", "x.yaml", "--duration-scale", "0"), 2, "above 0"),
        (("run", "x.yaml", "--rate", "10", "--app", "fragile"), 2, "--rate: found '10', expected a rate"),
        (("run", "x.yaml", "python3", "-m", "myapp"), 2, "chaosllm run x.yaml -- python3 -m myapp"),
        (("run", "x.yaml", "--rate", "1/s", "python3", "app.py"), 2, "run x.yaml --rate 1/s -- python3 app.py"),
        (("run", "calm"), 2, "scenarios/calm.yaml?"),
        (("run", "short"), 2, "outage/short.yaml?"),
        (("run", "latency/cold-strat.yaml"), 2, "latency/cold-start.yaml?"),
        (("run", "latency-cold-start"), 2, "latency/cold-start.yaml?"),
        (("run", "-"), 2, "taken from a file"),
        (("proxy", "-"), 2, "taken from a file"),
        (("x.yaml",), 2, "did you mean chaosllm run x.yaml?"),
        (("list",), 2, "there are faults, providers"),
        (("list", "fault"), 2, "did you mean faults?"),
        (("schema", "--out", "none/s.json"), 3, "none/s.json: no such file or directory"),
    ],
)
def test_mistakes(args: tuple[str, ...], code: int, says: str, tmp_path: Path) -> None:
    """A mistake on the command line is one clear sentence on stderr, its exit code, and nothing is made."""
    done = chaosllm(*args, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert not [*tmp_path.iterdir()]


def test_wrong_scenario_starts_nothing(tmp_path: Path) -> None:
    """A wrong scenario prints every problem with its place, exits 2 and makes no run folder."""
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "version: 1\nname: wrong\nupstreams: [{provider: opnai, url: simulator}]\n"
        "phases:\n  - {name: baseline, duration: 10}\n  - {name: storm, duration: 5s, rules: [{fault: rate_limt}]}\n"
    )
    done = chaosllm("run", str(path), cwd=tmp_path)
    assert done.returncode == 2
    for place, hint in (("wrong.yaml:3:", "openai"), ("wrong.yaml:5:", "10s"), ("wrong.yaml:6:", "rate_limit")):
        assert any(place in line and hint in line for line in done.stderr.splitlines()), done.stderr
    assert [*tmp_path.iterdir()] == [path]


def test_two_wrong_scenarios(tmp_path: Path) -> None:
    """The problems of all scenarios come at once, each with its file, and none is run."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("version: 1\n")
    done = chaosllm("run", "one.yaml", "two.yaml", "three.yaml", "--app", "fragile", cwd=tmp_path)
    assert done.returncode == 2
    assert {line.split(":")[0] for line in done.stderr.splitlines()} == {"one.yaml", "two.yaml", "three.yaml"}
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"CHAOSLLM_DURATION_SCALE": "-1"}, "--duration-scale -1"),
        ({"CHAOSLLM_DURATION_SCALE": "-1", "CHAOSLLM_RUN_DURATION_SCALE": "-2"}, "--duration-scale -2"),
        ({"CHAOSLLM_SEED": "x"}, "'x' is not a valid integer (from CHAOSLLM_SEED)"),
        ({"CHAOSLLM_SEED": "1", "CHAOSLLM_RUN_SEED": "x"}, "(from CHAOSLLM_RUN_SEED)"),
        ({"CHAOSLLM_TARGET": "127.0.0.1:1"}, "is no address"),
    ],
)
def test_every_option_is_a_variable(variables: dict[str, str], says: str, tmp_path: Path) -> None:
    """CHAOSLLM_SEED is --seed of each verb that has one; CHAOSLLM_RUN_SEED is that of run, and wins."""
    done = chaosllm("run", "x.yaml", env=variables, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr


def test_command_line_wins_over_variables(tmp_path: Path) -> None:
    """An app named on the command line is the app, whatever the variables name."""
    done = chaosllm("run", "x.yaml", "--app", "fragile", env={"CHAOSLLM_TARGET": "http://127.0.0.1:1"}, cwd=tmp_path)
    assert "x.yaml cannot be read" in done.stderr


def test_every_variable_has_a_name_one_would_guess() -> None:
    """The variable is the option in capitals: CHAOSLLM_JSON, not what the code calls it inside."""
    root = click.Context(verbs)
    for verb in VERBS:
        command = verbs.get_command(root, verb)
        for option in (one for one in command.params if isinstance(one, click.Option)):
            name = max(option.opts, key=len).strip("-").replace("-", "_").upper()
            assert option.envvar == [f"CHAOSLLM_{verb.upper()}_{name}", f"CHAOSLLM_{name}"]


def test_our_bug_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake of ours is called that, exits 3, and its traceback goes to a file."""
    from chaosllm import __main__
    from chaosllm.commands import version

    monkeypatch.setattr(version, "versions", lambda: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["chaosllm", "version", "--json"])
    with pytest.raises(SystemExit) as end:
        __main__.main()
    said = capsys.readouterr().err
    assert end.value.code == 3
    assert "this is a bug in chaosllm" in said
    assert "Traceback" not in said
    trace = Path(said.split("the traceback is in ")[1].split(";")[0])
    assert "ZeroDivisionError" in trace.read_text()
    trace.unlink()


def test_version() -> None:
    """`version --json` names what the run stands on."""
    assert json.loads(chaosllm("version", "--json").stdout).keys() >= {"chaosllm", "python", "mitmproxy", "locust"}

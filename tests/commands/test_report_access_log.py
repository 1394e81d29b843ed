"""`chaosllm report FOLDER --access-log FILE`: the log's requests become the users of an attached run."""

from __future__ import annotations

import json
from pathlib import Path

import attached_factory as attached
import pytest
import run_factory as made
from click.testing import CliRunner, Result

from chaosllm.adapters import rendering, run_folder
from chaosllm.adapters.charts import charts
from chaosllm.commands.report import command
from chaosllm.errors import ChaosError, Exit
from chaosllm.record import Outcome


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Because pictures cost a second each time, and nothing here looks at them."""
    material = rendering.material

    def render(folder, run, summary):
        shown = material(folder, run, summary, {})
        for renderer in rendering.STORED:
            run_folder.write(folder / str(renderer.file), renderer.render(shown))
        return shown

    monkeypatch.setattr(rendering, "render", render)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return attached.folder(tmp_path / "run")


def report(*arguments: object) -> Result:
    found = CliRunner().invoke(command, [str(one) for one in arguments])
    if isinstance(found.exception, ChaosError):
        raise found.exception
    return found


def summary(folder: Path) -> dict:
    return json.loads((folder / run_folder.SUMMARY).read_text())


def test_a_log_with_ids_is_joined(folder: Path, tmp_path: Path) -> None:
    """Requests and calls that share ids are one run: users and retries are judged together."""
    done = report(folder, "--access-log", attached.log(tmp_path / "access.log"))
    assert done.exit_code == 0, done.output
    found = summary(folder)
    assert found["source"] == "access_log" and found["match_rate"] >= 0.95
    assert found["phases"]["storm"]["success_rate"]["value"] == 1.0
    assert [row["verdict"] for row in found["objectives"]] == ["pass"] * 3
    assert "access log" in found["objectives"][0]["note"]
    assert "truncated_accepted" in found["findings_unknown"] and "hang" not in found["findings_unknown"]


def test_users_who_failed_are_seen(tmp_path: Path) -> None:
    """A log with errors in the storm fails the objective that an attached run could not decide."""
    conduct = made.only_in_storm(lambda _: made.Operation(Outcome.ERROR, tries=[made.refused()]))
    folder = attached.folder(tmp_path / "run", conduct)
    assert report(folder).exit_code == 0
    assert summary(folder)["objectives"][0]["verdict"] == "inconclusive"
    report(folder, "--access-log", attached.log(tmp_path / "access.log", conduct))
    assert summary(folder)["objectives"][0]["verdict"] == "fail" and summary(folder)["verdict"] == "fail"


def test_a_log_without_ids_is_judged_apart(folder: Path, tmp_path: Path) -> None:
    """Without ids users and calls are each judged, what needs both is withheld, and that is said."""
    of_calls = {name: charts(run_folder.load(folder))[name] for name in ("calls", "providers", "retry_gaps")}
    done = report(folder, "--access-log", attached.log(tmp_path / "access.log", ids=False))
    found = summary(folder)
    assert found["phases"]["storm"]["metrics"]["attempts"]["value"] == 2.0
    assert found["phases"]["storm"]["success_rate"]["value"] == 1.0
    assert found["verdict"] == "inconclusive" and "no_retry" in found["findings_withheld"]
    assert "clock" in done.stderr
    drawn = charts(run_folder.load(folder))
    assert {name: drawn[name] for name in of_calls} == of_calls  # held against no request of the log, like the table
    assert "2 in `storm`" in of_calls["calls"].says


def test_a_report_renders_again_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """What was imported stays in the folder: neither the log nor its order is needed again."""
    log = attached.log(tmp_path / "access.log")
    report(folder, "--access-log", log)
    names = ("summary.json", "report.html", "summary.md", "junit.xml", "meta.json", "samples.jsonl")
    first = {name: (folder / name).read_bytes() for name in names}
    log.unlink()
    report(folder)
    assert {name: (folder / name).read_bytes() for name in names} == first


def test_the_mark_is_everywhere(folder: Path) -> None:
    """Nobody can read any form of an attached run's result without seeing that users were not looked at."""
    done = report(folder)
    for name in ("report.html", "summary.md", "junit.xml"):
        assert "was not looked at" in (folder / name).read_text(), name
    assert "not looked at" in " ".join(done.stdout.split())
    assert json.loads((folder / "summary.json").read_text())["source"] == "attached"
    head = (folder / "report.html").read_text().split("</header>")[0]
    assert "Attached run" in head and ">0%<" not in head


def test_bad_lines_are_told_with_their_place(folder: Path, tmp_path: Path) -> None:
    """Of a log with bad lines the good ones are used, at most 20 bad ones told, and all counted."""
    log = attached.log(tmp_path / "access.log")
    log.write_text("junk\n" * 30 + log.read_text())
    done = report(folder, "--access-log", log)
    assert done.exit_code == 0
    assert f"{log}:1:0: error:" in done.stderr and "and 10 more lines" in done.stderr
    assert done.stderr.count(": error:") == 20
    assert json.loads((folder / "meta.json").read_text())["access_log"]["bad"] == 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("nonsense\n", "expected JSON lines"),
        ('{"time": 1796054001, "status": 200}\n', "none of 1 lines"),
        ('{"time": 1796000000, "status": 200, "duration_s": 0.1}\n', "does not overlap the run"),
        ("\x00\x01\x02" * 100, "expected JSON lines"),
        ("\x1f\x8b\x08", "compressed"),
        ('127.0.0.1 - - [30/Nov/2026:15:56:19 +0000] "POST /chat HTTP/1.1" 200 5\n', "log JSON instead"),
    ],
)
def test_a_log_that_gives_nothing_is_an_error(folder: Path, tmp_path: Path, text: str, said: str) -> None:
    """A log of which nothing can be used ends with 2, says why, and leaves the folder as it was."""
    before = (folder / "meta.json").read_bytes()
    log = tmp_path / "access.log"
    log.write_bytes(text.encode("latin-1"))
    with pytest.raises(ChaosError) as caught:
        report(folder, "--access-log", log)
    assert caught.value.exit_code == Exit.USAGE
    assert said in caught.value.what + caught.value.hint
    assert (folder / "meta.json").read_bytes() == before and not (folder / "samples.npz").exists()


def test_a_line_of_ten_megabytes_costs_itself_alone(folder: Path, tmp_path: Path) -> None:
    """A line without end is told and passed over, without being held."""
    log = attached.log(tmp_path / "access.log")
    log.write_text(log.read_text() + '{"x": "' + "y" * 10_000_000 + '"}\n' + log.read_text().splitlines()[0] + "\n")
    done = report(folder, "--access-log", log)
    assert done.exit_code == 0 and "longer than 1 MB" in done.stderr


def test_a_driven_run_takes_no_log(tmp_path: Path) -> None:
    """Our own load saw more than a log tells: its samples are not thrown away."""
    import folder_factory

    folder = folder_factory.write(folder_factory.passing(), tmp_path / "run")
    with pytest.raises(ChaosError, match="driven by our own load"):
        report(folder, "--access-log", attached.log(tmp_path / "access.log"))


def test_how_to_read_needs_a_log(folder: Path) -> None:
    """--map without a log, and a --map that is none, are told."""
    assert "give --access-log too" in report(folder, "--map", "time=ts").output
    bad = report(folder, "--access-log", folder / "meta.json", "--map", "tiem=ts")
    assert (bad.exit_code == 2 and "did you mean" in bad.output.lower()) or "time" in bad.output


@pytest.mark.parametrize(
    "said", ["[]", '"x"', '{"used": "many", "bad": [], "file": 7, "skew": "late", "flags": {}}', '{"skew": 1e999}']
)
def test_a_made_up_account_of_a_log_is_no_traceback(folder: Path, tmp_path: Path, said: str) -> None:
    """Whatever stands in meta.json, the folder is read, and what was lost of it is no PASS."""
    report(folder, "--access-log", attached.log(tmp_path / "access.log"))
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"access_log": "HERE"}).replace('"HERE"', said))
    done = report(folder)
    assert done.exit_code == 0, done.output
    assert summary(folder)["source"] == "access_log"


def test_a_source_that_there_is_not_is_a_lost_record(folder: Path) -> None:
    """A made-up source never turns an attached run into one that saw its users."""
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"source": ["driver"]}))
    report(folder)
    assert summary(folder)["verdict"] != "pass"

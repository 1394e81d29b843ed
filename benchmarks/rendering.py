"""How long a long run takes to render: alone, and as `chaosllm report` does it, which also reads and judges.

`python -m benchmarks.rendering FOLDER` is the child that renders and prints the split; `measure` makes the records.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, Run, Section
from benchmarks.judging import EVENTS, SAMPLES, SECONDS, write

#: The run that the front page shows.
SAMPLE = Path(__file__).parents[1] / "reports" / "sample"


def measure(run: Run) -> Section:
    """The same run as in `judging`, and one of the usual size."""
    samples = SAMPLES // 20 if run.quick else SAMPLES
    events = EVENTS // 20 if run.quick else EVENTS
    section = Section(
        "Rendering",
        f"A run of {SECONDS} s with {samples:,} operations and {events:,} calls. Alone: the judged run is in memory,"
        " and becomes report.html with every chart. Whole: `chaosllm report FOLDER` in a process of its own, which"
        " reads the records, judges them and writes page, plots, summary, comment and JUnit. The usual run is the one"
        " in reports/sample. Processor time of all threads; nothing is pinned.",
        ("", "processor s", "wall s", "memory MB", "page KB"),
    )
    folder = run.ground.folder / "rendering"
    write(folder, samples, events)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rendering", str(folder)], capture_output=True, text=True, check=True
    )
    alone = json.loads(done.stdout)
    for name, (processor, wall, peak) in alone["stages"].items():
        section.rows.append((name, f"{processor:.2f}", f"{wall:.2f}", f"{peak:.0f}", ""))
    whole = _report(folder)
    usual = run.ground.folder / "usual"
    shutil.copytree(SAMPLE, usual)
    small = min((_report(usual) for _ in range(3)), key=lambda found: found[1])
    for name, found in (("whole", whole), ("whole, the usual run", small)):
        processor, wall, peak, page = found
        section.rows.append((name, f"{processor:.2f}", f"{wall:.2f}", f"{peak:.0f}", f"{page / 1e3:.0f}"))
    section.figures = [
        Figure("rendering of 1e6 operations, judged already", alone["stages"]["rendering alone"][0], " s", most=10),
        Figure("`chaosllm report` of 1e6 operations, processor time", whole[0], " s", most=10),
        Figure("its memory at its highest", whole[2], " MB", most=1024, digits=0),
        Figure("its page", whole[3] / 1e6, " MB", most=2),
        Figure("`chaosllm report` of the usual run, wall time, best of 3", small[1], " s", most=3),
    ]
    return section


def _report(folder: Path) -> tuple[float, float, float, int]:
    """(processor seconds, wall seconds, megabytes at the highest, bytes of the page) of `chaosllm report`."""
    begin = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "chaosllm", "report", str(folder)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"chaosllm report ended with {child.returncode}")
    page = (folder / "report.html").stat().st_size
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, page


def render(folder: Path) -> dict[str, object]:
    """Render the run, and say where the time went."""
    stages: dict[str, tuple[float, float, float]] = {}

    def timed[T](stage: str, work: Callable[[], T]) -> T:
        begin, wall = time.process_time(), time.monotonic()
        found = work()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        stages[stage] = time.process_time() - begin, time.monotonic() - wall, peak
        return found

    def page() -> str:
        from chaosllm.adapters.charts import charts
        from chaosllm.adapters.rendering import material
        from chaosllm.registry import member

        text: str = member("renderers", "html").render(material(folder, run, summary, charts(run)))
        return text

    from chaosllm import verdict
    from chaosllm.adapters import run_folder

    run = timed("reading", lambda: run_folder.load(folder))
    summary = timed("judging", lambda: verdict.judge(run))
    text = timed("rendering alone", page)
    return {"stages": stages, "page": len(text.encode())}


if __name__ == "__main__":
    print(json.dumps(render(Path(sys.argv[1]))))

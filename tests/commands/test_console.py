"""The view on stderr: drawn only where a terminal can move its cursor, and taken away without a trace."""

from __future__ import annotations

import io
import re

import pytest
from live_messages import driver, proxy, scenario

from chaosllm.commands import _console
from chaosllm.commands._console import Progress
from chaosllm.live.view import Queue

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def go(progress: Progress, seconds: int = 3) -> None:
    with progress:
        progress.say("starting the proxy")
        for t in range(seconds):
            progress.progress(driver(float(t), 10 * t), proxy(10 * t))
        progress.note("something")
        progress.say("judging")


def test_a_terminal_is_left_as_it_was() -> None:
    """The cursor is shown at the end as often as it was hidden, and nothing of the view stays."""
    file = Terminal()
    go(Progress(scenario(), file=file))
    text = file.getvalue()
    assert text.count(HIDE) == text.count(SHOW) > 1
    assert text.rindex(SHOW) > text.rindex(HIDE)
    assert "watched" in text
    assert not re.search(r"\x1b\[\?(?:1049|1000|2004)", text)  # no other screen, no mouse, no paste mode


def test_an_error_shows_the_cursor() -> None:
    """However a run ends, its view is taken away."""
    file = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress(scenario(), file=file) as progress:
        progress.progress(driver(1.0), proxy())
        raise KeyboardInterrupt
    assert file.getvalue().rindex(SHOW) > file.getvalue().rindex(HIDE)


@pytest.mark.parametrize(
    ("terminal", "variables", "more"),
    [
        (False, {}, {}),
        (False, {"FORCE_COLOR": "1"}, {}),  # as CI sets it
        (True, {"TERM": "dumb"}, {}),
        (True, {"TERM": "unknown"}, {}),
        (True, {}, {"label": "fragile"}),
        (True, {}, {"plain": True}),
    ],
)
def test_lines_elsewhere(
    terminal: bool, variables: dict[str, str], more: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a view cannot stand there are lines, the first at once, and no cursor moves."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = Terminal() if terminal else io.StringIO()
    go(Progress(scenario(), file=file, **more))
    text = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())
    assert "\x1b" not in text
    label = f"{more['label']}: " if "label" in more else ""
    assert text.splitlines() == [
        f"{label}starting the proxy", f"{label}0s of 1m  warmup  0 sent, p95 900ms", f"{label}note: something",
        f"{label}judging",
    ]  # fmt: skip


def test_a_line_of_a_log_is_whole() -> None:
    """What somebody did stands on one line where there is no terminal, so that whoever searches a log finds it."""
    file, long = io.StringIO(), "19:41:51   +10.5s  terminal:ada: share fault.0 80%: strikes 80% of calls, before 50%"
    Progress(scenario(), file=file).tell(long * 2)
    assert file.getvalue().splitlines() == [long * 2]


def test_a_line_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of messages that come each second one in five is a line."""
    file, now = io.StringIO(), [1000.0]
    monkeypatch.setattr(_console.time, "monotonic", lambda: now[0])
    progress = Progress(scenario(), file=file)
    for t in range(21):
        now[0] = 1000.0 + t
        progress.progress(driver(float(t)), proxy())
    assert [line.split()[0] for line in file.getvalue().splitlines()] == ["0s", "5s", "10s", "15s", "20s"]


def test_quiet_is_quiet() -> None:
    """--quiet writes nothing, on a terminal neither."""
    file = Terminal()
    go(Progress(scenario(), file=file, quiet=True))
    assert file.getvalue() == ""


def test_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the view moves the cursor and colours nothing."""
    monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal()
    go(Progress(scenario(), file=file))
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|9[0-7]|38)(?:;[0-9;]*)?m", file.getvalue())
    assert "watched" in file.getvalue()


@pytest.mark.parametrize(("width", "folds"), [(80, False), (100, False), (79, False), (40, True)])
def test_a_narrower_terminal(width: int, folds: bool) -> None:
    """Rows that a narrower terminal folded are wiped away before the next frame; a wider one needs nothing."""
    file = Terminal()
    progress = Progress(scenario(), file=file, queue=Queue(1, 2))
    with progress:
        progress.progress(driver(20.0, 200), proxy(200))
        drawn, at = [*progress._drawn], len(file.getvalue())
        progress._console.width = width
        progress.redraw()
        after = file.getvalue()[at:]
    folded = sum(max(1, -(-columns // width)) for columns in drawn)
    assert (folded > len(drawn)) == folds
    wiped = re.match(r"\r\x1b\[(\d+)A\x1b\[J(\n+)", after)
    assert (wiped is not None) == folds
    if wiped:
        assert (int(wiped[1]), len(wiped[2])) == (folded - 1, len(drawn) - 1)


def test_a_resize_outside_the_load_is_nothing() -> None:
    """Before the load begins and after it has ended there is nothing to draw anew."""
    file = Terminal()
    with Progress(scenario(), file=file) as progress:
        progress.redraw()
    progress.redraw()
    assert file.getvalue() == ""

"""The live view fits its terminal, shows foreign text clean, and says in words what it says in colours."""

from __future__ import annotations

import pytest
from hostile import HOSTILE
from live_messages import SCENARIO, driver, proxy, scenario, stormy

from chaosllm.live.view import LiveView, Queue
from chaosllm.renderers._live import frame, line

SUITE = Queue(2, 14, "1 passed", 300.0)


def shown(view: LiveView, width: int = 80, height: int = 24, **more) -> list[str]:
    return [one.plain for one in frame(view, width=width, height=height, **more)]


def row(lines: list[str], label: str) -> str:
    (found,) = [one[10:] for one in lines if one.startswith(label)]
    return found


@pytest.mark.parametrize("width", [1, 5, 12, 20, 33, 59, 60, 79, 80, 119, 120, 400])
@pytest.mark.parametrize("t", [0, 3, 24, 40, 59, 64])
def test_no_line_is_too_wide(width: int, t: int) -> None:
    """Whatever the width, no line is wider, and there is something to see."""
    lines = frame(stormy(t), width=width, height=24, queue=SUITE)
    assert lines
    assert max(made.cell_len for made in lines) <= width


@pytest.mark.parametrize("height", [1, 2, 4, 8, 24])
def test_no_frame_is_too_high(height: int) -> None:
    """On a low terminal the name of the run and its phase stay longest."""
    lines = shown(stormy(40), height=height, queue=SUITE)
    assert len(lines) <= height
    assert lines[0].startswith("2 of 14  watched")
    assert height < 4 or any(one.startswith("phase") for one in lines)


def test_what_a_storm_looks_like() -> None:
    """Each figure stands in the row that it belongs to."""
    lines = shown(stormy(40), 100)
    assert lines[0].split() == ["watched", "40s", "of", "1m"]
    assert lines[1].split() == ["war…", "baseline", "storm", "recovery"]
    assert lines[2].endswith("5s left of storm")
    assert row(lines, "goodput").endswith("5/s, 50% of baseline")
    assert row(lines, "users") == "10/s offered, 10/s sent, 10/s answered, 3 in flight, 400 so far"
    assert row(lines, "answers") == "53.1% good of 160 in this phase, p50 400ms, p95 900ms, 75 failed"
    assert row(lines, "calls") == "3.0 an operation, 1.0 in the baseline, 670 so far"
    assert row(lines, "injected") == "75 of 75 planned, storm.0 rate_limit 75 of 75, storm.1 latency 0 of 0"
    assert row(lines, "errors") == "HTTP 429 ×75"
    assert row(lines, "spend") == "0.0140 USD at list prices, simulated: nobody pays"
    stops = [one for one in lines if one.startswith("stop if")]
    assert stops[0].endswith("success_rate(last 10s) < 20%, 50% now, 30 points away")
    assert stops[1].endswith("latency_p95(last 10s) > 5s, 900ms now, 4.1s away")


def test_bars_are_right_without_colour() -> None:
    """What is over of the run is heavy, what is to come light, and the curve falls where goodput does."""
    lines = shown(stormy(40), 100)
    bar, curve = row(lines, "phase"), row(lines, "goodput")
    assert bar.count("━") > bar.count("─") > 0
    begin = bar.index(" ", bar.index(" ") + 1)  # behind the baseline
    assert {*curve[2 : begin - 1]} == {"█"}
    assert {*curve[begin + 4 : begin + 12]} == {"▅"}


def test_nothing_is_made_up_at_the_start() -> None:
    """Before the first answers no rate, no share and no distance is shown."""
    text = "\n".join(shown(stormy(0)))
    assert "%" not in text.replace("< 20%", "")
    assert "/s" not in text
    assert text.count("not known yet") == 2


def test_a_condition_that_holds_says_so() -> None:
    """The row of a stop condition that has come true cannot be taken for one that has not."""
    view = LiveView(scenario())
    for t in range(14):
        view.see(driver(float(t), outcomes={"error": 10 * t}), proxy())
    (stop,) = [one for one in frame(view, width=90, height=24) if "success_rate" in one.plain]
    assert stop.plain.endswith("0% now, it holds")


def test_real_money_is_not_called_simulated() -> None:
    """Only where our simulator answers for every upstream nobody pays."""
    assert "nobody pays" in row(shown(stormy(30)), "spend")
    assert "nobody" not in row(shown(stormy(30, SCENARIO.replace("simulator", "https://api.openai.com"))), "spend")


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_clean(text: str) -> None:
    """No escape, control or line end of an error's text or a rule's name reaches the terminal, and rows stay rows."""
    view = LiveView(scenario())
    for t in range(30):
        view.see(driver(float(t), outcomes={"error": 10 * t}, errors={text: 10 * t, "HTTP 500": 1}), proxy())
    for lines in (shown(view), [line(view)]):
        assert len([one for one in lines if one.startswith("errors")]) == (len(lines) > 1)
        for one in lines:
            assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in one)
            assert "\u202e" not in one
            one.encode()
    assert max(len(one) for one in shown(view)) <= 80


@pytest.mark.parametrize("t", [0, 30, 64])
def test_a_terminal_with_ascii_alone(t: int) -> None:
    """Where nothing but ASCII can be shown, all is ASCII and stands in the same columns."""
    plain, rich = (shown(stormy(t), plain_signs=signs, queue=SUITE) for signs in (True, False))
    assert all(one.isascii() for one in plain)
    assert [len(one) for one in plain] == [len(one) for one in rich]


@pytest.mark.parametrize(
    ("t", "says"),
    [
        (0, "0s of 1m  warmup  0 sent, p95 900ms, 3 in flight"),
        (10, "10s of 1m  baseline  100 sent, 10/s good, p95 900ms, 1.0 calls an operation, 3 in flight"),
        (40, "40s of 1m  storm  400 sent, 5/s good (50% of baseline), p95 900ms, 75 of 75 injected, 3.0 calls an "
             "operation, 3 in flight, HTTP 429 x75"),
        (64, "1m of 1m  finishing  640 sent, 10/s good, p95 900ms, 100 of 100 injected, 3 in flight, HTTP 429 x100"),
    ],
)  # fmt: skip
def test_one_line(t: int, says: str) -> None:
    """Without a terminal the moment is one line: time in whole seconds, phase, and what matters most."""
    assert line(stormy(t)) == says


def test_a_line_warns() -> None:
    """A stop condition that is near stands in the line; one that is far does not."""
    view = LiveView(scenario())
    for t in range(14):
        view.see(driver(float(t), 2 * t, outcomes={"error": 6 * t}, p95=2.6), proxy())
    assert line(view).endswith("stop if success_rate(last 10s) < 20%: 25% now")


def test_a_line_before_the_start() -> None:
    """Before the first phase the line says that the run is starting, in whole seconds."""
    view = LiveView(scenario())
    assert line(view).startswith("0s of 1m  warmup  0 sent")
    view.see(driver(5.71, 3), {})
    assert line(view).startswith("6s of 1m  baseline  3 sent")

"""How exact the run was stands in every report, by process and worker, and nothing stands where nothing is known."""

import pytest
import rendering_factory as made

from chaosllm.renderers import Material, _instrument, html, markdown, terminal

TOLD = {
    "processes": [
        {
            "process": "proxy", "worker": number, "cpu": {"p50": 0.1, "p95": 0.31, "max": 0.2 * number},
            "wait": {"p50": 0.0, "p95": 0.02, "max": 0.03},
            "lag": {"p50": 0.0004, "p99": 0.0011 * number, "max": 0.009},
        }
        for number in (1, 2)
    ] + [{"process": "driver", "lag": {"p50": 0.001, "p99": 0.002, "max": 0.003}}],
    "delays": {"n": 40, "p50": 0.0006, "p95": 0.0018, "max": 0.0033},
    "pace": {"n": 1200, "p50": 0.0005, "p95": 0.001, "p99": 0.002, "max": 0.0042},
    "paths": {"fast": 1180, "layers": 3},
}  # fmt: skip


@pytest.mark.parametrize("renderer", [html.MEMBER, markdown.MEMBER])
def test_every_number_is_shown(renderer):
    text = renderer.render(Material(made.summary(instrument=TOLD))).replace("\\", "")
    for shown in (
        "proxy 1", "proxy 2", "load generator", "40%", "31%", "2.2ms", "9ms",
        "40 injected delays, longer than asked for by +0.6ms at p50, +1.8ms at p95, +3.3ms at most.",
        "1,200 paced events, later than the schedule by +0.5ms at p50, +1ms at p95, +2ms at p99, +4.2ms at most.",
        "1,180 straight from wire to wire, 3 through mitmproxy",
    ):  # fmt: skip
        assert shown in text.replace("&#x27;", "'"), shown


def test_the_screen_has_one_line_of_the_worst_worker():
    text = terminal.MEMBER.render(Material(made.summary(instrument=TOLD)))
    assert "proxy: at most 40% of a core, 2.2ms late (p99); injected delays +1.8ms (p95)" in text


@pytest.mark.parametrize(
    "told", [None, {}, {"processes": []}, {"processes": "x", "delays": 3, "paths": [1], "pace": {}}]
)
def test_nothing_is_shown_where_nothing_is_known(told):
    summary = made.summary(instrument=told)
    assert (_instrument.rows(summary), _instrument.sentences(summary), _instrument.line(summary)) == ([], [], "")
    assert "During the run" not in html.MEMBER.render(Material(summary))
    assert "How exact" not in markdown.MEMBER.render(Material(summary))


def test_a_strange_record_breaks_no_report():
    told = {"processes": [{"process": "<b>x</b>", "worker": "?", "cpu": 3, "lag": None}, {}], "paths": {"<i>": 2}}
    page = html.MEMBER.render(Material(made.summary(instrument=told)))
    assert "<b>x</b>" not in page
    assert "<i>" not in page

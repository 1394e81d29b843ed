"""Findings by fault as a grid."""

from __future__ import annotations

import rendering_factory as factory

from chaosllm.series.heat import Row, Seen, codes_of, row_of


def test_a_summary_becomes_a_row():
    """Each finding by its code with how often; what could not be looked for is not what was not there."""
    row = row_of("storm", factory.summary(findings_withheld=["no_jitter"]))
    assert row.seen["truncated_accepted"] == Seen("critical", 12, 31)
    assert row.seen["error_leaked"] == Seen("major", 40, None)
    assert row.withheld == {"no_jitter"}


def test_a_code_seen_in_two_phases_is_one_cell():
    """Its counts add up, and the graver severity stands."""
    one = {"code": "hang", "severity": "minor", "phase": "a", "count": 2, "of": 10}
    row = row_of("x", {"findings": [one, one | {"severity": "critical", "phase": "b", "count": 3}]})
    assert row.seen["hang"] == Seen("critical", 5, 20)


def test_damaged_summaries_are_rows_too():
    """Counts that are none count nothing, and a summary without findings is an empty row."""
    assert row_of("x", {"findings": [{"code": "hang", "count": float("nan")}]}).seen["hang"].count == 0
    assert row_of("x", {}) == Row("x")


def test_the_gravest_and_most_frequent_codes_come_first():
    """A critical finding of one run stands before a major one of many."""
    many = {"b": Seen("major", 1), "c": Seen("major", 1)}
    rows = [
        Row("1", many),
        Row("2", {"b": Seen("major", 9)}),
        Row("3", {"a": Seen("critical", 1), "d": Seen("odd", 1)}),
    ]
    assert codes_of(rows) == ["a", "b", "c", "d"]

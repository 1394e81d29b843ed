"""The status of several workers: counts add up, of levels the highest holds, nothing is lost."""

from chaosllm.adapters.proxy.workers.totals import total


def test_counts_add_and_levels_do_not():
    """Whole numbers are counts at any depth; fractions are levels, also beside one that came as a whole number."""
    one = {"type": "status", "calls": 3, "cpu": 0.9, "lag": 0, "last": "", "by_rule": {"a": {"fired": 1}}}
    two = {
        "type": "status",
        "calls": 4,
        "cpu": 0.2,
        "lag": 0.01,
        "last": "500",
        "by_rule": {"a": {"fired": 2}, "b": {"fired": 5}},
    }
    three = {"type": "status"}
    found = {"type": "status", "calls": 7, "cpu": 0.9, "lag": 0.01, "last": "500",
             "by_rule": {"a": {"fired": 3}, "b": {"fired": 5}}}  # fmt: skip
    for parts in ([one, two, three], [three, two, one], [two, one]):
        assert total(parts) == found
    assert one["by_rule"] == {"a": {"fired": 1}}  # what was told stays as it was
    assert total([]) == {}

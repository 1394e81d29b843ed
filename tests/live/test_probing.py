"""A probe stops a run when enough of its answers in a row were failures, and never because nothing is known."""

from __future__ import annotations

import pytest

from chaosllm.live.probing import ProbeWatch
from chaosllm.probes import Judged
from chaosllm.probes.http import HttpProbe
from chaosllm.scenario import StopProbe


@pytest.mark.parametrize(
    ("failures", "answers", "stops"),
    [
        (3, "nnn", 3),
        (3, "nnynnn", 6),
        (3, "nn?n", 4),  # what is not known neither counts nor begins anew
        (3, "nn??????", None),
        (1, "yyyn", 4),
        (1, "????", None),
        (2, "ynynyn", None),
    ],
)
def test_so_many_in_a_row(failures: int, answers: str, stops: int | None) -> None:
    """`failures` are counted in a row."""
    watch = ProbeWatch(StopProbe(HttpProbe("/x"), 1.0, 2.0, failures))
    said = {"y": Judged(True, "200"), "n": Judged(False, "503 after 2ms"), "?": Judged(None, "no value")}
    found = [watch.take(said[one]) for one in answers]
    assert next((at for at, one in enumerate(found, 1) if one is not None), None) == stops
    if stops is not None:
        stop = found[stops - 1]
        assert (stop.kind, stop.who) == ("probe", "probe")
        assert stop.text.startswith("/x does not answer 200")
        assert stop.text.endswith("503 after 2ms now")
        assert watch.reading().holds


def test_what_is_not_known_is_shown_so() -> None:
    """Before the first answer, and while nothing is known, there is no value."""
    watch = ProbeWatch(StopProbe(HttpProbe("/x"), 1.0, 2.0, 3))
    assert (watch.reading().value, watch.reading().now) == (None, "")
    watch.take(Judged(None, "no series matches"))
    assert (watch.reading().value, watch.reading().now) == (None, "not known: no series matches")
    watch.take(Judged(False, "503"))
    assert watch.reading().now == "503, 1 of 3 failed"

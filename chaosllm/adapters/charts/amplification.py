"""What the app asked of LLMs over what users asked of the app: the extra load that retries make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group, compared, name, times
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.calls import by_provider
from chaosllm.series.groups import Group, groups
from chaosllm.series.timeline import rates, windows

if TYPE_CHECKING:
    from chaosllm.join import Run

TITLE = "Calls to LLMs over what users asked"
#: A tenth more calls is within the retry budget that Google's SRE book gives each client (chapter 21).
QUIET = 1.1


def draw(run: Run) -> Drawing:
    """Operations and calls a second, and the calls that so many operations take in the baseline."""
    into = windows(run)
    found = groups(run, most=1000)
    if not len(into) or not (made := rates(run, into)).calls.any():
        return nothing(TITLE, "The proxy saw no call to an LLM, so there is nothing to plot.")
    each = _each(run, found)
    usual = next((value for group, value in each if group.role is Role.BASELINE and value > 0), float("nan"))
    figure, axes = style.figure()
    axes.stairs(made.offered, into.edges, baseline=None, color=style.INK, alpha=0.7, linewidth=1.1,
                linestyle=style.DASHES[2], label="users asked")  # fmt: skip
    expected = made.offered * usual
    if np.isfinite(usual):
        over = np.maximum(made.calls, expected)
        axes.stairs(over, into.edges, baseline=expected, fill=True, facecolor=style.VERMILLION, alpha=0.35,
                    linewidth=0, label="beyond the usual")  # fmt: skip
        if abs(usual - 1) > 0.05:
            axes.stairs(expected, into.edges, baseline=None, color=style.BLUE, linewidth=1.2,
                        linestyle=style.DASHES[1], label="usual calls")  # fmt: skip
    axes.stairs(made.calls, into.edges, baseline=None, color=style.VERMILLION, linewidth=1.7, label="app called")
    style.rate_axis(axes, float(max(made.offered.max(), made.calls.max())), "a second")
    style.bands(axes, run)
    style.legend(axes)
    shows = (
        f"Operations that users asked and calls that the app made, a second, in windows of {words.seconds(into.step)}."
    )
    return Drawing(figure, TITLE, shows, _says(each))


def _each(run: Run, found: list[Group]) -> list[tuple[Group, float]]:
    """Calls for one operation that was sent, by group."""
    _, rate = by_provider(run, found)
    return [(group, float(mine.sum())) for group, mine in zip(found, rate, strict=True)]


def _says(each: list[tuple[Group, float]]) -> str:
    pair = compared(each)
    if pair is None:
        told = by_group(each[:6], words.plain)
        return f"Calls for one operation: {told}." if told else "No operation was due in a judged phase."
    (before, was), (fault, now) = pair
    if was and now / was > QUIET:
        return (
            f"Calls for one operation went from {words.plain(round(was, 2))} in {name(before)} to "
            f"{words.plain(round(now, 2))} in {name(fault)}: {times(now / was)} the load on the provider."
        )
    return (
        f"Calls did not multiply: {words.plain(round(was, 2))} for one operation in {name(before)}, "
        f"at most {words.plain(round(now, 2))} under a fault."
    )

"""What a good answer cost, by phase: tokens, and dollars beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group, compared, listed, name, times
from chaosllm.renderers import _words as words
from chaosllm.series.groups import groups
from chaosllm.series.spending import Bill, bills

if TYPE_CHECKING:
    from chaosllm.join import Run

TITLE = "What a good answer cost"
MOST_PHASES = 14


def draw(run: Run) -> Drawing:
    """Tokens billed for each good answer by phase, what went in and what came out, with the dollars beside them."""
    found = [bill for bill in bills(run, groups(run, most=MOST_PHASES)) if len(bill.group.due(run))]
    if not any(bill.tokens for bill in found):
        return nothing(TITLE, "No call of a judged phase was billed a token, so a good answer has no cost to plot.")
    figure, axes = style.figure(1.25 + 0.3 * max(len(found), 2))
    places = np.arange(len(found))
    went_in = np.array([_shown(bill, bill.tokens_in) for bill in found])
    came_out = np.array([_shown(bill, bill.tokens_out) for bill in found])
    for width, left, look in ((went_in, 0, (style.SKY, "", "in")), (came_out, went_in, (style.BLUE, "///", "out"))):
        axes.barh(places, width, 0.66, left=left, facecolor=look[0], edgecolor=style.INK, linewidth=0.4,
                  hatch=look[1], label=f"tokens {look[2]}")  # fmt: skip
    total = went_in + came_out
    for place, bill in enumerate(found):
        axes.annotate(_beside(bill), (total[place], place), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(places, [style.label(bill.group.name, 16) for bill in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlim(0, float(total.max()) * 1.5 or 1.0)
    axes.set_xlabel("tokens for one good answer (USD: for 1,000 answers)")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    style.legend(axes)
    shows = "Tokens billed for each good answer, in and out, by phase, with their price."
    return Drawing(figure, TITLE, shows, _says(found))


def _shown(bill: Bill, tokens: int) -> float:
    return tokens / bill.good if bill.good else 0.0


def _beside(bill: Bill) -> str:
    about = "~" if bill.estimated else ""
    if not bill.good:
        return f"no good answer, {about}{words.money(bill.usd)} in all"
    return f"{about}{bill.per_good(bill.usd) * 1000:,.3g} USD"


def _says(found: list[Bill]) -> str:
    values = [(bill.group, bill.per_good(bill.tokens)) for bill in found]
    pair = compared(values)
    guess = " Prices are estimates where no price or no usage is known (~)." if any(b.estimated for b in found) else ""
    lost = [bill for bill in found if not bill.good]
    tokens = sum(bill.tokens for bill in lost)
    price = f", for {words.counted(tokens, 'token')}" if tokens else ""
    where = listed([name(bill.group) for bill in lost[:3]])
    spent = f" No answer was good in {where}{price}." if lost else ""
    if pair is None:
        told = by_group(values[:6], words.count)
        return (f"Tokens for a good answer: {told}.{spent}" if told else spent.strip()) + guess
    (before, was), (fault, now) = pair
    if was and now / was > 1.1:
        return (
            f"A good answer took {words.count(was)} tokens in {name(before)} and {words.count(now)} in {name(fault)}, "
            f"{times(now / was)} as many.{_dollars(found)}{spent}{guess}"
        )
    said = f"A good answer took {words.count(was)} tokens in {name(before)}, at most {words.count(now)} under a fault."
    return said + _dollars(found) + spent + guess


def _dollars(found: list[Bill]) -> str:
    """What a thousand good answers cost, before and at most; dearer by more than tokens where a fallback is dearer."""
    pair = compared([(bill.group, bill.per_good(bill.usd) * 1000) for bill in found])
    if pair is None or not pair[0][1]:
        return ""
    (before, was), (fault, now) = pair
    rise = f", {times(now / was)} as much" if now / was > 1.1 else ""
    return f" 1,000 good answers cost {was:,.3g} USD in {name(before)}, at most {now:,.3g} USD in {name(fault)}{rise}."

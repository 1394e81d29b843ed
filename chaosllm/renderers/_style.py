"""The colours of outcomes and lines, which page and charts share."""

from __future__ import annotations

from collections.abc import Mapping

# Okabe and Ito (2008), "Color Universal Design": eight colours that all kinds of colour vision tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE, GREY = "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C"

OUTCOME_COLOURS: Mapping[str, str] = {
    "good": GREEN,
    "degraded": SKY,
    "wrong": ORANGE,
    "error": VERMILLION,
    "hang": PURPLE,
    "dropped": GREY,
}

#: Without black, which a dark page swallows, and yellow, which a light one does.
LINE_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

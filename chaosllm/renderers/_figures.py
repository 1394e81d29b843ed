"""Numbers as all renderers show them: with their unit, rounded to what can be read; a dash for none."""

from __future__ import annotations

import math

from chaosllm.units import format_duration, format_share

NONE = "\N{EM DASH}"


def number(value: object) -> float | None:
    """The value as a finite float; None for what is none (a NaN means "never measured")."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def count(value: object) -> str:
    """A whole number with thousands apart: "1,240"; a dash for none."""
    found = number(value)
    return NONE if found is None else f"{found:,.0f}"


def counted(value: object, noun: str) -> str:
    """Such as "1 operation" and "1,240 operations"."""
    return f"{count(value)} {noun}" + ("" if number(value) == 1 else "s")


def seconds(value: object) -> str:
    """A duration as the scenario spells it: "812ms", "2.1s"; a dash for none."""
    found = number(value)
    return NONE if found is None else format_duration(found)


def signed(value: object) -> str:
    """A difference of durations with its sign: "+1.1ms"; a dash for none."""
    found = number(value)
    return NONE if found is None else ("-" if found < 0 else "+") + seconds(abs(found))


def share(value: object) -> str:
    """A percentage with one decimal at most; a share that is not whole never reads as 100% or 0%."""
    found = number(value)
    if found is None:
        return NONE
    text = format_share(found)
    if text == "100%" and found < 1:
        return ">99.9%"
    return "<0.1%" if text == "0%" and found > 0 else text


def plain(value: object) -> str:
    """A number with two decimals where it is small: "1.58", "18.9", "1,240"; a dash for none."""
    found = number(value)
    if found is None:
        return NONE
    if found == int(found) or abs(found) >= 1000:
        return f"{found:,.0f}"
    return f"{found:.1f}" if abs(found) >= 10 else f"{found:.2f}"


def rate(value: object) -> str:
    """So many a second: "4.1/s", "120/s", "0.05/s"; a dash for none."""
    found = number(value)
    if found is None:
        return NONE
    if found == 0 or found >= 100:
        return f"{found:,.0f}/s"
    return f"{found:.1f}/s" if found >= 1 else f"{found:.2g}/s"


def money(value: object) -> str:
    """US dollars, such as "0.0123 USD"; a dash for none."""
    found = number(value)
    return NONE if found is None else f"{found:,.4g} USD"


_FORMATS = {"seconds": seconds, "share": share, "count": count, "usd": money}


def measured(value: object, unit: str) -> str:
    """A value in the unit that the summary names: seconds, share, count, or a plain number."""
    return _FORMATS.get(unit, plain)(value)

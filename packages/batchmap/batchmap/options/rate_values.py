"""Rates as they are given, and whether what items cost goes with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from batchmap.options.option_row import OptionError
from batchmap.options.reader import OptionReader
from batchmap.options.retrying import problem_of_function
from batchmap.rates import Rate

__all__ = ["check_cost", "rates"]

_RATE = re.compile(r"([\d.eE+-]+)\s*([kM]?)\s*(items?)?\s*(?:/\s*([smh]))?")
_THOUSANDS = {"": 1.0, "k": 1e3, "M": 1e6}
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}

MAX_PER_S = 1e9


def rates(raw: Any, label: str) -> tuple[Rate, ...]:
    """Return one rate or several, all of which hold.

    A number is items a second. Text may have the unit s, m or h, and thousands: `250k/m`; with a
    cost, `10 items/s` counts items nevertheless.
    """
    if isinstance(raw, list | tuple) and raw:
        return tuple(dict.fromkeys(_rate(one, label) for one in raw))
    return (_rate(raw, label),)


def _rate(raw: Any, label: str) -> Rate:
    match = _RATE.fullmatch(str(raw).strip()) if not isinstance(raw, bool) else None
    try:
        amount = float(match[1]) * _THOUSANDS[match[2]] if match else 0.0
    except ValueError:
        amount = 0.0
    unit_s = _UNITS_S[match[4] or "s"] if match else 1.0
    if not 0 < amount <= MAX_PER_S * unit_s:
        raise OptionError(
            f"{label} must be above 0 items a second, got {raw!r:.60}; for example 10 or 100/m"
        )
    return Rate(amount, unit_s, bool(match and match[3]))


def check_cost(reader: OptionReader, values: Mapping[str, Any], cost: Any) -> None:
    """Report a `cost` that is no plain function of an item, or that no rate counts.

    Where `cost` is text, the command line names a function, which is looked at once it is loaded.
    """
    if cost is None:
        return
    cost_label, rate_label = reader.label("cost"), reader.label("rate")
    if not isinstance(cost, str) and (problem := problem_of_function(cost)):
        reader.error(f"{cost_label} must be a function that takes the item, {problem}")
    if reader.raw("rate") is None:
        reader.error(
            f"{cost_label} says what an item counts towards {rate_label}; give {rate_label}, too, "
            "for example 250k/m"
        )
    elif values["rate"] and all(one.counts_items for one in values["rate"]):
        reader.error(
            f"{cost_label}: {rate_label} {values['rate'][0]} counts items and none counts the "
            f"cost; give one that does, for example 250k/m"
        )

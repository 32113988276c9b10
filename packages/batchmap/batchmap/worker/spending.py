"""What an item has really cost, as its function tells while it runs."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Any

__all__ = ["Spending", "amount_of", "current_spending", "spent"]


class Spending:
    """What the items of one batch have cost; `None` while none has told."""

    __slots__ = ("amount",)

    def __init__(self) -> None:
        self.amount: float | None = None


current_spending: ContextVar[Spending | None] = ContextVar("current_spending", default=None)
"""That of the batch whose item runs here."""


def spent(amount: float) -> None:
    """Tell what the item that runs has really cost, in place of what `cost` said before its call.

    `amount` is in the units of the rate: tokens, bytes. Several calls add up. It counts from the
    end of the call on, also where that fails; without a call the estimate stays. Where no rate
    counts costs, and outside of a worker, nothing happens. Raises `ValueError` for what is no
    number from 0.
    """
    try:
        number = amount_of(amount)
    except (TypeError, ValueError):
        raise ValueError(f"spent(amount) must be a number from 0, got {amount!r:.60}") from None
    spending = current_spending.get()
    if spending is not None:
        spending.amount = number + (spending.amount or 0.0)


def amount_of(raw: Any) -> float:
    """Return a number from 0; raises `TypeError` or `ValueError` for anything else."""
    if isinstance(raw, bool | str | bytes):
        raise TypeError("no number")
    number = float(raw)
    if not 0 <= number < math.inf:
        raise ValueError("not from 0")
    return number

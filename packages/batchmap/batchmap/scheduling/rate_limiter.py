"""Keeps the starts of items to one or several rates, by their number or by what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.rates import Rate
from batchmap.records import ItemList, UnreadableRecord
from batchmap.row_blocks import RowBlock
from batchmap.scheduling.rate_window import RateWindow, Reservation
from batchmap.worker.spending import amount_of

__all__ = ["Cost", "CostTooHighError", "Permit", "RateLimiter"]

Cost = Callable[[Any], float]
"""Says what an item counts, a number from 0, before its call."""

BEGINS_WITHIN_S = 0.05
"""A call begins within this time of its permit, in seconds, or comes back and gets another."""

EASES_BY = 0.9
"""By this factor the time within which calls have to begin falls with each that does so."""

ARRIVES_WITHIN, MAX_ARRIVES_WITHIN_S = 0.05, 1.0
"""From its beginning, a call takes up to this share of the window, and up to so many seconds, until
the other side has noted it; one that ends earlier has been noted by then."""

SHORT = 0.1
"""Where calls usually end within this share of the window, one that does not may not have been
noted either, as on a machine that is held up. That takes up to a whole window then: to count it for
longer delays few, and so the calls before any has ended count, while workers open connections."""

LEARNS_BY = 0.02
"""The weight of a call among those that tell how long calls usually take."""


class CostTooHighError(ValueError):
    """What an item counts is more than a window ever holds."""


@dataclass(slots=True, eq=False)
class Permit:
    """What lets one batch start; it counts in every window."""

    given_s: float
    """When it was given, on the limiter's clock."""
    begin_by_s: float
    """Its call must have begun by then."""
    within_s: float
    reservations: list[Reservation]


class RateLimiter:
    """Says when the next items may start, so that every window of every rate holds.

    Between a permit and the call lies the way to the worker, which a busy machine makes long: a
    call that has not begun by `Permit.begin_by_s` must not begin, and its batch gets another
    permit. Until it has ended, it counts as if it had been as late as it can be.

    `cost` says what an item counts, but for rates that count items. With `takes_pairs`, batches
    hold pairs of an index and the item, blocks of rows apart.
    """

    def __init__(
        self,
        rates: Sequence[Rate],
        *,
        cost: Cost | None = None,
        takes_pairs: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._rates = rates
        self._by_cost = [cost is not None and not rate.counts_items for rate in rates]
        self._windows = [
            RateWindow(*rate.window(of_items=not by_cost))
            for rate, by_cost in zip(rates, self._by_cost, strict=True)
        ]
        self._cost = cost
        self._asked, self._asked_cost = 0, 0.0
        """How many items have told their cost, and what they cost together."""
        self._takes_pairs = takes_pairs
        self._clock = clock
        self._within_s = BEGINS_WITHIN_S
        self._usual_s = [0.0] * len(self._windows)
        """How long calls take, on average of late; at most as long as each window."""

    @property
    def items_per_s(self) -> float | None:
        """How many items a second may start, by what they have cost so far; `None` if unknown."""
        item_costs = self._asked_cost / self._asked if self._asked else 0.0
        limits = [
            rate.per_second / (item_costs if by_cost else 1.0)
            for rate, by_cost in zip(self._rates, self._by_cost, strict=True)
            if item_costs or not by_cost
        ]
        return min(limits, default=None)

    def amounts(self, items: Sequence[Any]) -> list[float]:
        """Return what a batch of `items` counts in each window.

        Raises what `cost` raises, `TypeError` or `ValueError` for what it returns that is no number
        from 0, and `CostTooHighError` for more than a window ever holds.
        """
        number, cost = float(len(items)), 0.0
        if items and type(items[0]) is ItemList:
            items = list(chain.from_iterable(items))
            number = float(len(items))
        if any(self._by_cost):
            costs = [self._checked_cost(item) for item in self._called(items)]
            number, cost = float(len(costs)), math.fsum(costs)
            self._asked += len(costs)
            self._asked_cost += cost
        amounts = [cost if by_cost else number for by_cost in self._by_cost]
        for rate, window, amount in zip(self._rates, self._windows, amounts, strict=True):
            if amount > window.budget:
                raise CostTooHighError(
                    f"counts {amount:,.12g}, and a rate of {rate} never has room for more than "
                    f"{window.budget:,.12g}; raise the rate, or divide the item"
                )
        return amounts

    def delay_s(self, amounts: Sequence[float]) -> float:
        """Return how many seconds to wait before what counts so much may start; 0 for none."""
        now_s = self._clock.now()
        return max(
            window.delay_s(amount, now_s)
            for window, amount in zip(self._windows, amounts, strict=True)
        )

    def begin(self, amounts: Sequence[float], *, may_be_late: bool = False) -> Permit:
        """Return the permit to start now; one that may be late counts until its call has ended."""
        now_s, within_s = self._clock.now(), self._within_s
        by_s = math.inf if may_be_late else now_s + within_s
        reservations = [
            window.reserve(amount, now_s, by_s + _arrives_within_s(window.length_s, usual_s))
            for window, amount, usual_s in zip(self._windows, amounts, self._usual_s, strict=True)
        ]
        return Permit(now_s, by_s, within_s, reservations)

    def end(self, permit: Permit, *, has_begun: bool, spent: float | None = None) -> None:
        """Settle what a call counts that has ended, or has come back without having begun.

        `spent` is what it has really cost, `None` where that is not known.
        """
        now_s = self._clock.now()
        if has_begun:
            self._within_s = max(BEGINS_WITHIN_S, EASES_BY * self._within_s)
            took_s = now_s - permit.given_s
            for at, window in enumerate(self._windows):
                more_s = min(took_s, window.length_s) - self._usual_s[at]
                self._usual_s[at] += LEARNS_BY * more_s
        elif now_s > permit.begin_by_s:  # workers start up, or the machine is busy
            self._within_s = max(self._within_s, 2 * permit.within_s)
        for window, by_cost, reserved in zip(
            self._windows, self._by_cost, permit.reservations, strict=True
        ):
            known = spent if by_cost and spent is not None else reserved.amount
            window.settle(reserved, known if has_begun else 0.0, now_s)

    def _called(self, items: Sequence[Any]) -> Iterator[Any]:
        """Yield what the function will get of `items`."""
        is_block = isinstance(items, RowBlock)
        for item in items:
            if type(item) is not UnreadableRecord:
                yield item[1] if self._takes_pairs and not is_block else item

    def _checked_cost(self, item: Any) -> float:
        assert self._cost is not None
        says = self._cost(item)
        try:
            return amount_of(says)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"it must return a number from 0, and returned {says!r:.60}"
            ) from None


def _arrives_within_s(window_s: float, usual_s: float) -> float:
    if usual_s <= SHORT * window_s:
        return window_s
    return min(ARRIVES_WITHIN * window_s, MAX_ARRIVES_WITHIN_S)

"""Tells of results that cannot be written, and says when there are no others."""

from __future__ import annotations

import logging

from batchmap.records import ItemFailure
from batchmap.storage import Location
from batchmap.worker.failures import UnwritableFailure

__all__ = ["UnwritableResults"]

_logger = logging.getLogger(__name__)

MOST_IN_VAIN = 100
"""After so many results that cannot be written, and none that can, the run stops."""


class UnwritableResults:
    """Counts the results of a run that cannot be written; `kept_in` is where they are kept."""

    def __init__(self, kept_in: Location | None, written_before: int) -> None:
        self._kept_in = kept_in
        self._written_before = written_before
        self._number = 0

    def most_at_once(self, written: int) -> int | None:
        """Return how many items may be in a batch, so that not many are done in vain."""
        return None if written or self._written_before else MOST_IN_VAIN

    def add(self, failure: ItemFailure, place: str) -> None:
        """Count the failure of an item, if it is one of its result; tell of the first."""
        if not isinstance(failure, UnwritableFailure):
            return
        self._number += 1
        if self._number == 1:
            kept = (
                f"kept in {self._kept_in}"
                if self._kept_in
                else "not kept, as no file for errors is named"
            )
            _logger.warning(
                "%s: the result cannot be written, and is %s: %s: %.300s",
                place, kept, failure.error_type, failure.error,
            )  # fmt: skip

    def is_all(self, written: int) -> bool:
        """Tell whether so many cannot be written, and none can, that more would be in vain."""
        return self._number >= MOST_IN_VAIN and not written and not self._written_before

"""Where the next batch comes from: what runs again, what had to wait for its key, or the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchmap.records import Batch
from batchmap.scheduling.keyed_starts import KeyedStarts
from batchmap.scheduling.retry_queue import RetryQueue
from batchmap.worker.interruption import SignalHandlers

__all__ = ["NextBatches"]


class NextBatches:
    """Batches that are taken one by one: of `again` first, then of `keyed`, then of `batches`."""

    def __init__(
        self, batches: Iterable[Batch | None], again: RetryQueue, keyed: KeyedStarts
    ) -> None:
        self._batches: Iterator[Batch | None] | None = iter(batches)
        self._again = again
        self._keyed = keyed
        self.source_waits = False
        """Whether the source has no batch to give now, and is not at its end."""
        self.source_error: BaseException | None = None
        """What the source raised at its end."""

    def due_in_s(self) -> float | None:
        """Return in how many seconds one is due that was taken before, `None` for none of them."""
        return 0.0 if self._keyed.has_freed else self._again.due_in_s()

    def take(self, *, workers: int) -> Batch | None:
        """Return the next batch, one worker's share of it where it runs again; `None` for none."""
        self.source_waits = False
        if (batch := self._again.take(workers=workers)) is not None:
            return batch
        if (batch := self._keyed.freed()) is not None:
            return batch
        if self._batches is None or self._keyed.is_full:
            return None
        try:
            for batch in self._batches:
                self.source_waits = batch is None
                return batch
        except BaseException as error:
            if SignalHandlers().raised(error):
                raise
            self.source_error = error
        self._batches = None
        return None

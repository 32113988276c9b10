"""What the engine is asked to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchmap.concurrency import WorkerBounds
from batchmap.executors import WorkerExecutor, open_executor
from batchmap.records import Batch
from batchmap.scheduling.batching import cut
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.run_state import RunState
from batchmap.stopping import StopRequest
from batchmap.worker.processor import BatchProcessor

if TYPE_CHECKING:
    from batchmap.tuning.inline import StartedBatch

__all__ = ["EngineRequest", "NextSize"]

NextSize = Callable[[int | None], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """What the engine was asked to run; where `workers` or `batch_size` is `None`, it chooses."""

    processor: BatchProcessor
    items: Iterable[Any]
    total: int | None
    """How many items there are; `None` when unknown."""
    expected: int | None
    """A guess at their number."""
    first_item: int
    """Index of the first of them in the input."""
    workers: int | WorkerBounds | None
    batch_size: int | None
    limits: Limits
    stop: StopRequest
    state: RunState
    started: StartedBatch | None = None
    """A batch that runs already, whose item is the one before `first_item`."""

    @property
    def least_workers(self) -> int | None:
        """The fewest workers that do, where other calls have cores; `None`: as many as asked."""
        if isinstance(self.workers, WorkerBounds):
            return self.workers.least
        return 1 if self.workers is None else None

    def opened(self, backend: str, workers: int, stack: ExitStack) -> WorkerExecutor:
        """Return workers of a backend, which are shut down as `stack` ends."""
        return stack.enter_context(
            open_executor(
                backend,
                workers,
                timeout_s=self.limits.timeout_s,
                stop=self.stop,
                winds_down=self.processor.has_setup,
                least=self.least_workers,
            )
        )

    def cut(self, next_size: NextSize) -> Iterator[Batch | None]:
        """Yield the items in batches of the sizes that `next_size` gives."""
        return cut(self.items, self.total, next_size, first_item=self.first_item)

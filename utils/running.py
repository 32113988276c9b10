"""The corridor: batches in, their records out as they finish, a bounded number under way.

    batches -> [window] -> executor: process(batch) -> finished -> records

Nothing is taken from `batches` before there is room for it, so memory follows the window and
never the input.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from queue import Empty, SimpleQueue

from utils.errors import WorkersLostError
from utils.records import Batch, BatchRecord, ItemFailure
from utils.stopping import StopRequest

__all__ = ["run_batches"]

LOOK_UP_S = 0.1
"""How often a wait looks up for a request to stop, in seconds."""


def run_batches(
    executor: Executor,
    process: Callable[[Batch], BatchRecord],
    batches: Iterable[Batch],
    *,
    window: int,
    stop: StopRequest | None = None,
) -> Iterator[BatchRecord]:
    """Yield the record of each batch as it finishes, with at most `window` batches under way.

    A batch whose worker could not return a record is recorded as failed, item by item. After a
    request to stop no batch is taken; those that run have a few seconds to finish.
    Raises `ValueError` for a window below 1 and `WorkersLostError` when the executor broke.
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    stop = stop or StopRequest()
    finished: SimpleQueue[Future[BatchRecord]] = SimpleQueue()
    under_way: dict[Future[BatchRecord], Batch] = {}
    intake = iter(batches)
    try:
        while True:
            while len(under_way) < window and not stop.requested:
                batch = next(intake, None)
                if batch is None:
                    break
                future = executor.submit(process, batch)
                under_way[future] = batch
                future.add_done_callback(finished.put)
            if not under_way:
                return
            done = _next_finished(finished, under_way, stop)
            if done is None:
                return
            batch = under_way.pop(done)
            if not done.cancelled():
                yield _record_of(done, batch)
    except BrokenExecutor as error:
        raise WorkersLostError(
            f"the workers died ({error}); try fewer workers or --backend thread"
        ) from error
    finally:
        for future in under_way:
            future.cancel()


def _next_finished(
    finished: SimpleQueue[Future[BatchRecord]],
    under_way: Iterable[Future[BatchRecord]],
    stop: StopRequest,
) -> Future[BatchRecord] | None:
    """Return the next future that is done, or `None` when the rest is to be given up."""
    while True:
        try:
            return finished.get(timeout=LOOK_UP_S)
        except Empty:
            if stop.killing:
                return None
            if stop.requested:
                for future in tuple(under_way):
                    future.cancel()


def _record_of(done: Future[BatchRecord], batch: Batch) -> BatchRecord:
    error = done.exception()
    if error is None:
        return done.result()
    if isinstance(error, BrokenExecutor | CancelledError):
        raise error
    failure = ItemFailure(
        type(error).__qualname__, f"the batch could not come back from its worker: {error}", ""
    )
    places = range(len(batch.items))
    return BatchRecord(
        batch_index=batch.index,
        first_item=batch.first_item,
        results=[None] * len(batch.items),
        durations_s=array("d", bytes(8 * len(batch.items))),
        failures=dict.fromkeys(places, failure),
        attempts={},
        worker="",
        started_s=0.0,
        ended_s=0.0,
        cpu_s=0.0,
    )

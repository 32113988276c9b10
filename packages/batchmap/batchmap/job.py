"""A function over a source into an output, exactly once: what `run` does, as an object.

    open                     plan           execute                              outcome
    source -> pending items  -> engine ->   batch records -> recorder -> observers
              ^                                                |
              +------------- journal: what is done <-----------+

The caller uses the four in this order, all within the job's `with` block:

    with Job(function, options) as job:
        job.open()
        job.plan()
        for record in job.execute(observers=[progress, metrics]):
            ...
        outcome = job.outcome()
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from batchmap.checkpoint.open_input import open_input
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.recorder import Recorder
from batchmap.checkpoint.session import open_recorder
from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.engine import RunState, limits_of, open_plan, stream_batches
from batchmap.errors import UsageError
from batchmap.options import JobOptions
from batchmap.records import BatchRecord, Plan
from batchmap.run_outcome import RunOutcome, SyncCounts
from batchmap.scheduling.batching import BatchSizing
from batchmap.scheduling.keyed_starts import LimitPer
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.rate_limiter import Cost
from batchmap.sources import Source
from batchmap.stopping import StopRequest
from batchmap.storage import Location
from batchmap.worker.list_call import EncodeList
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.retry_decision import RetryIf

if TYPE_CHECKING:
    from batchmap.executors.dask.address import DaskAddress

__all__ = ["Job", "RunObserver", "dask_address"]


class RunObserver(Protocol):
    """Sees the records of a run as they come: progress, metrics, a trace."""

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Yield `records` on, unchanged and in their order."""
        ...


class Job:
    """A function over the source that `options` name, into their output, exactly once.

    `retry_if` is asked of an error whether, or after how many seconds, its item is tried again, and
    `cost` what an item counts towards the rate; `limit_per` maps functions to how many items run at
    once for which they return the same.
    `fingerprint` says what the results depend on beside the options and the items: a run whose
    fingerprint has changed is not resumed. `stdout` is the file descriptor for results where there
    is no output, and `source` the source where it is open already. `written` maps options to the
    other files that the caller will write, such as exports, so that none of them is read as input.
    Raises `UsageError` when `options` ask for the async backend and `function` is not a coroutine
    function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        options: JobOptions,
        *,
        retry_if: RetryIf | None = None,
        cost: Cost | None = None,
        limit_per: LimitPer | None = None,
        fingerprint: Mapping[str, Any] | None = None,
        stdout: int = 1,
        written: Mapping[str, Location | None] | None = None,
        stop: StopRequest | None = None,
        source: Source | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if options.backend == "async" and not options.call_shape.is_async(function):
            name = getattr(function, "__name__", repr(function))
            raise UsageError(
                f"the async backend needs an `async def` function and {name} is a plain one",
                advice="leave {backend:} out",
            )
        self.function = function
        self.retry_if = retry_if
        self.cost = cost
        self.limit_per = limit_per
        self.shape = options.call_shape
        """How the function is called."""
        self.options = options
        self.stop = stop or StopRequest()
        self.clock = clock
        self.state = RunState()
        """What the run is doing now, for observers."""
        self._fingerprint = fingerprint or {}
        self._stdout = stdout
        self._written = written or {}
        self._stack = ExitStack()
        self._source = source
        self._recorder: Recorder | None = None
        self._observers: list[RunObserver] = []
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._is_closed = True
        self._stack.close()

    @property
    def source(self) -> Source:
        """The source, opened when it is first asked for.

        Raises `InputError` when it cannot be read, `UsageError` when it is what will be written.
        """
        if self._source is None:
            self._source = open_input(self.options, self._written, self.stop)
        return self._source

    @property
    def items(self) -> PendingItems:
        """The items that are still to be done, to be iterated once; `open` comes first."""
        return self._opened().items

    def preview_sync(self) -> SyncCounts:
        """Return what a sync would keep, do and drop; nothing is called for, and nothing written.

        It takes the place of `open` and the others. Raises what `open` raises.
        """
        self._check_use()
        from batchmap.checkpoint.sync_preview import preview_sync  # which only this needs

        return preview_sync(self.options, self._fingerprint, self.source, self.stop)

    def open(self) -> PendingItems:
        """Open source and output, make output and journal agree, and return what is to be done.

        Raises `UsageError` for an output that exists and may not be touched, `OutputHeldError` when
        another run holds it, `OutputError` when it cannot be written, and `InputError` when the
        input cannot be read, or the run is not the one that the journal knows.
        """
        self._check_use()
        if self._recorder is not None:
            raise RuntimeError("the job has been opened; make another one to run it again")
        self._recorder = self._stack.enter_context(
            open_recorder(
                self.options,
                self._fingerprint,
                self.source,
                stdout=self._stdout,
                in_blocks=self.options.batched is None and self.limit_per is None,
                stop=self.stop,
            )
        )
        return self._recorder.items

    def plan(self) -> tuple[Plan, BatchSizing]:
        """Return the plan before anything was measured, and how it sizes batches."""
        plan, sizing = open_plan(self.options, self.items.total)
        self.state.plan = plan
        return plan, sizing

    def add_observer(self, observer: RunObserver) -> None:
        """Have `observer` see the records before those that `execute` is given."""
        self._observers.append(observer)

    def execute(self, observers: Sequence[RunObserver] = ()) -> Iterator[BatchRecord]:
        """Yield the records of all items that were pending, once they are recorded.

        Each of `observers` sees them, the first one first. Their results are as they are written. A
        record's `first_item` counts pending
        items only: after a resume, it is not the index in the input. At the end, however it comes,
        all that was recorded is durable. Raises what the source raises, `OutputError` when
        something cannot be written, and `WorkersLostError` when workers cannot be had.
        """
        recorder = self._opened()
        self._check_use()
        options = self.options
        limits = replace(
            self.limits(),
            memory_floor_bytes=options.memory_floor_bytes,
            has_room=recorder.has_room,
            max_batch_size=recorder.max_batch_items,
        )
        records = stream_batches(
            self.processor(stop=self.stop, encode=recorder.encoder),
            recorder.items,
            options,
            total=recorder.items.total,
            expected=recorder.items.expected(),
            limits=limits,
            stop=self.stop,
            state=self.state,
            cluster=dask_address(options),
        )
        records = recorder.observe(records, more_follow=self.state.more_finished)
        for observer in (*self._observers, *observers):
            records = observer.observe(records)
        if isinstance(records, Generator):  # left early, it gives up its workers with the job
            self._stack.callback(records.close)
        return records

    def limits(self) -> Limits:
        """Return the limits that the options ask for, for one run."""
        return limits_of(
            self.options,
            self.retry_if,
            cost=self.cost,
            limit_per=self.limit_per,
            takes_pairs=self.shape.takes_pairs,
        )

    def processor(
        self, *, stop: StopRequest, encode: Callable[[Any], Any] | None
    ) -> BatchProcessor:
        """Return what calls the function as the options ask."""
        if encode is not None and self.shape.batched is not None:
            encode = EncodeList(encode)
        return BatchProcessor(
            self.function, shape=self.shape, retry_if=self.retry_if, stop=stop, encode=encode
        )

    def outcome(self) -> RunOutcome:
        """Return what became of the items so far."""
        return self._opened().outcome()

    def _check_use(self) -> None:
        if self._is_closed:
            raise RuntimeError("the job is closed; make another one to run it again")

    def _opened(self) -> Recorder:
        if self._recorder is None:
            raise RuntimeError("the job is not open; call open() first")
        return self._recorder


def dask_address(options: JobOptions) -> DaskAddress | None:
    """Return where the Dask cluster is that `options` name, `None` for none."""
    if options.address is None:
        return None
    from batchmap.executors.dask.address import DaskAddress, TlsFiles

    ca_file, cert, key = options.tls_ca_file, options.tls_cert, options.tls_key
    if ca_file is None or cert is None or key is None:
        return DaskAddress(options.address)
    return DaskAddress(options.address, TlsFiles(ca_file=ca_file, cert=cert, key=key))

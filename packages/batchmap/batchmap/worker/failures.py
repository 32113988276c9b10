"""What is kept of an exception that an item raised, and the error that is raised for them all."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from traceback import TracebackException
from typing import Any, Self

from batchmap.exception_pickling import without_frames
from batchmap.records import Batch, BatchRecord, ItemFailure, ItemRecord
from batchmap.worker.http_errors import close_answer
from batchmap.worker.retry_decision import FINAL, RetryIf, decide_retry

__all__ = [
    "BatchInterrupted",
    "FailedForGood",
    "ItemsFailedError",
    "NotSeveralError",
    "RunStoppedError",
    "Unwritable",
    "UnwritableFailure",
    "describe_failure",
    "failed_record",
]

_OWN_DIRECTORY = str(Path(__file__).parents[1]) + os.sep
_ASYNCIO_DIRECTORY = str(Path(os.__file__).parent / "asyncio") + os.sep

LONGEST_TEXT = 8192
"""Characters kept of an error's message, and of its traceback."""

MOST_FRAMES = 100
"""Frames kept of an exception's traceback, the innermost ones."""

_LEFT_OUT = "\n[…]\n"


class BatchInterrupted(Exception):
    """A worker crashed, or was abandoned, in the middle of a batch.

    `finished` holds the records of the items that it had finished. `offset` is that of the item
    that it ran, `None` when it ran none or that is not known; `failure` says what became of the
    worker. `final` says that this item is the cause beyond doubt, so that no other worker tries it.
    """

    def __init__(
        self,
        failure: ItemFailure,
        *,
        offset: int | None,
        finished: Sequence[BatchRecord] = (),
        final: bool = False,
    ) -> None:
        super().__init__(failure.error)
        self.failure = failure
        self.offset = offset
        self.finished = finished
        self.final = final


@dataclass(frozen=True, slots=True)
class UnwritableFailure(ItemFailure):
    """The failure of an item whose result cannot be written."""

    kept: str = field(default="", compare=False, repr=False)
    """The result, as a field of a JSON object: its name, a colon, its value."""

    def __reduce__(self) -> tuple[Any, ...]:
        texts = self.error_type, self.error, self.traceback
        return type(self), (*texts, None, self.retry, self.kept)


class FailedForGood(Exception):
    """Raised in place of what fails an item for good; `failure` is that of the item."""

    def __init__(self, failure: ItemFailure) -> None:
        super().__init__(failure.error)
        self.failure = replace(failure, exception=None, retry=FINAL)


class NotSeveralError(TypeError):
    """A function that is to give several results gave what is none of several; it is `returned`."""

    def __init__(self, returned: Any) -> None:
        super().__init__(
            "expand takes a list, a tuple or a generator of results, and the function returned a "
            f"value of type {type(returned).__name__}"
        )
        self.returned = returned

    def __reduce__(self) -> tuple[Any, ...]:
        return TypeError, self.args


class Unwritable(FailedForGood):
    """A result that cannot be written; `failure` is that of its item."""

    def __init__(self, failure: ItemFailure, kept: str = "") -> None:
        super().__init__(failure)
        self.failure: UnwritableFailure = UnwritableFailure(
            failure.error_type, failure.error, failure.traceback, retry=FINAL, kept=kept
        )


class ItemsFailedError(Exception):
    """Some items failed; all others are done, unless the call was to stop at the first failure.

    Its `__cause__` is the exception of the first failed item, where that is known. When the call
    was to stop, items before the last one that is done may never have been begun: the failure of
    such a record says so.
    """

    def __init__(
        self, message: str, *, results: Sequence[Any], failures: Sequence[ItemRecord]
    ) -> None:
        super().__init__(message)
        self.results = results
        """Of all items that are done, in input order; in place of a failed one its record."""
        self.failures = tuple(failures)
        """The records of the failed items, in input order."""

    @property
    def records(self) -> tuple[ItemRecord, ...]:
        """The same as `failures`."""
        return self.failures

    @classmethod
    def of(
        cls,
        results: Sequence[Any],
        failures: Sequence[ItemRecord],
        *,
        number: int | None = None,
        stopped: bool,
    ) -> Self:
        """Return the error for these failures, of which there is at least one.

        `number` counts the items where they are not as many as the results.
        """
        first = failures[0]
        why = first.failure
        assert why is not None
        how_many = f"{len(failures)} of {len(results) if number is None else number} items failed"
        if stopped:
            how_many += ", and no more were started"
        error = cls(
            f"{how_many}; the first is item {first.index}: {why.error_type}: {why.error}",
            results=results,
            failures=failures,
        )
        error.__cause__ = why.exception
        if why.traceback:
            error.add_note(why.traceback.rstrip())
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        parts = str(self), self.results, self.failures
        return _items_failed_error, parts, self.__dict__


def _items_failed_error(
    message: str, results: Sequence[Any], failures: Sequence[ItemRecord]
) -> ItemsFailedError:
    return ItemsFailedError(message, results=results, failures=failures)


class RunStoppedError(Exception):
    """The function had the run stopped, with `Stop`: what ran has ended, the rest is not done."""

    def __init__(
        self,
        reason: str,
        *,
        results: Sequence[Any] = (),
        failures: Sequence[ItemRecord] = (),
    ) -> None:
        super().__init__(f"stopped by the function: {reason}")
        self.reason = reason
        """What the function said."""
        self.results = results
        """Of `parallel_map`: up to the last item that is done, in input order; in place of one that
        failed, or is not done, its record. `stream_map` has yielded them."""
        self.failures = tuple(failures)
        """The records of the items that failed, in input order."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _run_stopped_error, (self.reason, self.results, self.failures), self.__dict__


def _run_stopped_error(
    reason: str, results: Sequence[Any], failures: Sequence[ItemRecord]
) -> RunStoppedError:
    return RunStoppedError(reason, results=results, failures=failures)


def describe_failure(
    error: BaseException,
    *,
    keeps_exception: bool = True,
    retry_if: RetryIf | None = None,
    kept_field: Callable[[Any], str] | None = None,
) -> ItemFailure:
    """Return what an exception says, cut to 8 KB a text, and the exception itself; never raises.

    That includes what it says of another attempt, where `retry_if` is asked, too. Drops the frames
    of the exception, which would keep the function's variables alive. What was returned in place of
    several results is kept as `kept_field` says.
    """
    if isinstance(error, FailedForGood):
        return error.failure
    if isinstance(error, NotSeveralError) and kept_field is not None:
        failure = ItemFailure("TypeError", str(error), "")
        return Unwritable(failure, kept_field(error.returned)).failure
    try:
        message = str(error)
    except BaseException:
        message = f"<{type(error).__name__} whose text cannot be had>"
    trace = _traceback_text(error)
    retry = decide_retry(error, retry_if)
    if retry is not None and retry.problem:
        message = f"{message[: LONGEST_TEXT - len(retry.problem) - 3]} ({retry.problem})"
    without_frames(error)
    if not keeps_exception:
        close_answer(error)
    kept = error if keeps_exception else None
    return ItemFailure(type(error).__qualname__, message[:LONGEST_TEXT], trace, kept, retry)


def _traceback_text(error: BaseException) -> str:
    try:
        described = TracebackException(
            type(error), error, error.__traceback__, limit=-MOST_FRAMES, compact=True
        )
        _leave_out_own_frames(described)
        text = "".join(described.format())
    except BaseException:
        return ""
    if len(text) <= LONGEST_TEXT:
        return text
    kept = (LONGEST_TEXT - len(_LEFT_OUT)) // 2
    return text[:kept] + _LEFT_OUT + text[-kept:]


def _leave_out_own_frames(described: TracebackException | None) -> None:
    """Leave out the frames of this package, which call functions and say nothing of them."""
    todo = [described]
    while todo:
        one = todo.pop()
        if one is None:
            continue
        frames = one.stack
        number = 0  # of frames of an event loop that this package runs
        if frames and frames[0].filename.startswith(_OWN_DIRECTORY):
            called = (_OWN_DIRECTORY, _ASYNCIO_DIRECTORY)
            number = next(
                (at for at, one in enumerate(frames) if not one.filename.startswith(called)),
                len(frames),
            )
        frames[:] = [
            frame for frame in frames[number:] if not frame.filename.startswith(_OWN_DIRECTORY)
        ]
        todo += [one.__cause__, one.__context__, *(one.exceptions or ())]


def refused_record(batch: Batch, error: BaseException, before: str = "") -> BatchRecord:
    """Return the record of a batch that cannot start for `error`, with the words `before` it."""
    failure = describe_failure(error)
    return failed_record(batch, replace(failure, error=f"{before}{failure.error}", retry=FINAL))


def failed_record(batch: Batch, failure: ItemFailure) -> BatchRecord:
    """Return the record of a batch whose items all failed for the same reason.

    Neither the worker nor the times of this attempt are known; `durations_s` holds those of earlier
    attempts.
    """
    offsets = range(len(batch.items))
    return BatchRecord(
        batch_index=batch.index,
        first_item=batch.first_item,
        results=[None] * len(batch.items),
        durations_s=array("d", [batch.spent_s]) * len(batch.items),
        failures=dict.fromkeys(offsets, failure),
        attempts=dict.fromkeys(offsets, batch.attempt) if batch.attempt > 1 else {},
        worker="",
        started_s=0.0,
        ended_s=0.0,
        cpu_s=0.0,
    )

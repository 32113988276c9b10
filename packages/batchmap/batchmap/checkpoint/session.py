"""Opens a run's output, and finds in the journal which items are still to be done.

Output and journal are made to agree before an item runs: an output that is shorter than its journal
says has its last items done again, one that is longer is cut.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchmap.checkpoint.completion_log import FailureSpool
from batchmap.checkpoint.csv_header import with_header
from batchmap.checkpoint.failure_stats import FailureLimit
from batchmap.checkpoint.fingerprint import (
    check_sameness,
    follow_input,
    output_form,
    run_fingerprint,
)
from batchmap.checkpoint.identity import identity_of
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.open_journal import agree, open_journal
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.recorder import Recorder
from batchmap.errors import OutputError, UsageError
from batchmap.options import JobOptions
from batchmap.sinks import Sink
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.sources import Source
from batchmap.stopping import StopRequest
from batchmap.storage import (
    Location,
    Store,
    StoreUrl,
    journal_path,
    sync_path,
    why_failed,
)
from batchmap.storage.output_lease import OutputLease
from batchmap.storage.part_files import remove_file
from batchmap.storage.table_output import TableOutput
from batchmap.storage.table_url import TableUrl

__all__ = ["open_recorder"]

_logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 2**20


@contextmanager
def open_recorder(
    options: JobOptions,
    fingerprint: Mapping[str, Any],
    source: Source,
    *,
    stdout: int,
    in_blocks: bool,
    stop: StopRequest,
) -> Iterator[Recorder]:
    """Open the output, go on where it ends, and close it again.

    `fingerprint` says what the results depend on beside `options` and the items. `stdout` is the
    file descriptor that results go to where `options` name no output. With `in_blocks`, items may
    be taken as blocks of rows. Raises `UsageError` for an
    output that exists and may not be touched, `OutputHeldError` when another run holds it,
    `OutputError` when it cannot be written, and `InputError` when the run is not the one that the
    journal knows.
    """
    _check_errors_file(options.errors)
    with ExitStack() as stack:
        output = _leased(options.output, stack)
        identity = identity_of(source, options.key)
        if output is None:
            sink: Sink = output_form(options).stdout_sink(stdout)
            journal: Journal | None = None
        else:
            form = output_form(options)
            sink = form.sink(output, model=getattr(source, "schema", None))
            journal = open_journal(options, output)
            stack.callback(journal.close)
            if options.output is not None:
                sink = with_header(sink, options.output, journal, form)
        stack.callback(sink.close)
        before = None if journal is None or options.overwrite else journal.fingerprint
        options = replace(options, keep_order=_keeps_order(options, before))
        now = run_fingerprint(options, fingerprint, source, identity)
        if before is not None and options.sync:
            follow_input(before, now, options)
        pending = None
        if before is None or not options.sync:
            # An input that cannot be read must not cost an output that is there already.
            pending = PendingItems(
                source,
                identity,
                done=iter(()) if journal is None else journal.ranges(),
                limit=options.limit,
                stop=stop,
                can_sync=isinstance(output, Path),
                with_index=options.index,
                in_blocks=in_blocks,
            )
            stack.callback(pending.close)
        if before is not None:
            check_sameness(before, now, accepts_task=options.accept_task)
        if isinstance(output, OutputLease | TableOutput):
            output.acquire()
        if journal is not None:
            _start(options, now, before is not None, journal, sink)
        if pending is None:
            assert journal is not None
            from batchmap.checkpoint.sync import open_sync_recorder  # which only syncs need

            yield open_sync_recorder(
                stack, options, now, source, identity, journal, in_blocks=in_blocks, stop=stop
            )
            return
        done = (0, 0) if journal is None else journal.counts()
        pending.done_before = sum(done)
        recorder = Recorder(
            pending,
            sink,
            FailureSpool() if journal is None else journal,
            keeps_order=bool(options.keep_order),
            output="stdout" if options.output is None else f"{options.output}",
            errors_path=options.errors,
            before=done,
            failure_limit=FailureLimit.of(options.halt, now=options.halt_now),
            gives_many=options.call_shape.gives_many,
            stop=stop,
        )
        yield recorder
        if recorder.finished and isinstance(output, Path):
            _remove_sync(output)


def _remove_sync(output: Path) -> None:
    """Remove what a sync has left beside an output, if anything."""
    if journal_path(sync_path(output)).exists():
        from batchmap.checkpoint.sync_results import remove_sync

        remove_sync(output)


def _keeps_order(options: JobOptions, before: Mapping[str, Any] | None) -> bool:
    """Return whether results are written in input order: where nobody says, to files they are.

    A run that goes on does as it did `before`.
    """
    if options.keep_order is not None:
        return options.keep_order
    return bool(before["keep_order"]) if before is not None else options.output is not None


def _leased(location: Location | None, stack: ExitStack) -> Path | OutputLease | TableOutput | None:
    """Return the output at `location`; what is held of it is released with `stack`."""
    if not isinstance(location, StoreUrl):
        return location
    output = TableOutput(location) if isinstance(location, TableUrl) else OutputLease(location)
    stack.callback(output.release)
    return output


def _start(
    options: JobOptions,
    fingerprint: dict[str, Any],
    goes_on: bool,
    journal: Journal,
    sink: Sink,
) -> None:
    """Make output and journal agree, so that the run can begin, or go on from there."""
    if not goes_on:
        if isinstance(options.output, Path):
            _remove_sync(options.output)
        journal.begin(fingerprint)
        if options.split_size_bytes is not None and isinstance(options.output, Path):
            with output_errors(options.output):
                remove_file(real_path(options.output))
        sink.start(0)
        return
    sink.check(journal.stretches())
    if options.sync and options.output_format == "parquet" and not journal.output_end:
        return  # an output without rows is whole, and would be removed to begin anew
    if items := agree(journal, sink):
        _logger.warning(
            "%s is shorter than its journal says; %d items are done again", options.output, items
        )
    if options.retry_failed and options.keep_order and not options.sync and journal.counts()[1]:
        _logger.warning(
            "what succeeds now comes after the rest of %s; a sync that takes the failed items "
            "again puts it in its place",
            options.output,
        )
    if not options.sync:
        journal.go_on(fingerprint, retry_failed=options.retry_failed)


def _check_errors_file(location: Location | None) -> None:
    """Refuse to replace a file that is none of failed items."""
    try:
        start = _start_of(location)
        is_ours = not start or {"index", "error_type"} <= json.loads(start.split(b"\n")[0]).keys()
    except FileNotFoundError:
        return
    except (OSError, ValueError, AttributeError) as error:
        if isinstance(location, StoreUrl) and isinstance(error, OSError):
            raise OutputError(
                f"{location}: the store failed ({why_failed(error)}); mend that and run the same "
                "command again"
            ) from error
        is_ours = False
    if not is_ours:
        raise UsageError(
            f"{location} exists and holds no failed items", advice="name another with {errors:}"
        )


def _start_of(location: Location | None) -> bytes:
    """Return how a file begins; nothing for what is no regular file."""
    if isinstance(location, StoreUrl):
        store = Store(location)
        store.info(store.path)  # else a store may tell of a missing file as late as it is read
        with store.opened(store.path) as file:
            return file.read(MAX_LINE_BYTES)
    if location is None or not location.is_file():
        return b""
    with location.open("rb") as file:
        return file.read(MAX_LINE_BYTES)

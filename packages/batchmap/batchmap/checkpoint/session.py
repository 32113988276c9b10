"""Opens a run's input and output, and finds in the journal which items are still to be done.

Output and journal are made to agree before an item runs: an output that is shorter than its journal
says has its last items done again, one that is longer is cut.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
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
from batchmap.checkpoint.sync import open_sync_recorder
from batchmap.checkpoint.sync_results import remove_sync
from batchmap.errors import OutputError, UsageError
from batchmap.options import JobOptions
from batchmap.sinks import Sink
from batchmap.sources import ReadingOptions, Source, open_inputs
from batchmap.sources.sampled import Sampled
from batchmap.stopping import StopRequest
from batchmap.storage import (
    Location,
    Store,
    StoreUrl,
    draft_path,
    is_same_file,
    journal_path,
    location_of,
    sync_path,
    why_failed,
)
from batchmap.storage.output_lease import OutputLease, kept_beside
from batchmap.storage.table_output import TableOutput
from batchmap.storage.table_url import TableUrl

__all__ = ["open_input", "open_recorder", "refuse_own_input", "sampled"]

_logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 2**20


def open_input(
    options: JobOptions, written: Mapping[str, Location | None], stop: StopRequest
) -> Source:
    """Return the source that `options` name.

    `written` holds, by option, the files that the run writes beside its output. Raises
    `InputError` when the input cannot be read, `UsageError` when it is what will be written.
    """
    written = {"output": options.output, "errors": options.errors, **written}
    specs = (options.source, *options.more_sources)
    source = open_inputs(
        specs,
        rows=options.rows,
        input_format=options.input_format,
        reading=ReadingOptions.of(options),
        max_record_bytes=options.max_record_bytes,
        json_path=options.json_path,
        excluded=_own_files(options, written),
        stopped=lambda: stop.requested,
        repeatable=options.sync
        and isinstance(options.output, Path)
        and journal_path(options.output).exists(),
    )
    refuse_own_input(specs, source, written)
    return sampled(source, options, stop)


def sampled(source: Source, options: JobOptions, stop: StopRequest) -> Source:
    """Return the items of `source` that `options` ask for: all, or some at random."""
    if options.sample is None:
        return source
    return Sampled(source, options.sample, seed=options.seed, stopped=lambda: stop.requested)


def refuse_own_input(
    specs: Sequence[str], source: Source, written: Mapping[str, Location | None]
) -> None:
    """Raise `UsageError` when what an option names is what `source`, named by `specs`, reads."""
    read_urls = [url for spec in specs if isinstance(url := location_of(spec), StoreUrl)]
    paths = source.paths
    errors = [
        UsageError(f"{location}: that is the input; name another file", option=option)
        for option, location in written.items()
        if (
            isinstance(location, StoreUrl) and any(is_same_file(location, url) for url in read_urls)
        )
        or (location is not None and any(is_same_file(location, one) for one in paths))
    ]
    if errors:
        raise UsageError.joined(errors)


def _own_files(options: JobOptions, written: Mapping[str, Location | None]) -> list[Location]:
    """Return what the run itself writes, which a pattern may match."""
    files = list(written.values())
    if isinstance(options.output, Path):
        beside = sync_path(options.output)
        target = Path(os.path.realpath(options.output))
        draft = draft_path(target, target.parent)
        journals = [journal_path(options.output), journal_path(beside)]
        files += [beside, draft, *journals]
        files += [Path(f"{path}{end}") for path in journals for end in ("-wal", "-shm", "-journal")]
        files += [Path(f"{path}.parts") for path in (target, beside, draft)]
    elif isinstance(options.output, TableUrl):
        files += [
            Path(f"{path}{end}")
            for path in (options.output.path,)
            if path is not None
            for end in ("", "-wal", "-shm", "-journal")
        ]
    elif options.output is not None:
        files += kept_beside(options.output)
    return [location for location in files if location is not None]


@contextmanager
def open_recorder(
    options: JobOptions,
    fingerprint: Mapping[str, Any],
    source: Source,
    *,
    stdout: int,
    stop: StopRequest,
) -> Iterator[Recorder]:
    """Open the output, go on where it ends, and close it again.

    `fingerprint` says what the results depend on beside `options` and the items. `stdout` is the
    file descriptor that results go to where `options` name no output. Raises `UsageError` for an
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
            sink = output_form(options).sink(output, model=getattr(source, "schema", None))
            journal = open_journal(options, output)
            stack.callback(journal.close)
            if options.output is not None:
                sink = with_header(sink, options.output, journal, options)
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
            yield open_sync_recorder(stack, options, now, source, identity, journal, stop=stop)
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
            stop=stop,
        )
        yield recorder
        if recorder.finished and isinstance(output, Path):
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
            remove_sync(options.output)
        journal.begin(fingerprint)
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
            "what succeeds now comes after the rest of %s; a sync that retries failed items puts "
            "it in its place",
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

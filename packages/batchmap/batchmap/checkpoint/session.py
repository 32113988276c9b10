"""Opens a run's input and output, and finds in the journal which items are still to be done.

Output and journal are made to agree before an item runs: an output that is shorter than its journal
says has its last items done again, one that is longer is cut.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from batchmap.checkpoint.completion_log import CompletionLog, FailureSpool
from batchmap.checkpoint.failure_stats import FailureLimit
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.open_journal import open_journal
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.recorder import Recorder
from batchmap.errors import InputError, OutputError, UsageError
from batchmap.options import JobOptions
from batchmap.sinks import Sink, StdoutSink, open_sink
from batchmap.sources import Source, open_source
from batchmap.stopping import StopRequest
from batchmap.storage import (
    Location,
    Store,
    StoreUrl,
    is_same_file,
    journal_path,
    location_of,
    why_failed,
)
from batchmap.storage.output_lease import OutputLease, kept_beside

__all__ = ["open_input", "open_recorder", "refuse_own_input"]

_logger = logging.getLogger(__name__)

ACCEPT_OR_OVERWRITE = "{accept_changes} goes on all the same, {overwrite} begins anew"

FIXED_OPTION = "output_format"
"""What no run can change midway."""

MAX_LINE_BYTES = 2**20


def open_input(
    options: JobOptions, written: Mapping[str, Location | None], stop: StopRequest
) -> Source:
    """Return the source that `options` name.

    `written` holds, by option, the files that the run writes beside its output. Raises
    `InputError` when the input cannot be read, `UsageError` when it is what will be written.
    """
    written = {"output": options.output, "errors": options.errors, **written}
    source = open_source(
        options.source,
        input_format=options.input_format,
        max_record_bytes=options.max_record_bytes,
        excluded=_own_files(options, written),
        stopped=lambda: stop.requested,
    )
    refuse_own_input(options.source, source, written)
    return source


def refuse_own_input(spec: str, source: Source, written: Mapping[str, Location | None]) -> None:
    """Raise `UsageError` when what an option names is what `source`, named by `spec`, reads."""
    read_url = location_of(spec)
    errors = [
        UsageError(f"{location}: that is the input; name another file", option=option)
        for option, location in written.items()
        if (
            isinstance(location, StoreUrl)
            and isinstance(read_url, StoreUrl)
            and is_same_file(location, read_url)
        )
        or (isinstance(location, Path) and any(is_same_file(location, one) for one in source.paths))
    ]
    if errors:
        raise UsageError.joined(errors)


def _own_files(options: JobOptions, written: Mapping[str, Location | None]) -> list[Location]:
    """Return what the run itself writes, which a pattern may match."""
    files = list(written.values())
    if isinstance(options.output, Path):
        files.append(journal_path(options.output))
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
        journal: Journal | None = None
        output = _leased(options.output, stack)
        if output is None:
            sink: Sink = StdoutSink(stdout, record=options.record)
            completion_log: CompletionLog = FailureSpool()
        else:
            sink = open_sink(
                output,
                options.output_format,
                record=options.record,
                defuse=options.defuse_formulas,
            )
            completion_log = journal = open_journal(options, output)
            stack.callback(journal.close)
        stack.callback(sink.close)
        # An input that cannot be read must not cost an output that is there already.
        pending = PendingItems(
            source,
            done=iter(()) if journal is None else journal.ranges(),
            limit=options.limit,
            accepts_changes=options.accept_changes,
            stop=stop,
        )
        stack.callback(pending.close)
        before = (0, 0)
        if output is not None and journal is not None:
            _start(options, _fingerprint(options, fingerprint), output, journal, sink)
            before = journal.counts()
            pending.done_before = sum(before)
        yield Recorder(
            pending,
            sink,
            completion_log,
            keeps_order=options.keep_order,
            output="stdout" if options.output is None else f"{options.output}",
            errors_path=options.errors,
            before=before,
            failure_limit=_failure_limit(options.halt),
            stop=stop,
        )


def _failure_limit(halt: int | float | None) -> FailureLimit:
    return FailureLimit(share=halt) if isinstance(halt, float) else FailureLimit(number=halt)


def _leased(location: Location | None, stack: ExitStack) -> Path | OutputLease | None:
    """Return the output at `location`; what is held of a store is released with `stack`."""
    if not isinstance(location, StoreUrl):
        return location
    output = OutputLease(location)
    stack.callback(output.release)
    return output


def _start(
    options: JobOptions,
    fingerprint: dict[str, Any],
    output: Path | OutputLease,
    journal: Journal,
    sink: Sink,
) -> None:
    """Make output and journal agree, so that the run can go on from there."""
    before = None if options.overwrite else journal.fingerprint
    if before is not None:
        _check_sameness(before, fingerprint, accepts_changes=options.accept_changes)
    if isinstance(output, OutputLease):
        output.acquire()
    if before is None:
        journal.begin(fingerprint)
        sink.start(0)
        return
    sink.check(journal.stretches())
    end = journal.output_end
    found = sink.start(end)
    if found < end:
        items = journal.cut(found)
        _logger.warning(
            "%s is shorter than its journal says; %d items are done again", options.output, items
        )
        sink.start(journal.output_end)
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


def _fingerprint(options: JobOptions, function: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the results depend on, the items apart."""
    names = ("input_format", "output_format", "record", "keep_order", "defuse_formulas")
    return {**function, **{name: getattr(options, name) for name in names}}


def _check_sameness(before: dict[str, Any], now: dict[str, Any], *, accepts_changes: bool) -> None:
    # Journals of before the library had a name hold options as flags.
    before = {name.removeprefix("--").replace("-", "_"): value for name, value in before.items()}
    for name, value in now.items():
        if before.get(name) == value or (accepts_changes and name != FIXED_OPTION):
            continue
        change = f"was {before.get(name)} when the run began and is {value} now"
        advice = "{overwrite} begins anew" if name == FIXED_OPTION else ACCEPT_OR_OVERWRITE
        if name == "function":
            raise InputError(
                f"the function was {before.get(name)} and is {value} now", advice=advice
            )
        if name == "source":
            raise InputError("the task's file has changed since the run began", advice=advice)
        raise InputError(change, option=name, advice=advice)

"""Opens the two ends of `run`: its output with what is done already, and its input past that."""

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
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.recorder import Recorder
from batchmap.checkpoint.store_journal import StoreJournal
from batchmap.command.run_settings import RunSettings, journal_beside
from batchmap.command.settings import EngineSettings
from batchmap.command.task import Task
from batchmap.errors import InputError, OutputError, UsageError
from batchmap.sinks import Sink, StdoutSink, open_sink
from batchmap.sources import Source, open_source
from batchmap.stopping import StopRequest
from batchmap.storage import Location, Store, StoreUrl, is_same_file, location_of, why_failed
from batchmap.storage.output_lease import OutputLease, kept_beside
from batchmap.worker.processor import is_async

__all__ = ["check_backend", "open_input", "open_recorder"]

_logger = logging.getLogger(__name__)

ACCEPT = "--accept-changes goes on all the same"

FOR_GOOD = "--output-format"
"""What no run can change midway."""

LONGEST_LINE = 2**20

_TOLD = {
    "function": "the function was {before} and is {now} now",
    "source": "the task's file has changed since the run began",
}


def check_backend(backend: str | None, task: Task) -> None:
    """Raise `UsageError` when the task is none for the backend that was asked for."""
    if backend == "async" and not is_async(task.function):
        raise UsageError(
            f"--backend async needs an `async def` function and {task.name} is a plain one; "
            "leave --backend out"
        )


def open_input(settings: RunSettings, stop: StopRequest) -> Source:
    """Return the source that `settings` name.

    Raises `InputError` when it cannot be read, `UsageError` when it is what will be written.
    """
    source = open_source(
        settings.source,
        input_format=settings.input_format,
        excluded=_own_files(settings),
        stopped=lambda: stop.requested,
    )
    _refuse_own_input(settings.source, source, _written(settings))
    return source


def open_compared_input(settings: Any) -> Source:
    """Return the source that a comparison reads; raises as `open_input` does."""
    written = _exports(settings) | {"--save": settings.save, "--against": settings.against}
    source = open_source(
        str(settings.input),
        input_format=settings.input_format,
        excluded=[path for path in written.values() if path is not None],
    )
    _refuse_own_input(str(settings.input), source, written)
    return source


def _refuse_own_input(spec: str, source: Source, written: Mapping[str, Location | None]) -> None:
    """Raise `UsageError` when what an option names is what `source`, named by `spec`, reads."""
    read_url = location_of(spec)
    messages = [
        f"{option} {place}: that is the input; name another file"
        for option, place in written.items()
        if (
            isinstance(place, StoreUrl)
            and isinstance(read_url, StoreUrl)
            and is_same_file(place, read_url)
        )
        or (isinstance(place, Path) and any(is_same_file(place, read) for read in source.paths))
    ]
    if messages:
        raise UsageError(messages)


def _written(settings: RunSettings) -> dict[str, Location | None]:
    return {"--output": settings.output, "--errors": settings.errors} | _exports(settings)


def _exports(settings: EngineSettings) -> dict[str, Path | None]:
    return {
        "--export-json": settings.export_json,
        "--export-markdown": settings.export_markdown,
        "--export-html": settings.export_html,
    }


def _own_files(settings: RunSettings) -> list[Location]:
    """Return what the run itself writes, which a pattern may match."""
    files = list(_written(settings).values())
    if isinstance(settings.output, Path):
        files.append(journal_beside(settings.output))
    elif settings.output is not None:
        files += kept_beside(settings.output)
    return [place for place in files if place is not None]


@contextmanager
def open_recorder(
    settings: RunSettings, task: Task, source: Source, *, stdout: int, stop: StopRequest
) -> Iterator[Recorder]:
    """Open the output, go on where it ends, and close it again.

    `stdout` is the file descriptor that results go to where `settings` name no file. Raises
    `UsageError` for an output that is there and may not be touched, `OutputHeldError` when another
    run holds it, `OutputError` when it cannot be written, and `InputError` when the run is not
    the one that the journal knows.
    """
    _check_errors_file(settings.errors)
    with ExitStack() as stack:
        journal: Journal | None = None
        output = _reached(settings.output, stack)
        if output is None:
            sink: Sink = StdoutSink(stdout, record=settings.record)
            completion_log: CompletionLog = FailureSpool()
        else:
            sink = open_sink(
                output,
                settings.output_format,
                record=settings.record,
                defuse=settings.defuse_formulas,
            )
            completion_log = journal = _held_journal(settings, output)
            stack.callback(journal.close)
        stack.callback(sink.close)
        # An input that cannot be read must not cost an output that is there already.
        pending = PendingItems(
            source,
            done=iter(()) if journal is None else journal.ranges(),
            limit=settings.limit,
            accepts_changes=settings.accept_changes,
            stop=stop,
        )
        before = (0, 0)
        if output is not None and journal is not None:
            _start(settings, _fingerprint(settings, task), output, journal, sink)
            before = journal.counts()
            pending.done_before = sum(before)
        yield Recorder(
            pending,
            sink,
            completion_log,
            keeps_order=settings.keep_order,
            output="stdout" if settings.output is None else str(settings.output),
            errors_path=settings.errors,
            before=before,
            failure_limit=FailureLimit(settings.halt_number, settings.halt_share),
            stop=stop,
        )


def _reached(place: Location | None, stack: ExitStack) -> Path | OutputLease | None:
    """Return the output at `place`; what is taken of a store is let go with `stack`."""
    if not isinstance(place, StoreUrl):
        return place
    output = OutputLease(place)
    stack.callback(output.release)
    return output


def _held_journal(settings: RunSettings, output: Path | OutputLease) -> Journal:
    """Return the output's journal, which nobody else can open now."""
    is_new = not (
        output.has_journal() if isinstance(output, OutputLease) else journal_beside(output).exists()
    )
    may_exist = settings.resume or settings.overwrite
    if is_new and output.exists():
        if not may_exist:
            raise UsageError(f"{output} exists; --overwrite drops it, or name another file")
        if not settings.overwrite:
            raise OutputError(
                f"{output} has no journal, so nobody knows what it holds; --overwrite begins anew"
            )
    journal = (
        StoreJournal(output) if isinstance(output, OutputLease) else Journal(journal_beside(output))
    )
    if journal.fingerprint is not None and not may_exist:
        journal.close()
        raise UsageError(f"{output} exists; --resume goes on with it, --overwrite begins anew")
    return journal


def _start(
    settings: RunSettings,
    fingerprint: dict[str, Any],
    output: Path | OutputLease,
    journal: Journal,
    sink: Sink,
) -> None:
    """Make output and journal agree, so that the run can go on from there."""
    before = None if settings.overwrite else journal.fingerprint
    if before is not None:
        _check_sameness(before, fingerprint, accepts_changes=settings.accept_changes)
    if isinstance(output, OutputLease):
        output.acquire()
    if before is None:
        journal.begin(fingerprint)
        sink.start(0)
        return
    end = journal.output_end
    found = sink.start(end)
    if found < end:
        items = journal.cut(found)
        _logger.warning(
            "%s is shorter than its journal says; %d items are done again", settings.output, items
        )
        sink.start(journal.output_end)
    journal.go_on(fingerprint, retry_failed=settings.retry_failed)


def _check_errors_file(place: Location | None) -> None:
    """Refuse to replace a file that is none of failed items."""
    try:
        start = _start_of(place)
        is_ours = not start or {"index", "error_type"} <= json.loads(start.split(b"\n")[0]).keys()
    except FileNotFoundError:
        return
    except (OSError, ValueError, AttributeError) as error:
        if isinstance(place, StoreUrl) and isinstance(error, OSError):
            raise OutputError(
                f"{place}: the store failed ({why_failed(error)}); mend that and run the same "
                "command again"
            ) from error
        is_ours = False
    if not is_ours:
        raise UsageError(f"{place} exists and holds no failed items; name another with --errors")


def _start_of(place: Location | None) -> bytes:
    """Return how a file begins; nothing for what is no regular file."""
    if isinstance(place, StoreUrl):
        store = Store(place)
        store.info(store.path)  # else a store may tell of a missing file as late as it is read
        with store.opened(store.path) as file:
            return file.read(LONGEST_LINE)
    if place is None or not place.is_file():
        return b""
    with place.open("rb") as file:
        return file.read(LONGEST_LINE)


def _fingerprint(settings: RunSettings, task: Task) -> dict[str, Any]:
    """Return what the results depend on, the items apart."""
    return {
        "function": task.name.rpartition(":")[2],
        "source": task.source_digest,
        "--setup": settings.setup,
        "--input-format": settings.input_format,
        "--output-format": settings.output_format,
        "--record": settings.record,
        "--keep-order": settings.keep_order,
        "--defuse-formulas": settings.defuse_formulas,
    }


def _check_sameness(before: dict[str, Any], now: dict[str, Any], *, accepts_changes: bool) -> None:
    for name, value in now.items():
        if before.get(name) != value and (name == FOR_GOOD or not accepts_changes):
            mend = f"{ACCEPT}, " if name != FOR_GOOD else ""
            told = _TOLD.get(name, "{name} was {before} when the run began and is {now} now")
            raise InputError(
                told.format(name=name, before=before.get(name), now=value)
                + f"; {mend}--overwrite begins anew"
            )

"""Opens the two ends of `run`: its output with what is done already, and its input past that."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from utils.books import Book, Spool
from utils.door import same_file
from utils.errors import InputError, OutputError, UsageError
from utils.intake import Intake
from utils.journal import Journal
from utils.processing import is_async
from utils.recording import Recorder
from utils.run_settings import RunSettings, journal_beside
from utils.settings import EngineSettings, Settings
from utils.sinks import Sink, StdoutSink, open_sink
from utils.sources import Source, open_source
from utils.stopping import StopRequest
from utils.tasks import Task
from utils.troubles import Halt

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
    _refuse_own_input(source, _written(settings))
    return source


def open_compared_input(settings: Settings) -> Source:
    """Return the source that a comparison reads; raises as `open_input` does."""
    written = _exports(settings) | {"--save": settings.save, "--against": settings.against}
    source = open_source(
        str(settings.input),
        input_format=settings.input_format,
        excluded=[path for path in written.values() if path is not None],
    )
    _refuse_own_input(source, written)
    return source


def _refuse_own_input(source: Source, written: dict[str, Path | None]) -> None:
    """Raise `UsageError` when what an option names is what `source` reads."""
    faults = [
        f"{option} {path}: that is the input; name another file"
        for option, path in written.items()
        if path is not None and any(same_file(path, read) for read in source.paths)
    ]
    if faults:
        raise UsageError(faults)


def _written(settings: RunSettings) -> dict[str, Path | None]:
    return {"--output": settings.output, "--errors": settings.errors} | _exports(settings)


def _exports(settings: EngineSettings) -> dict[str, Path | None]:
    return {
        "--export-json": settings.export_json,
        "--export-markdown": settings.export_markdown,
        "--export-html": settings.export_html,
    }


def _own_files(settings: RunSettings) -> list[Path]:
    """Return what the run itself writes, which a pattern may match."""
    files = list(_written(settings).values())
    if settings.output is not None:
        files.append(journal_beside(settings.output))
    return [path for path in files if path is not None]


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
    with ExitStack() as stack:
        journal: Journal | None = None
        if settings.output is None:
            sink: Sink = StdoutSink(stdout, record=settings.record)
            book: Book = Spool()
        else:
            sink = open_sink(
                settings.output,
                settings.output_format,
                record=settings.record,
                defuse=settings.defuse_formulas,
            )
            book = journal = _held_journal(settings, settings.output)
            stack.callback(journal.close)
        stack.callback(sink.close)
        # An input that cannot be read must not cost an output that is there already.
        intake = Intake(
            source,
            done=iter(()) if journal is None else journal.stretches(),
            limit=settings.limit,
            accepts_changes=settings.accept_changes,
            stop=stop,
        )
        _check_errors_file(settings.errors)
        before = (0, 0)
        if journal is not None:
            _start(settings, _fingerprint(settings, task), journal, sink)
            before = journal.counts()
            intake.done_before = sum(before)
        yield Recorder(
            intake,
            sink,
            book,
            keeps_order=settings.keep_order,
            output="stdout" if settings.output is None else str(settings.output),
            errors_path=settings.errors,
            before=before,
            halt=Halt(settings.halt_number, settings.halt_share),
            stop=stop,
        )


def _held_journal(settings: RunSettings, output: Path) -> Journal:
    """Return the output's journal, which nobody else can open now."""
    path = journal_beside(output)
    is_new = not path.exists()
    may_exist = settings.resume or settings.overwrite
    if is_new and output.exists():
        if not may_exist:
            raise UsageError(f"{output} exists; --overwrite drops it, or name another file")
        if not settings.overwrite:
            raise OutputError(
                f"{output} has no journal, so nobody knows what it holds; --overwrite begins anew"
            )
    journal = Journal(path)
    if journal.fingerprint is not None and not may_exist:
        journal.close()
        raise UsageError(f"{output} exists; --resume goes on with it, --overwrite begins anew")
    return journal


def _start(
    settings: RunSettings, fingerprint: dict[str, Any], journal: Journal, sink: Sink
) -> None:
    """Make output and journal agree, so that the run can go on from there."""
    before = journal.fingerprint
    if before is None or settings.overwrite:
        journal.begin(fingerprint)
        sink.start(0)
        return
    _check_sameness(before, fingerprint, accepts_changes=settings.accept_changes)
    end = journal.output_end
    found = sink.start(end)
    if found < end:
        items = journal.cut(found)
        _logger.warning(
            "%s is shorter than its journal says; %d items are done again", settings.output, items
        )
        sink.start(journal.output_end)
    journal.go_on(fingerprint, retry_failed=settings.retry_failed)


def _check_errors_file(path: Path | None) -> None:
    """Refuse to replace a file that is none of failed items."""
    if path is None or not path.is_file():
        return
    try:
        with path.open("rb") as file:
            first = file.readline(LONGEST_LINE)
        is_ours = not first or {"index", "error_type"} <= json.loads(first).keys()
    except (OSError, ValueError, AttributeError):
        is_ours = False
    if not is_ours:
        raise UsageError(f"{path} exists and holds no failed items; name another with --errors")


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

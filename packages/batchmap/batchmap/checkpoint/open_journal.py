"""Opens the journal of an output, and makes the two agree.

What no journal vouches for is not touched.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_file import (
    DamagedJournalError,
    holds_nothing,
    remove_journal_file,
)
from batchmap.checkpoint.journal_replacement import settle
from batchmap.errors import OutputError, UsageError
from batchmap.options import JobOptions
from batchmap.sinks import Sink
from batchmap.storage import draft_path, journal_path
from batchmap.storage.output_lease import OutputLease
from batchmap.storage.part_files import has_entries
from batchmap.storage.table_output import TableOutput

__all__ = ["agree", "checked_journal", "open_journal"]


def open_journal(options: JobOptions, output: Path | OutputLease | TableOutput) -> Journal:
    """Return the journal of `output`, which nobody else can open now.

    Raises `UsageError` for an output that exists and may not be touched, `OutputHeldError` when
    another run holds it, `OutputError` when nobody knows what it holds.
    """
    is_new = not (
        journal_path(output).exists() if isinstance(output, Path) else output.has_journal()
    )
    may_exist = options.resume or options.sync or options.overwrite
    if is_new and output.exists() and not _is_empty_directory(output):
        if not may_exist:
            what, dropped = "exists", "it"
            if isinstance(output, Path) and output.is_dir():
                what, dropped = "exists and is not empty", "the part files in it"
            raise UsageError(
                f"{output} {what}", advice=f"{{overwrite}} drops {dropped}, or name another file"
            )
        if not options.overwrite:
            raise OutputError(
                f"{output} has no journal, so nobody knows what it holds",
                advice="{overwrite} begins anew",
            )
    if is_new and not options.overwrite and isinstance(output, Path):
        _refuse_leftovers(options, output)
    may_be_foreign = not options.overwrite and _is_foreign(output)
    if may_be_foreign and isinstance(output, Path) and holds_nothing(journal_path(output)):
        raise _without_run(output)
    journal = _opened_journal(options, output)
    if may_be_foreign and journal.fingerprint is None:
        journal.close()
        raise _without_run(output)
    if journal.fingerprint is not None and not may_exist:
        journal.close()
        raise UsageError(
            f"{output} exists",
            advice="{resume} goes on with it, "
            + ("{sync} also where the input has changed, " if isinstance(output, Path) else "")
            + "{overwrite} begins anew",
        )
    return journal


def _without_run(output: Path | OutputLease | TableOutput) -> OutputError:
    return OutputError(
        f"{output} has a journal without a run, so nobody knows what it holds",
        advice="{overwrite} begins anew, or name another file",
    )


def _is_foreign(output: Path | OutputLease | TableOutput) -> bool:
    """Tell whether there is something that a journal without a run cannot vouch for."""
    if not isinstance(output, Path) or not output.exists():
        return False
    return has_entries(output) if output.is_dir() else output.stat().st_size > 0


def _is_empty_directory(output: Path | OutputLease | TableOutput) -> bool:
    return isinstance(output, Path) and output.is_dir() and not has_entries(output)


def _refuse_leftovers(options: JobOptions, output: Path) -> None:
    """Raise an error for files without a journal that the run would overwrite or remove."""
    target = Path(os.path.realpath(output))
    found = [draft_path(target, target.parent)]
    if options.output_format == "parquet":
        found += [target.with_name(f"{target.name}.parts")]
        found += [draft_path(target, found[-1])]
    if isinstance(options.errors, Path):
        errors = Path(os.path.realpath(options.errors))
        found.append(draft_path(errors, errors.parent))
    for path in found:
        if os.path.lexists(path):
            raise (OutputError if options.resume else UsageError)(
                f"{path} exists and there is no journal, so nobody knows whose it is",
                advice="move it away, or name another output",
            )


def _opened_journal(options: JobOptions, output: Path | OutputLease | TableOutput) -> Journal:
    """Open the journal; with `overwrite`, one that is damaged is replaced."""
    if isinstance(output, OutputLease):
        from batchmap.checkpoint.store_journal import StoreJournal

        return StoreJournal(output)
    if isinstance(output, TableOutput):
        from batchmap.checkpoint.table_journal import TableJournal

        return TableJournal(output, anew=options.overwrite)
    path = journal_path(output)
    try:
        return checked_journal(output)
    except DamagedJournalError:
        if not options.overwrite:
            raise
    remove_journal_file(path)
    return Journal(path)


def checked_journal(output: Path) -> Journal:
    """Open the journal of an output of this machine, and read all of it.

    What a sync left half done is settled.
    """
    journal = Journal(journal_path(output))
    try:
        journal.check()
        target = Path(os.path.realpath(output))
        settle(journal, target, draft_path(target, target.parent))
    except BaseException:
        with suppress(OutputError):
            journal.close()
        raise
    return journal


def agree(journal: Journal, sink: Sink) -> int:
    """Start `sink` where its journal ends; return how many items were lost at its end.

    An output that is longer is cut. Of one that is shorter, the journal forgets what is beyond it.
    """
    end = journal.output_end
    found = sink.start(end)
    if found >= end:
        return 0
    items = journal.cut(found)
    sink.start(journal.output_end)
    return items

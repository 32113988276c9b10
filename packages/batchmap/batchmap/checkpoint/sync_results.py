"""What a sync has done that is not in the output yet: a file beside it, with its own journal."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from batchmap.checkpoint.csv_header import with_header
from batchmap.checkpoint.done_items import last_rows, result_commits
from batchmap.checkpoint.fingerprint import output_form, without_task
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_file import DamagedJournalError, remove_journal_file
from batchmap.checkpoint.journal_replacement import remove_draft, settle
from batchmap.checkpoint.open_journal import agree
from batchmap.errors import OutputError
from batchmap.options import JobOptions
from batchmap.sinks import OutputForm, Sink
from batchmap.sinks.base import Kept
from batchmap.sinks.csv.columns import EXTRA
from batchmap.sinks.output_errors import real_path
from batchmap.sinks.parquet.parts import LocalParquetParts
from batchmap.storage import draft_path, journal_path, sync_path

__all__ = ["SyncResults", "columns_at", "earlier_sync", "remove_sync"]

_logger = logging.getLogger(__name__)


class SyncResults:
    """The file beside the output that `options` name, and its journal; closed with `stack`.

    What is there already is taken up, unless it is of another fingerprint: `journal` is then
    `None`, as where nothing was there, until `begin`. `model` is as for `open_sink`.
    """

    def __init__(
        self,
        options: JobOptions,
        fingerprint: Mapping[str, Any],
        stack: ExitStack,
        *,
        model: Any = None,
    ) -> None:
        assert isinstance(options.output, Path)
        self._options = options
        self._output = options.output
        self._fingerprint = {**fingerprint, "split_size_bytes": None}
        self.path = sync_path(options.output)
        self.form = output_form(options).as_one_file()
        self._plain_sink: Sink = self.form.sink(self.path, model=model)
        self.sink = self._plain_sink
        self.journal: Journal | None = None
        self.rows_before = (0, 0)
        """The last rows of its journal that earlier syncs wrote."""
        self.retries = False
        """Whether items that failed in it are to be tried again."""
        stack.callback(self.close)
        if journal_path(self.path).exists():
            self._take_up()

    def _take_up(self) -> None:
        """Open what a sync left that was stopped; drop it where it is of no use."""
        path = journal_path(self.path)
        try:
            self._open_journal(path)
            assert self.journal is not None
            target = real_path(self.path)
            draft = draft_path(target, target.parent)
            settle(self.journal, self.path, draft)  # it was killed while a header was written
            if self.journal.get("drafts"):
                remove_draft(draft)
            self.journal.check()
            self.sink.check(self.journal.stretches())
        except OutputError as error:
            if self.journal is None and not isinstance(error, DamagedJournalError):
                raise
            _logger.warning("%s; what an earlier sync did is done again", error)
            self.remove()
            return
        found = self.journal.fingerprint
        if found is None and not os.path.lexists(self.path):
            return  # a sync was killed before it began
        if found is None or "beside" not in found:
            raise OutputError(
                f"{self.path}: is the output of another run, and in the way of this one",
                advice="move it and its journal away",
            )
        if not _goes_on(self._options, found, self._fingerprint):
            self.remove()
            return
        agree(self.journal, self.sink)
        self.rows_before = last_rows(self.journal)
        # What was tried again by a sync that was stopped is not tried once more.
        self.retries = self._options.retry_failed and not self.journal.get("retries")

    def fits(self, columns: Kept) -> bool:
        """Tell whether its results can be in one output with those that have these columns."""
        if columns.columns is None and not columns.schemas:
            return True
        assert self.journal is not None
        here = columns_at(self.path, self.form, self.journal)
        if here.columns is not None:
            known = [name for name in columns.columns or () if name != EXTRA]
            return [name for name in here.columns if name != EXTRA] == known
        try:
            self.sink.carry(columns, 0)
        except (OutputError, ValueError):
            return False
        return True

    def begin(self, columns: Kept) -> None:
        """Make it ready for more results, which are to go with those of some columns."""
        if self.journal is None:
            if os.path.lexists(self.path):
                raise OutputError(
                    f"{self.path} exists and has no journal, so nobody knows whose it is",
                    advice="move it away",
                )
            self._open_journal(journal_path(self.path))
            assert self.journal is not None
        if self.journal.fingerprint is None:
            self.journal.begin(self._fingerprint)
            self.sink.start(0)
        else:
            self.journal.go_on(self._fingerprint, retry_failed=self.retries)
            self.rows_before = last_rows(self.journal)
        with self.journal.transaction():
            self.journal.set("retries", self._options.retry_failed)
        self.sink.carry(columns, 0)

    def _open_journal(self, path: Path) -> None:
        self.journal = Journal(path)
        self.sink = with_header(self._plain_sink, self.path, self.journal, self.form)

    def remove(self) -> None:
        """Remove it, with its journal; both are ours alone."""
        self.close()
        remove_sync(self._output)
        self.rows_before, self.retries = (0, 0), False  # of the journal that is gone

    def close(self) -> None:
        """Close both."""
        self.sink.close()
        if self.journal is not None:
            self.journal.close()
            self.journal = None


def _goes_on(options: JobOptions, found: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether a sync of the fingerprint `now` goes on from one of the fingerprint `found`."""
    part = without_task if options.accept_task else dict
    return part(found) == part(now)


def earlier_sync(options: JobOptions, fingerprint: Mapping[str, Any]) -> Journal | None:
    """Return the journal of what a sync has done that was stopped, as long as it is of use."""
    assert isinstance(options.output, Path)
    path = journal_path(sync_path(options.output))
    if not path.exists():
        return None
    with ExitStack() as stack:
        try:
            journal = stack.enter_context(closing(Journal(path)))
            journal.check()
        except DamagedJournalError:
            return None
        found = journal.fingerprint
        if found is None or not _goes_on(options, found, fingerprint):
            return None
        stack.pop_all()
        return journal


def remove_sync(output: Path) -> None:
    """Remove what a sync has left beside an output, if anything."""
    path = sync_path(output)
    if journal_path(path).exists() and _is_of_a_sync(path):
        path.unlink(missing_ok=True)
        LocalParquetParts(path).remove_parts()
        remove_journal_file(journal_path(path))


def _is_of_a_sync(path: Path) -> bool:
    """Tell whether a file with a journal is what a sync left, and not another run's output."""
    try:
        journal = Journal(journal_path(path))
    except OutputError:
        return False
    try:
        return "beside" in (journal.fingerprint or {"beside": ""})
    except OutputError:
        return False
    finally:
        journal.close()


def columns_at(path: Path, form: OutputForm, journal: Journal) -> Kept:
    """Return the columns of an output, without results."""
    with closing(form.reader(path, result_commits(journal))) as reader:
        return reader.columns()

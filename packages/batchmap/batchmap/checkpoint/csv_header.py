"""Keeps the header of a CSV output what the results of the first items say, in any order.

A header is written before its rows, and results come as their items finish. So the columns of the
first items are noted in the journal; when all of these are done, and when a result has a column of
its own, the output is written anew with another header, in a draft that replaces it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from batchmap.checkpoint.done_items import result_commits
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_replacement import remove_draft, replacing, settle
from batchmap.errors import OutputError
from batchmap.options import JobOptions
from batchmap.records import ItemFailure
from batchmap.sinks import Sink, open_reader, open_sink
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.csv import CsvSink
from batchmap.sinks.csv_cells import Cells
from batchmap.sinks.csv_columns import EXTRA, cells_of_row, chosen_columns, named_cells
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.storage import Location, draft_path, sync_directory

__all__ = ["FIRST_ITEMS", "HeaderedCsv", "with_header"]

_logger = logging.getLogger(__name__)

FIRST_ITEMS = 100
"""The results of so many items, the first of the input, say which columns there are."""

_STATE = "columns"
"""The name by which the journal holds the columns of the first items, as long as more may come."""

_COPIED_RESULTS = 50_000


class HeaderedCsv:
    """The sink `csv` for the output at `path`; `open_csv` makes another one for a draft of it.

    As `Sink` says. `begin` is called once the output has its beginning.
    """

    shows_items = False

    def __init__(
        self, csv: CsvSink, path: Path, journal: Journal, open_csv: Callable[[Path], CsvSink]
    ) -> None:
        self._csv = csv
        self._path = path
        self._journal = journal
        self._open_csv = open_csv
        self.encoder = csv.encoder
        self.commit_every_s, self.commit_soonest_s = csv.commit_every_s, csv.commit_soonest_s
        self._first: dict[int, list[str] | None] | None = None
        """The columns of the results of the first items; `None` once no more can come."""
        self._is_noted = True
        self._is_told = False

    @property
    def digest(self) -> bytes | None:
        return self._csv.digest

    def check(self, stretches: Iterable[Stretch]) -> None:
        self._csv.check(stretches)

    def start(self, end: int) -> int:
        found = self._csv.start(end)
        state = self._journal.get(_STATE)
        if state is not None:
            self._first = dict(state)
        else:  # nothing is known of earlier results, so that their columns stay
            self._first = None if end else {}
        return found

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Cells]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        if self._first is not None:
            self._note(indexes, encoded)
        rows, failures = self._csv.encode(indexes, items, encoded)
        if failures and self._first:  # all for a column that there is not
            self.settle_columns()
            rows, failures = self._csv.encode(indexes, items, encoded)
        if failures:
            self._tell(min(failures), encoded)
            self._write_anew([*(self._csv.columns or ()), EXTRA])
            rows, failures = self._csv.encode(indexes, items, encoded)
        return rows, failures

    def carry(self, kept: Kept, index: int) -> list[str]:
        if kept.columns is not None:
            self._first = None
        return self._csv.carry(kept, index)

    def write(self, pieces: Sequence[str]) -> int:
        return self._csv.write(pieces)

    def sync(self) -> int:
        end = self._csv.sync()
        if not self._is_noted:
            with self._journal.transaction():
                self._journal.set(_STATE, self._state())
            self._is_noted = True
        return end

    def rollback(self) -> int:
        return self._csv.rollback()

    def settle_columns(self) -> None:
        """Make the header what the first items say, as far as they are done."""
        if self._first and self._csv.columns is not None:
            columns = self._chosen()
            known = [name for name in self._csv.columns if name != EXTRA]
            if columns != known:
                may_need = EXTRA in self._csv.columns or not set(known) <= set(columns)
                needs = EXTRA in self._csv.asked or (may_need and self._have_others(columns))
                self._write_anew([*columns, EXTRA] if needs else columns)

    def finish(self, note: NoteDigest = no_note) -> None:
        self.settle_columns()
        self._csv.finish(note)

    def close(self) -> None:
        self._csv.close()

    # The columns ----------------------------------------------------------------------------

    def _state(self) -> list[tuple[int, list[str] | None]] | None:
        return None if self._first is None else sorted(self._first.items())

    def _chosen(self) -> list[str]:
        """Return the columns of the first items, without `EXTRA`."""
        assert self._first is not None
        names = (None if one is None else tuple(one) for _, one in sorted(self._first.items()))
        return [one for one in chosen_columns(self._csv.asked, names) if one != EXTRA]

    def _note(self, indexes: Sequence[int], encoded: Sequence[Cells]) -> None:
        """Note the columns of some results; those of all first items are the output's."""
        assert self._first is not None
        for index, (names, _) in zip(indexes, encoded, strict=True):
            if index < FIRST_ITEMS:
                self._first[index] = None if names is None else list(names)
                self._is_noted = False
        if self._csv.columns is None and self._first:
            asked = [EXTRA] if EXTRA in self._csv.asked else []
            self._csv.choose([*self._chosen(), *asked])
        if len(self._first) + self._failed() >= FIRST_ITEMS:
            self.settle_columns()
            self._first = None
            self._is_noted = False

    def _failed(self) -> int:
        """Return how many of the first items have failed."""
        [number] = self._journal.row("SELECT count(*) FROM failed WHERE item < ?", FIRST_ITEMS)
        return int(number) + self._journal.noted_failures(FIRST_ITEMS)

    def _tell(self, offset: int, encoded: Sequence[Cells]) -> None:
        if self._is_told:
            return
        self._is_told = True
        known = self._csv.columns or ()
        new = next(name for name in named_cells(encoded[offset]) if name not in known)
        _logger.warning(
            "%s: a result has the column %r, which the first ones had not; it is kept in the "
            "column %s",
            self._path, new, EXTRA,
        )  # fmt: skip

    # The output, written anew ---------------------------------------------------------------

    def _write_anew(self, columns: Sequence[str]) -> None:
        """Replace the output by one with these columns and the same results."""
        if not self._commit():
            self._csv.choose(columns)
            return
        journal, target = self._journal, real_path(self._path)
        draft = draft_path(target, target.parent)
        fingerprint = journal.fingerprint
        assert fingerprint is not None
        _claim(journal, draft)
        facts = {name: value for name in ("retries", "drafts", "generation")
                 if (value := journal.get(name)) is not None}  # fmt: skip
        if self._first is not None:
            facts[_STATE] = self._state()
        try:
            with replacing(journal, fingerprint, finished=False, **facts) as new:
                self._copy(draft, columns, new)
            with output_errors(self._path):
                draft.chmod(target.stat().st_mode & 0o7777)
                os.replace(draft, target)
                sync_directory(target.parent)
        finally:
            settle(journal, self._path, draft)
            with output_errors(draft):
                remove_draft(draft)
        self._csv.reopen(journal.output_end)
        self._is_noted = True

    def _have_others(self, columns: Sequence[str]) -> bool:
        """Tell whether results that are written have other columns."""
        self._commit()
        known = set(columns)
        with closing(open_reader(self._path, "csv", result_commits(self._journal))) as reader:
            done = 0
            for number, _ in result_commits(self._journal):
                kept = reader.read(done, number)
                names = kept.columns or ()
                if any(not cells_of_row(names, row).keys() <= known for row in kept.pieces):
                    return True
                done += number
        return False

    def _commit(self) -> int:
        """Make all durable that was written, in the output and in the journal; return its end."""
        end = self._csv.sync()
        if self._csv.digest is not None:
            self._journal.add_stretch(end, self._csv.digest)
        self._journal.commit()
        return end

    def _copy(self, draft: Path, columns: Sequence[str], new: Any) -> None:
        with ExitStack() as stack:
            csv = self._open_csv(draft)
            stack.callback(csv.close)
            reader = open_reader(self._path, "csv", result_commits(self._journal))
            stack.enter_context(closing(reader))
            csv.start(0)
            csv.choose(columns)
            done = copied = 0
            for row in self._journal.rows("SELECT * FROM done ORDER BY id"):
                _, first, number, entries, _ = self._journal.checked(row)
                size, some = len(entries) // number, 0
                while some < number:
                    kept = reader.read(done + some, number - some, whole=True)
                    read = kept.number or len(kept.pieces)
                    end = csv.write(csv.carry(kept, first + some))
                    new.add_done(
                        first + some, read, entries[some * size : (some + read) * size], end
                    )
                    some += read
                done += number
                copied += number
                if copied >= _COPIED_RESULTS:
                    _note_stretch(csv, new)
                    copied = 0
            for row in self._journal.rows("SELECT * FROM failed ORDER BY id"):
                _, item, entry, line = self._journal.checked(row)
                new.add_failed(item, entry, line)
            _note_stretch(csv, new)


def _note_stretch(csv: CsvSink, new: Any) -> None:
    end = csv.sync()
    if csv.digest is not None:
        new.add_stretch(end, csv.digest)


def with_header(sink: Sink, path: Location, journal: Journal | None, options: JobOptions) -> Sink:
    """Return the sink of an output; one of CSV, on this machine, with the care of its header."""
    if not isinstance(sink, CsvSink) or journal is None or not isinstance(path, Path):
        return sink

    def open_csv(draft: Path) -> CsvSink:
        made = open_sink(
            draft,
            options.output_format,
            defuse=options.defuse_formulas,
            strict=options.strict,
            columns=options.columns_out or (),
        )
        assert isinstance(made, CsvSink)
        return made

    return HeaderedCsv(sink, path, journal, open_csv)


def _claim(journal: Journal, draft: Path) -> None:
    """Note that the draft is ours from now on, and remove what an earlier one left."""
    if not journal.get("drafts"):
        if os.path.lexists(draft):
            raise OutputError(
                f"{draft} exists and is not of this run, so nobody knows whose it is",
                advice="move it away",
            )
        with journal.transaction():
            journal.set("drafts", True)
    with output_errors(draft):
        remove_draft(draft)

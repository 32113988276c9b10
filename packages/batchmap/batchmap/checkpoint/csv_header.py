"""Keeps the header of a CSV or TSV output what the results of the first items say, in any order.

A header is written before its rows, and results come as their items finish. So the columns of the
first items are noted in the journal; when all of these are done, and when a result has a column of
its own, the output is written anew with another header, in a draft that replaces it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchmap.checkpoint.done_items import result_commits
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_replacement import (
    claim_draft,
    remove_draft,
    replace_output,
    replacing,
    settle,
)
from batchmap.records import ItemFailure
from batchmap.row_blocks import RowForm, Segment
from batchmap.sinks import OutputForm, Sink
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.csv.cells import Cells, Encoded, rows_in
from batchmap.sinks.csv.columns import EXTRA, ONLY_COLUMN, cells_of_row, chosen_columns
from batchmap.sinks.csv.rows import CsvSink
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.storage import Location, draft_path

if TYPE_CHECKING:
    from batchmap.sinks.read_back import ResultReader

__all__ = ["FIRST_ITEMS", "HeaderedCsv", "with_header"]

_logger = logging.getLogger(__name__)

FIRST_ITEMS = 100
"""The results of so many items, the first of the input, say which columns there are."""

_STATE = "columns"
"""The name by which the journal holds the columns of the first items, as long as more may come."""

_COPIED_RESULTS = 50_000


class HeaderedCsv:
    """The sink `csv` for the output at `path`, which is in this form; as `Sink` says."""

    def __init__(self, csv: CsvSink, path: Path, journal: Journal, form: OutputForm) -> None:
        self._csv = csv
        self._path = path
        self._journal = journal
        self._form = form
        self.encoder = csv.encoder
        self.shows_items = csv.shows_items
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
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Encoded]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        all_cells, failures = self._csv.with_items(items, encoded)
        if self._first is not None:
            failed = {indexes[offset] for offset in failures}  # each with all of its rows
            self._note(indexes, all_cells, failed)
        rows, unknown = self._csv.rows(all_cells)
        if unknown and self._first:
            self.settle_columns()
            rows, unknown = self._csv.rows(all_cells)
        if unknown:
            self._tell(next(iter(unknown.values())))
            self._write_anew([*(self._csv.columns or ()), EXTRA])
            rows, _ = self._csv.rows(all_cells)
        return rows, failures

    def row_form(self) -> RowForm | None:
        return None if self._first is not None else self._csv.row_form()

    def fitted(self, made: Segment) -> list[str]:
        return self._csv.fitted(made)

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

    def _note(
        self, indexes: Sequence[int], all_cells: Sequence[Cells | None], failed: set[int]
    ) -> None:
        """Note the columns of some results; those of all first items are the output's."""
        assert self._first is not None
        named: set[int] = set()
        for index, cells in zip(indexes, all_cells, strict=True):
            if index < FIRST_ITEMS and cells is not None and index not in failed:
                names, _ = cells
                found = None if names is None else list(names)
                if index in named and found != self._first[index]:  # another row of the same item
                    found = list(chosen_columns(_named(self._first[index]), [names]))
                self._first[index] = found
                named.add(index)
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

    def _tell(self, column: str) -> None:
        if self._is_told:
            return
        self._is_told = True
        _logger.warning(
            "%s: a result has the column %r, which the first ones had not; it is kept in the "
            "column %s",
            self._path, column, EXTRA,
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
        claim_draft(journal, draft)
        facts = {name: value for name in ("retries", "drafts", "generation")
                 if (value := journal.get(name)) is not None}  # fmt: skip
        if self._first is not None:
            facts[_STATE] = self._state()
        try:
            with replacing(journal, fingerprint, finished=False, **facts) as new:
                self._copy(draft, columns, new)
                new.parts = self._form.number_of_parts(draft)
            with output_errors(self._path):
                replace_output(target, draft)
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
        with closing(self._reader()) as reader:
            done = 0
            for number, _, _ in result_commits(self._journal):
                kept = reader.read(done, number)
                names = kept.columns or ()
                rows = chain.from_iterable(map(rows_in, kept.pieces))
                if any(not cells_of_row(names, row, self.encoder).keys() <= known for row in rows):
                    return True
                done += number
        return False

    def _reader(self) -> ResultReader:
        return self._form.reader(self._path, result_commits(self._journal))

    def _commit(self) -> int:
        """Make all durable that was written, in the output and in the journal; return its end."""
        end = self._csv.sync()
        if self._csv.digest is not None:
            self._journal.add_stretch(end, self._csv.digest)
        self._journal.commit()
        return end

    def _copy(self, draft: Path, columns: Sequence[str], new: Any) -> None:
        with ExitStack() as stack:
            csv = self._form.sink(draft)
            assert isinstance(csv, CsvSink)
            stack.callback(csv.close)
            reader = stack.enter_context(closing(self._reader()))
            csv.start(0)
            csv.choose(columns)
            done = copied = 0
            whole = self._form.split_bytes is None
            for row in self._journal.rows("SELECT * FROM done ORDER BY id"):
                _, first, number, entries, _, _ = self._journal.checked(row)
                size, some = len(entries) // number, 0
                while some < number:
                    kept = reader.read(done + some, number - some, whole=whole)
                    read = kept.number or len(kept.pieces)
                    end = csv.write(csv.carry(kept, first + some))
                    part = entries[some * size : (some + read) * size]
                    new.add_done(first + some, read, part, end, kept.rows)
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


def _named(columns: list[str] | None) -> list[str]:
    return [ONLY_COLUMN] if columns is None else columns


def _note_stretch(csv: CsvSink, new: Any) -> None:
    end = csv.sync()
    if csv.digest is not None:
        new.add_stretch(end, csv.digest)


def with_header(sink: Sink, path: Location, journal: Journal | None, form: OutputForm) -> Sink:
    """Return the sink of an output; with a header, on this machine, one that cares for it."""
    if not isinstance(sink, CsvSink) or journal is None or not isinstance(path, Path):
        return sink
    return HeaderedCsv(sink, path, journal, form)

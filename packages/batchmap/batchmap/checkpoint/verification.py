"""Compares an output with its journal and its file of failed items, item by item."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import repeat, zip_longest
from pathlib import Path
from typing import BinaryIO

from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.open_journal import checked_journal
from batchmap.checkpoint.table_journal import TableJournal
from batchmap.errors import OutputError, python_spelling
from batchmap.optional import require
from batchmap.row_counts import counts_of, total_rows
from batchmap.sinks import OutputForm
from batchmap.sinks.parquet.parts import LocalParquetParts
from batchmap.storage import journal_path
from batchmap.storage.formats import DELIMITERS
from batchmap.storage.table_output import TableOutput
from batchmap.storage.table_url import TableUrl

__all__ = ["Verification", "verify_output"]


@dataclass
class Verification:
    """What was found of an output."""

    results: int = 0
    failures: int = 0
    is_finished: bool = False
    """Whether its run came to its end; one that was stopped can be resumed."""
    differences: list[str] = field(default_factory=list)
    """What does not agree, a line each; empty when all does."""


def verify_output(
    output: Path | TableUrl,
    errors: Path,
    spell: Callable[[str, str | None], str] = python_spelling,
) -> Verification:
    """Compare the output of a run with its journal, and with the file `errors` of failed items.

    Nothing is changed. `spell` says how the differences name options. Raises `OutputHeldError`
    while a run holds the output, `OutputError` when there is no journal or it is damaged.
    """
    if isinstance(output, TableUrl):
        with closing(TableOutput(output)) as table:
            if not table.has_journal():
                raise _without_journal(output)
            with closing(TableJournal(table)) as journal:
                journal.check()
                return _verified(journal, table, errors, spell)
    if not journal_path(output).exists():
        raise _without_journal(output)
    with closing(checked_journal(output)) as journal:
        return _verified(journal, output, errors, spell)


def _without_journal(output: Path | TableUrl) -> OutputError:
    return OutputError(f"{output} has no journal, so nobody knows what it holds")


def _verified(
    journal: Journal,
    output: Path | TableOutput,
    errors: Path,
    spell: Callable[[str, str | None], str],
) -> Verification:
    found = Verification(is_finished=journal.finished())
    fingerprint = journal.fingerprint
    if fingerprint is None:
        raise OutputError(f"the journal of {output} holds no run")
    found.results, found.failures = journal.counts()
    found.differences += _differences_of_items(journal, found)
    try:
        form = OutputForm.of(fingerprint)
        form.sink(output).check(journal.stretches())
        if isinstance(output, TableOutput):
            found.differences += _differences_of_table(journal, output)
        else:
            found.differences += _differences_of_results(journal, output, form)
    except OutputError as error:
        found.differences += error.lines(spell)
    found.differences += _differences_of_failures(journal, errors, found)
    return found


def _differences_of_items(journal: Journal, found: Verification) -> Iterator[str]:
    """Compare the items of the journal among themselves: each once, and none left out."""
    expected = 0
    for first, number, _ in journal.ranges():
        if first < expected:
            yield f"item {first} is recorded twice"
        elif first > expected and found.is_finished:
            yield f"items {expected} to {first - 1} are not recorded"
        expected = max(expected, first + number)


def _differences_of_results(journal: Journal, output: Path, form: OutputForm) -> Iterator[str]:
    """Compare the records in the output with the items that the journal says they are of."""
    end = journal.output_end
    if form.output_format == "parquet":
        yield from _differences_of_rows(journal, output)
        return
    size, more = form.text_bytes(output) if output.exists() else (0, 0)
    of_text = " of text" if form.compression else ""
    if size < end:
        yield f"{output} has {size} bytes{of_text} and had {end}; its end is missing"
        return
    if size > end or more:
        more += size - end
        yield f"{output} has {more} bytes that are not recorded; a resume cuts them off"
    if not end:
        return
    is_full = form.output_format == "jsonl" and form.record != "result"
    with form.opened(output) as file:
        lines: Iterator[bytes] = iter(file.readline, b"")
        if form.output_format in DELIMITERS:
            lines = (repr(row).encode() for row in _csv_rows(file, form.delimiter))
            next(lines, None)
        for first, number, rows, _ in journal.done():
            for index in _index_of_each_row(first, number, rows):
                line = next(lines, None)
                if line is None:
                    yield f"{output}: the result of item {index} is missing"
                    return
                if is_full and json.loads(line)["index"] != index:
                    yield f"{output}: in place of item {index} stands {json.loads(line)['index']}"
                    return


def _index_of_each_row(first: int, number: int, rows: bytes) -> Iterator[int]:
    """Yield the index of the item that each row is of, of `number` items from `first` on."""
    for index, count in enumerate(counts_of(rows, number), first):
        yield from repeat(index, count)


def _differences_of_table(journal: Journal, table: TableOutput) -> Iterator[str]:
    table.load()
    if table.rows != journal.output_end:
        yield f"{table} has {table.rows} rows, and the journal {journal.output_end} results"


def _csv_rows(file: BinaryIO, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(2**31 - 1)
    text = io.TextIOWrapper(file, newline="", encoding="utf-8")
    yield from csv.reader(text, delimiter=delimiter, strict=True)


def _differences_of_rows(journal: Journal, output: Path) -> Iterator[str]:
    files = require("pyarrow.parquet", "formats", "reading Parquet")
    rows = 0
    for path in LocalParquetParts(output).files():
        with files.ParquetFile(path) as file:
            rows += file.metadata.num_rows
    expected = sum(total_rows(counts, number) for _, number, counts, _ in journal.done())
    if rows != expected:
        yield f"{output} has {rows} rows, and the journal {expected} results"


def _differences_of_failures(journal: Journal, errors: Path, found: Verification) -> Iterator[str]:
    """Compare the file of failed items, written at each end of a run, with the journal."""
    if not errors.exists():
        if found.failures:
            yield f"{errors} is missing, and {found.failures} items failed; a resume writes it"
        return
    with errors.open(encoding="utf-8", newline="\n") as lines:
        both = zip_longest(lines, journal.failure_lines())
        for number, (here, recorded) in enumerate(both, 1):
            if here is None or here.rstrip("\n") != recorded:
                yield f"{errors} line {number} is not what the journal holds; a resume mends it"
                return

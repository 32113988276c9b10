"""What a journal will say once its output was replaced by another file, whole.

    replacing   the new rows are written beside the old ones, in one transaction; the draft of the
                new output is on the disk before
    (rename)    the draft becomes the output
    adopt       the new rows become the journal's

Whether the rename has happened is told by the draft, which is then gone, and by the output, which
is then what the new rows say. So a journal that was left between the two is settled when it is
opened: the new rows are dropped or adopted.

Part files cannot replace those of an output all at once. The new rows say how many there are, and
with that the draft is the output to be: whoever opens the journal moves what has not been moved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_file import create_statement
from batchmap.checkpoint.journal_tables import NotedRows
from batchmap.errors import OutputError
from batchmap.row_counts import ONE_EACH
from batchmap.sinks import OutputForm
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.storage import sync_directory
from batchmap.storage.part_files import move_parts, remove_parts, take_permissions

__all__ = [
    "Replacement",
    "adopt",
    "claim_draft",
    "remove_draft",
    "replace_output",
    "replacing",
    "settle",
]

_PREFIX = "next_"
_TABLES = ("done", "failed", "stretch")
_NAME = "replacement"
_FACTS = "replacement_facts"
_PARTS = "replacement_parts"

_MAX_BYTES = 1 << 20
"""How much of the new rows is kept in memory."""


class Replacement:
    """Takes the rows of the new journal, in the order of the new output."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._noted = NotedRows()
        self._noted_bytes = 0
        self.parts: int | None = None
        """How many part files the draft has, `None` where it is one file."""

    def add_done(
        self, first: int, number: int, entries: bytes, output_end: int, rows: bytes = ONE_EACH
    ) -> None:
        """Note items in a row whose results end at `output_end`, with `rows` as `row_counts`."""
        self._noted.done.append((first, number, entries, rows, output_end))
        self._insert_when_much(len(entries) + len(rows))

    def add_failed(self, item: int, entry: bytes, line: str) -> None:
        """Note an item that failed, as a line of the file of failed items."""
        self._noted.failed.append((item, entry, line))
        self._insert_when_much(len(line))

    def add_stretch(self, output_end: int, digest: bytes) -> None:
        """Note the digest of what was added to the output since the last one."""
        self._noted.stretches.append((output_end, digest))

    def insert(self) -> None:
        """Write what was noted, within the transaction."""
        self._noted.insert(self._journal.sql, tables=_PREFIX)
        self._noted = NotedRows()
        self._noted_bytes = 0

    def _insert_when_much(self, more_bytes: int) -> None:
        self._noted_bytes += more_bytes
        if self._noted_bytes >= _MAX_BYTES:
            self.insert()


@contextmanager
def replacing(journal: Journal, fingerprint: dict[str, Any], **facts: Any) -> Iterator[Replacement]:
    """Write new rows within one transaction, for a run with this fingerprint.

    The run is finished, or what `facts` say of it.
    """
    with journal.transaction() as sql:
        for table in _TABLES:
            sql.execute(create_statement(table, prefix=_PREFIX))
        new = Replacement(journal)
        yield new
        new.insert()
        journal.set(_FACTS, facts or {"finished": True})
        journal.set(_PARTS, new.parts)
        journal.set(_NAME, fingerprint)


def replace_output(output: Path, draft: Path) -> None:
    """Have the draft replace the output, durably, where it is one file; `settle` moves others."""
    if draft.is_dir():
        return
    if output.exists():
        take_permissions(draft, output)
    os.replace(draft, output)
    sync_directory(output.parent)


def adopt(journal: Journal) -> None:
    """Make the new rows those of the journal."""
    fingerprint = journal.get(_NAME)
    facts = journal.get(_FACTS) or {"finished": True}
    journal.detach_readings()
    with journal.transaction() as sql:
        for table in _TABLES:
            sql.execute(f"DROP TABLE {table}")
            sql.execute(f"ALTER TABLE {_PREFIX}{table} RENAME TO {table}")
        sql.execute("DELETE FROM run")
        journal.set("fingerprint", fingerprint)
        for name, value in facts.items():
            journal.set(name, value)
        if "generation" not in facts:
            journal.renew()


def settle(journal: Journal, output: Path, draft: Path) -> None:
    """Adopt the new rows of a journal, or drop them, by whether its output was replaced."""
    if (fingerprint := journal.get(_NAME)) is None:
        return
    if (parts := journal.get(_PARTS)) is not None:
        with output_errors(output):
            move_parts(draft, real_path(output), parts, OutputForm.of(fingerprint).part_suffix)
    is_replaced = parts is not None or not draft.exists()
    if is_replaced and _is_new(journal, output, fingerprint):
        adopt(journal)
        return
    journal.detach_readings()
    with journal.transaction() as sql:
        for table in _TABLES:
            sql.execute(f"DROP TABLE {_PREFIX}{table}")
        sql.execute("DELETE FROM run WHERE name IN (?, ?, ?)", (_NAME, _FACTS, _PARTS))
    remove_draft(draft)


def _is_new(journal: Journal, output: Path, fingerprint: dict[str, Any]) -> bool:
    """Tell whether the output is what the new rows say: somebody may have removed the draft."""
    if not output.exists():
        return False
    form = OutputForm.of(fingerprint)
    try:
        form.sink(output).check(journal.stretches(tables=_PREFIX))
    except OutputError:
        return False
    [end] = journal.row(f"SELECT max(output_end) FROM {_PREFIX}done")
    return form.output_format == "parquet" or form.text_bytes(output) == (end or 0, 0)


def claim_draft(journal: Journal, draft: Path) -> None:
    """Note that the draft is ours from now on, and remove what an earlier run left of it.

    Raises `OutputError` for a file of that name that no run of this journal has made.
    """
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


def remove_draft(draft: Path) -> None:
    """Remove the draft of an output, with what its sink has beside it."""
    if draft.is_dir():
        remove_parts(draft)
        with suppress(OSError):  # it holds a file of somebody else's
            draft.rmdir()
    else:
        draft.unlink(missing_ok=True)
    from batchmap.sinks.parquet.parts import LocalParquetParts

    LocalParquetParts(draft).remove_parts()

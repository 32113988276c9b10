"""Writes results as Parquet: each `sync` writes a part file, and `finish` merges them.

A Parquet file ends with its footer, so it cannot be appended to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from batchmap.errors import OutputError
from batchmap.records import ItemFailure
from batchmap.row_blocks import Segment
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.item_columns import item_row, named_fields
from batchmap.sinks.output_errors import not_what_was_written, output_errors
from batchmap.sinks.parquet.form import ParquetForm
from batchmap.sinks.parquet.parts import OUTPUT, ParquetParts
from batchmap.sinks.parquet.row_encoding import Encoded, row_of, strict_row_of
from batchmap.sinks.parquet.row_groups import RowGroupWriter
from batchmap.sinks.parquet.schema import Columns
from batchmap.sinks.parquet.types import pyarrow
from batchmap.sinks.values.kept_results import with_result
from batchmap.sinks.values.value_conversion import Unwritable
from batchmap.text import printable
from batchmap.worker.failures import describe_failure

__all__ = ["ParquetSink"]

_PARTS_KEY = b"parts"


class ParquetSink:
    """One row for each result: the values of an object, or the one column `result`.

    Columns may be added later, and are null in earlier rows. `end` is the number of part files.
    The merged output says in its metadata of how many parts it was made, and counts as these when
    a run goes on. `model` is a schema that gives columns their types where these hold all values;
    with `is_given`, columns and types are those of `model`, and what does not fit is a failure.
    With `with_item`, the columns of the item stand before those of the result. With `split_bytes`,
    a file of the merged output ends where it reaches that size.
    """

    def __init__(
        self,
        parts: ParquetParts,
        model: Any = None,
        *,
        is_given: bool = False,
        strict: bool = False,
        with_item: bool = False,
        split_bytes: int | None = None,
    ) -> None:
        self.encoder = strict_row_of if strict else row_of
        self.shows_items = with_item
        self._files = pyarrow("pyarrow.parquet")
        self._path = parts.path
        self._parts = parts
        self._model, self._is_given = model, is_given
        self._split_bytes = split_bytes
        self.commit_every_s, self.commit_soonest_s = parts.commit_every_s, parts.commit_soonest_s
        self.digest: bytes | None = None
        self._reset()

    def _reset(self) -> None:
        self._columns = Columns(self._model, is_given=self._is_given)
        self._rows: list[dict[str, Any] | bytes] = []
        """Rows, or several that were made elsewhere, as a record batch."""
        self._merged = 0
        """How many parts are merged in the output; 0 when it does not exist."""
        self._end = 0

    def check(self, stretches: Iterable[Stretch]) -> None:
        with output_errors(self._path):
            self._parts.settle()
            merged = self._merged_parts()
            is_known, is_noted = not self._parts.has_output(), False
            for number, digest in stretches:
                is_noted = True
                if number == -merged and not is_known:
                    self._parts.check_digest(OUTPUT, digest)
                    is_known = True
                elif number > merged:
                    try:
                        self._parts.check_digest(number, digest)
                    except FileNotFoundError:
                        break
            # Without notes, it is the output that a run which was killed was about to replace.
            if is_noted and not is_known:
                raise not_what_was_written(self._path)

    def start(self, end: int) -> int:
        self._reset()
        with output_errors(self._path):
            self._parts.refuse_irregular_output()
            self._parts.settle()
            merged = self._merged_parts() if end else 0
            if merged > end:
                return 0  # what is merged cannot be cut
            last = self._add_columns(merged, end)
            if last < end:
                return last
            self._merged, self._end = merged, end
            self._parts.keep(merged, end)
        return end

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Encoded]
    ) -> tuple[list[dict[str, Any] | None], dict[int, ItemFailure]]:
        rows: list[dict[str, Any] | None] = list(map(named_fields, encoded))
        failures: dict[int, ItemFailure] = {}
        if self.shows_items:
            for offset, (item, result) in enumerate(zip(items, encoded, strict=True)):
                try:
                    rows[offset] = item_row(item, self.encoder) | named_fields(result)
                except Unwritable as error:
                    rows[offset] = None
                    failures[offset] = error.failure
        self._add_rows(rows, 0, len(rows), failures)
        for offset, failure in failures.items():
            one = encoded[offset]
            failures[offset] = with_result(failure, one if isinstance(one, dict) else one[0])
        return rows, failures

    def row_form(self) -> ParquetForm | None:
        return None if self.shows_items else self._columns.form()

    def fitted(self, made: Segment) -> list[bytes]:
        return made.pieces

    def carry(self, kept: Kept, index: int) -> list[dict[str, Any] | None]:
        for schema in kept.schemas:
            self._columns.add_schema(schema)
        rows: list[dict[str, Any] | None] = []
        for piece in kept.pieces:
            rows += piece if isinstance(piece, list) else [piece]
        failures: dict[int, ItemFailure] = {}
        self._add_rows(rows, 0, len(rows), failures)
        if failures:
            [failure, *_] = failures.values()
            raise OutputError(
                f"{printable(f'{self._path}')}: {failure.error}", advice="{overwrite} begins anew"
            )
        return rows

    def write(self, pieces: Sequence[dict[str, Any] | bytes | None]) -> int:
        self._rows += [row for row in pieces if row is not None]
        return self._end + bool(self._rows)

    def sync(self) -> int:
        with output_errors(self._path):
            self._parts.check()
            self.digest = None
            if self._rows:
                table = self._columns.joined_table(self._rows)
                self.digest = self._parts.write(
                    self._end + 1, lambda file: self._files.write_table(table, file)
                )
                self._end += 1
                self._rows = []
        return self._end

    def rollback(self) -> int:
        self._rows = []
        with output_errors(self._path):
            self._parts.check()
        return self._end

    def finish(self, note: NoteDigest = no_note) -> None:
        """Merge the parts into the output, and remove them."""
        with output_errors(self._path):
            self._parts.check()
            if not self._is_finished():
                self._columns.complete()
                schema = self._columns.schema(**{_PARTS_KEY.decode(): str(self._end)})
                fill = RowGroupWriter(self._tables(), schema, self._split_bytes)
                self._parts.merge(fill, lambda digest: note(-self._end, digest))
                self._merged = self._end
            else:
                self._parts.remove_parts()

    def close(self) -> None:
        self._rows = []

    def _is_finished(self) -> bool:
        return 0 < self._merged == self._end

    def _merged_parts(self) -> int:
        """Return of how many parts the output was merged, 0 when it does not exist."""
        first, *_ = [*self._parts.outputs(), OUTPUT]
        schema = self._schema(first)
        number = b"0" if schema is None else (schema.metadata or {}).get(_PARTS_KEY, b"0")
        return int(number) if number.isdigit() else 0

    def _add_columns(self, merged: int, end: int) -> int:
        """Add the columns of the files that exist, up to part `end`; return the last number."""
        last = merged
        for number in self._numbers(merged, end):
            schema = self._schema(number)
            if schema is None:
                break
            try:
                self._columns.add_schema(schema)
            except ValueError as error:
                part = f"part {number} of " if number > OUTPUT else ""
                raise OutputError(
                    f"{part}{printable(f'{self._path}')}: is not of this run ({error})",
                    advice="start again with {overwrite}",
                ) from error
            last += number > OUTPUT
        return last

    def _numbers(self, merged: int, end: int) -> list[int]:
        """Return the numbers of the files that hold the rows."""
        return [*(self._parts.outputs() if merged else []), *range(merged + 1, end + 1)]

    def _schema(self, number: int) -> Any:
        """Return the schema of a file, `None` when it is missing or not whole."""
        try:
            with self._parts.opened(number) as source:
                return self._files.read_schema(source)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:  # of pyarrow, for a file that is not whole
            if getattr(error, "errno", None) is not None:
                raise
            return None

    def _add_rows(
        self,
        rows: list[dict[str, Any] | None],
        start: int,
        end: int,
        failures: dict[int, ItemFailure],
    ) -> None:
        """Add the columns of `rows[start:end]`; rows that do not fit are found by halving."""
        some = [row for row in rows[start:end] if row is not None]
        try:
            self._columns.add_rows(some)
        except Exception as error:  # raised by a class of the caller's, such as a time zone
            if len(some) > 1:
                middle = (start + end) // 2
                self._add_rows(rows, start, middle, failures)
                self._add_rows(rows, middle, end, failures)
                return
            offset = next(offset for offset in range(start, end) if rows[offset] is not None)
            rows[offset] = None
            failures[offset] = (
                error.failure if isinstance(error, Unwritable) else describe_failure(error)
            )

    def _tables(self) -> Iterator[Any]:
        for number in self._numbers(self._merged, self._end):
            with self._parts.opened(number) as source, self._files.ParquetFile(source) as part:
                for group in range(part.num_row_groups):
                    yield self._columns.fitted(part.read_row_group(group))

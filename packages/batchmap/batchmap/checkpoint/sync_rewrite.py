"""Writes an output anew from earlier results, in the order of the input, and puts it in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any

from batchmap.checkpoint.done_items import done_items, failure_line_of, result_commits
from batchmap.checkpoint.fingerprint import output_form
from batchmap.checkpoint.item_matching import ItemMatching, KeptRange
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_replacement import (
    Replacement,
    claim_draft,
    remove_draft,
    replace_output,
    replacing,
    settle,
)
from batchmap.options import JobOptions
from batchmap.sinks import OutputForm, Sink, renumbered_failure
from batchmap.sinks.csv.rows import CsvSink
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.sinks.parquet.parts import LocalParquetParts
from batchmap.sinks.read_back import column_types
from batchmap.stopping import StopRequest
from batchmap.storage import draft_path

__all__ = ["Earlier", "rewrite"]

_DONE_NOW = 2
"""In place of the number of an output: what this run did, beside the output that is number 1."""

_SYNCED_RESULTS = 200_000
"""How many results are written before they are made durable: a part of Parquet."""


@dataclass(slots=True)
class Earlier:
    """An output that results are read from, and its journal."""

    path: Path
    form: OutputForm
    journal: Journal
    rows_before: tuple[int, int] = (0, 0)
    """The last rows of the journal from before this run."""


def rewrite(
    options: JobOptions,
    fingerprint: dict[str, Any],
    earlier: list[Earlier],
    matching: ItemMatching,
    *,
    place_of: Callable[[int], str],
    stop: StopRequest,
) -> bool:
    """Replace the output by one with the results of all items, in the order of the input.

    `earlier` are the output as it is, and the one beside it, where the items that this run did have
    their index of now. `place_of` says in words where a record of the input stands. Returns `False`
    when `stop` was requested before the end: then nothing has changed. Raises `OutputError` when a
    result cannot be read or written.
    """
    assert isinstance(options.output, Path)
    target = real_path(options.output)
    draft = draft_path(target, target.parent)
    journal = earlier[0].journal
    claim_draft(journal, draft)
    model = column_types([one.path for one in earlier], options.output_format)
    form = output_form(options)
    sink = form.sink(draft, model=model)
    try:
        with ExitStack() as stack, replacing(journal, fingerprint) as new:
            stack.callback(sink.close)
            _Writer(sink, new, options, earlier, stack).write(matching, place_of, stop)
            new.parts = form.number_of_parts(draft)
        with output_errors(options.output):
            replace_output(target, draft)
    except _StoppedError:
        return False
    finally:
        settle(journal, options.output, draft)
        with output_errors(options.output):
            remove_draft(draft)
    if options.output_format == "parquet":
        LocalParquetParts(target).remove_parts()
    return True


def _in_input_order(beside: Earlier, matching: ItemMatching) -> Iterator[KeptRange]:
    """Yield what was done before and what this run did, the latter as of output `_DONE_NOW`."""
    done_now = (
        (done.first, done.number, done.entries, _DONE_NOW, done.address)
        for done in done_items(beside.journal, after=beside.rows_before)
    )
    return merge(matching.kept(), done_now, key=itemgetter(0))


class _StoppedError(Exception):
    """Ends the transaction of a rewriting that was stopped, and undoes it."""


class _Writer:
    """Copies results and failures into the new output and the new journal."""

    def __init__(
        self,
        sink: Sink,
        new: Replacement,
        options: JobOptions,
        earlier: list[Earlier],
        stack: ExitStack,
    ) -> None:
        self._sink = sink
        self._new = new
        self._has_index = options.record != "result"
        """Whether the index of an item is part of its result."""
        self._is_split = options.split_size_bytes is not None
        self._beside = earlier[-1]
        readers = [
            stack.enter_context(closing(one.form.reader(one.path, result_commits(one.journal))))
            for one in earlier
        ]
        # By the number of the output; what was done now is in the last of them.
        self._readers = [*readers, readers[-1]]
        self._journals = [one.journal for one in (*earlier, self._beside)]
        self._unsynced = 0
        sink.start(0)
        if isinstance(sink, CsvSink):  # those of what was done now are those of the output, or more
            found = [reader.columns().columns for reader in reversed(readers)]
            if columns := next(filter(None, found), None):
                sink.choose(columns)

    def write(
        self, matching: ItemMatching, place_of: Callable[[int], str], stop: StopRequest
    ) -> None:
        """Write all, durably, in the order of the input."""
        failed_before = matching.failed_places()
        for first, number, entries, output, address in _in_input_order(self._beside, matching):
            if stop.requested:
                raise _StoppedError
            if address >= 0:
                has_moved = output != _DONE_NOW and first + number > matching.same
                whole = not (has_moved and self._has_index) and not self._is_split
                self._copy(first, number, entries, output, address, whole=whole)
                continue
            line = failure_line_of(self._journals[output], address)
            if output != _DONE_NOW:
                index, where = next(failed_before)
                assert index == first, (index, first)
                line = renumbered_failure(line, first, place_of(where))
            self._new.add_failed(first, entries, line)
        self._sync()
        self._sink.finish(self._new.add_stretch)

    def _copy(
        self, first: int, number: int, entries: bytes, output: int, address: int, *, whole: bool
    ) -> None:
        """Copy results; `whole` where none of them needs a new index."""
        size = len(entries) // number
        done = 0
        while done < number:
            kept = self._readers[output].read(address + done, number - done, whole=whole)
            some = len(kept.pieces) if kept.number is None else kept.number
            end = self._sink.write(self._sink.carry(kept, first + done))
            part = entries[done * size : (done + some) * size]
            self._new.add_done(first + done, some, part, end, kept.rows)
            done += some
            self._unsynced += some
            if self._unsynced >= _SYNCED_RESULTS:
                self._sync()

    def _sync(self) -> None:
        end = self._sink.sync()
        if self._sink.digest is not None:
            self._new.add_stretch(end, self._sink.digest)
        self._unsynced = 0

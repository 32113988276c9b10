"""Writes an output anew from earlier results, in the order of the input, and puts it in place."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any

from batchmap.checkpoint.done_items import done_items, failure_line_of, result_commits
from batchmap.checkpoint.item_matching import ItemMatching, KeptRange
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_replacement import Replacement, remove_draft, replacing, settle
from batchmap.checkpoint.sync_results import columns_at
from batchmap.errors import OutputError
from batchmap.options import JobOptions
from batchmap.sinks import Sink, open_reader, open_sink, renumbered_failure
from batchmap.sinks.base import Kept
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.sinks.parquet_parts import LocalParquetParts
from batchmap.stopping import StopRequest
from batchmap.storage import draft_path, sync_directory

__all__ = ["Earlier", "columns_of", "rewrite"]

_SYNCED_RESULTS = 200_000
"""How many results are written before they are made durable: a part of Parquet."""


@dataclass(slots=True)
class Earlier:
    """An output that results are read from, and its journal."""

    path: Path
    journal: Journal
    rows_before: tuple[int, int] = (0, 0)
    """The last rows of the journal from before this run."""


def columns_of(options: JobOptions, journal: Journal) -> Kept:
    """Return the columns of the output that `options` name, without results."""
    assert isinstance(options.output, Path)
    return columns_at(options.output, options.output_format, journal)


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

    `earlier` are the output as it is, and that of what this run did, whose items have their index
    of now. `place_of` says in words where a record of the input stands. Returns `False` when `stop`
    was requested before the end: then nothing has changed. Raises `OutputError` when a result
    cannot be read or written.
    """
    assert isinstance(options.output, Path)
    target = real_path(options.output)
    draft = draft_path(target, target.parent)
    journal = earlier[0].journal
    _claim_draft(journal, draft)
    sink = open_sink(
        draft, options.output_format, record=options.record, defuse=options.defuse_formulas
    )
    try:
        with ExitStack() as stack, replacing(journal, fingerprint) as new:
            stack.callback(sink.close)
            writer = _Writer(
                sink, new, earlier, options.output_format, stop, stack,
                same=matching.same, is_result=options.record == "result",
            )  # fmt: skip
            writer.write(_in_input_order(earlier[1], matching), matching.failed_places(), place_of)
        with output_errors(options.output):
            if target.exists():
                before = target.stat()
                draft.chmod(stat.S_IMODE(before.st_mode))
                with suppress(OSError):  # who may not give files away owns what it writes
                    os.chown(draft, before.st_uid, before.st_gid)
            os.replace(draft, target)
            sync_directory(target.parent)
    except _StoppedError:
        return False
    finally:
        settle(journal, options.output, draft)
        with output_errors(options.output):
            remove_draft(draft)
    if options.output_format == "parquet":
        LocalParquetParts(target).remove_parts()
    return True


def _claim_draft(journal: Journal, draft: Path) -> None:
    """Note that the draft is ours from now on, and remove what an earlier sync left of it."""
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


def _in_input_order(beside: Earlier, matching: ItemMatching) -> Iterator[KeptRange]:
    """Yield what was done before and what this run did, the latter as of output 2."""
    done_now = (
        (done.first, done.number, done.entries, 2, done.address)
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
        earlier: list[Earlier],
        output_format: str,
        stop: StopRequest,
        stack: ExitStack,
        *,
        same: int,
        is_result: bool,
    ) -> None:
        self._same = same
        """How many items at the start have the index that they had."""
        self._is_result = is_result
        """Whether results are written without their index."""
        self._sink = sink
        self._new = new
        self._stop = stop
        readers = [
            stack.enter_context(
                closing(open_reader(one.path, output_format, result_commits(one.journal)))
            )
            for one in earlier
        ]
        self._readers = [*readers, readers[-1]]
        self._journals = [earlier[0].journal, earlier[1].journal, earlier[1].journal]
        self._unsynced = 0
        sink.start(0)

    def write(
        self,
        ranges: Iterator[KeptRange],
        failed_before: Iterator[tuple[int, int]],
        place_of: Callable[[int], str],
    ) -> None:
        """Write all, durably; `failed_before` gives the position of those among `ranges`."""
        for first, number, entries, output, address in ranges:
            if self._stop.requested:
                raise _StoppedError
            if address >= 0:
                self._copy(first, number, entries, output, address)
                continue
            line = failure_line_of(self._journals[output], address)
            if output != 2:
                index, where = next(failed_before)
                assert index == first, (index, first)
                line = renumbered_failure(line, first, place_of(where))
            self._new.add_failed(first, entries, line)
        self._sync()
        self._sink.finish(self._new.add_stretch)

    def _copy(self, first: int, number: int, entries: bytes, output: int, address: int) -> None:
        whole = output == 2 or first + number <= self._same or self._is_result
        size = len(entries) // number
        done = 0
        while done < number:
            kept = self._readers[output].read(address + done, number - done, whole=whole)
            some = len(kept.pieces) if kept.number is None else kept.number
            end = self._sink.write(self._sink.carry(kept, first + done))
            part = entries[done * size : (done + some) * size]
            self._new.add_done(first + done, some, part, end)
            done += some
            self._unsynced += some
            if self._unsynced >= _SYNCED_RESULTS:
                self._sync()

    def _sync(self) -> None:
        end = self._sink.sync()
        if self._sink.digest is not None:
            self._new.add_stretch(end, self._sink.digest)
        self._unsynced = 0

"""`sync`: makes an output what a new run over the input as it is now would write.

    match     the input with the items that the journal knows (item_matching)
    execute   what is new or changed: its results go to a file beside the output, OUTPUT.sync, which
              has a journal of its own; a sync that is stopped goes on from there
    rewrite   all results, in the order of the input, to a draft that replaces the output
              (sync_rewrite, journal_replacement)

Until the draft replaces it, output and journal are what they were before.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from batchmap.checkpoint.done_items import done_items, last_rows
from batchmap.checkpoint.failure_stats import FailureLimit
from batchmap.checkpoint.identity import Identity
from batchmap.checkpoint.item_matching import ItemMatching
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.journal_file import DamagedJournalError, remove_journal_file
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.recorder import Recorder
from batchmap.checkpoint.sync_rewrite import Earlier, columns_of, rewrite
from batchmap.errors import OutputError
from batchmap.options import JobOptions
from batchmap.records import RunOutcome, SyncCounts
from batchmap.sinks import Sink, open_sink, update_errors
from batchmap.sinks.parquet_parts import LocalParquetParts
from batchmap.sources import InputRecord, Source
from batchmap.stopping import StopRequest
from batchmap.storage import journal_path, sync_path

__all__ = ["SyncRecorder", "agree", "open_sync_recorder", "remove_sync"]

_logger = logging.getLogger(__name__)


def open_sync_recorder(
    stack: ExitStack,
    options: JobOptions,
    fingerprint: Mapping[str, Any],
    source: Source,
    identity: Identity,
    journal: Journal,
    *,
    stop: StopRequest,
) -> Recorder:
    """Return the recorder of a sync; what it opens is closed with `stack`.

    The output that `options` name and its journal agree, and `fingerprint` is that of a run which
    may go on with them. Raises `InputError` when the input cannot be read, `OutputError` when an
    earlier result cannot.
    """
    assert isinstance(options.output, Path)
    # What was done beside an output that was replaced since then is in it.
    beside = _Beside(options, {**fingerprint, "beside": journal.generation}, stack)
    with_failed = not options.retry_failed
    outputs = [partial(done_items, journal, failed=with_failed)]
    if beside.journal is not None:
        outputs.append(partial(done_items, beside.journal, failed=with_failed))
    matching = ItemMatching(source, identity, outputs, limit=options.limit, stop=stop)
    stack.callback(matching.close)
    has_nothing_to_do = matching.is_whole and matching.is_in_order and journal.finished()
    if not has_nothing_to_do:
        beside.begin()
        columns = columns_of(options, journal) if matching.differences.kept else None
        if columns is not None:
            beside.sink.carry(columns, 0)
    pending = PendingItems(
        _NoRecords(source) if has_nothing_to_do else source,
        identity,
        done=iter(()) if has_nothing_to_do else matching.done_ranges(),
        limit=options.limit,
        stop=stop,
    )
    stack.callback(pending.close)
    pending.done_before = matching.differences.kept
    return SyncRecorder(
        pending,
        options,
        fingerprint,
        journal,
        beside,
        matching,
        rewrites=not has_nothing_to_do,
        stop=stop,
    )


class _Beside:
    """The file beside the output, with results that are not in it yet, and its journal."""

    def __init__(
        self, options: JobOptions, fingerprint: Mapping[str, Any], stack: ExitStack
    ) -> None:
        assert isinstance(options.output, Path)
        self._options = options
        self._output = options.output
        self._fingerprint = dict(fingerprint)
        self.path = sync_path(options.output)
        self.sink: Sink = open_sink(
            self.path,
            options.output_format,
            record=options.record,
            defuse=options.defuse_formulas,
        )
        self.journal: Journal | None = None
        self.rows_before = (0, 0)
        """The last rows of its journal that earlier syncs wrote."""
        stack.callback(self.close)
        if journal_path(self.path).exists():
            self._take_up()

    def _take_up(self) -> None:
        """Open what a sync left that was stopped; drop it where it is of no use."""
        path = journal_path(self.path)
        try:
            self.journal = Journal(path)
            self.journal.check()
            self.sink.check(self.journal.stretches())
        except (DamagedJournalError, OutputError) as error:
            if self.journal is None and not isinstance(error, DamagedJournalError):
                raise
            _logger.warning("%s; what an earlier sync did is done again", error)
            self.remove()
            return
        if self.journal.fingerprint != self._fingerprint:
            self.remove()
            return
        agree(self.journal, self.sink)
        self.rows_before = last_rows(self.journal)

    def begin(self) -> None:
        """Make it ready for more results."""
        if self.journal is None:
            if os.path.lexists(self.path):
                raise OutputError(
                    f"{self.path} exists and has no journal, so nobody knows whose it is",
                    advice="move it away",
                )
            self.journal = Journal(journal_path(self.path))
        if self.journal.fingerprint is None:
            self.journal.begin(self._fingerprint)
            self.sink.start(0)
        elif self._options.retry_failed:
            self.journal.go_on(self._fingerprint, retry_failed=True)

    def remove(self) -> None:
        """Remove it, with its journal; both are ours alone."""
        self.close()
        remove_sync(self._output)

    def close(self) -> None:
        """Close both."""
        self.sink.close()
        if self.journal is not None:
            self.journal.close()
            self.journal = None


def remove_sync(output: Path) -> None:
    """Remove what a sync has left beside an output, if anything."""
    path = sync_path(output)
    if journal_path(path).exists():  # else a file of that name is not ours
        path.unlink(missing_ok=True)
        LocalParquetParts(path).remove_parts()
        remove_journal_file(journal_path(path))


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


class SyncRecorder(Recorder):
    """Records what is new or changed beside the output, and rewrites that at the end.

    With `rewrites` unset there is nothing to do, and nothing is written.
    """

    def __init__(
        self,
        pending: PendingItems,
        options: JobOptions,
        fingerprint: Mapping[str, Any],
        journal: Journal,
        beside: _Beside,
        matching: ItemMatching,
        *,
        rewrites: bool,
        stop: StopRequest,
    ) -> None:
        failed = matching.kept_failures()
        super().__init__(
            pending,
            beside.sink,
            beside.journal or journal,  # the latter gets nothing, as there is nothing to do
            keeps_order=False,
            output=f"{options.output}",
            errors_path=None,
            before=(matching.differences.kept - failed, failed),
            failure_limit=FailureLimit.of(options.halt),
            stop=stop,
        )
        self._options = options
        self._fingerprint = dict(fingerprint)
        self._journal = journal
        self._beside = beside
        self._matching = matching
        self._rewrites = rewrites

    def outcome(self) -> RunOutcome:
        """Return what came of the items so far, with how the input differed."""
        outcome = super().outcome()
        errors, found = self._options.errors, self._matching.differences
        done = outcome.written + outcome.failed
        changed = min(done, found.changed)
        return replace(
            outcome,
            errors_file=None if errors is None else f"{errors}",
            sync=SyncCounts(
                kept=found.kept,
                moved=found.moved,
                new=done - changed,
                changed=changed,
                gone=found.gone,
            ),
        )

    def _done(self) -> None:
        """Return nothing: what is done is in two journals, in two orders."""

    def _commit(self) -> None:
        if self._rewrites:
            super()._commit()

    def _complete(self) -> bool:
        if self._rewrites:
            assert self._beside.journal is not None
            assert isinstance(self._options.output, Path)
            earlier = [
                Earlier(self._options.output, self._journal),
                Earlier(self._beside.path, self._beside.journal, self._beside.rows_before),
            ]
            if not rewrite(
                self._options,
                self._fingerprint,
                earlier,
                self._matching,
                place_of=self._pending.place,
                stop=self._stop,
            ):
                return False
        if self._options.errors is not None:
            update_errors(self._options.errors, self._journal.failure_lines)
        if self._beside.journal is not None:
            self._beside.remove()
        return True


class _NoRecords:
    """A source without records, by the name of one whose items are all done."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.total: int | None = 0
        self.paths = source.paths
        self.repeatable = True
        self.size_bytes: int | None = None
        self.place = source.place

    def records(self) -> Iterator[InputRecord]:
        return iter(())

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return iter(())

    def state(self) -> object:
        return None

    def fraction(self) -> float | None:
        return None

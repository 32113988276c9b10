"""`sync`: makes an output what a new run over the input as it is now would write.

    match     the input with the items that the journal knows (item_matching)
    execute   what is new or changed: its results go to a file beside the output, OUTPUT.sync, which
              has a journal of its own; a sync that is stopped goes on from there
    rewrite   all results, in the order of the input, to a draft that replaces the output
              (sync_rewrite, journal_replacement)

Until the draft replaces it, output and journal are what they were before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from batchmap.checkpoint.csv_header import HeaderedCsv
from batchmap.checkpoint.done_items import done_items
from batchmap.checkpoint.failure_stats import FailureLimit
from batchmap.checkpoint.fingerprint import output_form
from batchmap.checkpoint.identity import Identity
from batchmap.checkpoint.item_matching import ItemMatching
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.recorder import Recorder
from batchmap.checkpoint.sync_results import SyncResults, columns_at
from batchmap.checkpoint.sync_rewrite import Earlier, rewrite
from batchmap.options import JobOptions
from batchmap.run_outcome import RunOutcome, SyncCounts
from batchmap.sinks import update_errors
from batchmap.sinks.base import Kept
from batchmap.sources import InputRecord, Source
from batchmap.stopping import StopRequest

__all__ = ["SyncRecorder", "open_sync_recorder"]


def open_sync_recorder(
    stack: ExitStack,
    options: JobOptions,
    fingerprint: Mapping[str, Any],
    source: Source,
    identity: Identity,
    journal: Journal,
    *,
    in_blocks: bool,
    stop: StopRequest,
) -> Recorder:
    """Return the recorder of a sync; what it opens is closed with `stack`.

    With `in_blocks`, items may be taken as blocks of rows. The output that `options` name and its
    journal agree, and `fingerprint` is that of a run which may go on with them. Raises `InputError`
    when the input cannot be read, `OutputError` when an earlier result cannot.
    """
    assert isinstance(options.output, Path)
    # What was done beside an output that was replaced since then is in it.
    beside = SyncResults(
        options,
        {**fingerprint, "beside": journal.generation},
        stack,
        model=getattr(source, "schema", None),
    )
    matching = _matching(options, source, identity, journal, beside, stop)
    columns = Kept([])
    if matching.differences.kept:
        columns = columns_at(options.output, output_form(options), journal)
    if beside.journal is not None and not beside.fits(columns):
        beside.remove()
        matching.close()
        matching = _matching(options, source, identity, journal, beside, stop)
    stack.callback(matching.close)
    has_nothing_to_do = (
        matching.is_whole
        and matching.is_in_order
        and journal.finished()
        and options.output.exists()
        and _places_are_right(matching, journal, source)
    )
    if not has_nothing_to_do:
        beside.begin(columns)
    elif journal.fingerprint != fingerprint:  # the task has changed, which was accepted
        journal.go_on(dict(fingerprint), retry_failed=False)
        journal.finish()
    pending = PendingItems(
        _NoRecords(source) if has_nothing_to_do else source,
        identity,
        done=iter(()) if has_nothing_to_do else matching.done_ranges(),
        limit=options.limit,
        stop=stop,
        in_blocks=in_blocks,
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


def _matching(
    options: JobOptions,
    source: Source,
    identity: Identity,
    journal: Journal,
    beside: SyncResults,
    stop: StopRequest,
) -> ItemMatching:
    """Match the input with the output as it is and with what was done beside it."""
    outputs = [partial(done_items, journal, failed=not options.retry_failed)]
    if beside.journal is not None:
        outputs.append(partial(done_items, beside.journal, failed=not beside.retries))
    return ItemMatching(source, identity, outputs, limit=options.limit, stop=stop)


def _places_are_right(matching: ItemMatching, journal: Journal, source: Source) -> bool:
    """Tell whether failed items still stand where the file of failed items says."""
    both = zip(journal.failure_lines(), matching.failed_places(), strict=True)
    return all(json.loads(line)["place"] == source.place(where) for line, (_, where) in both)


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
        beside: SyncResults,
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
            # The columns of an output without results are those of the first one in the input.
            keeps_order=matching.differences.kept == failed,
            output=f"{options.output}",
            errors_path=None,
            before=(matching.differences.kept - failed, failed),
            failure_limit=FailureLimit.of(options.halt, now=options.halt_now),
            gives_many=options.call_shape.gives_many,
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
        output, errors = outcome.output, self._options.errors
        errors_file = None if errors is None else f"{errors}"
        if self._rewrites and not self.finished:  # nothing is in these files yet
            output = f"{output}.sync, for the next sync"
            errors_file = errors_file and output
        found = self._matching.differences
        done = outcome.written + outcome.failed
        changed = min(done, found.changed)
        return replace(
            outcome,
            output=output,
            errors_file=errors_file,
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
                Earlier(self._options.output, output_form(self._options), self._journal),
                Earlier(
                    self._beside.path,
                    self._beside.form,
                    self._beside.journal,
                    self._beside.rows_before,
                ),
            ]
            if isinstance(self._sink, HeaderedCsv):
                self._sink.settle_columns()
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

"""Says what a sync would find: which items it would keep, and which it would call for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from batchmap.checkpoint.done_items import DoneRange, done_items
from batchmap.checkpoint.fingerprint import (
    check_sameness,
    follow_input,
    output_form,
    run_fingerprint,
)
from batchmap.checkpoint.identity import Identity, identity_of
from batchmap.checkpoint.item_matching import ItemMatching
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.open_journal import open_journal
from batchmap.checkpoint.sync_results import earlier_sync
from batchmap.errors import OutputError
from batchmap.options import JobOptions
from batchmap.run_outcome import SyncCounts
from batchmap.sources import Source
from batchmap.stopping import StopRequest
from batchmap.storage import journal_path

__all__ = ["preview_sync"]


def preview_sync(
    options: JobOptions, fingerprint: Mapping[str, Any], source: Source, stop: StopRequest
) -> SyncCounts:
    """Return how the input differs from what was done before; the output stays as it is.

    `options` and `fingerprint` are those of the sync. Raises `InputError`, `OutputError` and
    `OutputHeldError` where a sync would do so before its first item, and `OutputError` for an
    output that has lost its end, which a sync does again.
    """
    assert isinstance(options.output, Path)
    identity = identity_of(source, options.key)
    with ExitStack() as stack:
        outputs = [partial(iter, ())]
        if options.output.exists() or journal_path(options.output).exists():
            journal = stack.enter_context(closing(open_journal(options, options.output)))
            outputs = _outputs(options, fingerprint, source, identity, journal, stack)
        matching = ItemMatching(source, identity, outputs, limit=options.limit, stop=stop)
        stack.callback(matching.close)
        found, to_do = matching.differences, matching.count_to_do()
        return SyncCounts(
            kept=found.kept,
            moved=found.moved,
            new=to_do - found.changed,
            changed=found.changed,
            gone=found.gone,
        )


def _outputs(
    options: JobOptions,
    fingerprint: Mapping[str, Any],
    source: Source,
    identity: Identity,
    journal: Journal,
    stack: ExitStack,
) -> list[partial[Iterator[DoneRange]]]:
    """Return what is known of the output, and of what a sync that was stopped did beside it."""
    before = journal.fingerprint
    if before is None:
        return [partial(iter, ())]
    now = run_fingerprint(options, fingerprint, source, identity)
    follow_input(before, now, options)
    check_sameness(before, now, accepts_task=options.accept_task)
    _check_output(options, journal)
    outputs = [partial(done_items, journal, failed=not options.retry_failed)]
    beside = earlier_sync(options, {**now, "beside": journal.generation})
    if beside is not None:
        stack.callback(beside.close)
        retries = options.retry_failed and not beside.get("retries")
        outputs.append(partial(done_items, beside, failed=not retries))
    return outputs


def _check_output(options: JobOptions, journal: Journal) -> None:
    """Raise `OutputError` for an output that is not what its journal says, or lacks its end."""
    assert isinstance(options.output, Path)
    is_whole = False

    def stretches() -> Iterator[tuple[int, bytes]]:
        nonlocal is_whole
        yield from journal.stretches()
        is_whole = True  # a sink takes none beyond the end of its output

    output_form(options).sink(options.output).check(stretches())
    if journal.output_end and not is_whole:
        raise OutputError(
            f"{options.output} is shorter than its journal says",
            advice="the same command without {dry_run} does again what is missing",
        )

"""Explains why a parallel run gave other results than the sequential one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors import open_executor
from batchmap.records import Batch, BatchRecord, ItemRecord, UnreadableRecord
from batchmap.worker.processor import BatchProcessor

from ...execution.trace import Trace
from ..records import Verdict
from .compare_results import did_run, outcome_texts, same_outcome
from .result_log import ItemDigest, ItemNumber, ResultLog, entry_digest
from .value_diff import shown

__all__ = ["find_mismatch_cause"]

LEAST_IN_COMMON = 3
"""So many different results in a row are no coincidence."""

MOST_IN_A_STREAM = 20
"""How many of a worker's first results are looked at."""

FIRST_ITEMS = 20
"""How many of the first items are run again, besides those that are known to differ."""

SHARE_OF_A_RUN = 1 / 3
"""How much of the time one of the two runs may use; starting its process takes time, too."""

LOOK_AT_CLOCK_EVERY = 1000
LONGEST_SHOWN = 60
MOST_NAMED = 4

ADVICE_SEED = (
    "as with a random seed or a count that each starts from; seed each item, not the process"
)
SHARES_STATE = (
    "the function gives the same results twice in a row in a process of its own, so it depends "
    "on what runs beside it or before it: look for state that items share (a counter, a cache, "
    "a file)"
)


def find_mismatch_cause(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    verdict: Verdict,
    sequential: ResultLog,
    parallel: ResultLog,
    trace: Trace,
    *,
    tolerance: float,
    in_processes: bool = True,
    budget_s: float = 2.0,
) -> str | None:
    """Return one sentence that explains why the results differ; `None` when no reason is found.

    `trace` is that of the parallel run, and `in_processes` tells whether its workers were
    processes, so that each had a state of its own. Some items are run again, within `budget_s`
    seconds; `items` is walked as far as the last of them. Never raises an `Exception`: what goes
    wrong leaves the differences unexplained.
    """
    try:
        seed = _shared_seed(sequential, parallel, trace, tolerance) if in_processes else None
        return seed or _from_running_again(
            function, items, verdict, sequential, parallel, tolerance, budget_s
        )
    except Exception:  # the differences are news enough; the function is anybody's code
        return None


@dataclass(frozen=True, slots=True)
class _Stream:
    """What a worker began with in the parallel run."""

    worker: int
    places: Sequence[int]
    """Of its first items that succeeded, in the order in which it did them."""
    digests: Sequence[int]
    """Of their results, each."""


def _shared_seed(
    sequential: ResultLog, parallel: ResultLog, trace: Trace, tolerance: float
) -> str | None:
    """Tell of workers that began alike though their items gave different results in sequence."""
    streams = _streams(parallel, trace)
    for number, first in enumerate(streams):
        alike = [
            other.worker
            for other in streams[number + 1 :]
            if _begin_suspiciously_alike(first, other, sequential, tolerance)
        ]
        if alike:
            workers = _workers([first.worker, *alike])
            results = f"the same results{_first_results(first, parallel)}"
            return f"{workers} began with {results}, {ADVICE_SEED}"
    return None


def _streams(parallel: ResultLog, trace: Trace) -> list[_Stream]:
    """Return what each worker began with, as far as its batches are known one by one."""
    places: dict[int, list[int]] = {}
    unknown: set[int] = set()
    for span in trace.spans:  # in the order of their start
        if span.in_place or span.worker in unknown:
            continue
        if span.batches != 1:
            unknown.add(span.worker)
            continue
        begun = places.setdefault(span.worker, [])
        end = span.first_item + span.items
        succeeded = (place for place in range(span.first_item, end) if _succeeded(parallel, place))
        begun.extend(islice(succeeded, MOST_IN_A_STREAM - len(begun)))
    return [
        _Stream(worker, begun, [entry_digest(parallel[place]) for place in begun])
        for worker, begun in sorted(places.items())
    ]


def _succeeded(log: ResultLog, place: int) -> bool:
    """Tell whether the item succeeded, as far as a digest can tell."""
    entry = log.entry(place)
    return did_run(entry) and not (isinstance(entry, ItemRecord) and entry.failure is not None)


def _begin_suspiciously_alike(
    one: _Stream, other: _Stream, sequential: ResultLog, tolerance: float
) -> bool:
    telling = set()
    for place, other_place, digest, other_digest in zip(
        one.places, other.places, one.digests, other.digests, strict=False
    ):
        if digest != other_digest:
            break
        mine, its = sequential.entry(place), sequential.entry(other_place)
        if did_run(mine) and did_run(its) and not same_outcome(mine, its, tolerance=tolerance):
            telling.add(digest)
    return len(telling) >= LEAST_IN_COMMON


def _workers(numbers: Sequence[int]) -> str:
    named = [str(number) for number in numbers[:MOST_NAMED]]
    if len(numbers) > MOST_NAMED:
        return f"workers {', '.join(named)} and {len(numbers) - MOST_NAMED} more"
    return f"workers {', '.join(named[:-1])} and {named[-1]}"


def _first_results(stream: _Stream, parallel: ResultLog) -> str:
    texts = []
    for place in stream.places[:2]:
        entry = parallel[place]
        if isinstance(entry, ItemDigest):
            return ""
        result = entry.number if isinstance(entry, ItemNumber) else entry.result
        texts.append(shown(result, most=LONGEST_SHOWN // 2))
    return f" ({', '.join(texts)}, ...)"


def _from_running_again(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    verdict: Verdict,
    sequential: ResultLog,
    parallel: ResultLog,
    tolerance: float,
    budget_s: float,
) -> str | None:
    """Run some items twice in sequence, and tell what follows when the two agree or differ."""
    differing = {
        difference.index: difference.place
        for difference in verdict.differences
        if did_run(sequential.entry(difference.index)) and did_run(parallel.entry(difference.index))
    }
    if not differing:
        return None
    deadline_s = SYSTEM_CLOCK.now() + budget_s
    wanted = list(dict.fromkeys([*differing, *range(FIRST_ITEMS)]))
    sample = _taken(items, wanted, deadline_s)
    batch = Batch(0, 0, tuple(sample.values()))
    processor = BatchProcessor(function, budget_s=budget_s * SHARE_OF_A_RUN)
    runs = [_run_afresh(processor, batch, deadline_s) for _ in range(2)]
    agreed = False
    for place, one, other in zip(sample, *(record.item_records() for record in runs), strict=False):
        if not _fails_for_the_journey(one, other, sequential, place):
            if not same_outcome(one, other, tolerance=tolerance):
                return _not_deterministic(
                    differing.get(place, f"item {place}"),
                    outcome_texts(one, other, tolerance=tolerance, most=LONGEST_SHOWN),
                )
            agreed = agreed or place in differing
    return SHARES_STATE if agreed else None


def _taken(items: Iterable[Any], wanted: Sequence[int], deadline_s: float) -> dict[int, Any]:
    """Return the items at the places `wanted`, in that order, as far as time allows."""
    found: dict[int, Any] = {}
    missing = set(wanted)
    for place, item in enumerate(islice(items, max(wanted) + 1)):
        if place in missing and not isinstance(item, UnreadableRecord):
            found[place] = item
        if not place % LOOK_AT_CLOCK_EVERY and SYSTEM_CLOCK.now() > deadline_s:
            break
    return {place: found[place] for place in wanted if place in found}


def _run_afresh(processor: BatchProcessor, batch: Batch, deadline_s: float) -> BatchRecord:
    """Run the batch in a process of its own; in place when it cannot travel.

    Raises `TimeoutError` when an item does not come to its end in time.
    """
    with open_executor("process", 1) as executor:
        try:
            future = executor.submit(processor.process, batch)
        except (BrokenExecutor, RuntimeError):
            raise
        except Exception:  # what pickling raises for the function or an item
            return processor.process(batch)
        record: BatchRecord = future.result(timeout=max(0.0, deadline_s - SYSTEM_CLOCK.now()))
        return record


def _fails_for_the_journey(
    one: ItemRecord, other: ItemRecord, sequential: ResultLog, place: int
) -> bool:
    """Tell whether an item failed twice as it had not in the sequential run.

    Its result may be unable to leave a process; that says nothing of the function.
    """
    if one.failure is None or other.failure is None:
        return False
    before = sequential.entry(place)
    return not (
        isinstance(before, ItemRecord)
        and before.failure is not None
        and before.failure.error_type == one.failure.error_type
    )


def _not_deterministic(place: str, texts: tuple[str, str]) -> str:
    return (
        f"the function is not deterministic: {place} gave {texts[0]} and {texts[1]} in two "
        f"sequential runs; the difference is not the engine's"
    )

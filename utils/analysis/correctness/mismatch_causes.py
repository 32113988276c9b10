"""Explains why a parallel run gave other results than the sequential one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors import open_executor
from batchmap.records import Batch, BatchRecord, ItemRecord, UnreadableRecord
from batchmap.worker.processor import BatchProcessor

from ...cli.compared_task import ComparedFunction, ComparedTask
from ...execution.trace import Trace
from ..records import Verdict
from .compare_results import failed_in_one_run, outcome_texts, result_of, same_outcome
from .result_log import ItemDigest, LogEntry, ResultLog, did_run, entry_digest
from .round_results import RoundResults
from .value_diff import shown

__all__ = ["find_mismatch_cause"]

MIN_IN_COMMON = 3
"""So many different results in a row are no coincidence."""

FIRST_RESULTS = 20
"""How many of a worker's first results are compared with those of other workers."""

FIRST_ITEMS = 20
"""How many of the first items are run again, besides those that are known to differ."""

SHARE_OF_A_RUN = 1 / 3
"""The share of the time that each of the two runs has; starting its process takes time, too."""

CLOCK_EVERY = 1000
"""How many items are read before the clock is read again."""

MAX_RESULT_CHARACTERS = 60
"""Length of a result in the sentence."""

MAX_WORKERS_NAMED = 4

ADVICE_SEED = (
    "as with a random seed or a count that each starts from; seed each item, not the process"
)
SHARES_STATE = (
    "the function gives the same results twice in a row in a process of its own, so it depends "
    "on what runs beside it or before it: look for state that items share (a counter, a cache, "
    "a file)"
)

NOT_THREAD_SAFE = (
    "the function gives the same results twice in a row in a process of its own, so it is not "
    "thread-safe: calls at the same time change what they share (a global, a cache, a connection); "
    "use --backend process"
)


def find_mismatch_cause(
    function: ComparedFunction,
    results: RoundResults,
    verdict: Verdict,
    *,
    tolerance: float,
    in_processes: bool = True,
    budget_s: float = 2.0,
) -> str | None:
    """Return one sentence that explains why the results differ; `None` when no reason is found.

    `verdict` is that on the results. `in_processes` says whether the workers of the parallel run
    were processes, so that each had a state of its own. Some items are run again, within
    `budget_s` seconds; the items are iterated as far as the last of them. Never raises an
    `Exception`: whatever the function or the items raise leaves the mismatches unexplained.
    """
    try:
        cause = _shared_seed(results, tolerance) if in_processes else None
        cause = cause or _cause_by_running_again(function, results, verdict, tolerance, budget_s)
        return NOT_THREAD_SAFE if cause is SHARES_STATE and not in_processes else cause
    except Exception:  # without a cause, the mismatches are still reported
        return None


@dataclass(frozen=True, slots=True)
class _FirstResults:
    """The results that a worker gave first in the parallel run."""

    worker: int
    """Its number, from 0."""
    indices: Sequence[int]
    """Of its first items that succeeded, in the order in which it ran them."""
    digests: Sequence[int]
    """Of the result of each."""


def _shared_seed(results: RoundResults, tolerance: float) -> str | None:
    """Name workers that gave the same results first, where the sequential run gave different ones.

    That is how workers look that start from the same random seed, or count from the same number.
    """
    firsts = _first_results(results.parallel, results.parallel_trace)
    for number, first in enumerate(firsts):
        alike = [
            other.worker
            for other in firsts[number + 1 :]
            if _begin_alike(first, other, results.sequential, tolerance)
        ]
        if alike:
            workers = _worker_names([first.worker, *alike])
            shown_results = f"the same results{_result_texts(first, results.parallel)}"
            return f"{workers} began with {shown_results}, {ADVICE_SEED}"
    return None


def _first_results(parallel: ResultLog, trace: Trace) -> list[_FirstResults]:
    """Return the first results of each worker, as far as its batches are known one by one."""
    indices: dict[int, list[int]] = {}
    unknown: set[int] = set()
    for span in trace.spans:  # in the order of their start
        if span.in_place or span.worker in unknown:
            continue
        if span.batches != 1:
            unknown.add(span.worker)
            continue
        known = indices.setdefault(span.worker, [])
        batch = range(span.first_item, span.first_item + span.items)
        succeeded = (index for index in batch if _succeeded(parallel.entry(index)))
        known.extend(islice(succeeded, FIRST_RESULTS - len(known)))
    return [
        _FirstResults(worker, known, [entry_digest(parallel[index]) for index in known])
        for worker, known in sorted(indices.items())
    ]


def _succeeded(entry: LogEntry) -> bool:
    """Return whether an item succeeded; one that only a digest is known of may have failed."""
    return did_run(entry) and not (isinstance(entry, ItemRecord) and entry.failure is not None)


def _begin_alike(
    one: _FirstResults, other: _FirstResults, sequential: ResultLog, tolerance: float
) -> bool:
    """Return whether two workers' first results are equal though they should not be."""
    in_common = set()
    for index, other_index, digest, other_digest in zip(
        one.indices, other.indices, one.digests, other.digests, strict=False
    ):
        if digest != other_digest:
            break
        entries = sequential.entry(index), sequential.entry(other_index)
        if all(map(did_run, entries)) and not same_outcome(*entries, tolerance=tolerance):
            in_common.add(digest)
    return len(in_common) >= MIN_IN_COMMON


def _worker_names(numbers: Sequence[int]) -> str:
    named = [str(number) for number in numbers[:MAX_WORKERS_NAMED]]
    if len(numbers) > MAX_WORKERS_NAMED:
        return f"workers {', '.join(named)} and {len(numbers) - MAX_WORKERS_NAMED} more"
    return f"workers {', '.join(named[:-1])} and {named[-1]}"


def _result_texts(first: _FirstResults, parallel: ResultLog) -> str:
    """Return the first two results in brackets; nothing where only their digests are known."""
    texts = []
    for index in first.indices[:2]:
        entry = parallel[index]
        if isinstance(entry, ItemDigest):
            return ""
        texts.append(shown(result_of(entry), max_characters=MAX_RESULT_CHARACTERS // 2))
    return f" ({', '.join(texts)}, ...)"


def _cause_by_running_again(
    function: ComparedFunction,
    results: RoundResults,
    verdict: Verdict,
    tolerance: float,
    budget_s: float,
) -> str | None:
    """Run some items twice in sequence, and conclude from whether the two runs agree."""
    sequential, parallel = results.sequential, results.parallel
    places = {
        mismatch.index: mismatch.place
        for mismatch in verdict.differences
        if did_run(sequential.entry(mismatch.index)) and did_run(parallel.entry(mismatch.index))
    }
    if not places:
        return None
    deadline_s = SYSTEM_CLOCK.now() + budget_s
    wanted = list(dict.fromkeys([*places, *range(FIRST_ITEMS)]))
    task = ComparedTask.of(function)
    sample = _sample(task.items_of(results.items), wanted, deadline_s)
    batch = Batch(0, 0, tuple(sample.values()))
    processor = BatchProcessor(task.of_one_item, budget_s=budget_s * SHARE_OF_A_RUN)
    runs = [_run_in_new_process(processor, batch, deadline_s) for _ in range(2)]
    agreed = False
    for index, one, other in zip(sample, *(run.item_records() for run in runs), strict=False):
        if _fails_in_processes_only(one, other, sequential.entry(index)):
            continue
        if not same_outcome(one, other, tolerance=tolerance):
            texts = outcome_texts(
                one, other, tolerance=tolerance, max_characters=MAX_RESULT_CHARACTERS
            )
            return _not_deterministic(places.get(index, f"item {index}"), texts)
        if index in places and not agreed:  # what failed in one run only has other causes, too
            entries = sequential.entry(index), parallel.entry(index)
            agreed = failed_in_one_run(*entries) is None
    return SHARES_STATE if agreed else None


def _sample(items: Iterable[Any], wanted: Collection[int], deadline_s: float) -> dict[int, Any]:
    """Return the items at the indices `wanted`, in that order, as far as time allows."""
    missing = set(wanted)
    found: dict[int, Any] = {}
    for index, item in enumerate(islice(items, max(wanted) + 1)):
        if index in missing and not isinstance(item, UnreadableRecord):
            found[index] = item
        if not index % CLOCK_EVERY and SYSTEM_CLOCK.now() > deadline_s:
            break
    return {index: found[index] for index in wanted if index in found}


def _run_in_new_process(processor: BatchProcessor, batch: Batch, deadline_s: float) -> BatchRecord:
    """Run the batch in a process of its own; in place when it cannot be pickled.

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


def _fails_in_processes_only(one: ItemRecord, other: ItemRecord, before: LogEntry) -> bool:
    """Return whether an item failed in both processes as it had not in the sequential run.

    Its result may be one that cannot be pickled, which says nothing about the function.
    """
    if one.failure is None or other.failure is None:
        return False
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

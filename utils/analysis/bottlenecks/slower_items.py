"""The largest loss of a run, its cause, and what would help: chosen from closed lists."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.scheduling.batching import HAND_OVER_S

from ..execution.trace import Trace
from .records import Bottleneck, TimeBreakdown
from .time_breakdown import losses

__all__ = ["CAUSES", "WORTH_IT", "Evidence", "diagnose"]

CAUSES = (
    "GIL",
    "too many workers",
    "other programs",
    "shared cores",
    "memory",
    "something shared",
    "start-up",
    "shut-down",
    "rate",
    "large items",
    "slow input or output",
    "retries",
    "small batches",
    "straggler",
    "large batches",
    "few items",
    "uneven end",
)
"""The names of all causes."""

WORTH_A_WORD = 0.05
"""A loss of a smaller share of the workers is not spoken of."""

WORTH_IT = 1.1
"""A speedup below this is not worth workers."""

COMPUTES_FROM = 0.5
"""Work whose CPU time is at least this share of its time counts as computing, not waiting."""

NEARLY_ALL = 0.85
NOTEWORTHY_LOAD = 0.25
NOTEWORTHY_CPU = 0.1
"""Items that compute for a smaller share of their time are not held up by busy cores."""

MUCH_MORE = 10
"""A hand-over of so many times the usual cost is none, but a wait."""

LONG_HAND_OVER_S = 2e-3

LARGE_BATCH_BYTES = 100_000
"""From here on, what a batch carries costs more than handing it over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a run whose losses are to be explained."""

    plan: Plan
    accounting: TimeBreakdown
    trace: Trace
    parallel: RunSummary
    sequential: RunSummary | None
    cores: int
    """How many the command may use."""
    capacity: float
    """How many cores' work they were measured to do at once."""
    batch_size_asked: bool
    rate_asked: bool

    @property
    def wall_s(self) -> float:
        return self.accounting.wall_s

    @property
    def workers(self) -> int:
        return self.accounting.workers


def diagnose(evidence: Evidence) -> Bottleneck | None:
    """Return the largest loss with its cause; `None` where little was lost."""
    lost = losses(evidence.accounting)
    loss = max(lost, key=lost.__getitem__)
    if lost[loss] < WORTH_A_WORD * evidence.workers:
        return None
    if evidence.rate_asked and loss != "slower items":
        return Bottleneck(loss, lost[loss], *RATE)
    cause, told, advice = _EXPLAINED[loss](evidence)
    by_workers = loss != "slower items" and cause != "other programs"
    if evidence.sequential is not None and by_workers and evidence.accounting.work < WORTH_IT:
        advice = "use --backend sequential, which is as fast"
    return Bottleneck(loss, lost[loss], cause, told, advice)


Explanation = tuple[str, str, str]
"""A cause, what is told of it, and the advice."""

RATE = ("rate", "the workers waited for --rate to let items start", "raise --rate, or want no more")


def _slower_items(evidence: Evidence) -> Explanation:
    baseline, parallel, trace = evidence.sequential, evidence.parallel, evidence.trace
    assert baseline is not None
    more_s = parallel.busy_s - baseline.total_duration
    times = parallel.busy_s / max(baseline.busy_s, 1e-9)
    cores_used = parallel.cpu_s / evidence.wall_s
    if baseline.cpu_s < COMPUTES_FROM * baseline.busy_s:
        needs_cores = baseline.cpu_s >= NOTEWORTHY_CPU * baseline.busy_s
        if needs_cores and (disturbed := _disturbed(evidence)) is not None:
            return disturbed
        threads_used = trace.surroundings.command_cpu_s / evidence.wall_s
        if evidence.plan.backend in ("thread", "async") and threads_used >= NEARLY_ALL:
            return (
                "GIL",
                f"what the items compute between their waits keeps {threads_used:.1f} cores busy, "
                "and threads share one",
                "compute less in Python between the waits; fewer workers lose little",
            )
        return _shared(times)
    threads_take_turns = evidence.plan.backend == "thread" and cores_used < 1 / NEARLY_ALL
    if threads_take_turns and _waits_for_gil(trace, more_s):
        return (
            "GIL",
            f"the threads kept {cores_used:.1f} cores busy: one at a time holds the interpreter's "
            "lock",
            f"use --backend process --workers {min(evidence.cores, evidence.workers)}",
        )
    others = trace.surroundings.other_load or 0.0
    all_cores_used = cores_used + others >= NEARLY_ALL * evidence.cores
    if evidence.workers > evidence.cores and all_cores_used:
        return _too_many_workers(evidence)
    if (disturbed := _disturbed(evidence)) is not None:
        return disturbed
    if evidence.workers > evidence.capacity / NEARLY_ALL and all_cores_used:
        return (
            "shared cores",
            f"side by side, {evidence.cores} plain processes do the work of "
            f"{evidence.capacity:.1f}, so the cores are not each worth a whole one",
            "there is no more to be had from this machine",
        )
    if parallel.cpu_s - baseline.cpu_s > more_s / 2:
        return (
            "memory",
            f"the items took {times:.1f} times as long as alone, most of it CPU: they share "
            "caches and the way to memory",
            f"try --workers {max(1, evidence.workers // 2)}, which may be as fast, and less data "
            "an item",
        )
    return _shared(times)


def _disturbed(evidence: Evidence) -> Explanation | None:
    """Return the blame for other programs where they and the run filled the cores."""
    others = evidence.trace.surroundings.other_load or 0.0
    cores_used = evidence.parallel.cpu_s / evidence.wall_s
    if others < NOTEWORTHY_LOAD or cores_used + others < NEARLY_ALL * evidence.cores:
        return None
    return (
        "other programs",
        f"other programs used {others:.1f} cores meanwhile",
        "measure again when they have ended",
    )


def _too_many_workers(evidence: Evidence) -> Explanation:
    worth = min(float(evidence.cores), evidence.capacity)
    return (
        "too many workers",
        f"{evidence.workers} workers share what this machine gives: the work of {worth:.1f} cores",
        f"--workers {evidence.cores} is as fast",
    )


def _waits_for_gil(trace: Trace, waited_s: float) -> bool:
    """Tell whether threads woke up as often as those do that wait for the interpreter's lock."""
    return trace.surroundings.command_waits >= waited_s / sys.getswitchinterval()


def _shared(times: float) -> Explanation:
    return (
        "something shared",
        f"the items took {times:.1f} times as long as alone, waiting for something that they share",
        "look for a lock, a file, a connection or a server that they share; give each worker its "
        "own",
    )


def _start(evidence: Evidence) -> Explanation:
    each_s = evidence.trace.start_s / evidence.workers
    told = f"a worker had its first batch after {each_s:.2f}s of {evidence.wall_s:.2f}s"
    if any(span.in_place for span in evidence.trace.spans):
        return (
            "start-up",
            f"{told}, for the first items were measured in place",
            f"--backend {evidence.plan.backend} --workers {evidence.plan.workers} saves the "
            "measuring, or give it more items at a time",
        )
    if evidence.plan.backend == "process" and not _computes(evidence.parallel):
        threads = max(evidence.workers, 4 * evidence.cores)
        advice = (
            f"use --backend thread --workers {threads}, which start at once, since the items "
            "mostly wait"
        )
    else:
        advice = "give it more items at a time, and let the task's module load less"
    return "start-up", told, advice


def _computes(run: RunSummary) -> bool:
    return run.cpu_s >= COMPUTES_FROM * run.busy_s


def _hand_over(evidence: Evidence) -> Explanation:
    trace, batches = evidence.trace, max(1, evidence.parallel.batches)
    each_s = trace.hand_over_s / batches
    work_s = evidence.parallel.busy_s / batches
    carried = trace.surroundings.carried_bytes / batches
    if (disturbed := _disturbed(evidence)) is not None:
        return disturbed
    usual_s = HAND_OVER_S.get(evidence.plan.backend, 0.0)
    if carried >= LARGE_BATCH_BYTES and each_s > 3 * usual_s:
        return (
            "large items",
            f"each batch carries {carried / 1e6:.1f} MB to a worker and back, which takes "
            f"{each_s * 1e3:.1f} ms",
            "hand over names or places of the data, and load it in the worker",
        )
    if each_s > max(MUCH_MORE * usual_s, LONG_HAND_OVER_S):
        if evidence.parallel.retries:
            return (
                "retries",
                f"{evidence.parallel.retries} retries waited before they began",
                "mend what fails, or give fewer --retries",
            )
        return (
            "slow input or output",
            f"a worker waited {each_s * 1e3:.1f} ms for each batch, far longer than handing one "
            "over takes",
            "see whether the input comes, and the output goes, as fast as the workers are",
        )
    return (
        "small batches",
        f"handing over a batch costs {each_s * 1e3:.2f} ms, and it holds {work_s * 1e3:.2f} ms of "
        "work",
        f"use {_larger_batches(evidence, each_s)}",
    )


def _larger_batches(evidence: Evidence, each_s: float) -> str:
    if evidence.batch_size_asked:
        return "--batch-size auto"
    item_s = max(evidence.parallel.avg_time_per_item, 1e-9)
    enough = max(2 * evidence.plan.batch_size, round(20 * each_s / item_s))
    even = -(-evidence.parallel.total_processed // evidence.workers)
    if enough <= even:
        return f"--batch-size {enough}"
    return "--backend sequential" if evidence.plan.backend != "sequential" else "larger items"


def _tail(evidence: Evidence) -> Explanation:
    run, trace, workers = evidence.parallel, evidence.trace, evidence.workers
    others_s = trace.tail_s / max(1, workers - 1)
    closing_s = evidence.wall_s - max((span.ended_s for span in trace.spans), default=0.0)
    if trace.spans and workers * closing_s > trace.tail_s / 2:
        return (
            "shut-down",
            f"ending the workers took {closing_s:.2f}s of {evidence.wall_s:.2f}s",
            "give it more items at a time",
        )
    share = run.longest_item_s / max(run.avg_time_per_item, 1e-9)
    if run.longest_item_s >= others_s / 2 and share >= 3:
        return (
            "straggler",
            f"item {trace.longest_item} took {run.longest_item_s:.2f}s, {share:.0f} times the "
            "average, while the others had nothing left to do",
            _earlier(evidence),
        )
    if trace.longest_batch_items > 1 and trace.longest_batch_s >= others_s / 2:
        size = max(1, trace.longest_batch_items // 10)
        return (
            "large batches",
            f"a batch of {trace.longest_batch_items} items takes {trace.longest_batch_s:.2f}s, and "
            "the last ones end at different times",
            "use --batch-size auto" if evidence.batch_size_asked else f"use --batch-size {size}",
        )
    if run.total_processed < 4 * workers:
        return (
            "few items",
            f"{workers} workers had {run.total_processed} items to share",
            f"--workers {max(1, run.total_processed // 4)} would waste less",
        )
    return (
        "uneven end",
        f"the workers ended up to {others_s:.2f}s apart",
        "put the longest items first",
    )


def _earlier(evidence: Evidence) -> str:
    """Return where to put the longest item; one that is early already can only be split."""
    if evidence.trace.longest_item < max(1, evidence.parallel.total_processed // 20):
        return "split it"
    measured = any(span.in_place for span in evidence.trace.spans)
    return f"put it {'early, but not first' if measured else 'first'}, or split it"


_EXPLAINED: dict[str, Callable[[Evidence], Explanation]] = {
    "slower items": _slower_items,
    "start": _start,
    "hand-over": _hand_over,
    "tail": _tail,
}

"""Finds the largest loss of a run and has it explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..records import Bottleneck
from ..thresholds import WORTHWHILE_SPEEDUP
from ..time_breakdown import losses
from . import hand_over_causes, slower_items_causes, start_causes, tail_causes
from .evidence import OTHER_PROGRAMS, OTHER_SIDE, Evidence, Explanation
from .unused_workers import find_unused_workers

__all__ = ["find_bottleneck"]

MIN_SHARE = 0.05
"""A loss of a smaller share of the workers is not reported."""

_EXPLAIN: Mapping[str, Callable[[Evidence], Explanation]] = {
    "slower items": slower_items_causes.explain,
    "start": start_causes.explain,
    "hand-over": hand_over_causes.explain,
    "tail": tail_causes.explain,
}
"""By the name that `losses` gives to a loss."""

_RATE = Explanation(
    "rate",
    "the workers waited for --rate to let items start",
    "raise --rate where the other side allows it",
)
_LIMIT_PER = Explanation(
    "limit of a key",
    "the workers waited as --limit-per lets no more items of a key run at once",
    "raise --limit-per where a key can take more",
)


def find_bottleneck(evidence: Evidence) -> Bottleneck | None:
    """Return the largest loss with its cause and advice; `None` where little was lost.

    A single worker loses nothing to others; beside it, workers may never have had a batch.
    """
    lost = losses(evidence.breakdown)
    loss = max(lost, key=lost.__getitem__)
    unused = find_unused_workers(evidence)
    if unused is not None and (evidence.workers < 2 or unused.share > lost[loss]):
        return unused
    if evidence.workers < 2:
        return None
    if lost[loss] < MIN_SHARE * evidence.workers:
        return None
    if loss != "slower items" and (evidence.given.rate or evidence.given.limit_per):
        return Bottleneck(loss, lost[loss], *(_RATE if evidence.given.rate else _LIMIT_PER))
    found = evidence.plan.concurrency
    if found is not None and found.is_limited and loss != "slower items":
        told = f"the other side bore {found.text}"
        return Bottleneck(loss, lost[loss], OTHER_SIDE, told, "only the other side can allow more")
    explanation = _EXPLAIN[loss](evidence)
    if _workers_do_not_pay(evidence, loss, explanation):
        is_slower = evidence.breakdown.work * WORTHWHILE_SPEEDUP < 1
        advice = f"use --backend sequential, which is {'faster' if is_slower else 'as fast'}"
        explanation = explanation._replace(advice=advice)
    return Bottleneck(loss, lost[loss], *explanation)


def _workers_do_not_pay(evidence: Evidence, loss: str, explanation: Explanation) -> bool:
    """Return whether the loss is the price of having workers, and they gain next to nothing."""
    if evidence.sequential is None or loss == "slower items" or explanation.cause == OTHER_PROGRAMS:
        return False
    return evidence.breakdown.work < WORTHWHILE_SPEEDUP

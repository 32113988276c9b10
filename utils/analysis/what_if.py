"""What other workers or batches would gain, predicted with the model of a run's schedule."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from .records import Prediction
from .schedule_model import ScheduleModel

__all__ = ["best_batch_size", "predictions", "stops_paying_at"]

MAX_WORKERS = 256

STILL_PAYS = 0.05
"""More workers pay while they save more than this share of the time."""

CLOSE = 1.2
"""Worker counts within this ratio are close together."""

MIN_SAVING = 0.05
"""Another batch size is worth reporting when it saves more than this share of the time."""


def predictions(model: ScheduleModel) -> tuple[Prediction, ...]:
    """Return runs with half, twice and four times the workers, and where more stop paying.

    The fewest workers come first. Of worker counts within a ratio of `CLOSE`, only the lowest is
    kept, and of those above the point where more workers stop paying, only the first.
    """
    enough = stops_paying_at(model)
    kept: list[Prediction] = []
    for count in sorted({model.workers // 2, 2 * model.workers, 4 * model.workers, enough}):
        if not 1 <= count <= _max_workers(model) or count == model.workers:
            continue
        before = kept[-1] if kept else None
        if before and (
            count < CLOSE * before.workers or before.workers > max(enough, model.workers)
        ):
            continue
        kept.append(model.prediction(count))
    return tuple(kept)


def stops_paying_at(model: ScheduleModel) -> int:
    """Return the lowest worker count that comes close to the best time of any."""
    highest = _max_workers(model)
    counts = [1]
    while counts[-1] < highest:
        counts.append(min(highest, 2 * counts[-1]))
    enough_s = min(map(model.predicted_s, counts)) / (1 - STILL_PAYS)
    for too_few, enough in pairwise([0, *counts]):
        if model.predicted_s(enough) <= enough_s:
            return _first(lambda count: model.predicted_s(count) <= enough_s, too_few, enough)
    return counts[-1]


def best_batch_size(model: ScheduleModel) -> Prediction | None:
    """Return a run with the same workers and a better batch size; `None` when there is none."""
    items = len(model.item_times_s) * model.items_a_time
    sizes = {1}
    while max(sizes) * 2 * model.workers <= items:
        sizes.add(2 * max(sizes))
    best = min(
        (model.prediction(model.workers, size) for size in sorted(sizes)),
        key=lambda prediction: prediction.time_s,
    )
    now_s = model.predicted_s(model.workers)
    return best if best.time_s <= (1 - MIN_SAVING) * now_s else None


def _max_workers(model: ScheduleModel) -> int:
    return max(1, min(MAX_WORKERS, len(model.item_times_s)))


def _first(holds: Callable[[int], bool], below: int, above: int) -> int:
    """Return the lowest number above `below` that holds; `above` does."""
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above

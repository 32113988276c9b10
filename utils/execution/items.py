"""What the demonstration runs over and with: its items, and the function of a built-in workload."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sized
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from batchmap.errors import InputError
from batchmap.slow_items import Facts
from batchmap.sources import TextLines
from batchmap.sources.repeatable import SourceItems

from ..cli.settings import Settings
from ..cli.task import open_compared_input
from ..workloads.built_in import WORKLOADS
from ..workloads.generated_items import GeneratedItems

__all__ = ["built_in_function", "facts_of", "items_at", "open_items", "total_of"]


def open_items(settings: Settings, default_count: int) -> tuple[Iterable[Any], str]:
    """Return the items that `settings` ask for, and what kind of data they are.

    They can be iterated any number of times. Without a count, `default_count` items are made, or
    all of the input taken. Raises `InputError` when an input cannot be read.
    """
    if settings.task is not None:
        items = SourceItems(open_compared_input(settings), limit=settings.count or settings.limit)
        return items, items.name
    workload = WORKLOADS[settings.workload]
    if settings.input is not None:
        data_type = "numbers" if workload.data_type == "numbers" else "text"
        return TextLines(Path(settings.input), limit=settings.count), data_type
    data_type = settings.data or workload.data_type
    return GeneratedItems(data_type, settings.count or default_count, settings.seed), data_type


def total_of(items: Any) -> int | None:
    """Return how many items there are, `None` when that is not known without iterating."""
    if hasattr(items, "total"):
        return items.total  # type: ignore[no-any-return]
    return len(items) if isinstance(items, Sized) else None


def built_in_function(settings: Settings, backend: str) -> Callable[[Any], Any]:
    """Return the function of the workload that `settings` name, for `async` as a coroutine."""
    return WORKLOADS[settings.workload].build(
        seed=settings.seed,
        latency_s=settings.latency_s,
        failure_rate=settings.failure_rate,
        backend=backend,
    )


def facts_of(items: Iterable[Any]) -> Callable[[int], Facts]:
    """Return what tells where the item at an index stands, and the item where that can be had.

    That is where `items` is a list, or has `item_at`; nothing is iterated for it.
    """
    place: Callable[[int], str] = getattr(items, "place", "item {}".format)
    item_at: Callable[[int], Any] = getattr(items, "item_at", lambda index: None)
    if isinstance(items, (list, tuple)):
        item_at = items.__getitem__
    return lambda index: (index, place(index), item_at(index))


def items_at(items: Iterable[Any]) -> Callable[[Collection[int]], dict[int, Any]] | None:
    """Return what reads an input again for the items at some indexes; `None` for other items.

    Reading stops at the last of them; where the input can no longer be read, those before are
    returned.
    """
    if not isinstance(items, (SourceItems, TextLines)):
        return None

    def read(indexes: Collection[int]) -> dict[int, Any]:
        found: dict[int, Any] = {}
        with suppress(InputError):
            for index, item in enumerate(islice(items, max(indexes, default=-1) + 1)):
                if index in indexes:
                    found[index] = item
        return found

    return read

"""A function that is compared in place of a built-in workload's, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from batchmap.engine import limits_of
from batchmap.options import EngineOptions
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.rate_limiter import Cost
from batchmap.stopping import StopRequest
from batchmap.worker.call_shape import PLAIN_CALL, CallShape
from batchmap.worker.list_call import FailedResult
from batchmap.worker.processor import BatchProcessor, is_async
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.worker_function import in_shape

__all__ = ["ComparedFunction", "ComparedTask"]


@dataclass(frozen=True, slots=True)
class ComparedTask:
    """A function of an item, or of what `shape` says, and what is asked about its items."""

    function: Callable[..., Any]
    shape: CallShape = PLAIN_CALL
    retry_if: RetryIf | None = None
    """Whether an item that raised this error is tried again."""
    cost: Cost | None = None
    """What an item counts towards the rate."""

    @classmethod
    def of(cls, function: ComparedFunction) -> ComparedTask:
        """Return the task itself, or that of a plain function of an item."""
        return function if isinstance(function, ComparedTask) else cls(function)

    def processor(self, *, stop: StopRequest) -> BatchProcessor:
        """Return what calls the function; what `items_of` gives are its items."""
        return BatchProcessor(self.function, shape=self.shape, retry_if=self.retry_if, stop=stop)

    def limits(self, options: EngineOptions) -> Limits:
        """Return the limits that the options ask for, for one run."""
        shape = self.shape
        return limits_of(options, self.retry_if, cost=self.cost, takes_pairs=shape.takes_pairs)

    def items_of(self, items: Iterable[Any]) -> Iterable[Any]:
        """Return what the function is called for: `items`, or pairs of an index and an item.

        They can be iterated as often as `items` can.
        """
        return _Numbered(items) if self.shape.takes_pairs else items

    @property
    def of_one_item(self) -> Callable[[Any], Any]:
        """What gives the result of one of `items_of`; of a list of it where lists are called."""
        called = in_shape(self.function, self.shape)
        if self.shape.batched is None:
            return called
        return (_AsyncOfOne if is_async(called) else _OfOne)(called)


ComparedFunction = Callable[[Any], Any] | ComparedTask


class _Numbered:
    """Pairs of an index, from 0, and an item; they can be iterated as often as the items can."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return enumerate(self._items)


class _OfOne:
    """Gives the result of one item by a function that takes a list of items."""

    def __init__(self, function: Callable[[list[Any]], Any]) -> None:
        self._function = function

    def __call__(self, item: Any) -> Any:
        return _only(self._function([item]))


class _AsyncOfOne(_OfOne):
    async def __call__(self, item: Any) -> Any:
        return _only(await self._function([item]))


def _only(results: list[Any]) -> Any:
    [result] = results
    if type(result) is FailedResult:
        raise RuntimeError(f"{result.failure.error_type}: {result.failure.error}")
    return result

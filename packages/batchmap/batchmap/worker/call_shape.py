"""How a function is called with an item: what it gets, and what becomes of what it returns."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field
from types import CoroutineType
from typing import Any, Literal

from batchmap.worker.coroutine_results import is_async
from batchmap.worker.failures import NotSeveralError
from batchmap.worker.list_call import list_call
from batchmap.worker.shaped_call import ShapedCall, in_coroutine, is_of_several

__all__ = ["PLAIN_CALL", "CallShape"]


@dataclass(frozen=True, slots=True)
class CallShape:
    """The shape of the calls of a function.

    With `index` or `seed`, what is called with an item is called with `(index, item)` instead. With
    `expand` or `skip_none`, what it gives is the list of the item's results.
    """

    star: bool = False
    """Whether a tuple or list is spread as positional arguments and a dict as keywords."""
    index: bool = False
    """Whether the function gets the item's index in the input, from 0, as the keyword `index`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further keywords, the same in every call."""
    expand: bool = False
    """Whether the function gives any number of results: a list, a tuple, a generator, …"""
    skip_none: bool = False
    """Whether a result of `None` is none."""
    batched: int | Literal["auto"] | None = None
    """How many items the function gets together, as a list; `None` where it gets an item. What is
    called is then called with lists."""
    seed: int | None = None
    """What the random streams of an item follow from, beside its index; `None`: those of before."""

    @property
    def takes_pairs(self) -> bool:
        """Whether items are pairs `(index, item)`."""
        return self.index or self.seed is not None

    @property
    def keywords(self) -> tuple[str, ...]:
        """The names of the keywords that every call has."""
        return (*self.arguments, "index") if self.index else tuple(self.arguments)

    @property
    def gives_many(self) -> bool:
        """Whether an item's results are a list, of any length."""
        return self.expand or self.skip_none

    @property
    def takes_generators(self) -> bool:
        """Whether the function may be a generator: of an item's results, or of those of a list."""
        return self.expand or self.batched is not None

    def around(self, function: Callable[..., Any], *beside: Any) -> Callable[[Any], Any]:
        """Return what takes an item, or a pair, and calls `function` in this shape.

        Arguments `beside` the item come after it, or after what it is spread over. What is returned
        is a coroutine function where `is_async` says so, and can be pickled where `function` can
        be.
        """
        call: Callable[[Any], Any] = function
        if self.batched is not None:
            call = list_call(function, self, beside)
        elif self.star or self.index or self.arguments or self.gives_many or beside:
            call = (_AsyncCall if self.is_async(function) else _Call)(function, self, beside)
        if self.seed is None:
            return call
        from batchmap.worker.random_streams import seeded  # which few calls need

        return seeded(call, self.seed, passes_index=self.index)

    def is_async(self, function: Callable[..., Any]) -> bool:
        """Tell whether `function` gives its results in a coroutine."""
        return is_async(function) or (
            self.expand and self.batched is None and inspect.isasyncgenfunction(function)
        )

    def results(self, returned: Any) -> Any:
        """Return what a call gives that returned this; a coroutine where it has to be awaited."""
        if not self.gives_many:
            return returned
        if type(returned) is CoroutineType or (self.expand and isinstance(returned, AsyncIterable)):
            return self._results_later(returned)
        return self.listed(returned)

    async def _results_later(self, returned: Any) -> Any:
        if type(returned) is CoroutineType:
            returned = await returned
        if self.expand and isinstance(returned, AsyncIterable):
            return self.listed([one async for one in returned])
        return self.listed(returned)

    def listed(self, returned: Any) -> list[Any]:
        """Return the results of an item, for which the function returned this."""
        if not self.expand or (self.skip_none and returned is None):
            return [] if returned is None else [returned]
        if not is_of_several(returned):
            raise NotSeveralError(returned)
        results = list(returned)
        return [one for one in results if one is not None] if self.skip_none else results


PLAIN_CALL = CallShape()
"""The function gets the item and nothing else, and gives one result."""


class _Call(ShapedCall):
    """A function of an item."""

    def __call__(self, item: Any) -> Any:
        return self._shape.results(self._called(item))

    def _called(self, item: Any) -> Any:
        shape, keywords = self._shape, self._shape.arguments
        if shape.index:
            index, item = item
            keywords = {**keywords, "index": index}
        if not shape.star:
            return self._function(item, *self._beside, **keywords)
        if isinstance(item, tuple | list):
            return self._function(*item, *self._beside, **keywords)
        if isinstance(item, dict):
            return self._function(*self._beside, **item, **keywords)
        raise TypeError(
            f"star spreads a tuple, a list or a dict, and the item is of type {type(item).__name__}"
        )


class _AsyncCall(_Call):
    """A coroutine function of an item."""

    async def __call__(self, item: Any) -> Any:
        return await in_coroutine(super().__call__(item))

"""How a function is called with an item: what it gets of it, and what it gets beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from batchmap.worker.coroutine_results import is_async

__all__ = ["PLAIN_CALL", "CallShape"]


@dataclass(frozen=True, slots=True)
class CallShape:
    """The shape of the calls of a function.

    With `index` or `seed`, what is called with an item is called with `(index, item)` instead.
    """

    star: bool = False
    """Whether a tuple or list is spread as positional arguments and a dict as keywords."""
    index: bool = False
    """Whether the function gets the item's index in the input, from 0, as the keyword `index`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further keywords, the same in every call."""

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

    def around(self, function: Callable[..., Any], *beside: Any) -> Callable[[Any], Any]:
        """Return what takes an item, or a pair, and calls `function` in this shape.

        Arguments `beside` the item come after it, or after what it is spread over. What is returned
        is a coroutine function where `function` is one, and can be pickled where that can be.
        """
        call: Callable[[Any], Any] = function
        if self.star or self.index or self.arguments or beside:
            call = (_AsyncCall if is_async(function) else _Call)(function, self, beside)
        if self.seed is None:
            return call
        from batchmap.worker.random_streams import seeded  # which few calls need

        return seeded(call, self.seed, passes_index=self.index)


PLAIN_CALL = CallShape()
"""The function gets the item and nothing else."""


class _Call:
    """A function, called in a shape."""

    def __init__(
        self, function: Callable[..., Any], shape: CallShape, beside: tuple[Any, ...]
    ) -> None:
        self._function = function
        self._shape = shape
        self._beside = beside

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._function, self._shape, self._beside)

    def __call__(self, item: Any) -> Any:
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
    """A coroutine function, called in a shape."""

    async def __call__(self, item: Any) -> Any:
        return await super().__call__(item)

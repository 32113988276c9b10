"""What calls of a function have in common, whatever they give it: an item or a list of items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import CoroutineType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmap.worker.call_shape import CallShape

__all__ = ["ShapedCall", "in_coroutine", "is_of_several"]

_OF_ONE = (str, bytes, bytearray, memoryview, Mapping)
"""What can be iterated and is one result, not several."""


def is_of_several(returned: Any) -> bool:
    """Tell whether what a function returned are several results, as a list or a generator."""
    return isinstance(returned, Iterable) and not isinstance(returned, _OF_ONE)


class ShapedCall:
    """A function that is called in a shape, with arguments `beside` the item."""

    def __init__(
        self, function: Callable[..., Any], shape: CallShape, beside: tuple[Any, ...]
    ) -> None:
        self._function = function
        self._shape = shape
        self._beside = beside

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._function, self._shape, self._beside)


async def in_coroutine(returned: Any) -> Any:
    """Return what a call gave, awaited where it is a coroutine."""
    return await returned if type(returned) is CoroutineType else returned

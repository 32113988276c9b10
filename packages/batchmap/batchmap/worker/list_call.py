"""Calls of a function that takes a list of items and returns a list of as many results."""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple

from batchmap.records import ItemFailure
from batchmap.worker.coroutine_results import is_async
from batchmap.worker.failures import Unwritable, describe_failure
from batchmap.worker.shaped_call import ShapedCall, in_coroutine, is_of_several

if TYPE_CHECKING:
    from batchmap.worker.call_shape import CallShape

__all__ = ["EncodeList", "FailedResult", "list_call"]


class FailedResult(NamedTuple):
    """In place of the result of one item of a list, which alone has failed."""

    failure: ItemFailure


class EncodeList:
    """Encodes the result of each item of a list; one that cannot be encoded fails alone."""

    def __init__(self, encode: Callable[[Any], Any]) -> None:
        self._encode = encode

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._encode,)

    def __call__(self, results: list[Any]) -> list[Any]:
        return [self._encoded(one) for one in results]

    def _encoded(self, result: Any) -> Any:
        if type(result) is FailedResult:
            return FailedResult(without_exception(result.failure))
        try:
            return self._encode(result)
        except Unwritable as error:
            return FailedResult(error.failure)


def without_exception(failure: ItemFailure) -> ItemFailure:
    """Return the failure as it is sent where no object of the user's may be."""
    if failure.exception is None:
        return failure
    return ItemFailure(failure.error_type, failure.error, failure.traceback)


def list_call(
    function: Callable[..., Any], shape: CallShape, beside: tuple[Any, ...]
) -> Callable[[list[Any]], Any]:
    """Return what takes a list of items and gives a list of their results, by `function`.

    Arguments `beside` the list come after it.
    """
    return (_AsyncListCall if is_async(function) else _ListCall)(function, shape, beside)


class _ListCall(ShapedCall):
    """A function of a list of items."""

    def __call__(self, items: list[Any]) -> Any:
        number, shape = len(items), self._shape
        given, keywords = list(items), shape.arguments
        if shape.index:
            keywords = {**keywords, "index": [index for index, _ in items]}
            given = [item for _, item in items]
        returned = self._function(given, *self._beside, **keywords)
        if type(returned) is CoroutineType:
            return self._results_later(returned, number)
        return self._results(returned, number)

    async def _results_later(self, returned: Any, number: int) -> list[Any]:
        return self._results(await returned, number)

    def _results(self, returned: Any, number: int) -> list[Any]:
        if not is_of_several(returned):
            raise TypeError(
                "batched takes a list with a result for each item, and the function returned a "
                f"value of type {type(returned).__name__}"
            )
        results = list(returned)
        if len(results) != number:
            raise ValueError(
                "batched takes a list with a result for each item: the list has "
                f"{number} of them, and the function returned {len(results)}"
            )
        return list(map(self._each, results)) if self._shape.gives_many else results

    def _each(self, returned: Any) -> Any:
        try:
            return self._shape.listed(returned)
        except BaseException as error:
            return FailedResult(describe_failure(error))


class _AsyncListCall(_ListCall):
    """A coroutine function of a list of items."""

    async def __call__(self, items: list[Any]) -> Any:
        return await in_coroutine(super().__call__(items))

"""What a type checker makes of the calls: the types of their results, by how functions are called.

`batchmap.api` holds the functions themselves. They have the options that stand here, which a test
compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["parallel_map", "stream_map"]

if not TYPE_CHECKING:
    from batchmap.api import parallel_map, stream_map
else:
    from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Iterator
    from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

    from batchmap.records import ItemRecord

    T = TypeVar("T")
    R = TypeVar("R")

    class _Options(TypedDict, total=False):
        """The options that all calls have."""

        backend: str
        workers: int | str
        batch_size: int | Literal["auto"]
        retries: int
        timeout_s: float | None

    @overload
    def parallel_map(
        function: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T],
        *,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[T], Coroutine[Any, Any, R]],
        items: Iterable[T],
        *,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[T], R],
        items: Iterable[T],
        *,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[T], R],
        items: Iterable[T],
        *,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]],
        items: Iterable[Any],
        *,
        star: Literal[True],
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]],
        items: Iterable[Any],
        *,
        star: Literal[True],
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., R],
        items: Iterable[Any],
        *,
        star: Literal[True],
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., R],
        items: Iterable[Any],
        *,
        star: Literal[True],
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]],
        items: Iterable[Any],
        *,
        index: Literal[True],
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]],
        items: Iterable[Any],
        *,
        index: Literal[True],
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., R],
        items: Iterable[Any],
        *,
        index: Literal[True],
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., R],
        items: Iterable[Any],
        *,
        index: Literal[True],
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R | None] | None]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R | None] | None]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R | None]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R | None]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R | None] | None],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R | None] | None],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R]]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R]]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R]],
        items: Iterable[Any],
        *,
        expand: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R | None]],
        items: Iterable[Any],
        *,
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R | None]],
        items: Iterable[Any],
        *,
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., R | None],
        items: Iterable[Any],
        *,
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., R | None],
        items: Iterable[Any],
        *,
        skip_none: Literal[True],
        star: bool = ...,
        index: bool = ...,
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Coroutine[Any, Any, Iterable[R]]],
        items: Iterable[T],
        *,
        batched: int | Literal["auto"],
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Coroutine[Any, Any, Iterable[R]]],
        items: Iterable[T],
        *,
        batched: int | Literal["auto"],
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Iterable[R]],
        items: Iterable[T],
        *,
        batched: int | Literal["auto"],
        on_error: Literal["raise", "stop"] = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Iterable[R]],
        items: Iterable[T],
        *,
        batched: int | Literal["auto"],
        on_error: Literal["record"],
        **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        batched: int | Literal["auto"],
        expand: Literal[True],
        skip_none: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop", "record"] = ...,
        **options: Unpack[_Options],
    ) -> list[Any]: ...
    @overload
    def parallel_map(
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        batched: int | Literal["auto"],
        skip_none: Literal[True],
        expand: bool = ...,
        index: bool = ...,
        on_error: Literal["raise", "stop", "record"] = ...,
        **options: Unpack[_Options],
    ) -> list[Any]: ...
    @overload
    def parallel_map(
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        batched: int | Literal["auto"],
        index: Literal[True],
        expand: bool = ...,
        skip_none: bool = ...,
        on_error: Literal["raise", "stop", "record"] = ...,
        **options: Unpack[_Options],
    ) -> list[Any]: ...
    def parallel_map(function: Any, items: Any, **options: Any) -> Any:
        raise NotImplementedError

    @overload
    def stream_map(
        function: Callable[[T], Any],
        items: Iterable[T],
        *,
        expand: bool = ...,
        skip_none: bool = ...,
        keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        star: bool,
        index: bool = ...,
        expand: bool = ...,
        skip_none: bool = ...,
        keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        index: bool,
        expand: bool = ...,
        skip_none: bool = ...,
        keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[[list[T]], Any],
        items: Iterable[T],
        *,
        batched: int | Literal["auto"],
        expand: bool = ...,
        skip_none: bool = ...,
        keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[..., Any],
        items: Iterable[Any],
        *,
        batched: int | Literal["auto"],
        index: bool,
        expand: bool = ...,
        skip_none: bool = ...,
        keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> Iterator[ItemRecord]: ...
    def stream_map(function: Any, items: Any, **options: Any) -> Any:
        raise NotImplementedError

"""What a type checker makes of the calls: the types of their results, by how functions are called.

`batchmap.api` holds the functions themselves. They have the options that stand here, which a test
compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["astream_map", "parallel_map", "stream_map"]

if not TYPE_CHECKING:
    from batchmap.api import astream_map, parallel_map, stream_map
else:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Callable,
        Coroutine,
        Hashable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from datetime import timedelta
    from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

    from batchmap.calls.progress import ShowsProgress
    from batchmap.records import ItemRecord, Plan
    from batchmap.worker.retry_decision import RetryIf
    from batchmap.worker.setup import SetupFunction, SetupPer
    from batchmap.worker_pool import WorkerPool

    _Yes = Literal[True]
    _Auto = Literal["auto"]
    _Raises = Literal["raise", "stop"]
    _Records = Literal["record"]

    T = TypeVar("T")
    R = TypeVar("R")

    class _Options(TypedDict, total=False):
        """The options that all calls have."""

        backend: str
        workers: int | str
        batch_size: int | _Auto
        retries: int | None
        retry_if: RetryIf | None
        retry_for: float | str | timedelta | None
        timeout_s: float | None
        rate: float | str | Sequence[float | str] | None
        cost: Callable[[Any], float] | None
        limit_per: Mapping[Callable[[Any], Hashable], int] | None
        setup_per: SetupPer
        progress: ShowsProgress
        on_plan: Callable[[Plan], object] | None
        seed: int | None
        pool: WorkerPool | None

    class _OptionsOrNone(_Options, total=False):
        """The same where the function takes the item alone, whatever a set-up gives."""

        setup: SetupFunction | None

    # fmt: off

    @overload
    def parallel_map(
        function: Callable[[T, Any], Coroutine[Any, Any, R]], items: Iterable[T], *,
        setup: SetupFunction, on_error: _Raises = ..., **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[T, Any], Coroutine[Any, Any, R]], items: Iterable[T], *,
        setup: SetupFunction, on_error: _Records, **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[T, Any], R], items: Iterable[T], *, setup: SetupFunction,
        on_error: _Raises = ..., **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[T, Any], R], items: Iterable[T], *, setup: SetupFunction,
        on_error: _Records, **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[T], Coroutine[Any, Any, R]], items: Iterable[T], *,
        on_error: _Raises = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[T], Coroutine[Any, Any, R]], items: Iterable[T], *, on_error: _Records,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[T], R], items: Iterable[T], *, on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[T], R], items: Iterable[T], *, on_error: _Records,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]], items: Iterable[Any], *, star: _Yes,
        index: bool = ..., on_error: _Raises = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]], items: Iterable[Any], *, star: _Yes,
        index: bool = ..., on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., R], items: Iterable[Any], *, star: _Yes, index: bool = ...,
        on_error: _Raises = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., R], items: Iterable[Any], *, star: _Yes, index: bool = ...,
        on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]], items: Iterable[Any], *, index: _Yes,
        on_error: _Raises = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R]], items: Iterable[Any], *, index: _Yes,
        on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., R], items: Iterable[Any], *, index: _Yes, on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., R], items: Iterable[Any], *, index: _Yes, on_error: _Records,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R | None] | None]],
        items: Iterable[Any], *, expand: _Yes, skip_none: _Yes, star: bool = ..., index: bool = ...,
        on_error: _Raises = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R | None] | None]],
        items: Iterable[Any], *, expand: _Yes, skip_none: _Yes, star: bool = ..., index: bool = ...,
        on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R | None]], items: Iterable[Any], *, expand: _Yes,
        skip_none: _Yes, star: bool = ..., index: bool = ..., on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R | None]], items: Iterable[Any], *, expand: _Yes,
        skip_none: _Yes, star: bool = ..., index: bool = ..., on_error: _Records,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R | None] | None], items: Iterable[Any], *, expand: _Yes,
        skip_none: _Yes, star: bool = ..., index: bool = ..., on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R | None] | None], items: Iterable[Any], *, expand: _Yes,
        skip_none: _Yes, star: bool = ..., index: bool = ..., on_error: _Records,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R]]], items: Iterable[Any], *,
        expand: _Yes, star: bool = ..., index: bool = ..., on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, Iterable[R]]], items: Iterable[Any], *,
        expand: _Yes, star: bool = ..., index: bool = ..., on_error: _Records,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R]], items: Iterable[Any], *, expand: _Yes,
        star: bool = ..., index: bool = ..., on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., AsyncIterable[R]], items: Iterable[Any], *, expand: _Yes,
        star: bool = ..., index: bool = ..., on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R]], items: Iterable[Any], *, expand: _Yes,
        star: bool = ..., index: bool = ..., on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Iterable[R]], items: Iterable[Any], *, expand: _Yes,
        star: bool = ..., index: bool = ..., on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R | None]], items: Iterable[Any], *,
        skip_none: _Yes, star: bool = ..., index: bool = ..., on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., Coroutine[Any, Any, R | None]], items: Iterable[Any], *,
        skip_none: _Yes, star: bool = ..., index: bool = ..., on_error: _Records,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., R | None], items: Iterable[Any], *, skip_none: _Yes,
        star: bool = ..., index: bool = ..., on_error: _Raises = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[..., R | None], items: Iterable[Any], *, skip_none: _Yes,
        star: bool = ..., index: bool = ..., on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T], Any], Coroutine[Any, Any, Iterable[R]]], items: Iterable[T], *,
        batched: int | _Auto, setup: SetupFunction, on_error: _Raises = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T], Any], Coroutine[Any, Any, Iterable[R]]], items: Iterable[T], *,
        batched: int | _Auto, setup: SetupFunction, on_error: _Records, **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T], Any], Iterable[R]], items: Iterable[T], *,
        batched: int | _Auto, setup: SetupFunction, on_error: _Raises = ...,
        **options: Unpack[_Options],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T], Any], Iterable[R]], items: Iterable[T], *,
        batched: int | _Auto, setup: SetupFunction, on_error: _Records, **options: Unpack[_Options],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Coroutine[Any, Any, Iterable[R]]], items: Iterable[T], *,
        batched: int | _Auto, on_error: _Raises = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Coroutine[Any, Any, Iterable[R]]], items: Iterable[T], *,
        batched: int | _Auto, on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Iterable[R]], items: Iterable[T], *, batched: int | _Auto,
        on_error: _Raises = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[R]: ...
    @overload
    def parallel_map(
        function: Callable[[list[T]], Iterable[R]], items: Iterable[T], *, batched: int | _Auto,
        on_error: _Records, **options: Unpack[_OptionsOrNone],
    ) -> list[R | ItemRecord]: ...
    @overload
    def parallel_map(
        function: Callable[..., Any], items: Iterable[Any], *, batched: int | _Auto, expand: _Yes,
        skip_none: bool = ..., index: bool = ...,
        on_error: Literal["raise", "stop", "record"] = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[Any]: ...
    @overload
    def parallel_map(
        function: Callable[..., Any], items: Iterable[Any], *, batched: int | _Auto,
        skip_none: _Yes, expand: bool = ..., index: bool = ...,
        on_error: Literal["raise", "stop", "record"] = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[Any]: ...
    @overload
    def parallel_map(
        function: Callable[..., Any], items: Iterable[Any], *, batched: int | _Auto, index: _Yes,
        expand: bool = ..., skip_none: bool = ...,
        on_error: Literal["raise", "stop", "record"] = ..., **options: Unpack[_OptionsOrNone],
    ) -> list[Any]: ...
    def parallel_map(function: Any, items: Any, **options: Any) -> Any:
        raise NotImplementedError

    @overload
    def stream_map(
        function: Callable[[T, Any], Any], items: Iterable[T], *, setup: SetupFunction,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[[T], Any], items: Iterable[T], *, expand: bool = ...,
        skip_none: bool = ..., keep_order: bool = ..., **options: Unpack[_OptionsOrNone],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[..., Any], items: Iterable[Any], *, star: bool, index: bool = ...,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[..., Any], items: Iterable[Any], *, index: bool, expand: bool = ...,
        skip_none: bool = ..., keep_order: bool = ..., **options: Unpack[_OptionsOrNone],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[[list[T], Any], Any], items: Iterable[T], *, batched: int | _Auto,
        setup: SetupFunction, expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[[list[T]], Any], items: Iterable[T], *, batched: int | _Auto,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> Iterator[ItemRecord]: ...
    @overload
    def stream_map(
        function: Callable[..., Any], items: Iterable[Any], *, batched: int | _Auto, index: bool,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> Iterator[ItemRecord]: ...
    def stream_map(function: Any, items: Any, **options: Any) -> Any:
        raise NotImplementedError

    @overload
    def astream_map(
        function: Callable[[T, Any], Any],
        items: Iterable[T] | AsyncIterable[T], *, setup: SetupFunction,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> AsyncGenerator[ItemRecord]: ...
    @overload
    def astream_map(
        function: Callable[[T], Any],
        items: Iterable[T] | AsyncIterable[T], *, expand: bool = ...,
        skip_none: bool = ..., keep_order: bool = ..., **options: Unpack[_OptionsOrNone],
    ) -> AsyncGenerator[ItemRecord]: ...
    @overload
    def astream_map(
        function: Callable[..., Any],
        items: Iterable[Any] | AsyncIterable[Any], *, star: bool, index: bool = ...,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> AsyncGenerator[ItemRecord]: ...
    @overload
    def astream_map(
        function: Callable[..., Any],
        items: Iterable[Any] | AsyncIterable[Any], *, index: bool, expand: bool = ...,
        skip_none: bool = ..., keep_order: bool = ..., **options: Unpack[_OptionsOrNone],
    ) -> AsyncGenerator[ItemRecord]: ...
    @overload
    def astream_map(
        function: Callable[[list[T], Any], Any],
        items: Iterable[T] | AsyncIterable[T], *, batched: int | _Auto,
        setup: SetupFunction, expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_Options],
    ) -> AsyncGenerator[ItemRecord]: ...
    @overload
    def astream_map(
        function: Callable[[list[T]], Any],
        items: Iterable[T] | AsyncIterable[T], *, batched: int | _Auto,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> AsyncGenerator[ItemRecord]: ...
    @overload
    def astream_map(
        function: Callable[..., Any],
        items: Iterable[Any] | AsyncIterable[Any], *, batched: int | _Auto, index: bool,
        expand: bool = ..., skip_none: bool = ..., keep_order: bool = ...,
        **options: Unpack[_OptionsOrNone],
    ) -> AsyncGenerator[ItemRecord]: ...
    def astream_map(function: Any, items: Any, **options: Any) -> Any:
        raise NotImplementedError

    # fmt: on

"""A stream of records in a running event loop, which is never blocked.

    items -> AsyncSource (a task of the loop) -> engine (a thread) -> records -> async iteration
                 ^                                   |
                 +---------- demand <----------------+

The engine runs in a thread of its own and makes a step when the next record is asked for, so that a
slow consumer slows down the source. Coroutine functions run as tasks of the caller's loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from batchmap.calls.call import Call
from batchmap.calls.options import length
from batchmap.calls.stream import StreamCall, source_of
from batchmap.concurrency import WorkerBounds
from batchmap.executors.base import WIND_DOWN_S
from batchmap.executors.running_loop import RunningLoop
from batchmap.records import BatchRecord, ItemRecord
from batchmap.resources import coroutines_at_once
from batchmap.scheduling.live_source import LiveSource
from batchmap.stopping import StopRequest, Urgency
from batchmap.threads import start_thread

__all__ = ["open_async_stream"]

_END = object()


class AsyncSource(LiveSource):
    """The items of an async iterator, taken by a task that never runs further ahead than asked."""

    def __init__(self, items: AsyncIterator[Any], *, numbered: bool) -> None:
        super().__init__(iter(()))
        self._async_items = items
        self._numbered = numbered
        self._demand = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start the task, in the loop."""
        self._task = self._loop.create_task(self._feed())

    def take(self, number: int) -> tuple[Any, ...] | None:
        """Return up to `number` items that have come, as any `LiveSource`; not in the loop."""
        with self._changed:
            self._target = self._taken + number
            with suppress(RuntimeError):  # the loop is closed, and no item will come
                self._loop.call_soon_threadsafe(self._demand.set)
        return super().take(number)

    def _start(self) -> bool:
        self._is_started = True
        return True

    async def end(self) -> None:
        """Take no more items, and forget the iterator, which is left where it is."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        del self._async_items

    async def _feed(self) -> None:
        number = 0
        error: BaseException | None = None
        try:
            while True:
                while not self._is_closed and self._num_got() >= self._target:
                    self._demand.clear()
                    if self._num_got() >= self._target:
                        await self._demand.wait()
                item = await anext(self._async_items)
                self._add((number, item) if self._numbered else item)
                number += 1
        except StopAsyncIteration:
            pass
        except BaseException as raised:
            error = raised
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify_all()
        self._wake_if_awaited()
        if isinstance(error, asyncio.CancelledError):
            raise error

    def _add(self, item: Any) -> None:
        with self._changed:
            self._got.append(item)
            self._changed.notify_all()
        self._wake_if_awaited()

    def _wake_if_awaited(self) -> None:
        awaited, self._is_awaited = self._is_awaited, False
        if awaited:
            self.on_items()


class Relay:
    """Calls functions of the caller's in the loop, that the engine's thread asks for."""

    def __init__(self) -> None:
        self._due: deque[Callable[[], object]] = deque()

    def around(self, function: Callable[[Any], object]) -> Callable[[Any], object]:
        """Return what has `function` called later, with the same argument."""
        return lambda argument: self._due.append(lambda: function(argument))

    def call(self) -> None:
        """Make the calls that are due; raises what they raise."""
        while self._due:
            self._due.popleft()()


class _Steps:
    """Makes the steps of an iterator in a thread of its own, when they are asked for."""

    def __init__(self, iterator: Iterator[BatchRecord], stop: StopRequest) -> None:
        self._iterator = iterator
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[asyncio.Future[Any] | None] = SimpleQueue()
        self._ended = self._loop.create_future()
        act = copy_context().run
        self._thread = threading.Thread(target=act, args=(self._work,), name="engine", daemon=True)
        start_thread(self._thread)

    async def next(self) -> Any:
        """Return the next record, or `_END`; raises what the iterator raises."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._asked.put(future)
        return await future

    async def close(self, *, winds_down: bool) -> None:
        """End the iterator, and wait for it as long as what runs may be waited for."""
        if self._ended.done():
            return
        self._stop.request(Urgency.DRAIN if winds_down else Urgency.KILL)
        self._asked.put(None)
        if winds_down:
            await asyncio.wait([self._ended], timeout=WIND_DOWN_S)
            self._stop.request(Urgency.KILL)
        await asyncio.wait([self._ended], timeout=WIND_DOWN_S)

    # In the thread --------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while (future := self._asked.get()) is not None:
                try:
                    result, error = next(self._iterator, _END), None
                except BaseException as raised:
                    result, error = _END, raised
                self._in_loop(_settle, future, result, error)
                if result is _END:
                    return
            with suppress(BaseException):  # whoever has left does not want to know
                for _ in self._iterator:
                    pass
        finally:
            self._in_loop(_settle, self._ended, None, None)

    def _in_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(function, *arguments)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # which no future takes
        future.set_exception(RuntimeError(f"the source raised {error!r}"))
    else:
        future.set_exception(error)


def open_async_stream(
    call: Call, items: Iterable[Any] | AsyncIterable[Any], *, keep_order: bool
) -> AsyncGenerator[ItemRecord]:
    """Return the records of a call, to be iterated in the loop that runs; as `astream_map`.

    Raises `RuntimeError` where none runs.
    """
    options = call.options
    if call.pool is None and call.processor.is_async and options.backend in ("auto", "async"):
        asked = options.workers
        workers = asked.most if isinstance(asked, WorkerBounds) else asked or coroutines_at_once()
        call.pool = RunningLoop(workers, timeout_s=options.timeout_s)
    relay = Relay()
    if callable(call.progress):
        call.progress = relay.around(call.progress)
    if call.on_plan is not None:
        call.on_plan = relay.around(call.on_plan)
    numbered = call.shape.takes_pairs
    source: LiveSource | Iterator[Any]
    if isinstance(items, AsyncIterable):
        source = AsyncSource(aiter(items), numbered=numbered)
    else:
        asyncio.get_running_loop()
        source = source_of(items, numbered=numbered)
    stream = StreamCall(call=call, source=source, total=length(items), keep_order=keep_order)
    return _records(stream, relay)


async def _records(stream: StreamCall, relay: Relay) -> AsyncGenerator[ItemRecord]:
    """Yield the records of a call in the loop that runs."""
    if isinstance(stream.source, AsyncSource):
        stream.source.begin()
    steps = _Steps(stream.batches(), stream.call.stop)
    try:
        while True:
            record = await steps.next()
            relay.call()
            if record is _END:
                return
            for item in stream.item_records(record):
                yield item
    finally:
        if isinstance(stream.source, AsyncSource):
            await stream.source.end()
        await steps.close(winds_down=stream.call.processor.has_setup)

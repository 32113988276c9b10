"""Set-up in an event loop: one that is async, or any in a worker whose items are coroutines."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Any

from batchmap.errors import TaskUnusableError
from batchmap.worker.setup import Setup, async_manager_of, manager_of

__all__ = ["HalvesInLoop"]


class HalvesInLoop:
    """A set-up that lives in one task of an event loop from its first half to its second.

    What it enters, such as a cancel scope, can be left in that task alone.
    """

    def __init__(self, setup: Setup, made: Any = None) -> None:
        self.setup = setup
        self.has_second_half = False
        self._made = made
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start the first half, in the loop that runs."""
        loop = asyncio.get_running_loop()
        self._value: asyncio.Future[Any] = loop.create_future()
        self._leaving = asyncio.Event()
        self._task = loop.create_task(self._live())

    async def begun(self) -> Any:
        """Run the first half; return what it gives."""
        self.begin()
        return await self.value()

    async def value(self) -> Any:
        """Return what the set-up gives, once its first half is done."""
        return await asyncio.shield(self._value)

    async def end(self) -> None:
        """Run the second half; raises what it raises."""
        assert self._task is not None
        self._leaving.set()
        await self._task

    async def _live(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                value = await self._entered(stack)
                self._value.set_result(value)
                if self.has_second_half:
                    await self._leaving.wait()
        except BaseException as error:
            if self._value.done():
                raise
            unusable = isinstance(error, TaskUnusableError)
            self._value.set_exception(error if unusable else self.setup.failure(error))

    async def _entered(self, stack: AsyncExitStack) -> Any:
        function = self.setup.function
        made = function() if self._made is None else self._made
        self._made = None
        if inspect.isawaitable(made):
            made = await _awaited(made)
        if (asynchronous := async_manager_of(made, function)) is not None:
            made = await stack.enter_async_context(asynchronous)
        elif (manager := manager_of(made, function)) is not None:
            made = stack.enter_context(manager)
        else:
            return made
        self.has_second_half = True
        return made


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable

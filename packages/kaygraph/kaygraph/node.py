"""A node whose `exec` is tried again when it fails."""

from __future__ import annotations

import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from kaygraph.base import BaseNode
from kaygraph.config import Config

__all__ = ["Node"]


class Node(BaseNode):
    """A node whose `exec` is tried up to `max_retries` times, `wait` seconds apart.

    Raises `ValueError` for `max_retries` below 1 or `wait` below 0.
    """

    _last_attempt = 0

    def __init__(
        self,
        max_retries: int = 1,
        wait: float = 0,
        node_id: str | None = None,
        config: Config | None = None,
    ) -> None:
        super().__init__(node_id, config)
        if max_retries < 1:
            raise ValueError(f"max_retries must be at least 1, got {max_retries}")
        if wait < 0:
            raise ValueError(f"wait must be at least 0, got {wait}")
        self.max_retries = max_retries
        self.wait = wait

    @property
    def cur_retry(self) -> int:
        """Return the zero-based attempt: in `exec` the one that runs, afterwards the last made.

        It belongs to the thread or coroutine that asks, so items and runs that go on side by
        side do not see each other's attempts. Setting it does not change how many are left.
        """
        execution = self._execution()
        return self._last_attempt if execution is None else execution.attempt

    @cur_retry.setter
    def cur_retry(self, attempt: int) -> None:
        execution = self._execution()
        if execution is None:
            self._last_attempt = attempt
        else:
            execution.attempt = attempt

    def _execution(self) -> Execution | None:
        """Return the innermost execution of this node that the caller is part of."""
        execution = current_execution.get()
        while execution is not None and execution.node is not self:
            execution = execution.outer
        return execution

    def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
        """Return the result to use after the last failed attempt; raises `exc` by default."""
        raise exc

    def _run(self, shared: dict[str, Any]) -> Any:
        if self.max_retries == 1:
            return super()._run(shared)
        with Execution(self, whole_run=True):
            return super()._run(shared)

    def _exec(self, prep_res: Any) -> Any:
        """Call `exec` with its retries and fallback; override it to wrap them all."""
        if self.max_retries == 1:  # the usual case need not pay for an `Execution`
            self._last_attempt = 0
            try:
                return self.exec(prep_res)
            except Exception as error:
                return self.exec_fallback(prep_res, error)
        with Execution(self) as execution:
            attempt = 0
            while True:
                execution.attempt = attempt
                try:
                    return self.exec(prep_res)
                except Exception as error:
                    attempt += 1
                    if attempt >= self.max_retries:
                        return self.exec_fallback(prep_res, error)
                    self._note_retry(attempt, error)
                if self.wait:
                    time.sleep(self.wait)

    async def exec_async(self, prep_res: Any) -> Any:
        """Work on `prep_res` alone and return the result; only async nodes call it."""
        return None

    async def exec_fallback_async(self, prep_res: Any, exc: Exception) -> Any:
        """Return the result to use after the last failed attempt; raises `exc` by default."""
        raise exc

    async def _exec_async(self, prep_res: Any) -> Any:
        """Await `exec_async` with its retries and fallback; override it to wrap them all.

        It is defined here, not in `AsyncNode`, so that a mix-in can wrap it from before and
        from after `AsyncNode` among the bases.
        """
        import asyncio  # programs without async nodes start in half the time

        with Execution(self) as execution:
            attempt = 0
            while True:
                execution.attempt = attempt
                try:
                    return await self.exec_async(prep_res)
                except Exception as error:
                    attempt += 1
                    if attempt >= self.max_retries:
                        return await self.exec_fallback_async(prep_res, error)
                    self._note_retry(attempt, error)
                if self.wait:
                    await asyncio.sleep(self.wait)

    def _note_retry(self, attempt: int, error: Exception) -> None:
        """Note that attempt number `attempt` (from 1) has failed and another follows."""
        self.logger.warning(
            "%s: attempt %d of %d failed with %s, trying again",
            *(self.node_id, attempt, self.max_retries, type(error).__name__),
        )


class Execution:
    """The attempt that one run of a node, or one item within it, is at.

    In a `with` block it is the current one of its thread or coroutine. The last attempt of an
    item passes to the execution around it, that of a run to the node.
    """

    __slots__ = ("_token", "attempt", "node", "outer", "whole_run")

    def __init__(self, node: Node, *, whole_run: bool = False) -> None:
        self.node = node
        self.whole_run = whole_run
        self.attempt = 0
        self.outer = current_execution.get()

    def __enter__(self) -> Self:
        self._token: Token[Execution | None] = current_execution.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_execution.reset(self._token)
        if self.whole_run:
            self.node._last_attempt = self.attempt
        else:
            self.node.cur_retry = self.attempt


current_execution: ContextVar[Execution | None] = ContextVar("execution", default=None)

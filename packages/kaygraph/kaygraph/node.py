"""The node: three steps (prep, exec, post), retries, and the wiring to its successors."""

from __future__ import annotations

import copy
import logging
import time
import warnings
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self, TypeVar

from kaygraph.config import Config

__all__ = ["BaseNode", "Node"]

NodeT = TypeVar("NodeT", bound="BaseNode")


class BaseNode:
    """Run `prep`, `exec` and `post` once, in that order.

    `prep` reads the shared store, `exec` sees only what `prep` returned, `post` writes the
    shared store and names the action that picks the successor.
    """

    def __init__(self, node_id: str | None = None, config: Config | None = None) -> None:
        self.node_id = node_id or f"{type(self).__name__}_{id(self)}"
        self.config = Config() if config is None else config
        self.params: dict[str, Any] = {}
        self.successors: dict[str, BaseNode] = {}
        self.logger = logging.getLogger(type(self).__name__)
        self._context: dict[str, Any] = {}

    def prep(self, shared: dict[str, Any]) -> Any:
        """Read the shared store and return what `exec` needs."""
        return None

    def exec(self, prep_res: Any) -> Any:
        """Work on `prep_res` alone and return the result."""
        return None

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Write the shared store; return an action, or `None` for `"default"`."""
        return None

    def before_prep(self, shared: dict[str, Any]) -> None:
        """Take notice that the node is about to run."""

    def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        """Take notice that `exec` is done and `post` is next."""

    def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
        """Return `True` to swallow `error`; the node's action is then `None`."""
        return False

    def setup_resources(self) -> None:
        """Acquire what the node holds while it is used as a context manager."""

    def cleanup_resources(self) -> None:
        """Give back what `setup_resources` acquired."""

    def __enter__(self) -> Self:
        self.setup_resources()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cleanup_resources()

    def set_params(self, params: dict[str, Any]) -> None:
        """Keep a copy of `params`; anything but a dict is a `TypeError`."""
        if not isinstance(params, dict):
            raise TypeError(f"params must be a dict, got {type(params).__name__}")
        self.params = params.copy()

    def get_context(self, key: str, default: Any = None) -> Any:
        """Return this node's execution note `key`."""
        return self._context.get(key, default)

    def set_context(self, key: str, value: Any) -> None:
        """Keep an execution note on this node; the copies that a graph runs share it."""
        self._context[key] = value

    def next(self, node: NodeT, action: str = "default") -> NodeT:
        """Wire `node` to follow this one on `action`, and return it, so that calls chain."""
        if action in self.successors:
            warnings.warn(
                f"{self.node_id}: action {action!r} led to "
                f"{self.successors[action].node_id} and now leads to {node.node_id}",
                stacklevel=2,
            )
        self.successors[action] = node
        return node

    def __rshift__(self, node: NodeT) -> NodeT:
        return self.next(node)

    def __sub__(self, action: str) -> _Transition:
        if not isinstance(action, str):
            raise TypeError(f"an action must be a str, got {action!r}")
        return _Transition(self, action)

    def run(self, shared: dict[str, Any]) -> Any:
        """Run this node alone and return its action."""
        self._warn_of_successors()
        return self._run(shared)

    def _warn_of_successors(self) -> None:
        if self.successors:
            warnings.warn(
                f"{self.node_id} runs alone: its successors will not run; use a Graph",
                stacklevel=3,
            )

    def _run(self, shared: dict[str, Any]) -> Any:
        self.logger.debug("%s runs", self.node_id)
        try:
            self.before_prep(shared)
            prep_res = self.prep(shared)
            exec_res = self._exec(shared, prep_res)
            self.after_exec(shared, prep_res, exec_res)
            return self.post(shared, prep_res, exec_res)
        except Exception as error:
            if self.on_error(shared, error):
                return None
            raise

    def _exec(self, shared: dict[str, Any], prep_res: Any) -> Any:
        """Do the work between `prep` and `post`; only a graph hands `shared` on."""
        return self.exec(prep_res)

    def _inner_nodes(self) -> list[BaseNode]:
        """Return the nodes that run inside this one: those of a graph, none elsewhere."""
        return []

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        twin.successors = copy.deepcopy(self.successors, memo)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["successors"], state["logger"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.successors = {}
        self.logger = logging.getLogger(type(self).__name__)


class _Transition:
    """The left half of `node - "action" >> successor`."""

    __slots__ = ("action", "node")

    def __init__(self, node: BaseNode, action: str) -> None:
        self.node = node
        self.action = action

    def __rshift__(self, successor: NodeT) -> NodeT:
        return self.node.next(successor, self.action)


class Execution:
    """One `exec` with its retries: whose it is, which attempt runs, what it runs within."""

    __slots__ = ("attempt", "node", "outer")

    def __init__(self, node: BaseNode | None, outer: Execution | None) -> None:
        self.node = node
        self.attempt = 0
        self.outer = outer


_current_execution: ContextVar[Execution | None] = ContextVar("execution", default=None)

# Stands for every `exec` without retries: `cur_retry` is 0 there, so nothing need be kept.
_ONLY_ATTEMPT = Execution(None, None)


class Node(BaseNode):
    """A node whose `exec` is tried up to `max_retries` times, `wait` seconds apart.

    Raises `ValueError` for `max_retries` below 1 or `wait` below 0.
    """

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
        """Return the zero-based attempt of the `exec` that reads it.

        It belongs to the thread or coroutine that asks, so items that run side by side
        do not see each other's attempts.
        """
        execution = _current_execution.get()
        while execution is not None:
            if execution.node is self:
                return execution.attempt
            execution = execution.outer
        return 0

    def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
        """Return the result to use after the last failed attempt; raises `exc` by default."""
        raise exc

    def _exec(self, shared: dict[str, Any], prep_res: Any) -> Any:
        return self._exec_one(prep_res)

    def _exec_one(self, item: Any) -> Any:
        if self.max_retries == 1:
            return self._exec_attempts(item, _ONLY_ATTEMPT)
        execution = Execution(self, _current_execution.get())
        token = _current_execution.set(execution)
        try:
            return self._exec_attempts(item, execution)
        finally:
            _current_execution.reset(token)

    def _exec_attempts(self, item: Any, execution: Execution) -> Any:
        while True:
            try:
                return self.exec(item)
            except Exception as error:
                if execution.attempt + 1 >= self.max_retries:
                    return self.exec_fallback(item, error)
            execution.attempt += 1
            if self.wait:
                time.sleep(self.wait)

    async def exec_async(self, prep_res: Any) -> Any:
        """Work on `prep_res` alone and return the result; only async nodes call it.

        It stands here, not in `AsyncNode`, so that mix-ins can wrap both kinds of `exec`.
        """
        return None

    async def exec_fallback_async(self, prep_res: Any, exc: Exception) -> Any:
        """Return the result to use after the last failed attempt; raises `exc` by default."""
        raise exc

    async def _exec_one_async(self, item: Any) -> Any:
        if self.max_retries == 1:
            return await self._exec_attempts_async(item, _ONLY_ATTEMPT)
        execution = Execution(self, _current_execution.get())
        token = _current_execution.set(execution)
        try:
            return await self._exec_attempts_async(item, execution)
        finally:
            _current_execution.reset(token)

    async def _exec_attempts_async(self, item: Any, execution: Execution) -> Any:
        import asyncio  # programs without async nodes start in half the time

        while True:
            try:
                return await self.exec_async(item)
            except Exception as error:
                if execution.attempt + 1 >= self.max_retries:
                    return await self.exec_fallback_async(item, error)
            execution.attempt += 1
            if self.wait:
                await asyncio.sleep(self.wait)

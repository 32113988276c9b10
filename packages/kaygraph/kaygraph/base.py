"""The base of every node: its three steps, its hooks, its wiring, and how it is copied."""

from __future__ import annotations

import copy
import logging
import time
import warnings
from logging import INFO
from types import MemberDescriptorType, TracebackType
from typing import Any, ClassVar, Self, TypeVar

from kaygraph.config import Config

__all__ = ["BaseNode", "NodeT"]

NodeT = TypeVar("NodeT", bound="BaseNode")


class BaseNode:
    """Run `prep`, `exec` and `post` once, in that order.

    `prep` reads the shared store, `exec` sees only what `prep` returned, `post` writes the
    shared store and names the action that picks the successor.
    """

    # What `__slots__` of a subclass hold is not in `__dict__`, and copies need it too.
    _slots: ClassVar[tuple[MemberDescriptorType, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        members = [member for base in cls.__mro__ for member in vars(base).values()]
        cls._slots = tuple(m for m in members if isinstance(m, MemberDescriptorType))

    def __class_getitem__(cls, types: Any) -> type[Self]:
        """Return the class itself: `Node[str, int]` says what `prep` and `exec` return."""
        return cls

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
        """React to the start of a run, before `prep`."""

    def after_exec(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        """React to what `exec` returned, before `post`."""

    def on_error(self, shared: dict[str, Any], error: Exception) -> bool:
        """Return `True` to swallow `error`; the node's action is then `None`."""
        return False

    def setup_resources(self) -> None:
        """Acquire what the node holds while it is used as a context manager."""

    def cleanup_resources(self) -> None:
        """Release what `setup_resources` acquired."""

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
        """Keep a copy of `params`; anything but a dict is a `TypeError`.

        A graph calls it on the copy of the node that it runs, with the node's own params
        overlaid by the graph's.
        """
        if not isinstance(params, dict):
            raise TypeError(f"params must be a dict, got {type(params).__name__}")
        self.params = params.copy()

    def get_context(self, key: str, default: Any = None) -> Any:
        """Return this node's execution note `key`.

        Each run notes `start_time` (seconds since the epoch) before `before_prep`, and
        `last_execution_time` (seconds) once it has ended, failed or not.
        """
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
        """Run all steps and hooks and return the action; override it to wrap a whole run."""
        start = self._begin()
        failed = True
        try:
            try:
                self.before_prep(shared)
                prep_res, exec_res = self._prep_and_exec(shared)
                self.after_exec(shared, prep_res, exec_res)
                action = self.post(shared, prep_res, exec_res)
            except Exception as error:
                if not self.on_error(shared, error):
                    raise
                action = None
            failed = False
            return action
        finally:
            self._end(start, failed)

    def _prep_and_exec(self, shared: dict[str, Any]) -> tuple[Any, Any]:
        """Return what `prep` and `exec` returned; a graph runs its nodes in place of `exec`."""
        prep_res = self.prep(shared)
        return prep_res, self._exec(prep_res)

    def _exec(self, prep_res: Any) -> Any:
        """Call `exec`; override it to wrap that call."""
        return self.exec(prep_res)

    def _begin(self) -> float:
        """Note that a run begins; return the clock that `_end` measures from (s)."""
        if self.logger.isEnabledFor(INFO):
            self.logger.info("%s starts", self.node_id)
        self._context["start_time"] = time.time()
        return time.perf_counter()

    def _end(self, start: float, failed: bool) -> float:
        """Note that a run has ended; return how long it took (s)."""
        elapsed = time.perf_counter() - start
        self._context["last_execution_time"] = elapsed
        if self.logger.isEnabledFor(INFO):
            outcome = "fails" if failed else "ends"
            self.logger.info("%s %s after %.3f s", self.node_id, outcome, elapsed)
        return elapsed

    def _inner_nodes(self) -> list[BaseNode]:
        """Return the nodes that run inside this one: those of a graph, none elsewhere."""
        return []

    def __copy__(self) -> Self:
        copied = object.__new__(type(self))
        copied.__dict__ = self.__dict__.copy()
        if self._slots:
            copied._set_slots(self._slot_values())
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = object.__new__(type(self))
        memo[id(self)] = copied
        copied.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        copied.successors = copy.deepcopy(self.successors, memo)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, **self._slot_values()}
        del state["successors"], state["logger"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(self._set_slots(state))
        self.successors = {}
        self.logger = logging.getLogger(type(self).__name__)

    def _slot_values(self) -> dict[str, Any]:
        return {m.__name__: m.__get__(self) for m in self._slots if hasattr(self, m.__name__)}

    def _set_slots(self, values: dict[str, Any]) -> dict[str, Any]:
        """Set those of `values` that are slots; return the others."""
        others = dict(values)
        for member in self._slots:
            if member.__name__ in others:
                member.__set__(self, others.pop(member.__name__))
        return others


class _Transition:
    """The left half of `node - "action" >> successor`."""

    __slots__ = ("action", "node")

    def __init__(self, node: BaseNode, action: str) -> None:
        self.node = node
        self.action = action

    def __rshift__(self, successor: NodeT) -> NodeT:
        return self.node.next(successor, self.action)

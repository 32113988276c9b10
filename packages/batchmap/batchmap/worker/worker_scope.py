"""What a worker has set up for its items, and undoes when it leaves.

An executor gives each of its workers a scope: each thread, process or event loop has one. What is
to be made once a process is shared by the scopes of its threads, and undone by the last of them.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from batchmap.worker.interruption import SignalHandlers
from batchmap.worker.setup import SetUp, Setup, described_error, set_up

if TYPE_CHECKING:
    from batchmap.worker.event_loop import LoopLease
    from batchmap.worker.setup_in_loop import HalvesInLoop

__all__ = ["WorkerScope", "become_worker", "current_scope", "held_in_process", "working"]

_logger = logging.getLogger("setup")


class WorkerScope:
    """What one worker has set up, by the tokens of the set-ups."""

    def __init__(
        self, *, shares_loop: bool = True, notes: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._notes = notes
        """Told when a set-up begins and when it has ended."""
        self._shares_loop = shares_loop
        self._made: dict[str, SetUp] = {}
        self._halves_in_loop: dict[str, HalvesInLoop] = {}
        self._lease: LoopLease | None = None

    @property
    def waits_for(self) -> list[str]:
        """What the worker does before it leaves, in words."""
        made: list[SetUp | HalvesInLoop] = [*self._made.values(), *self._halves_in_loop.values()]
        return [f"the second half of {one.setup.name}" for one in made if one.has_second_half]

    def lease(self) -> LoopLease:
        """Return the event loop of this worker, in which its coroutines run until it leaves."""
        if self._lease is None:
            from batchmap.worker.event_loop import lease_loop

            self._lease = lease_loop(shares=self._shares_loop)
        return self._lease

    def ready(self, setup: Setup) -> Any:
        """Return what `setup` gives in this worker, and call it where that is the first time.

        Raises `TaskUnusableError` with what the set-up raises.
        """
        made = self._made.get(setup.token)
        if made is None:
            self._notes(True)
            try:
                if setup.per == "process":
                    made = _process_wide.join(setup)
                else:
                    made = set_up(setup, self.lease)
            finally:
                self._notes(False)
            self._made[setup.token] = made
        return made.value

    async def ready_in_loop(self, setup: Setup) -> Any:
        """Return the same in a worker that is an event loop, which runs now."""
        if setup.token in self._made or setup.per == "process":
            return self.ready(setup)
        halves = self._halves_in_loop.get(setup.token)
        if halves is None:
            from batchmap.worker.setup_in_loop import HalvesInLoop

            halves = self._halves_in_loop[setup.token] = HalvesInLoop(setup)
            halves.begin()
        return await halves.value()

    def leave(self) -> None:
        """Run the second halves, the last one first; what they raise is logged."""
        made, self._made = self._made, {}
        try:
            for one in reversed(made.values()):
                _undo(one)
        finally:
            if self._lease is not None:
                self._lease.release()
                self._lease = None

    async def leave_in_loop(self) -> None:
        """Do the same in a worker that is an event loop, which runs now."""
        halves, self._halves_in_loop = self._halves_in_loop, {}
        for one in reversed(halves.values()):
            try:
                await one.end()
            except BaseException as error:
                _tell(one.setup, error)
        self.leave()


def _undo(made: SetUp) -> None:
    if made.setup.per == "process":
        _process_wide.leave(made.setup)
        return
    try:
        made.undo()
    except BaseException as error:
        if SignalHandlers().raised(error):
            raise
        _tell(made.setup, error)


def _tell(setup: Setup, error: BaseException) -> None:
    name, trace = described_error(setup, error)
    _logger.error("the second half of %s failed as a worker left: %s\n%s", setup.name, name, trace)


class _ProcessWide:
    """What is set up once for all workers of this process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._made: dict[str, SetUp] = {}
        self._holders: dict[str, int] = {}

    def hold(self, setup: Setup) -> None:
        """Have it kept until `leave` was called as often as this and `join`."""
        with self._lock:
            self._holders[setup.token] = self._holders.get(setup.token, 0) + 1

    def join(self, setup: Setup) -> SetUp:
        """Return what `setup` gives in this process; other threads wait while it is called."""
        with self._lock:
            made = self._made.get(setup.token)
            if made is None:
                made = self._made[setup.token] = set_up(setup, None)
            self.hold(setup)
            return made

    def leave(self, setup: Setup) -> None:
        """Run the second half if nobody else holds what was made."""
        with self._lock:
            self._holders[setup.token] -= 1
            if self._holders[setup.token]:
                return
            del self._holders[setup.token]
            made = self._made.pop(setup.token, None)
        if made is not None:
            try:
                made.undo()
            except BaseException as error:
                if SignalHandlers().raised(error):
                    raise
                _tell(setup, error)

    def forget(self) -> None:
        """Have nothing, in a fork of the process that made it."""
        self.__init__()  # type: ignore[misc]  # the lock, too, which another thread may hold


_process_wide = _ProcessWide()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process_wide.forget)


@contextmanager
def held_in_process(setup: Setup) -> Iterator[None]:
    """Keep what `setup` makes once a process in this one, while workers come and go."""
    _process_wide.hold(setup)
    try:
        yield
    finally:
        _process_wide.leave(setup)


_here = threading.local()

scope_of_tasks: ContextVar[tuple[WorkerScope, int] | None] = ContextVar(
    "scope_of_tasks", default=None
)
"""The scope of the tasks that a call runs in an event loop of the caller's, and the loop's thread,
in which alone this holds."""


def become_worker(scope: WorkerScope) -> None:
    """Make this thread the worker that has `scope`."""
    _here.scope = scope


@contextmanager
def working(scope: WorkerScope) -> Iterator[None]:
    """Make this thread the worker that has `scope` for a while, perhaps inside another's call."""
    before = getattr(_here, "scope", None)
    _here.scope = scope
    token = scope_of_tasks.set(None)
    try:
        yield
    finally:
        _here.scope = before
        scope_of_tasks.reset(token)


def current_scope() -> WorkerScope:
    """Return the scope of the worker that this thread is.

    A thread that is none gets one of its own, which is left when the interpreter exits.
    """
    of_tasks = scope_of_tasks.get()
    if of_tasks is not None and of_tasks[1] == threading.get_ident():
        return of_tasks[0]
    scope: WorkerScope | None = getattr(_here, "scope", None)
    if scope is None:
        scope = _here.scope = WorkerScope(shares_loop=False)
        atexit.register(_leave_at_exit, scope, os.getpid())
    return scope


def _leave_at_exit(scope: WorkerScope, process_id: int) -> None:
    if os.getpid() == process_id:
        scope.leave()

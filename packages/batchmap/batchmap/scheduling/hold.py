"""The time in which nothing new is started, as a function has asked for with `Pause`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor

from batchmap.clock import Clock
from batchmap.stopping import StopRequest

__all__ = ["Hold"]

_logger = logging.getLogger(__name__)


class Hold:
    """Holds a run up until a time; what runs by then goes on to the end of its item.

    `stop` tells the batches that run in this process, `executor()` those in others.
    """

    def __init__(self, stop: StopRequest, executor: Callable[[], Executor], clock: Clock) -> None:
        self._stop = stop
        self._executor = executor
        self._clock = clock
        self._held: Executor | None = None
        """The executor that was told to begin nothing."""
        self._began_s = self._until_s = self._before_s = 0.0

    def begin(self, seconds: float, why: str) -> None:
        """Hold the run up for so many seconds from now on, if it is not held up for longer."""
        now_s = self._clock.now()
        if self._held is None:
            _logger.warning("nothing new is started for %g s: %.300s", seconds, why)
            self._began_s = now_s
            self._held = self._executor()
            self._stop.on_hold = True
            getattr(self._held, "begin_no_more", lambda: None)()
        self._until_s = max(self._until_s, now_s + seconds)

    def left_s(self) -> float:
        """Return for how many seconds more; ends it when it is over."""
        if self._held is None:
            return 0.0
        left_s = self._until_s - self._clock.now()
        if left_s > 0:
            return left_s
        self._before_s += self._until_s - self._began_s
        getattr(self._held, "begin_again", lambda: None)()
        self._stop.on_hold, self._held = False, None
        return 0.0

    def time_s(self) -> float:
        """Return the time of a clock that stands still while the run is held up."""
        now_s = self._clock.now()
        return (self._began_s if self._held is not None else now_s) - self._before_s

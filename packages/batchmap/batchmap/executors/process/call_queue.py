"""The calls that wait for a worker, and the rule by which workers get them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors.call_future import begin
from batchmap.executors.process.worker_handle import Call, Worker

__all__ = ["CallQueue"]

CALLS_AHEAD = 2
"""How many calls a worker is given, the one that runs included, so that it never waits for one."""

LONG_CALL_S = 0.1
"""Where calls take longer, waiting behind another call costs more than a hand-over, so no worker is
given a second one."""

NEWEST_WEIGHT = 0.3
"""Weight of the newest call in the exponentially weighted moving average of their times."""


class CallQueue:
    """The calls that no worker has yet; not safe for use by several threads at once."""

    def __init__(self) -> None:
        self._waiting: deque[Call] = deque()
        self._call_s = 0.0
        """How long calls take."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, call: Call) -> None:
        """Add a call at the end."""
        self._waiting.append(call)

    def put_back(self, calls: Collection[Call]) -> None:
        """Put calls, in their order, before all that wait."""
        self._waiting.extendleft(reversed([*calls]))

    def take_all(self) -> list[Call]:
        """Remove all calls and return them."""
        calls = list(self._waiting)
        self._waiting.clear()
        return calls

    def assign(self, workers: Collection[Worker]) -> Iterator[tuple[Worker, Call]]:
        """Yield each worker that gets a call, with the call, which is among its `calls` by then.

        Workers with the fewest calls come first. A second call, to start when the first ends, is
        given only while calls are short: behind a long one it would wait while other workers idle.
        """
        for ahead in range(1 if self._call_s > LONG_CALL_S else CALLS_AHEAD):
            for worker in workers:
                while self._waiting and len(worker.calls) <= ahead:
                    call = self._waiting.popleft()
                    # A call that came back from a worker that exited counts as running already.
                    if call.future.running() or begin(call.future):
                        if not worker.calls:
                            worker.call_began_s = SYSTEM_CLOCK.now()
                        worker.calls.append(call)
                        yield worker, call

    def finish(self, worker: Worker) -> Call:
        """Remove the call that the worker has finished from its `calls`, and return it.

        Follows how long calls take: a longer one counts at once, shorter ones gradually.
        """
        now_s = SYSTEM_CLOCK.now()
        taken_s, worker.call_began_s = now_s - worker.call_began_s, now_s
        self._call_s = max(taken_s, self._call_s + NEWEST_WEIGHT * (taken_s - self._call_s))
        return worker.calls.popleft()

"""Measures how many cores' work this machine does at once."""

from __future__ import annotations

import statistics
import subprocess
import sys
from contextlib import ExitStack
from typing import IO

__all__ = ["measure_capacity"]

ROUNDS = 3
"""How often one process alone and all together are measured, in turn."""

SPIN_S = 0.05
"""How long a process spins each time."""

_SPINNER = """
import sys, time
now = time.perf_counter
print(flush=True)
for line in sys.stdin:
    end_s, turns = now() + float(line), 0
    while now() < end_s:
        for turn in range(1000):
            turns += 1
    print(turns, flush=True)
"""


def measure_capacity(processes: int) -> float:
    """Return how many times the work of one process `processes` of them do side by side.

    Plain processes that share no data run the same loop, one alone and all together, in turn. The
    ratio of the medians is at most about `processes`, and less where cores are hyper-threads of
    one another or other programs use them. Takes about a third of a second.
    Raises `OSError` where processes cannot be started, `ValueError` for fewer than 1.
    """
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    with ExitStack() as stack:
        spinners = [_Spinner(stack) for _ in range(processes)]
        for spinner in spinners:
            spinner.wait_for_start()
        alone: list[int] = []
        together: list[int] = []
        for number in range(ROUNDS):
            alone.append(_turns([spinners[number % processes]]))
            together.append(_turns(spinners))
    return statistics.median(together) / statistics.median(alone)


class _Spinner:
    """A plain process that spins when asked to; it is killed when `stack` is closed."""

    def __init__(self, stack: ExitStack) -> None:
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _SPINNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        stack.enter_context(process)
        stack.callback(process.kill)
        self._requests: IO[str] = _open(process.stdin)
        self._replies: IO[str] = _open(process.stdout)

    def wait_for_start(self) -> None:
        """Wait until the interpreter of the process has started."""
        self._replies.readline()

    def begin(self) -> None:
        """Let it spin for `SPIN_S` seconds."""
        self._requests.write(f"{SPIN_S}\n")
        self._requests.flush()

    def turns(self) -> int:
        """Wait for its end, and return how many turns of the loop it did."""
        reply = self._replies.readline()
        if not reply:
            raise OSError("a process that was to measure the machine ended early")
        return int(reply)


def _open(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _turns(spinners: list[_Spinner]) -> int:
    """Return how many turns of the loop the processes do side by side."""
    for spinner in spinners:
        spinner.begin()
    return sum(spinner.turns() for spinner in spinners)

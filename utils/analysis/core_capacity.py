"""How much work this machine really does at once, measured for a moment."""

from __future__ import annotations

import statistics
import subprocess
import sys
from contextlib import ExitStack
from typing import IO

__all__ = ["measure_capacity"]

ROUNDS = 3
SPIN_S = 0.05

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
    """Return how many times the work of one process this many do side by side.

    Plain processes without anything to share go through the same loop, one alone and all
    together, in turn; the medians' ratio is at most about `processes`, and less where cores are
    hyper-threads of one another, or somebody else uses them. Takes about a third of a second.
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
        for place in range(ROUNDS):
            alone.append(_turns([spinners[place % processes]]))
            together.append(_turns(spinners))
    return statistics.median(together) / statistics.median(alone)


class _Spinner:
    """A plain process that spins when it is told to, and ends with us."""

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
        self._orders: IO[str] = _open(process.stdin)
        self._answers: IO[str] = _open(process.stdout)

    def wait_for_start(self) -> None:
        self._answers.readline()

    def begin(self) -> None:
        self._orders.write(f"{SPIN_S}\n")
        self._orders.flush()

    def turns(self) -> int:
        answer = self._answers.readline()
        if not answer:
            raise OSError("a process that was to measure the machine ended early")
        return int(answer)


def _open(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _turns(spinners: list[_Spinner]) -> int:
    for spinner in spinners:
        spinner.begin()
    return sum(spinner.turns() for spinner in spinners)

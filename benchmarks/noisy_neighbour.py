"""A noisy neighbour: processes that burn cores in bursts, to measure beside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["noisy_neighbour"]

_PROGRAM = """
import random, sys, threading, time
rng = random.Random(sys.argv[1])
mean_s = float(sys.argv[2])
def end_with_stdin():
    sys.stdin.read()
    import os
    os._exit(0)
threading.Thread(target=end_with_stdin, daemon=True).start()
while True:
    time.sleep(rng.expovariate(1 / mean_s))
    end_s = time.perf_counter() + rng.expovariate(1 / mean_s)
    while time.perf_counter() < end_s:
        sum(range(1000))
"""


@contextmanager
def noisy_neighbour(processes: int, *, mean_s: float = 0.7, seed: int = 0) -> Iterator[None]:
    """Burn up to as many cores as there are `processes`, each half of the time, meanwhile.

    Bursts and pauses have random lengths, `mean_s` on average (exponential), independent in each
    process; they follow from `seed`.
    """
    with ExitStack() as stack:
        for number in range(processes):
            words = [sys.executable, "-S", "-E", "-c", _PROGRAM, f"{seed} {number}", str(mean_s)]
            process = stack.enter_context(subprocess.Popen(words, stdin=subprocess.PIPE))
            stack.callback(process.kill)
        yield

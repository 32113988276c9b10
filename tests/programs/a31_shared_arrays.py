"""Arrays that a function uses are in memory once for all workers; each changes them for itself."""

import functools
import os
import sys
import tempfile
import time

import numpy
from batchmap.executors.process.pool import ProcessExecutor

BACKENDS = ("process",)
HOSTS = ("script",)  # elsewhere the global is not of `__main__`, and is imported

SIZE_BYTES = 64_000_000
PAGE_BYTES = 4096
DATA = numpy.ones(SIZE_BYTES // 8)


def use(data, directory, number):
    """Read all of the data and change two of it, when the other worker does so, too."""
    total = float(data.sum())
    data[:2] += number
    with open(f"{directory}/{number}", "w"):
        while len(os.listdir(directory)) < 2:
            time.sleep(0.001)
    return os.getpid(), total, data[:2].tolist()


def use_global(directory, number):
    return use(DATA, directory, number)


def close_over(data):
    return lambda directory, number: use(data, directory, number)


FUNCTIONS = {
    "closure": lambda: close_over(DATA),
    "partial": lambda: functools.partial(use, DATA),
    "global": lambda: use_global,
}


def in_both(pool, function):
    """Return what the function gives in each worker."""
    with tempfile.TemporaryDirectory() as directory:
        calls = [pool.submit(function, directory, number) for number in (1, 2)]
        return [call.result() for call in calls]


def meet(directory, number):
    return use(numpy.ones(2), directory, number)


def memory_bytes(pids):
    """Return the memory of the processes; what several of them share counts once."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            total += sum(int(line.split()[1]) * 1024 for line in lines if line[:4] == "Pss:")
    return total


def descriptors():
    return [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if entry.is_symlink()]


def check(backend):
    for name, make in FUNCTIONS.items():
        with ProcessExecutor(2) as pool:
            pids = {pid for pid, _, _ in in_both(pool, meet)}
            assert len(pids) == 2
            before_bytes = memory_bytes([os.getpid(), *pids])
            results = in_both(pool, make())
            after_bytes = memory_bytes([os.getpid(), *pids])
        assert {pid for pid, _, _ in results} == pids
        assert [rest for _, *rest in results] == [
            [SIZE_BYTES / 8, [2.0, 2.0]],
            [SIZE_BYTES / 8, [3.0, 3.0]],
        ], results
        assert DATA[:2].tolist() == [1.0, 1.0]
        copies = (after_bytes - before_bytes) / SIZE_BYTES
        assert 0.9 < copies < 1.1, (name, copies)
        left = [name for name in descriptors() if "memfd" in name]
        assert not left, left


if __name__ == "__main__":
    check(sys.argv[1])

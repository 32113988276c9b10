"""A daemonic process can have no workers: what asks for them by name gets one clear error."""

import multiprocessing
import sys

from batchmap import parallel_map
from batchmap.errors import WorkersLostError

BACKENDS = ("auto", "thread", "process")
HOSTS = ("script",)


def spin(number):
    return sum(range(200_000)) * 0 + number


def in_the_daemon(backend, queue):
    try:
        queue.put(parallel_map(spin, range(300), backend=backend))
    except WorkersLostError as error:
        queue.put(str(error))


def check(backend):
    queue = multiprocessing.SimpleQueue()
    process = multiprocessing.Process(target=in_the_daemon, args=(backend, queue), daemon=True)
    process.start()
    found = queue.get()
    process.join()
    assert process.exitcode == 0
    if backend == "process":
        assert "daemonic" in found and "backend='thread'" in found, found
    else:
        assert found == list(range(300)), found


if __name__ == "__main__":
    check(sys.argv[1])

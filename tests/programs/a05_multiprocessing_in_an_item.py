"""An item starts processes and pools of `multiprocessing`, and uses the library in them."""

import multiprocessing
import os
import signal
import sys
import time

from batchmap import parallel_map

BACKENDS = ("thread", "process")


def double(number):
    return 2 * number


def put_results(queue, numbers):
    queue.put(parallel_map(double, numbers, backend="sequential"))


def wait_long():
    time.sleep(60)


def work(number):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=put_results, args=(queue, [number, 5]))
    child.start()
    found = queue.get()
    child.join()
    hanging = context.Process(target=wait_long)
    hanging.start()
    hanging.terminate()  # signals have their usual meaning there
    hanging.join()
    status = child.exitcode, hanging.exitcode
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        os.write(writing, repr(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return found, status, os.read(reading, 10)


def check(backend):
    expected = [([2 * n, 10], (0, -signal.SIGTERM), b"True") for n in range(4)]
    assert parallel_map(work, range(4), backend=backend, workers=2) == expected


if __name__ == "__main__":
    check(sys.argv[1])

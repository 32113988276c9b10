"""Surroundings that a program seldom has: the results are the usual ones, and nothing is left."""

import contextlib
import os
import resource
import signal
import socket
import sys
import tempfile
import threading

from batchmap import parallel_map

BACKENDS = ("thread", "process")
HOSTS = ("script",)


def double(number):
    return 2 * number


def end(number):
    if number % 3:
        os._exit(1)
    return number


def same(backend, workers=2):
    numbers = list(range(20))
    found = parallel_map(double, numbers, backend=backend, workers=workers)
    assert found == [2 * number for number in numbers]
    before = sorted(os.listdir("/proc/self/fd"))
    found = parallel_map(double, numbers, backend=backend, workers=workers)
    assert found == [2 * number for number in numbers]
    assert sorted(os.listdir("/proc/self/fd")) == before


def all_of(backend):
    socket.setdefaulttimeout(0.01)
    same(backend)
    socket.setdefaulttimeout(None)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    same(backend)
    signal.signal(signal.SIGCHLD, lambda *_: reap())
    same(backend)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as filters do, which end when nobody reads
    if backend == "process":
        for _ in range(5):
            found = parallel_map(end, range(31), backend=backend, workers=2, on_error="record")
            assert [one for one in found if type(one) is int] == [*range(0, 31, 3)]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    with tempfile.TemporaryDirectory() as directory:
        long = os.path.join(directory, "d" * 120)
        os.mkdir(long)
        os.environ["TMPDIR"], tempfile.tempdir = long, None
        same(backend)
        assert os.listdir(long) == []
        del os.environ["TMPDIR"]
        tempfile.tempdir = None

    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, usual[1]))
    same(backend, workers=100)
    resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def reap():
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def check(backend):
    all_of(backend)
    keep = threading.Event()
    thread = threading.Thread(target=keep.wait)
    thread.start()
    all_of(backend)
    keep.set()
    thread.join()
    assert threading.active_count() == 1


if __name__ == "__main__":
    check(sys.argv[1])

"""In an item, `multiprocessing` is as in a process of its own: parent, managers, start method."""

import multiprocessing
import os
import sys
import threading

from batchmap import parallel_map

BACKENDS = ("process",)
HOSTS = ("script",)


def work(item):
    number, shared, method = item
    parent, me = multiprocessing.parent_process(), multiprocessing.current_process()
    shared[number] = os.getpid()
    assert parent is not None and parent.is_alive()
    assert me.name.startswith("worker-") and not me.daemon and me.pid == os.getpid()
    assert multiprocessing.get_start_method(allow_none=True) == method
    return parent.pid


def check(backend):
    multiprocessing.set_start_method("spawn")
    for _ in range(2):
        with multiprocessing.Manager() as manager:  # the first time, workers may be forked
            shared = manager.dict()
            items = [(n, shared, "spawn") for n in range(6)]
            parents = parallel_map(work, items, backend=backend, workers=2)
            assert set(parents) == {os.getpid()}
            assert set(shared) == set(range(6)) and os.getpid() not in shared.values()
        if threading.active_count() == 1:
            keep = threading.Event()
            threading.Thread(target=keep.wait, daemon=True).start()


if __name__ == "__main__":
    check(sys.argv[1])

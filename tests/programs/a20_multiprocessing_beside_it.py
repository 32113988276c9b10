"""Calls from many threads at once, and the program's own `multiprocessing` beside them."""

import multiprocessing
import sys
import threading
from multiprocessing import forkserver, spawn

from batchmap import parallel_map

BACKENDS = ("process",)
HOSTS = ("script",)


def square(number):
    return number * number


def tell(queue):
    queue.put(__name__)


def check(backend):
    multiprocessing.set_forkserver_preload(["json", "decimal"])
    preparation = spawn.get_preparation_data
    preloaded = forkserver._forkserver._preload_modules
    wrong = []

    def call(first):
        for number in range(first, first + 12):
            found = parallel_map(square, range(number), backend=backend, workers=2)
            if found != [n * n for n in range(number)]:
                wrong.append(found)

    threads = [threading.Thread(target=call, args=(8 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context("forkserver")
    for _ in range(3):
        queue = context.SimpleQueue()
        child = context.Process(target=tell, args=(queue,))
        child.start()
        assert queue.get() == "__mp_main__"  # it has run the script again, as it should
        child.join()
        assert child.exitcode == 0
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    assert spawn.get_preparation_data is preparation
    assert forkserver._forkserver._preload_modules is preloaded == ["json", "decimal"]
    assert not multiprocessing.active_children()


if __name__ == "__main__":
    check(sys.argv[1])

"""A function of a module that the program has made, which workers from the server cannot import."""

import sys
import threading
import types

from batchmap import TaskUnusableError, parallel_map

BACKENDS = ("auto", "process")

SOURCE = """
import time

def double(number):
    end_s = time.thread_time() + 0.002
    while time.thread_time() < end_s:
        pass
    return 2 * number
"""


def check(backend):
    module = sys.modules["made_here"] = types.ModuleType("made_here")
    exec(SOURCE, module.__dict__)
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()  # so that no worker can be forked
    if backend == "auto":
        results = parallel_map(module.double, range(600))
        assert results == [2 * number for number in range(600)], results
    else:
        try:
            parallel_map(module.double, range(4), backend=backend)
            raise AssertionError("a worker has imported it")
        except TaskUnusableError as error:
            assert "No module named 'made_here'" in str(error), error
    over.set()


if __name__ == "__main__":
    check(sys.argv[1])

"""Random generators have streams of their own in each worker process, NumPy's global one, too."""

import os
import random
import sys
import threading
import time

import numpy
from batchmap import parallel_map

BACKENDS = ("process",)


def draw(_):
    time.sleep(0.01)
    return os.getpid(), random.random(), float(numpy.random.random())


def check(backend):
    random.seed(1)
    numpy.random.seed(1)
    keep = threading.Event()
    try:
        for _ in range(2):
            drawn = parallel_map(draw, range(20), backend=backend, workers=2, batch_size=1)
            assert len({process for process, _, _ in drawn}) == 2
            assert len({number for _, number, _ in drawn}) == 20
            assert len({number for _, _, number in drawn}) == 20
            threading.Thread(target=keep.wait).start()
    finally:
        keep.set()


if __name__ == "__main__":
    check(sys.argv[1])

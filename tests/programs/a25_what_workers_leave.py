"""What items leave behind lives on: shared memory, and threads that have not ended."""

import sys
import tempfile
import threading
import time
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from batchmap import parallel_map

BACKENDS = ("process",)
HOSTS = ("script",)


def share(number):
    memory = SharedMemory(create=True, size=10)
    memory.buf[0] = number
    name = memory.name
    memory.close()
    return name


def write_later(path):
    def write():
        time.sleep(2.5)  # longer than an idle worker has to exit
        path.write_text("written")

    threading.Thread(target=write).start()


def once(backend):
    names = parallel_map(share, range(5), backend=backend, workers=2)
    time.sleep(0.2)
    for number, name in enumerate(names):
        memory = SharedMemory(name)
        assert memory.buf[0] == number
        memory.close()
        memory.unlink()
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory, str(number)) for number in range(2)]
        parallel_map(write_later, paths, backend=backend, workers=2)
        assert [path.read_text() for path in paths] == ["written"] * 2


def check(backend):
    once(backend)
    keep = threading.Event()
    threading.Thread(target=keep.wait).start()
    once(backend)
    keep.set()


if __name__ == "__main__":
    check(sys.argv[1])

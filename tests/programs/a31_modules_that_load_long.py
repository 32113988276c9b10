"""Workers that take long to import what they need: neither items nor the end wait for them."""

import os
import sys
import tempfile
import threading

from batchmap import parallel_map

BACKENDS = ("auto",)

MODULE = """
import os, time
if os.getpid() != {caller}:
    time.sleep(30)  # as what imports much does

def work(number):
    end_s = time.thread_time() + 0.01
    while time.thread_time() < end_s:
        pass
    return number, os.getpid()
"""


def check(backend):
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()  # so that no worker can be forked
    with tempfile.TemporaryDirectory() as directory:
        with open(f"{directory}/slow_to_import.py", "w") as file:
            file.write(MODULE.format(caller=os.getpid()))
        sys.path.insert(0, directory)
        import slow_to_import

        results = parallel_map(slow_to_import.work, range(20))
        assert results == [(number, os.getpid()) for number in range(20)], results
    over.set()


if __name__ == "__main__":
    check(sys.argv[1])

"""Items that wait for a second run side by side, and so do computations, whatever came first."""

import os
import sys
import threading
import time

from batchmap import parallel_map, stream_map

BACKENDS = ("auto",)


class Waiting:
    """A function that waits, and counts how many of its calls wait at once."""

    def __init__(self):
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, seconds):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(seconds)
        with self.lock:
            self.now -= 1
        return seconds


def compute(seconds):
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        pass
    return os.getpid()


def check(backend):
    for items in ([1.0] * 8, [0.0] * 300 + [0.05] * 200, [0.5] + [0.0] * 300 + [0.5] * 8):
        waiting = Waiting()
        assert parallel_map(waiting, items) == items
        assert waiting.most >= 2, "what waits waits side by side"
    waiting = Waiting()
    records = list(stream_map(waiting, (seconds for seconds in [1.0] * 8)))
    assert [record.result for record in records] == [1.0] * 8
    assert waiting.most >= 4, "whatever the items come from"

    pids = {record.result for record in stream_map(compute, [0.4] * 4)}
    # Where other programs take all cores, processes would gain nothing.
    is_busy = os.cpu_count() < 2 or os.getloadavg()[0] > 1
    assert len(pids) > 1 or is_busy, "computations run side by side, which takes processes"


if __name__ == "__main__":
    check(sys.argv[1])

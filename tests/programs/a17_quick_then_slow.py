"""Items that turn slow, or quick, after some hundred others: what they are now decides."""

import sys
import threading
import time

from batchmap import parallel_map

BACKENDS = ("auto",)


class Waiting:
    """A function that waits, and counts how many of its calls wait at once."""

    def __init__(self):
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, milliseconds):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        if milliseconds:
            time.sleep(milliseconds / 1000)
        with self.lock:
            self.now -= 1
        return milliseconds


def check(backend):
    for items in (
        [0] * 300 + [50] * 100,
        [0] * 30_000 + [50] * 100,
        [1] * 50 + [50] * 100,
    ):
        waiting = Waiting()
        assert parallel_map(waiting, items) == items
        assert waiting.most >= 2, "what waits waits side by side"


if __name__ == "__main__":
    check(sys.argv[1])

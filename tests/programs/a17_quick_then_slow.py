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


def compute_or_wait(number):
    """Compute for the first ones, and then wait; tell the moments between which it ran."""
    began = time.monotonic()
    if number < 300:
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
    else:
        time.sleep(0.02)
    return began, time.monotonic()


def most_at_once(spans):
    """Return the highest number of spans that overlap."""
    steps = [(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans]
    now = most = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most


def check(backend):
    for items in (
        [0] * 300 + [50] * 100,
        [0] * 30_000 + [50] * 100,
        [1] * 50 + [50] * 100,
    ):
        waiting = Waiting()
        assert parallel_map(waiting, items) == items
        assert waiting.most >= 2, "what waits waits side by side"
    spans = parallel_map(compute_or_wait, range(1500))
    assert most_at_once(spans[300:]) >= 8, "processes do not go on where items wait"


if __name__ == "__main__":
    check(sys.argv[1])

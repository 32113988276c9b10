"""A function that closes over 200 MB: it is pickled no more often than processes need it."""

import sys
import time

from batchmap import parallel_map

BACKENDS = ("auto",)


class Counted:
    """Counts how often it is pickled."""

    times = 0

    def __reduce__(self):
        Counted.times += 1
        return Counted, ()


def make(size):
    data = [Counted(), *(bytes(1000) for _ in range(size // 1000))]

    def work(number):
        end_s = time.thread_time() + 0.002
        while time.thread_time() < end_s:
            pass
        return number + len(data)

    return work


def check(backend):
    work = make(200_000_000)
    expected = [work(number) for number in range(200)]
    assert parallel_map(work, range(200)) == expected
    assert Counted.times <= 6, ("a few times to decide, and not with each batch", Counted.times)


if __name__ == "__main__":
    check(sys.argv[1])

"""A crawler: its source waits until results that it has seen bring new items."""

import sys
import time

from batchmap import stream_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
IN_CI = ("auto",)

LINKS = {number: [2 * number + 1, 2 * number + 2] for number in range(40)}


def fetch(page):
    time.sleep(0.002)
    return LINKS.get(page, [])


async def fetch_async(page):
    return LINKS.get(page, [])


def crawl(function, backend, pause_s, **options):
    to_do, seen, in_work = [0], {0}, 0

    def pages():
        nonlocal in_work
        while to_do or in_work:
            if to_do:
                in_work += 1
                yield to_do.pop()
            else:
                time.sleep(pause_s)

    for record in stream_map(function, pages(), backend=backend, workers=2, **options):
        to_do.extend(set(record.result) - seen)
        seen.update(record.result)
        in_work -= 1
    return seen


def check(backend):
    function = fetch_async if backend == "async" else fetch
    for options in ({}, {"batch_size": 5}, {"keep_order": True}):
        assert crawl(function, backend, 0.001, **options) == set(range(81)), options


if __name__ == "__main__":
    check(sys.argv[1])

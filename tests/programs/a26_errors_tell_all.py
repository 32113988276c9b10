"""Failures hold what Python knew of them: causes, groups, notes, and the exception itself."""

import sys

from batchmap import ItemsFailedError, parallel_map, stream_map

BACKENDS = ("auto", "sequential", "thread", "process", "async")
IN_CI = ("auto",)


class HttpError(Exception):
    """Takes other arguments than it keeps in `args`, as those of many libraries do."""

    def __init__(self, status, reason):
        super().__init__(f"{status} {reason}")
        self.status = status


class Unpicklable(Exception):
    def __reduce__(self):
        raise RuntimeError("not to be pickled")


class Explodes(Exception):
    def __reduce__(self):
        return explode, ()


class Changes(Exception):
    def __reduce__(self):
        return ValueError, ("changed",)


def explode():
    raise SystemExit("while unpickling")


def fetch(number):
    try:
        return [0, 1][number]
    except IndexError as error:
        failed = HttpError(404, f"no page {number}")
        failed.add_note("asked for by a test")
        raise failed from error


def work(number):
    if number == 1:
        return 1
    if number == 3:
        raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])
    if number == 4:
        raise Unpicklable("four")
    if number == 5:
        raise Explodes("five")
    if number == 6:
        raise Changes("six")
    return fetch(number + 2)


async def work_async(number):
    return work(number)


def check(backend):
    function = work_async if backend == "async" else work
    try:
        parallel_map(function, range(7), backend=backend)
    except ItemsFailedError as error:
        caught = error
    assert type(caught.__cause__) is HttpError and caught.__cause__.status == 404
    assert str(caught.__cause__) == "404 no page 2"
    assert caught.__cause__.__notes__ == ["asked for by a test"]
    assert type(caught.__cause__.__cause__) is IndexError
    assert caught.failures == caught.records and [r.index for r in caught.failures] == [
        0, 2, 3, 4, 5, 6,
    ]  # fmt: skip
    assert caught.results[1] == 1 and len(caught.results) == 7
    assert [caught.results[failed.index] for failed in caught.failures] == list(caught.failures)
    first, _, group, *others = (record.failure for record in caught.failures)
    for text in (
        "IndexError: list index out of range",
        "The above exception was the direct cause of the following exception:",
        "in fetch",
        "in work",
        "HttpError: 404 no page 2",
        "asked for by a test",
    ):
        assert text in first.traceback and text in "".join(caught.__notes__), text
    assert first.traceback.startswith("Traceback (most recent call last):\n")
    assert "batchmap/batchmap" not in first.traceback
    assert "ValueError: one" in group.traceback and "KeyError: 'two'" in group.traceback
    assert isinstance(group.exception, ExceptionGroup)
    assert [type(one) for one in group.exception.exceptions] == [ValueError, KeyError]
    for failure, name in zip(others, ("Unpicklable", "Explodes", "Changes"), strict=True):
        assert failure.error_type == name
        kept = failure.exception
        assert kept is None if backend == "process" else type(kept).__name__ == name

    records = stream_map(function, range(7), backend=backend, keep_order=True)
    assert next(records).failure.exception.status == 404
    assert sum(record.failure is not None for record in records) == 5


if __name__ == "__main__":
    check(sys.argv[1])

"""Warnings of items are recorded, shown or made errors as the caller has it, in every backend."""

import sys
import warnings

from batchmap import parallel_map

BACKENDS = ("process", "auto", "thread", "sequential")


class Odd(UserWarning):
    """A category of the program's own, made of two things."""

    def __init__(self, number, why):
        super().__init__(f"{number} is odd: {why}")
        self.number = number


def warn_of_odd(number):
    if number % 2:
        warnings.warn(Odd(number, "it is"), stacklevel=1)
    return number


def warn_itself(number):
    with warnings.catch_warnings(record=True) as own:
        warnings.simplefilter("always")
        warnings.warn("own", stacklevel=1)
    return len(own)


def check(backend):
    options = {"backend": backend} | ({} if backend == "sequential" else {"workers": 2})
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert parallel_map(warn_of_odd, range(12), **options) == list(range(12))
    found = sorted((one.category.__name__, one.message.number, one.filename) for one in seen)
    assert found == [("Odd", number, __file__) for number in range(1, 12, 2)], found

    shown = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: shown.append(message.number)
        parallel_map(warn_of_odd, range(6), **options)
    assert sorted(shown) == [1, 3, 5], shown

    if backend in ("process", "sequential"):  # threads of an interpreter share what records them
        with warnings.catch_warnings(record=True) as seen:
            assert parallel_map(warn_itself, range(8), **options) == [1] * 8
        assert not seen, seen

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = parallel_map(warn_of_odd, range(4), on_error="record", **options)
    failed = [one.failure.error_type for one in results if not isinstance(one, int)]
    assert failed == ["Odd", "Odd"], failed


if __name__ == "__main__":
    check(sys.argv[1])

"""Sets up the scenarios of real work, and removes what they needed.

To add a scenario: write its function and how it is prepared in a module beside this one, name that
in `_PREPARE`, and add a line to `REAL_SCENARIOS` in `scenarios`. `tests/test_real_work.py` holds
every scenario to one contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from batchmap.errors import OutputError, UsageError

from .base import RealWork
from .compress import prepare_compressing
from .fetch import prepare_fetching
from .hash import prepare_hashing
from .parse_json import prepare_parsing
from .query_sqlite import prepare_querying
from .scenarios import RealScenario
from .thumbnails import prepare_thumbnails

__all__ = ["missing", "open_real_work"]

_Prepare = Callable[[Path, int, int], AbstractContextManager[RealWork]]
"""Called with an empty directory, the number of items and the seed."""

_PREPARE: Mapping[str, _Prepare] = {
    "fetching": prepare_fetching,
    "querying": prepare_querying,
    "hashing": prepare_hashing,
    "thumbnails": prepare_thumbnails,
    "compressing": prepare_compressing,
    "parsing": prepare_parsing,
}


def missing(scenario: RealScenario) -> str | None:
    """Return one sentence on what has to be installed for `scenario`, `None` when nothing has."""
    if scenario.package is None or find_spec(scenario.package) is not None:
        return None
    return (
        f"{scenario.name} is left out: it needs {scenario.install}; "
        f"pip install {scenario.install}, then run again"
    )


@contextmanager
def open_real_work(scenario: RealScenario, *, count: int, seed: int) -> Iterator[RealWork]:
    """Set `scenario` up for `count` items; at the end, remove what it needed.

    The items and their results follow from `seed` and `count` alone. Files are written to one
    temporary directory. Raises `UsageError` when a package has to be installed first, `OutputError`
    when the files or the server that it needs cannot be had, `ValueError` for a count below 1.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if reason := missing(scenario):
        raise UsageError(reason)
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(TemporaryDirectory(prefix=f"{scenario.workload}-"))
            prepared = _PREPARE[scenario.workload](Path(directory), count, seed)
            work = stack.enter_context(prepared)
        except OSError as error:
            raise OutputError(
                f"{scenario.name} cannot be set up in the temporary directory "
                f"({error.strerror or error}); "
                "free some space, or let TMPDIR name another directory"
            ) from error
        yield work

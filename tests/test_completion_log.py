"""The failure spool: the failed items of a run whose output cannot be resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from batchmap.checkpoint import FailureSpool
from batchmap.errors import OutputError


@pytest.fixture
def spool_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], FailureSpool]]:
    """Open a spool whose file without a name is the one at a path."""
    with ExitStack() as stack:

        def opened(path: Path) -> FailureSpool:
            file = path.open("r+b", buffering=0)
            stack.enter_context(suppress(OSError))
            stack.callback(file.close)
            monkeypatch.setattr("tempfile.TemporaryFile", lambda *words, **more: file)
            return FailureSpool()

        yield opened


def test_failed_items_come_back_in_the_order_in_which_they_failed(
    tmp_path: Path, spool_in: Callable[[Path], FailureSpool]
) -> None:
    (tmp_path / "spool").touch()
    spool = spool_in(tmp_path / "spool")
    lines = [f'{{"index": {item}}}' for item in (3, 1, 2)]
    for item, line in zip((3, 1, 2), lines, strict=True):
        spool.add_failed(item, b"", line)
    assert list(spool.failure_lines()) == lines


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_an_output_error(spool_in: Callable[[Path], FailureSpool]) -> None:
    spool = spool_in(Path("/dev/full"))
    spool.add_failed(0, b"", "{}")
    with pytest.raises(OutputError, match=r"failed items cannot be kept in .*; make room there"):
        spool.commit()


def test_what_is_not_written_yet_comes_back_behind_what_is(
    tmp_path: Path, spool_in: Callable[[Path], FailureSpool]
) -> None:
    (tmp_path / "spool").touch()
    spool = spool_in(tmp_path / "spool")
    spool.add_failed(0, b"", "first")
    spool.commit()
    spool.add_failed(1, b"", "second")
    assert (tmp_path / "spool").read_text() == "first\n"
    assert list(spool.failure_lines()) == ["first", "second"]

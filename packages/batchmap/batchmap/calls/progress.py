"""Tells how far a call is: a bar in a terminal or a notebook, or a function of the caller's."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from importlib import import_module
from typing import Any, cast

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import BatchRecord, Progress

__all__ = ["ShowsProgress", "checked_progress", "shown"]

ShowsProgress = bool | Callable[[Progress], object]
"""Whether there is a bar, or what is called with how far a call is."""

EVERY_S = 0.1
"""How often it is told, in seconds, and at the end."""

LINE_EVERY_S = 5.0
"""How often a line is printed, in seconds, where there can be no bar."""

RATE_OVER_S = 10.0
"""The rate is that of so many seconds, up to now."""

_Tell = Callable[[Progress], object]


def checked_progress(progress: Any) -> ShowsProgress:
    """Return `progress`; raises `ValueError` for what is neither a switch nor a function."""
    if progress is True or progress is False or callable(progress):
        return cast(ShowsProgress, progress)
    raise ValueError(f"progress must be True, False or a function, got {progress!r:.60}")


def shown(
    records: Iterator[BatchRecord],
    progress: ShowsProgress,
    *,
    total: int | None,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[BatchRecord]:
    """Yield the records on, and tell how far they are: now and then, and at the end."""
    if progress is False:
        return records
    display: AbstractContextManager[_Tell]
    display = _display(clock) if progress is True else nullcontext(progress)
    return _told(records, display, total, clock)


def _told(
    records: Iterator[BatchRecord],
    display: AbstractContextManager[_Tell],
    total: int | None,
    clock: Clock,
) -> Iterator[BatchRecord]:
    sums = _Sums(total, clock)
    next_s = -1.0
    with closing(cast(Generator[BatchRecord], records)), display as tell:
        for record in records:
            sums.add(record)
            if (now_s := clock.now()) >= next_s:
                next_s = now_s + EVERY_S
                tell(sums.progress())
            yield record
        tell(sums.progress())


class _Sums:
    """What the records so far come to."""

    def __init__(self, total: int | None, clock: Clock) -> None:
        self._total = total
        self._clock = clock
        self._began_s = clock.now()
        self._done = self._failed = 0
        self._samples = deque([(self._began_s, 0)])
        """Time and items done, of about each of the last `RATE_OVER_S` seconds."""

    def add(self, record: BatchRecord) -> None:
        self._done += len(record.results)
        self._failed += len(record.failures)
        now_s = self._clock.now()
        if now_s >= self._samples[-1][0] + 1.0:
            self._samples.append((now_s, self._done))
            while len(self._samples) > 2 and self._samples[1][0] < now_s - RATE_OVER_S:
                self._samples.popleft()

    def progress(self) -> Progress:
        now_s = self._clock.now()
        then_s, done = self._samples[0]
        is_known = self._done > done and now_s > then_s
        return Progress(
            done=self._done,
            failed=self._failed,
            total=self._total,
            elapsed_s=now_s - self._began_s,
            rate=(self._done - done) / (now_s - then_s) if is_known else None,
        )


def _display(clock: Clock) -> AbstractContextManager[_Tell]:
    """Return what shows progress where this process prints: in a notebook, terminal, or file."""
    if _in_notebook():
        return _notebook_bar()
    stream = sys.stderr
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") in (
        "dumb",
        "unknown",
    )
    if stream is None or is_plain or not stream.isatty():
        return _lines(clock)
    return _terminal_bar()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _text(now: Progress) -> str:
    parts = [f"{now.done:,}" if now.total is None else f"{now.done:,}/{now.total:,}"]
    if now.total:
        parts.append(f"{min(100, 100 * now.done // now.total)}%")
    if now.failed:
        parts.append(f"{now.failed:,} failed")
    if now.rate is not None:
        parts.append(f"{now.rate:,.1f}/s")
    if now.left_s is not None and now.done != now.total:
        minutes, seconds = divmod(round(now.left_s), 60)
        parts.append(f"ETA {minutes}:{seconds:02}")
    return " ".join(parts)


@contextmanager
def _lines(clock: Clock) -> Iterator[_Tell]:
    """Print a line now and then, and the last one."""
    next_s = clock.now() + LINE_EVERY_S
    last: list[Progress] = []

    def print_line() -> None:
        with suppress(OSError, ValueError):  # a call does not end because nobody can see it
            print(_text(last.pop()), file=sys.stderr)

    def tell(now: Progress) -> None:
        nonlocal next_s
        last[:] = [now]
        if clock.now() >= next_s:
            next_s = clock.now() + LINE_EVERY_S
            print_line()

    try:
        yield tell
    finally:
        if last:
            print_line()


@contextmanager
def _terminal_bar() -> Iterator[_Tell]:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
    except ImportError:
        with _terminal_line() as tell:
            yield tell
        return
    # Without a thread that refreshes it: processes could not be forked beside that.
    with Bar(
        BarColumn(bar_width=30), TextColumn("{task.description}", markup=False),
        console=Console(stderr=True), auto_refresh=False,
        redirect_stdout=False, redirect_stderr=False,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None)

        def show(now: Progress) -> None:
            bar.update(task, description=_text(now), completed=now.done, total=now.total)
            bar.refresh()

        yield show


@contextmanager
def _terminal_line() -> Iterator[_Tell]:
    """Write one line again and again, where `rich` is not installed."""

    def show(now: Progress) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"\r\x1b[K{_text(now)}")
            sys.stderr.flush()

    try:
        yield show
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.write("\n")


@contextmanager
def _notebook_bar() -> Iterator[_Tell]:
    """Show a bar of HTML in the cell's output, and its figures where only text is shown."""
    display: Any = import_module("IPython.display").display

    def data(now: Progress) -> dict[str, str]:
        value = "" if now.total is None else f' value="{now.done}" max="{max(1, now.total)}"'
        text = _text(now)
        return {"text/plain": text, "text/html": f"<progress{value}></progress> {text}"}

    handle = display(data(Progress(0, 0, None, 0.0, None)), raw=True, display_id=True)

    def show(now: Progress) -> None:
        handle.update(data(now), raw=True)

    yield show

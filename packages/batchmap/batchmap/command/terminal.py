"""Standard output and error: whether they are a terminal, consoles on them, results kept apart."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from batchmap.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "give_away_stdin",
    "is_plain",
    "lines_above",
    "stderr",
    "stderr_console",
    "stdout_console",
    "stdout_kept_for_results",
    "write_line",
    "write_stdout",
]

_stderr_console: Console | None = None
_bar: tuple[int, Console] | None = None
"""The process that shows a bar and the console that it is on."""
_own_stderr: TextIO | None = None
"""A stream of our own on stderr, while the user's code runs."""
_is_plain: bool | None = None
"""What was found before stdout was redirected; `None` while it is not."""


def is_plain() -> bool:
    """Tell whether colour and cursor movement must not be used.

    That is when stdout or stderr is no terminal, with `NO_COLOR`, or with `TERM=dumb`.
    """
    if _is_plain is not None:
        return _is_plain
    return (
        bool(os.environ.get("NO_COLOR"))
        or os.environ.get("TERM", "dumb") in ("dumb", "unknown")
        or not (sys.stdout.isatty() and sys.stderr.isatty())
    )


@contextmanager
def stdout_kept_for_results() -> Iterator[int]:
    """Yield a descriptor of stdout for results; what else is printed meanwhile goes to stderr.

    The user's code may meanwhile replace or close the standard streams; at the end they are what
    they were, and `stderr` is there all the time.
    """
    global _is_plain, _own_stderr, _stderr_console
    _is_plain = is_plain()
    sys.stdout.flush()
    streams = sys.stdout, sys.stderr
    kept = [os.dup(1), _duplicate_of_stderr()]
    _own_stderr = _text_stream(kept[1], like=sys.stderr)
    os.dup2(2, 1)
    try:
        yield kept[0]
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        _is_plain = _own_stderr = _stderr_console = None
        for descriptor, duplicate in enumerate(kept, 1):
            os.dup2(duplicate, descriptor)
            os.close(duplicate)
        sys.stdout, sys.stderr = (
            _text_stream(number, like=stream) if stream.closed else stream
            for number, stream in enumerate(streams, 1)
        )


def _duplicate_of_stderr() -> int:
    try:
        return os.dup(2)
    except OSError:  # it is closed
        return os.open(os.devnull, os.O_WRONLY)


def _text_stream(descriptor: int, *, like: TextIO) -> TextIO:
    # Not `open`, which the user's code may have replaced.
    return io.TextIOWrapper(
        io.FileIO(descriptor, "w", closefd=False),
        encoding=like.encoding,
        errors=like.errors,
        write_through=True,
    )


def stderr() -> TextIO:
    """Return standard error as it was before the user's code was loaded."""
    return _own_stderr or sys.stderr


@contextmanager
def lines_above(bar: Console) -> Iterator[None]:
    """Have `write_line` write above the bar that is shown on this console meanwhile."""
    global _bar
    _bar = os.getpid(), bar
    try:
        yield
    finally:
        _bar = None


def write_line(text: str) -> None:
    """Write a line on standard error, above the bar where one is shown."""
    if _bar is not None and _bar[0] == os.getpid():
        from rich.text import Text

        _bar[1].print(Text.from_ansi(text), soft_wrap=True)
    else:
        print(text, file=stderr(), flush=True)


def give_away_stdin() -> None:
    """Let what reads standard input from now on find its end: its content is the run's."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if nothing:
        os.close(nothing)


def write_stdout(text: str) -> None:
    """Write `text` on stdout as it is.

    Raises `OutputError` when it cannot be written, `BrokenPipeError` when its reader has left.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("✓", "yes").replace("✗", "NO")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"stdout cannot be written ({error.strerror})") from error


def stdout_console() -> Console:
    """Return a console on stdout."""
    return _console(to_stderr=False)


def stderr_console() -> Console:
    """Return the one console on stderr, which bar, warnings and logs share."""
    global _stderr_console
    if _stderr_console is None:
        _stderr_console = _console(to_stderr=True)
    return _stderr_console


def _console(*, to_stderr: bool) -> Console:
    from rich.console import Console

    plain = is_plain()
    return Console(
        file=_own_stderr if to_stderr else None,
        stderr=to_stderr,
        force_terminal=not plain,
        no_color=plain,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=plain,
    )

"""Ends a process that an item has forked, where it comes back out of the function.

In a plain loop such a child would go on with the loop, and with the rest of the script. Here it
would be a second worker that nobody knows of.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

__all__ = ["end_forked_child", "forks"]


class _Forks:
    """Counts the forks that led to this process, seen since this module was imported."""

    count = 0


forks = _Forks()
"""Read around an item: where `count` has changed, this is a process that the item has forked."""


def _count_fork() -> None:
    forks.count += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


def end_forked_child(error: BaseException | None = None) -> NoReturn:
    """End this process as its item did: by an exit, by an error that is shown, or by returning."""
    code = 0
    try:
        if isinstance(error, SystemExit):
            if error.code is None or isinstance(error.code, int):
                code = error.code or 0
            else:
                code = 1
                print(error.code, file=sys.stderr)
        elif error is not None:
            code = 1
            traceback.print_exception(error)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
    finally:
        os._exit(code & 0xFF)

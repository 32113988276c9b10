"""What holds while our modules are imported: how Ctrl-C ends the process, and no garbage."""

from __future__ import annotations

import gc
import os
import signal

__all__ = [
    "INTERRUPTED",
    "begin_collection",
    "exit_on_interrupt",
    "hold_collection",
    "raise_on_interrupt",
]

INTERRUPTED = 130

_holds_collection = False


def exit_on_interrupt() -> None:
    """Let Ctrl-C end the process at once and without a traceback, while modules are imported."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_DFL):
        signal.signal(signal.SIGINT, _exit)


def raise_on_interrupt() -> None:
    """From now on Ctrl-C raises `KeyboardInterrupt` again, as Python has it."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def hold_collection() -> None:
    """Let no garbage be looked for while our modules are imported, which leave none."""
    global _holds_collection
    if gc.isenabled():
        _holds_collection = True
        gc.disable()


def begin_collection() -> None:
    """From now on garbage is looked for, though not among what has been imported so far.

    To be called before anything of the user's is imported, and before there is much to do.
    """
    global _holds_collection
    if _holds_collection:
        _holds_collection = False
        gc.freeze()
        gc.enable()


def _exit(*_: object) -> None:
    os._exit(INTERRUPTED)

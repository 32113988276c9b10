"""How a process of the command starts, before anything that takes time is imported."""

from __future__ import annotations

import os
import signal

__all__ = ["INTERRUPTED", "entry_point", "exit_on_interrupt", "raise_on_interrupt"]

INTERRUPTED = 130


def entry_point() -> None:
    """Run the words of the process as a command line of `batchmap`, and exit."""
    exit_on_interrupt()
    from batchmap.command.main import APPLICATION

    APPLICATION.run_as_script()


def exit_on_interrupt() -> None:
    """Let Ctrl-C end the process at once and without a traceback, while modules are imported."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_DFL):
        signal.signal(signal.SIGINT, _exit)


def raise_on_interrupt() -> None:
    """From now on Ctrl-C raises `KeyboardInterrupt` again, as Python has it."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(*_: object) -> None:
    os._exit(INTERRUPTED)

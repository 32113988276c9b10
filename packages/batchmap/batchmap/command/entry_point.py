"""Where a process of the command starts, before anything that takes time is imported."""

from __future__ import annotations

from batchmap.command.start_up import exit_on_interrupt, hold_collection

__all__ = ["entry_point"]


def entry_point() -> None:
    """Run the words of the process as a command line of `batchmap`, and exit."""
    exit_on_interrupt()
    hold_collection()
    from batchmap.command.main import APPLICATION

    APPLICATION.run_as_script()

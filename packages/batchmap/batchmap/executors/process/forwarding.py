"""What items log, print and warn of in a worker goes to the caller, each as a frame of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from batchmap.executors.process.caller_logging import forward_logs, handle_forwarded
from batchmap.executors.process.caller_streams import forward_streams, print_forwarded
from batchmap.executors.process.caller_warnings import forward_warnings, show_forwarded
from batchmap.executors.process.framing import FrameSender, Kind

__all__ = ["HANDLERS", "forward_all", "forward_no_more"]

HANDLERS: dict[Kind, Callable[[bytes], None]] = {
    Kind.LOG: handle_forwarded,
    Kind.PRINT: print_forwarded,
    Kind.WARNING: show_forwarded,
}
"""What is done in the caller with the payload of each kind of frame."""


def forward_all(sender: FrameSender) -> None:
    """Send it from this process, a worker."""
    forward_logs(partial(sender.send, Kind.LOG))
    forward_streams(partial(sender.send, Kind.PRINT))
    forward_warnings(partial(sender.send, Kind.WARNING))


def forward_no_more() -> None:
    """Write it to this process's own streams, in a fork of a worker."""
    forward_logs(None)
    forward_streams(None)
    forward_warnings(None)

"""The request to end a run early, and how urgent it is."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["StopRequest", "Urgency"]


class Urgency(IntEnum):
    """How a run should go on."""

    NONE = 0
    DRAIN = 1
    """Take no more items; let those that run finish for a bounded time."""
    KILL = 2
    """Give up what still runs; keep what has arrived."""


class StopRequest:
    """Carry a request to stop from whoever asks (a signal) to those who work.

    It is read often and set rarely, possibly inside a signal handler, so it holds plain
    attributes and no lock. It does not travel: a copy sent to another process is never set.
    """

    def __init__(self) -> None:
        self.urgency = Urgency.NONE
        self.signal_number: int | None = None

    @property
    def requested(self) -> bool:
        """Tell whether the run should end, be it gently."""
        return self.urgency is not Urgency.NONE

    @property
    def killing(self) -> bool:
        """Tell whether what still runs should be given up."""
        return self.urgency is Urgency.KILL

    def request(self, urgency: Urgency, signal_number: int | None = None) -> None:
        """Ask for `urgency`; a request never becomes less urgent, nor changes its first signal."""
        self.urgency = max(self.urgency, urgency)
        if self.signal_number is None:
            self.signal_number = signal_number

    def __reduce__(self) -> tuple[type[StopRequest], tuple[()]]:
        return StopRequest, ()

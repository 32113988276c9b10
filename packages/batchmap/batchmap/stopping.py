"""The request to end a run early, and how urgent it is."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["StopRequest", "Urgency"]


class Urgency(IntEnum):
    """How urgently a run should stop."""

    NONE = 0
    DRAIN = 1
    """Drain: take no more items, and let those that run finish within a bounded time."""
    KILL = 2
    """Kill what still runs; keep the results that have arrived."""


class StopRequest:
    """A flag that all parts of a run share and check, to end the run early.

    It is read often and set rarely, possibly inside a signal handler, so it holds plain attributes
    and no lock. Unpickled, as in another process, it is a new one that is not set.
    """

    def __init__(self) -> None:
        self.urgency = Urgency.NONE
        self.signal_number: int | None = None
        self.reason = ""
        """Why, where the function itself asked for it with `Stop`."""
        self.on_hold = False
        """Whether no item is to begin for now, as the function asked for with `Pause`."""

    @property
    def requested(self) -> bool:
        """Tell whether the run should stop, however urgently."""
        return self.urgency is not Urgency.NONE

    @property
    def begins_none(self) -> bool:
        """Tell whether no item is to begin: for now, or any more."""
        return self.on_hold or self.urgency is not Urgency.NONE

    @property
    def killing(self) -> bool:
        """Tell whether what still runs should be killed."""
        return self.urgency is Urgency.KILL

    def request(self, urgency: Urgency, signal_number: int | None = None) -> None:
        """Ask for `urgency`; a request never becomes less urgent, and keeps its first signal."""
        if self.signal_number is None:  # first, as another thread may act on the urgency at once
            self.signal_number = signal_number
        self.urgency = max(self.urgency, urgency)

    def __reduce__(self) -> tuple[type[StopRequest], tuple[()]]:
        return StopRequest, ()

"""A request to stop is seen whole by the thread that acts on it."""

from __future__ import annotations

from typing import Any

from batchmap.stopping import StopRequest, Urgency


def test_who_sees_a_request_sees_its_signal() -> None:
    """Else a run that was interrupted ends with the exit code of one that is done."""
    seen: list[tuple[bool, int | None]] = []

    class Watched(StopRequest):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "urgency":
                seen.append((self.requested, getattr(self, "signal_number", None)))

    stop = Watched()
    stop.request(Urgency.DRAIN, 2)
    stop.request(Urgency.KILL, 15)
    assert seen == [(False, None), (True, 2), (True, 2)]

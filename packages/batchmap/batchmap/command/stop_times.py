"""How long a run that was asked to stop may take, and what is said of one that does not."""

from __future__ import annotations

__all__ = ["DRAIN_S", "EXIT_S", "STUCK"]

DRAIN_S = 5.0
"""How long running items may take to finish after a first Ctrl-C, in seconds."""

EXIT_S = 2.0
"""How long after that the command exits, whatever still runs, in seconds."""

STUCK = "left without a report: an item would not end"

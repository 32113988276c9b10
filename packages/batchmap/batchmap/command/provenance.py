"""What a report was made with: the command, the host, the version, and from when to when it ran."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from platform import node
from typing import Self

from batchmap import __version__
from batchmap.command.command_again import command_given

__all__ = ["Provenance"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a report was made with."""

    command_line: str
    """The command as a shell takes it, without secrets."""
    host: str
    """The name of the machine."""
    version: str
    """That of `batchmap`."""
    started: str
    """As ISO 8601 with the time zone."""
    ended: str
    """As ISO 8601 with the time zone."""

    @classmethod
    def since(cls, started: datetime) -> Self:
        """Return that of this process for a run from `started`, which has a time zone, to now."""
        return cls(
            command_line=command_given(),
            host=node(),
            version=__version__,
            started=started.isoformat(timespec="milliseconds"),
            ended=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

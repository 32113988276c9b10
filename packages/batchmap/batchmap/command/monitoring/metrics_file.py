"""The file that `--metrics-file` names: written anew as the run goes on, each time as a whole."""

from __future__ import annotations

from pathlib import Path

from batchmap import __version__
from batchmap.command.export import write_export
from batchmap.command.monitoring.earlier_file import earlier_text
from batchmap.command.monitoring.metrics_text import (
    RunInfo,
    are_metrics,
    last_success_in,
    metrics_text,
)
from batchmap.command.monitoring.run_figures import RunFigures
from batchmap.command.text_layout import encodable

__all__ = ["MetricsFile"]


class MetricsFile:
    """The metrics of a run of `task` that began at `started_s`, in seconds since 1970.

    When a run with this file last ended well is taken from what the file holds. Raises
    `UsageError` where that is something else.
    """

    def __init__(self, path: Path, *, task: str, started_s: float) -> None:
        self._path = path
        self._name, self._task = encodable(path.stem), encodable(task)
        self._started_s = started_s
        self._before = earlier_text(
            path, option="metrics_file", what="metrics of a run", is_one=are_metrics
        )

    def write(
        self, figures: RunFigures, *, ended_s: float | None = None, exit_code: int | None = None
    ) -> None:
        """Replace what the file holds, at the end with when and how the run has ended.

        Raises `OutputError` where it cannot be written, `UsageError` where the library that makes
        the text is missing.
        """
        state = RunInfo(
            name=self._name,
            task=self._task,
            version=__version__,
            started_s=self._started_s,
            ended_s=ended_s,
            exit_code=exit_code,
            last_success_s=(
                ended_s if exit_code == 0 else last_success_in(self._before, self._name)
            ),
        )
        write_export(self._path, metrics_text(state, figures), option="--metrics-file")

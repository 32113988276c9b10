"""Tells the figures of a run once a second, in a thread of its own, and writes its metrics."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from batchmap.command.monitoring.job_observer import JobObserver
from batchmap.command.monitoring.metrics_file import MetricsFile
from batchmap.command.monitoring.run_figures import RunFigures
from batchmap.errors import BatchmapError
from batchmap.threads import start_thread

__all__ = ["telling"]

_logger = logging.getLogger(__name__)

TOLD_EVERY_S = 1.0

METRICS_EVERY = 5
"""The metrics are written each time that figures were told so often."""

LAST_WRITE_S = 2.0
"""How long the end of a run may wait for metrics that are being written."""


@contextmanager
def telling(
    observer: JobObserver, tell: Callable[[RunFigures], None], metrics: MetricsFile | None
) -> Iterator[None]:
    """Call `tell` with the figures of a run now, then every second, and at the end.

    The `metrics` are written after a second, then every few seconds, but for the end, which is not
    known here. Where they cannot be written, a warning says so once, and the run goes on.
    """
    tell(observer.figures())
    has_ended = threading.Event()
    thread = threading.Thread(
        target=_tell_again_and_again,
        args=(observer, tell, metrics, has_ended),
        name="monitoring",
        daemon=True,
    )
    start_thread(thread)
    try:
        yield
    finally:
        has_ended.set()
        thread.join(LAST_WRITE_S)
        tell(observer.figures())


def _tell_again_and_again(
    observer: JobObserver,
    tell: Callable[[RunFigures], None],
    metrics: MetricsFile | None,
    has_ended: threading.Event,
) -> None:
    times, was_written = 0, True
    # What writes metrics is loaded late, so as not to disturb how the first items are measured.
    while not has_ended.wait(TOLD_EVERY_S):
        figures = observer.figures()
        tell(figures)
        if metrics is not None and times % METRICS_EVERY == 0:
            try:
                metrics.write(figures)
                was_written = True
            except BatchmapError as error:
                if was_written:
                    _logger.warning("%s", error)
                was_written = False
        times += 1

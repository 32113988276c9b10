"""What a command was asked to tell others: opened before its work, completed when it has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchmap.command.terminal import stderr, write_line
from batchmap.errors import BatchmapError

if TYPE_CHECKING:
    import socket

    from batchmap.command.monitoring.job_observer import JobObserver
    from batchmap.command.monitoring.live_server import LiveServer
    from batchmap.command.monitoring.metrics_file import MetricsFile
    from batchmap.command.monitoring.run_figures import RunFigures
    from batchmap.command.monitoring.shared_text import SharedText
    from batchmap.job import Job
    from batchmap.metrics import RunSummary

__all__ = ["Monitoring"]


class Monitoring:
    """The summary, the metrics and the page of one command, as far as they were asked for.

    Where nothing was asked for, nothing is done.
    """

    def __init__(self) -> None:
        self._started_s = time.time()
        self._process = os.getpid()
        self._command = ""
        self._task = ""
        self._summary_file: Path | None = None
        self._metrics: MetricsFile | None = None
        self._listening: socket.socket | None = None
        self._token = ""
        self._figures: SharedText | None = None
        """What the process that does the work has told last; `None` where nobody asks."""
        self._message: SharedText | None = None
        self._written: SharedText | None = None
        """The exit code that the files tell, once they do."""
        self._has_ended = False

    def begin(self, command: str, settings: Any) -> None:
        """Open what the settings of a subcommand ask for.

        Raises `UsageError` where that cannot be had.
        """
        self._command = command
        self._task = getattr(settings, "task", None) or ""
        self._summary_file = getattr(settings, "summary_json", None)
        metrics_file: Path | None = getattr(settings, "metrics_file", None)
        port: int | None = getattr(settings, "live", None)
        if self._summary_file is not None:
            from batchmap.command.monitoring.command_summary import CommandSummary
            from batchmap.command.monitoring.earlier_file import earlier_text

            earlier_text(
                self._summary_file,
                option="summary_json",
                what="summary of a command",
                is_one=CommandSummary.is_one,
            )
        if metrics_file is not None:
            from batchmap.command.monitoring.metrics_file import MetricsFile

            self._metrics = MetricsFile(metrics_file, task=self._task, started_s=self._started_s)
        if port is not None:
            import secrets

            from batchmap.command.monitoring.live_server import listening_socket

            self._listening, self._token = listening_socket(port), secrets.token_urlsafe(32)
        if self._summary_file or self._metrics or self._listening:
            from batchmap.command.monitoring.shared_text import SharedText

            self._figures, self._message, self._written = SharedText(), SharedText(), SharedText()

    @contextmanager
    def of_job(self, job: Job) -> Iterator[None]:
        """Tell what becomes of the items of an open job while the `with` block runs it."""
        if self._figures is None:
            yield
            return
        from batchmap.command.monitoring.job_observer import JobObserver
        from batchmap.command.monitoring.telling import telling

        before = self._told()
        observer = JobObserver(job, self._task, before)
        job.add_observer(observer)
        with ExitStack() as stack:
            if self._listening is not None:
                stack.enter_context(self._live_server(self._listening, observer))
                if before is None:  # else an earlier process has shown it
                    port = self._listening.getsockname()[1]
                    write_line(f"live: http://127.0.0.1:{port}/?token={self._token}")
            stack.enter_context(telling(observer, self._tell, self._metrics))
            try:
                yield
            except BaseException as error:
                observer.end(error)
                raise
            observer.end(None)

    def count(self, figures: Mapping[str, Any]) -> None:
        """Count the items of a run or a comparison, in addition to those of earlier ones.

        Of `figures`, as `export_document` takes them, those of the parallel run count, where there
        is one.
        """
        run: RunSummary | None = figures.get("parallel_metrics", figures.get("sequential_metrics"))
        if self._figures is not None and run is not None:
            from batchmap.command.monitoring.run_figures import RunFigures

            self._tell(RunFigures.of_run(run, self._told()))

    def end(self, code: int, message: str = "") -> int:
        """Write the last state of all files, and return the exit code.

        `message` says why the command ends, where that is an error of its own. The parent of the
        process that did the work writes what that could not. The code is 3 where it was 0 and a
        file cannot be written.
        """
        if self._message is None or self._written is None or self._has_ended:
            return code
        self._has_ended = True
        if message:
            with suppress(ValueError):  # it is too long
                self._message.set(message)
        is_parent = os.getpid() == self._process
        if is_parent and self._listening is not None:
            self._listening.close()
        if self._written.get() == f"{code}":
            return code
        try:
            self._write_last(code, self._message.get())
        except BatchmapError as error:
            if not is_parent:  # whose parent tries again, and tells
                return code
            with suppress(OSError):
                print(error, file=stderr())
            return code or 3
        self._written.set(f"{code}")
        return code

    def _write_last(self, code: int, message: str) -> None:
        ended_s, figures = time.time(), self._told()
        if self._metrics is not None:
            from batchmap.command.monitoring.run_figures import RunFigures

            at_rest = RunFigures.none() if figures is None else figures.at_rest()
            self._metrics.write(at_rest, ended_s=ended_s, exit_code=code)
        if self._summary_file is not None:
            from batchmap.command.export import write_export
            from batchmap.command.monitoring.command_summary import CommandSummary

            summary = CommandSummary.of(
                self._command, self._started_s, ended_s, code, figures, message
            )
            write_export(self._summary_file, summary.to_json(), option="--summary-json")

    def _live_server(self, listening: socket.socket, observer: JobObserver) -> LiveServer:
        from batchmap.command.monitoring.live_answers import LiveAnswers
        from batchmap.command.monitoring.live_server import LiveServer

        return LiveServer(listening, LiveAnswers(self._token, observer.view))

    def _tell(self, figures: RunFigures) -> None:
        if self._figures is not None:
            with suppress(ValueError):  # they are too long
                self._figures.set(figures.to_json())

    def _told(self) -> RunFigures | None:
        text = "" if self._figures is None else self._figures.get()
        if not text:
            return None
        from batchmap.command.monitoring.run_figures import RunFigures

        return RunFigures.from_json(text)

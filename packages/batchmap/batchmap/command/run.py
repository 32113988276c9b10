"""The subcommand `run`: loads the task, opens a job, has it driven to its end, and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any

from batchmap.checkpoint.open_input import open_input
from batchmap.command import replaced_names
from batchmap.command.child_marks import mark_started
from batchmap.command.command_again import command_with
from batchmap.command.errors import STOPPED, flag_of
from batchmap.command.monitoring.monitoring import Monitoring
from batchmap.command.replaced_names import StandardNames, TaskReplacesNames, refuse, refuse_threads
from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import report_files
from batchmap.command.start_up import begin_collection
from batchmap.command.task import Task, load_task
from batchmap.command.terminal import give_away_stdin, stderr, stdout_kept_for_results, write_stdout
from batchmap.errors import BatchmapError, UsageError
from batchmap.job import Job
from batchmap.resources import usable_cores
from batchmap.run_outcome import RunOutcome
from batchmap.sources import Source
from batchmap.stopping import StopRequest
from batchmap.storage import Location
from batchmap.worker.call_shape import CallShape
from batchmap.worker.processor import is_async

__all__ = ["check_backend", "run"]

WORTH_PROCESSES_ITEMS = 10_000
WORTH_PROCESSES_BYTES = 1 << 20
"""An input of as many items, or bytes, may be worth processes however cheap its items are."""

Drive = Callable[[Job, RunSettings], str]
"""Takes a job from `open` to its end and returns the report."""


def run(
    settings: RunSettings,
    stop: StopRequest,
    *,
    drive: Drive,
    show: Callable[[str], None] = write_stdout,
    monitoring: Monitoring | None = None,
) -> int:
    """Run the user's function over the user's data; 1 when items failed, 4 when it was stopped.

    `show` puts the report on stdout where no results go there; `monitoring` is told what becomes of
    the items.
    """
    with stdout_kept_for_results() as stdout:
        written = {name: getattr(settings, name) for name in report_files(RunSettings)}
        source, task = _source_and_task(settings, written, stop)
        begin_collection()  # where the task is imported in workers alone
        check_backend(settings.backend, settings.call_shape, task)
        if _may_want_processes(settings, source, task):
            from batchmap.executors.process.fork_client import start_server_early

            start_server_early()  # beside what is still to be loaded here
        with Job(
            task.function,
            settings,
            retry_if=task.retry_if,
            cost=task.cost,
            limit_per=task.limit_per,
            fingerprint=_fingerprint(settings, task),
            stdout=stdout,
            source=source,
            written=written,
            stop=stop,
        ) as job:
            if settings.dry_run:
                report, outcome = _dry_run(job), None
            else:
                job.open()
                mark_started()
                with nullcontext() if monitoring is None else monitoring.of_job(job):
                    report = drive(job, settings)
                outcome = job.outcome()
    if outcome is None:
        show(report)
        return 0
    try:
        _show_report(report, outcome, settings, show)
    finally:
        if settings.output is not None and not outcome.finished:
            _print_resuming_command(outcome, settings)
    if outcome.halted or outcome.stopped:
        return STOPPED
    return 1 if outcome.failed + outcome.failed_before else 0


def _may_want_processes(settings: RunSettings, source: Source, task: Task) -> bool:
    """Tell whether the input is so large that its items may be worth processes."""
    if settings.dry_run or settings.workers == 1 or is_async(task.function):
        return False
    if settings.backend not in (None, "auto", "process") or usable_cores() == 1:
        return False
    if settings.limit is not None and settings.limit < WORTH_PROCESSES_ITEMS:
        return False
    size_bytes, total = source.size_bytes or 0, source.total or 0
    return size_bytes >= WORTH_PROCESSES_BYTES or total >= WORTH_PROCESSES_ITEMS


def _dry_run(job: Job) -> str:
    """Return the plan of a job, or for a sync what it would do; nothing where that was stopped."""
    from batchmap.command.summary import render_plan, render_preview

    if not job.options.sync:
        from batchmap.command.dry_run import find_plan

        return render_plan(find_plan(job))
    found = job.preview_sync()
    return "" if job.stop.requested else render_preview(found)


def _source_and_task(
    settings: RunSettings, written: Mapping[str, Location | None], stop: StopRequest
) -> tuple[Source, Task]:
    """Open the input, then load the task, which may change what relative paths and stdin mean."""
    refused: BatchmapError | None = None
    try:
        source = open_input(settings, written, stop)
    except BatchmapError as error:
        refused = error
    if settings.source == "-":
        give_away_stdin()
    task = _task(settings)  # one that cannot be had comes first
    if refused is not None:
        raise refused
    return source, task


def _task(settings: RunSettings) -> Task:
    """Import the task; raises `TaskReplacesNames` where that must be done elsewhere."""
    if replaced_names.stay_as_they_are:
        from batchmap.command.task_in_workers import task_in_workers

        return task_in_workers(
            settings.task,
            setup=settings.setup,
            setup_per=settings.setup_per,
            retry_if=settings.retry_if,
            shape=settings.call_shape,
        )
    names = StandardNames()
    task = load_task(
        settings.task,
        setup=settings.setup,
        setup_per=settings.setup_per,
        retry_if=settings.retry_if,
        cost=settings.cost,
        limit_per=settings.limit_per,
        shape=settings.call_shape,
    )
    if replaced := names.replaced():
        for name in ("cost", "limit_per"):
            if getattr(settings, name) is not None:
                refuse(
                    settings.task,
                    replaced,
                    f"{flag_of(name)} is called in the process that reads and writes, which needs "
                    f"what it was; leave {flag_of(name)} out",
                )
        if settings.backend in (None, "auto", "process", "sequential"):
            raise TaskReplacesNames(replaced)
        refuse_threads(
            settings.task,
            replaced,
            f"--backend {settings.backend} needs what it was; without --backend, the task is "
            "imported in worker processes alone",
        )
    return task


def check_backend(backend: str | None, shape: CallShape, task: Task) -> None:
    """Raise `UsageError` for the async backend when the function is not a coroutine function."""
    if backend == "async" and not shape.is_async(task.function):
        raise UsageError(
            f"--backend async needs an `async def` function and {task.name} is a plain one; "
            "leave --backend out"
        )


def _fingerprint(settings: RunSettings, task: Task) -> dict[str, Any]:
    return {
        "function": task.name.rpartition(":")[2],
        "source": task.code,
        "setup": settings.setup,
    }


def _show_report(
    report: str, outcome: RunOutcome, settings: RunSettings, show: Callable[[str], None]
) -> None:
    """Show what became of a run: on stderr where results are on stdout, or with `--quiet`."""
    from batchmap.command.summary import render_faults

    failed = outcome.failed + outcome.failed_before
    if settings.quiet:
        report = render_faults(outcome)
    elif outcome.finished and failed and settings.output is not None and outcome.errors_file:
        in_order = ["--sync"] if _breaks_order(settings) else []
        command, secrets = command_with("--retry-failed", *in_order)
        if secrets is None:
            report += f"retry with: {command}\n"
    if settings.output is None or settings.quiet:
        with suppress(OSError):
            print(report, end="", file=stderr())
    else:
        show(report)


def _breaks_order(settings: RunSettings) -> bool:
    """Return whether items that are tried again would break the order that was asked for."""
    return bool(settings.keep_order) and not settings.sync


def _print_resuming_command(outcome: RunOutcome, settings: RunSettings) -> None:
    """Print the command that goes on, as the last line on stderr.

    Where no result could be written, that is one for a corrected task, which all items are for.
    """
    goes_on = ["--resume"]
    if outcome.in_vain:
        again = "--sync" if _breaks_order(settings) else "--resume"
        goes_on = [again, "--retry-failed", "--accept-task"]
    command, variables = command_with(*goes_on)
    if variables is not None:
        instead = f"set {variables}" if variables else "add them where *** stands"
        print(f"passwords and tokens are left out below; {instead}", file=stderr())
    print(f"resume with: {command}", file=stderr())

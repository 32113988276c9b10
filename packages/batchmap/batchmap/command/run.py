"""The subcommand `run`: loads the task, opens a job, has it driven to its end, and reports."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from batchmap.command.dry_run import find_plan
from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import EXPORTS
from batchmap.command.supervisor import mark_started
from batchmap.command.task import Task, load_task
from batchmap.command.terminal import stdout_kept_for_results, write_stdout
from batchmap.errors import UsageError
from batchmap.job import Job
from batchmap.stopping import StopRequest
from batchmap.worker.processor import is_async

__all__ = ["FAILURE_LIMIT_REACHED", "check_backend", "run"]

FAILURE_LIMIT_REACHED = 4

Drive = Callable[[Job, RunSettings], str]
"""Takes a job from `open` to its end and returns the report."""


def run(
    settings: RunSettings,
    stop: StopRequest,
    *,
    drive: Drive,
    show: Callable[[str], None] = write_stdout,
) -> int:
    """Run the user's function over the user's data; 1 when items failed, 4 when it was stopped.

    `show` puts the report on stdout where no results go there.
    """
    with stdout_kept_for_results() as stdout:
        task = load_task(settings.task, setup=settings.setup)
        check_backend(settings.backend, task)
        with Job(
            task.function,
            settings,
            fingerprint=_fingerprint(settings, task),
            stdout=stdout,
            written={name: getattr(settings, name) for name in EXPORTS},
            stop=stop,
        ) as job:
            if settings.dry_run:
                from batchmap.command.summary import render_plan

                report, code = render_plan(find_plan(job)), 0
            else:
                report, code = _run_to_the_end(job, settings, drive)
    if settings.output is None and not settings.dry_run:
        with suppress(OSError):
            print(report, end="", file=sys.stderr)
    else:
        show(report)
    return code


def check_backend(backend: str | None, task: Task) -> None:
    """Raise `UsageError` for the async backend when the function is not a coroutine function."""
    if backend == "async" and not is_async(task.function):
        raise UsageError(
            f"--backend async needs an `async def` function and {task.name} is a plain one; "
            "leave --backend out"
        )


def _fingerprint(settings: RunSettings, task: Task) -> dict[str, Any]:
    return {
        "function": task.name.rpartition(":")[2],
        "source": task.source_digest,
        "setup": settings.setup,
    }


def _run_to_the_end(job: Job, settings: RunSettings, drive: Drive) -> tuple[str, int]:
    job.open()
    mark_started()
    report = drive(job, settings)
    outcome = job.outcome()
    if settings.output is not None and not outcome.finished:
        print(f"resume with: {_resuming_command()}", file=sys.stderr)
    if outcome.halted:
        return report, FAILURE_LIMIT_REACHED
    return report, 1 if outcome.failed + outcome.failed_before else 0


def _resuming_command() -> str:
    words = [word for word in sys.orig_argv if word not in ("--overwrite", "--resume")]
    end = words.index("--") if "--" in words else len(words)
    return shlex.join([*words[:end], "--resume", *words[end:]])

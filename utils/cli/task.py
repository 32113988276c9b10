"""The user's own function and data in place of a built-in workload: `--task` with `--input`."""

from __future__ import annotations

from batchmap.checkpoint.open_input import refuse_own_input
from batchmap.command.replaced_names import StandardNames, refuse_threads
from batchmap.command.run import check_backend
from batchmap.command.settings import report_files
from batchmap.command.task import load_task
from batchmap.sources import ReadingOptions, Source, open_inputs
from batchmap.sources.sampled import Sampled

from .compared_task import ComparedTask
from .settings import Settings

__all__ = ["load_compared_task", "open_compared_input"]


def load_compared_task(settings: Settings) -> ComparedTask:
    """Return the function that `--task` names, to be called as the settings say.

    Raises `UsageError` when it cannot be had, or called like that.
    """
    assert settings.task is not None
    names = StandardNames()
    task = load_task(
        settings.task,
        setup=settings.setup,
        setup_per=settings.setup_per,
        retry_if=settings.retry_if,
        cost=settings.cost,
        shape=settings.call_shape,
    )
    refuse_threads(settings.task, names.replaced(), "only `run` can do with that")
    check_backend(settings.backend, settings.call_shape, task)
    return ComparedTask(task.function, settings.call_shape, task.retry_if, task.cost)


def open_compared_input(settings: Settings) -> Source:
    """Return the source that a comparison reads.

    Raises `InputError` when it cannot be read, `UsageError` when it is what will be written.
    """
    written = {
        name: getattr(settings, name) for name in (*report_files(Settings), "save", "against")
    }
    specs = (settings.input or "-", *settings.more_sources)
    source = open_inputs(
        specs,
        rows=settings.rows,
        input_format=settings.input_format,
        json_path=settings.json_path,
        reading=ReadingOptions.of(settings),
        excluded=[path for path in written.values() if path is not None],
    )
    refuse_own_input(specs, source, written)
    if settings.sample is not None:
        return Sampled(source, settings.sample, seed=settings.seed)
    return source

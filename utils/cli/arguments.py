"""The subcommands of the demonstration, and the program that has them beside `run`."""

from __future__ import annotations

from batchmap import __version__
from batchmap.command.arguments import Program, Subcommand
from batchmap.command.run_subcommand import RUN

from .settings import Settings

__all__ = ["PROGRAM", "SLOWER_THAN_ALLOWED"]

SLOWER_THAN_ALLOWED = 5
"""The exit code when something got slower than `--gate` allows."""

_COUNTED = "COUNT is how many items to take. WORKERS is the same as --workers."
_TASK = "TASK and INPUT, as of run, stand for a function and data of your own."
_OF_A_TASK = ("task", "input")

PROGRAM = Program(
    "python main.py",
    "Run Python functions over many items in parallel, and report what it gains.",
    (
        Subcommand(
            "compare",
            "run the items one after another, then in parallel, and report the gain",
            Settings,
            {"count": "[COUNT=100]", "workers_positional": "[WORKERS]"},
            repeated="more_sources",
            task_positionals=_OF_A_TASK,
            notes=f"{_COUNTED} {_TASK}",
        ),
        Subcommand(
            "parallel",
            "run the items in parallel only",
            Settings,
            {"count": "[COUNT=1000]", "workers_positional": "[WORKERS]"},
            notes=_COUNTED,
        ),
        Subcommand(
            "benchmark",
            "run the built-in scenarios and recommend backend, workers and batch size",
            Settings,
            repeated="more_sources",
            task_positionals=_OF_A_TASK,
            notes=_TASK,
        ),
        RUN,
    ),
    __version__,
)

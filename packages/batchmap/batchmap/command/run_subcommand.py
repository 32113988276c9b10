"""What the command line says of `run`, in every program that has it."""

from __future__ import annotations

from batchmap.command.arguments import Subcommand
from batchmap.command.run_settings import RunSettings

__all__ = ["RUN"]

RUN = Subcommand(
    "run",
    "run your function over your data",
    RunSettings,
    {"task": "TASK", "source": "[INPUT ...]"},
    repeated="more_sources",
    notes="TASK is file.py:function or package.module:function. INPUT is a path, a quoted glob, a "
    "URL of either (s3://, https://, ...), a database's URL with ?query=, or - for what is piped "
    "in.",
)

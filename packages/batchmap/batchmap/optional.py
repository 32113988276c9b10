"""Imports the packages that only some inputs, outputs or backends need.

They belong to the extras of `batchmap`: `pip install "batchmap[formats]"` brings those of the
file formats and databases, `[urls]` those of the stores, `[dask]` and `[html]` the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from batchmap.errors import UsageError

__all__ = ["install_command", "require"]


def require(module: str, extra: str | None, purpose: str, *, advice: str = "") -> Any:
    """Import `module`, or raise a `UsageError` that says what needs it and how to install it.

    `extra` is the extra of `batchmap` that brings the module, `None` for a package that batchmap
    itself depends on. `advice` follows the command, with another remedy than installing.
    """
    try:
        return import_module(module)
    except ImportError as error:
        command = install_command(extra) if extra else f"pip install {module.partition('.')[0]}"
        raise UsageError(
            f"{purpose} needs a package ({error})", advice=f"{command}{advice}"
        ) from error


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra of `batchmap`."""
    return f'pip install "batchmap[{extra}]"'

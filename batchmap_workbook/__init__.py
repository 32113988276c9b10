"""The modules of this repository under one name, so that a task's own `utils` comes first.

`utils`, `nodes` and `graphs` in this package are links to the files at the top. The command line
imports them from here and keeps the top itself out of `sys.path`: a task beside files called
`utils.py`, `nodes.py` or `graphs.py` then imports its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["isolate", "pickle_by_value"]

_ROOT = Path(__file__).resolve().parent.parent


def isolate() -> None:
    """Let nothing of this checkout but `batchmap` and `kaygraph` be imported by a top-level name.

    The two come from the checkout, also where older copies of them are installed.
    """
    others = [path for path in sys.path if Path(path or ".").resolve() != _ROOT]
    sys.path[:] = [str(_ROOT / "packages" / name) for name in ("batchmap", "kaygraph")] + others


def pickle_by_value() -> None:
    """Let functions of the workbook reach workers as code, since those cannot import it."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])

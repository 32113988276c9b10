"""Run the command on a disk that fails.

    python -m benchmarks.durability.failing_disk HOW ACT N ...

HOW `failing`: the N-th write, sync or rename of a regular file raises as on a full disk, and so do
all after it. `killed`: right after the N-th, the command is killed, with all that it started.
"""

from __future__ import annotations

import errno
import os
import runpy
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ACTS = {
    "write": ("write", "writev", "pwrite"),
    "sync": ("fdatasync", "fsync"),
    "rename": ("rename", "replace"),
}


def fail_from(how: str, act: str, number: int) -> None:
    """Let the `number`-th call of `act`, and all after it, raise `OSError` or end the process."""
    calls = 0

    def failing(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            if act != "rename" and not stat.S_ISREG(os.fstat(arguments[0]).st_mode):
                return original(*arguments, **options)
            calls += 1
            if how == "killed":
                result = original(*arguments, **options)
                if calls == number:
                    os.killpg(0, signal.SIGKILL)
                return result
            if calls >= number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments, **options)

        return call

    for name in ACTS[act]:
        setattr(os, name, failing(getattr(os, name)))


if __name__ == "__main__":
    fail_from(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    main = str(Path(__file__).parents[2] / "main.py")
    sys.argv[:4] = [main]
    sys.path.insert(0, str(Path(main).parent))
    runpy.run_path(main, run_name="__main__")

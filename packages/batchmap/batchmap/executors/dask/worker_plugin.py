"""What a Dask worker needs to run our calls: our modules, the task's, and the function.

A worker elsewhere has none of ours. So `Shipment` travels whole, uses nothing but the standard
library and Dask, and brings the files that the rest is imported from.
"""

from __future__ import annotations

import importlib
import io
import shutil
import sys
import threading
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

__all__ = ["Shipment", "ShippedCall"]


class Shipment(WorkerPlugin):
    """Bytes that every worker gets when it joins: an archive of modules, or a pickled function."""

    def __init__(self, name: str, data: bytes, *, is_archive: bool) -> None:
        self.name = name
        self._data = data
        self._is_archive = is_archive

    def setup(self, worker: Any) -> None:
        """Unpack an archive; keep anything else."""
        hold = vars(worker).setdefault("shipped_hold", {"lock": threading.RLock()})
        data, self._data = self._data, b""  # the worker keeps this plugin, and needs no two copies
        if not self._is_archive:
            hold[self.name] = data
            return
        directory = Path(worker.local_directory) / self.name
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(directory)
        hold[self.name] = directory
        _put_first(hold, self.name)
        importlib.import_module("batchmap.executors.dask.remote_call")

    def teardown(self, worker: Any) -> None:
        """Drop what was kept."""
        hold = vars(worker).get("shipped_hold", {})
        hold.pop(("loaded", self.name), None)
        if hold.get("first") == self.name:
            del hold["first"]  # or a later run of the same files would not be put first again
        kept = hold.pop(self.name, None)
        if isinstance(kept, Path):
            shutil.rmtree(kept, ignore_errors=True)
            if str(kept) in sys.path:
                sys.path.remove(str(kept))


class ShippedCall:
    """A call of a shipped function. To unpickle it is to make the call and get its answer.

    For the scheduler unpickles what it is to pass on, and has none of our modules: what it gets
    is the call's bytes, and that they are to be unpickled.
    """

    def __init__(
        self, archive: str, function: str, arguments: bytes, timeout_s: float | None
    ) -> None:
        self._parts = archive, function, arguments, timeout_s

    def __reduce__(self) -> tuple[Any, ...]:
        return _answered, self._parts


def _answered(
    archive: str, function: str, arguments: bytes, timeout_s: float | None
) -> tuple[str, bytes]:
    """Call the shipped `function` in a worker, among the modules of `archive`.

    Two runs on one cluster may have different modules of the same name, and take turns.
    """
    hold: dict[Any, Any] = vars(get_worker())["shipped_hold"]
    _put_first(hold, archive)
    from batchmap.executors.dask.remote_call import answer

    return answer(hold, function, arguments, timeout_s)


def _put_first(hold: dict[Any, Any], archive: str) -> None:
    """Have modules imported from `archive`, and forget those of the same names from elsewhere."""
    with hold["lock"]:
        if hold.get("first") == archive:
            return
        directory = hold[archive]
        for name, module in list(sys.modules.items()):
            if _came_from_elsewhere(name, module, directory):
                del sys.modules[name]
        with suppress(ValueError):
            sys.path.remove(str(directory))
        sys.path.insert(0, str(directory))
        importlib.invalidate_caches()
        hold["first"] = archive


def _came_from_elsewhere(name: str, module: Any, directory: Path) -> bool:
    """Tell whether a module is of a name that the archive has, too, but from another place."""
    top = name.partition(".")[0]
    if not ((directory / top).is_dir() or (directory / f"{top}.py").is_file()):
        return False
    file = getattr(module, "__file__", None)
    return file is not None and directory not in Path(file).parents

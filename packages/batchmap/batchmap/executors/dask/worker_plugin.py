"""What a Dask worker needs for our calls: this library, the task's modules, and the function.

A worker's machine may lack this library or have another version of it. So `Shipment` is pickled by
value and uses only the standard library and Dask; it unpacks the files that all else is imported
from.
"""

from __future__ import annotations

import asyncio
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


LEAVE_S = 60.0
"""How long threads that were set up for a function may take to leave, in seconds."""


class Shipment(WorkerPlugin):
    """Bytes that every worker gets when it joins: an archive of modules, or a pickled function.

    They are kept in the worker object, in a mapping that all runs on the cluster share.
    """

    def __init__(self, name: str, data: bytes, *, is_archive: bool) -> None:
        self.name = name
        self._data = data
        self._is_archive = is_archive

    def setup(self, worker: Any) -> None:
        """Unpack an archive, and have modules imported from it; keep anything else."""
        shipped = vars(worker).setdefault("batchmap_shipped", {"lock": threading.RLock()})
        data, self._data = self._data, b""  # the worker keeps this object, and needs one copy only
        if not self._is_archive:
            shipped[self.name] = data
            return
        directory = Path(worker.local_directory) / self.name
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(directory)
        shipped[self.name] = directory
        _import_from(shipped, self.name)
        importlib.import_module("batchmap.executors.dask.remote_call")

    async def teardown(self, worker: Any) -> None:
        """Have the threads leave that were set up for the function; drop what was kept.

        With it go the modules that were imported from it: what runs in the worker next then imports
        what is installed there, be it another version of this library.
        """
        shipped = vars(worker).get("batchmap_shipped", {})
        for key in [key for key in shipped if key[:2] == ("threads", self.name)]:
            await asyncio.to_thread(shipped.pop(key).wind_down, LEAVE_S)
        shipped.pop(("loaded", self.name), None)
        if shipped.get("first") == self.name:
            del shipped["first"]
        kept = shipped.pop(self.name, None)
        if isinstance(kept, Path):
            shutil.rmtree(kept, ignore_errors=True)
            if str(kept) in sys.path:
                sys.path.remove(str(kept))
            _unload(lambda _, file: file is not None and kept in file.parents)


class ShippedCall:
    """A call of a shipped function. To unpickle it is to make the call and get its answer.

    The scheduler unpickles what it passes on, and has none of our modules. So what it is given is
    this, pickled, as plain bytes, with the order to unpickle them in a worker.
    """

    def __init__(
        self, archive: str, function: str, arguments: bytes, timeout_s: float | None
    ) -> None:
        self._parts = archive, function, arguments, timeout_s

    def __reduce__(self) -> tuple[Any, ...]:
        return answer_shipped_call, self._parts


def answer_shipped_call(
    archive: str, function: str, arguments: bytes, timeout_s: float | None
) -> tuple[str, bytes]:
    """Call the shipped `function` in a worker, among the modules of `archive`.

    Runs on one cluster may have different modules of the same name, and take turns. So it may be
    another run's version of this library in which a call is unpickled: the place, the name and the
    parameters of this function must stay as they are.
    """
    shipped: dict[Any, Any] = vars(get_worker())["batchmap_shipped"]
    _import_from(shipped, archive)
    from batchmap.executors.dask.remote_call import answer

    return answer(shipped, function, arguments, timeout_s)


def _import_from(shipped: dict[Any, Any], archive: str) -> None:
    """Have modules imported from `archive` first; unload those of the same names from elsewhere."""
    with shipped["lock"]:
        if shipped.get("first") == archive:
            return
        directory = shipped[archive]

        def is_replaced(name: str, file: Path | None) -> bool:
            top = name.partition(".")[0]
            has_name = (directory / top).is_dir() or (directory / f"{top}.py").is_file()
            return has_name and file is not None and directory not in file.parents

        _unload(is_replaced)
        with suppress(ValueError):
            sys.path.remove(str(directory))
        sys.path.insert(0, str(directory))
        importlib.invalidate_caches()
        shipped["first"] = archive


def _unload(is_unwanted: Any) -> None:
    """Unload the modules for whose name and file (`None` where there is none) that holds."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if is_unwanted(name, None if file is None else Path(file)):
            del sys.modules[name]

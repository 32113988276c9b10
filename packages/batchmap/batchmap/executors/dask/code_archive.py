"""The modules of this process that other machines do not have, in one archive."""

from __future__ import annotations

import io
import site
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from batchmap.errors import UsageError

__all__ = ["pack_modules"]

MOST_BYTES = 50 * 2**20
"""An archive is kept in the memory of the scheduler and sent to every worker."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack_modules() -> bytes:
    """Return an archive of the Python files beside every module that is not installed.

    Those are the files of its directory and, whole, the packages in it; a package stands for the
    directory that holds it. The same files make the same archive. Raises `UsageError` where they
    are too large to be sent around.
    """
    files: dict[str, Path] = {}
    for place in _places():
        for path in _python_files(place):
            files.setdefault(path.relative_to(place).as_posix(), path)
    if sum(path.stat().st_size for path in files.values()) > MOST_BYTES:
        raise UsageError(
            f"the Python files around the task take over {MOST_BYTES >> 20} MB, too much to send "
            "to every worker; put the task into a directory of its own"
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), path.read_bytes())
    return packed.getvalue()


def _places() -> list[Path]:
    """Return the directories that modules came from, those first that are searched first."""
    installed = [
        Path(path).resolve() for path in {*sysconfig.get_paths().values(), *site.getsitepackages()}
    ]
    found = {
        place
        for module in list(sys.modules.values())
        if (place := _place_of(module)) is not None
        and not any(place.is_relative_to(path) for path in installed)
    }
    searched = [Path(entry or ".").resolve() for entry in sys.path]
    return sorted(found, key=lambda place: searched.index(place) if place in searched else 10**6)


def _place_of(module: ModuleType) -> Path | None:
    """Return the directory from which the module's name leads to its file."""
    file = getattr(module, "__file__", None)
    if not file or not file.endswith(".py"):
        return None
    path = Path(file).resolve()
    if path.name == "__init__.py":
        path = path.parent
    return path.parents[module.__name__.count(".")] if "." in module.__name__ else path.parent


def _python_files(place: Path) -> Iterator[Path]:
    yield from place.glob("*.py")
    for package in place.iterdir():
        if (package / "__init__.py").is_file():
            yield from package.rglob("*.py")

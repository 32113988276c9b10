"""Packs the modules that other machines do not have, and this library, into one archive.

The archive holds, by their names for `import`,

    the library         always: a worker's machine may have none, or another version of it
    searched places     directories of `sys.path` that loaded modules came from: their modules and
                        packages, also those that are not loaded yet
    other places        the packages and modules that were loaded from elsewhere

but nothing that is installed. Of two with the same name, the one that is imported here is packed.
"""

from __future__ import annotations

import io
import os
import site
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from batchmap.errors import UsageError

__all__ = ["pack_modules"]

MAX_BYTES = 50 * 2**20
"""How large the packed files may be, which the scheduler keeps in memory and sends to workers."""

_LIBRARY = __name__.partition(".")[0]

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The date of all files in the archive, so that the same files make the same archive."""


def pack_modules() -> bytes:
    """Return an archive of the library and of the Python files of modules that are not installed.

    Raises `UsageError` where the files are too large to be sent around.
    """
    files: dict[str, Path] = {}
    for path in _sources_by_name():
        root = path.parent
        for file in _python_files(path):
            files[file.relative_to(root).as_posix()] = file
    if sum(file.stat().st_size for file in files.values()) > MAX_BYTES:
        raise UsageError(
            f"the Python files around the task take over {MAX_BYTES >> 20} MB, too much to send "
            "to every worker; put the task into a directory of its own"
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), file.read_bytes())
    return packed.getvalue()


def _sources_by_name() -> list[Path]:
    """Return the files and directories of the top-level modules to pack, one of each name."""
    found = {_LIBRARY: _library_directory()}
    loaded = _loaded_from()
    searched = [Path(entry or ".").resolve() for entry in sys.path]
    places = sorted(loaded, key=lambda place: searched.index(place) if place in searched else 10**6)
    for place in places:
        sources = {place / name for name in loaded[place]}
        if place in searched:
            sources |= {package.parent for package in place.glob("*/__init__.py")}
            sources |= {*place.glob("*.py")}
        for source in sorted(sources, key=_precedence):
            found.setdefault(source.stem if source.suffix == ".py" else source.name, source)
    return list(found.values())


def _precedence(source: Path) -> tuple[int, Path]:
    """Sort as `import` does of one name: a package, a module, a directory that is no package."""
    if (source / "__init__.py").is_file():
        return 0, source
    return 1 if source.is_file() else 2, source


def _library_directory() -> Path:
    file = sys.modules[_LIBRARY].__file__
    assert file is not None
    return Path(file).parent


def _loaded_from() -> dict[Path, set[str]]:
    """Return the places that modules were loaded from, with the names of the top-level ones there.

    A place is a directory in which a module is found by its whole name.
    """
    paths = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()]
    installed = [Path(path).resolve() for path in paths]
    loaded: dict[Path, set[str]] = {}
    for module in list(sys.modules.values()):
        if (place := _place_of(module)) is None:
            continue
        if not any(place.is_relative_to(path) for path in installed):
            top = module.__name__.partition(".")[0]
            names = loaded.setdefault(place, set())
            names |= {name for name in (top, f"{top}.py") if (place / name).exists()}
    return loaded


def _place_of(module: ModuleType) -> Path | None:
    """Return the directory from which the module's name leads to its file, `None` without one."""
    file = getattr(module, "__file__", None)
    if not file or not file.endswith(".py"):
        return None
    path = Path(file).absolute()
    if path.name == "__init__.py":
        path = path.parent
    parts = module.__name__.split(".")
    if len(parts) > 1 and parts != [*path.parts[-len(parts) : -1], path.stem]:
        return None  # it was given another name than its file has, as `collections.abc` was
    return path.parents[len(parts) - 1].resolve()


def _python_files(source: Path) -> Iterator[Path]:
    """Yield the file, or the Python files in the directory; links to directories are followed."""
    if source.is_file():
        yield source
        return
    seen = set()
    for directory, directories, names in os.walk(source, followlinks=True):
        real = Path(directory).resolve()
        if real in seen:  # a link leads back
            directories.clear()
            continue
        seen.add(real)
        yield from (Path(directory, name) for name in names if name.endswith(".py"))

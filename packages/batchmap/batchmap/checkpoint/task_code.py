"""What the code of a task is: its module and the modules beside it that it imports.

Code is compared by its syntax trees, without docstrings, so that a comment changes nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["TaskCode", "code_of", "first_difference"]

TaskCode = dict[str, dict[str, str]]
"""By file, relative to the task's directory: the digest of each name that the file defines at its
top level, and under `""` that of all other statements there."""

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_IMPORTS = (ast.Import, ast.ImportFrom)

_IGNORED_FIELDS = {"ctx", "kind", "type_comment", "type_ignores"}


def code_of(module: ModuleType) -> TaskCode:
    """Return the code of a module and of the modules beside it that it imports, and they, too.

    Beside it are those of its directory, or of its own package. A module without a source, such as
    one that is built in, is known by its name alone.
    """
    path = Path(getattr(module, "__file__", None) or "")
    name = module.__name__
    package = name.partition(".")[0] if "." in name or hasattr(module, "__path__") else None
    if path.suffix != ".py" and not path.is_file():
        return {name: {"": name}}
    root = path.parent
    if package is not None:
        depth = name.count(".") + (path.name == "__init__.py")
        root = path.parents[depth]
    found: TaskCode = {}
    pending = [path]
    if package is not None:  # importing the module runs those of the packages above it
        inner = path.parent
        while inner.is_relative_to(root) and inner != root:
            pending.append(inner / "__init__.py")
            inner = inner.parent
    while pending:
        path = pending.pop()
        label = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
        if label in found:
            continue
        try:
            source = path.read_bytes()
        except OSError:
            continue
        names, imports = _names_and_imports(source)
        found[label] = dict(names)
        pending += _neighbours(imports, path, root, package)
    return found


def first_difference(before: Mapping[str, Mapping[str, str]], now: TaskCode) -> str | None:
    """Return what differs first, in words; `None` where nothing does."""
    for file in [*now, *(file for file in before if file not in now)]:
        old, new = before.get(file), now.get(file)
        if old == new:
            continue
        if old is None or new is None:
            return f"{file} is {'new' if old is None else 'gone'}"
        names = [name for name in {**new, **old} if old.get(name) != new.get(name)]
        named = [name for name in names if name]
        return f"{named[0]} in {file}" if named else f"the top level of {file}"
    return None


@lru_cache(maxsize=256)  # of one process that syncs again and again
def _names_and_imports(source: bytes) -> tuple[dict[str, str], list[ast.Import | ast.ImportFrom]]:
    """Return the digest of each name in a file, and its import statements."""
    try:
        tree = ast.parse(source)
        found: dict[str, Any] = {}
        for statement in _without_docstring(tree.body):
            names = _defined(statement)
            for name in names:
                found.setdefault(name, blake2b(digest_size=8)).update(_text_of(statement).encode())
            if not isinstance(statement, _DEFINITIONS):  # their order counts
                top = found.setdefault("", blake2b(digest_size=8))
                top.update(repr(names).encode())
    except (SyntaxError, ValueError, RecursionError):
        return {"": blake2b(source, digest_size=8).hexdigest()}, []
    imports = [one for one in _statements(tree.body) if isinstance(one, _IMPORTS)]
    return {name: one.hexdigest() for name, one in found.items()}, imports


def _defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines; an empty one for what is no definition."""
    if isinstance(statement, _DEFINITIONS):
        return [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
        inner = (one for one in ast.walk(statement) if isinstance(one, _DEFINITIONS))
        return [*(one.name for one in inner), ""]
    names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    return names or [""]


def _text_of(node: ast.AST) -> str:
    """Return a text that is the same for equal code in all versions of Python."""
    pieces: list[str] = []
    _add_text(node, pieces.append)
    return "".join(pieces)


def _add_text(value: Any, add: Callable[[str], None]) -> None:
    if isinstance(value, ast.AST):
        kind: Any = type(value)
        add(kind.__name__)
        before = "("
        for name in _fields_of(kind):
            inner = getattr(value, name, None)
            if name == "body":
                inner = _without_docstring(inner)
            elif inner is None or inner == []:
                continue
            add(f"{before}{name}=")
            _add_text(inner, add)
            before = ","
        add("()" if before == "(" else ")")
    elif isinstance(value, list):
        before = "["
        for inner in value:
            add(before)
            _add_text(inner, add)
            before = ","
        add("[]" if before == "[" else "]")
    else:
        add(repr(value))


@cache
def _fields_of(kind: Any) -> tuple[str, ...]:
    return tuple(name for name in kind._fields if name not in _IGNORED_FIELDS)


def _without_docstring(body: Any) -> Any:
    """Return the statements of a body but those that are a text alone."""
    if not isinstance(body, list):
        return body
    return [
        one
        for one in body
        if not (
            isinstance(one, ast.Expr)
            and isinstance(one.value, ast.Constant)
            and isinstance(one.value.value, str)
        )
    ]


def _neighbours(
    imports: Iterable[ast.Import | ast.ImportFrom], path: Path, root: Path, package: str | None
) -> Iterator[Path]:
    """Yield the files beside the task that the import statements of a file import."""
    for node in imports:
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            directory = root
        else:
            base = node.module.split(".") if node.module else []
            names = [base, *([*base, alias.name] for alias in node.names)]
            directory = path.parents[node.level - 1] if node.level else root
        if isinstance(node, ast.ImportFrom) and node.level:
            yield directory / "__init__.py"
        for parts in names:
            if package is not None and directory == root and parts[:1] != [package]:
                continue
            yield from _files_of(directory, parts)


def _statements(body: Iterable[Any]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, and those inside of them."""
    for statement in body:
        if isinstance(statement, ast.stmt):
            yield statement
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            if inner := getattr(statement, name, None):
                yield from _statements(inner)


def _files_of(directory: Path, parts: list[str]) -> Iterator[Path]:
    """Yield the files that importing a dotted name runs: of its packages, and of itself."""
    for length in range(1, len(parts) + 1):
        inner = directory.joinpath(*parts[:length])
        if (file := inner.with_name(f"{inner.name}.py")).is_file():
            yield file
        elif (inner / "__init__.py").is_file():
            yield inner / "__init__.py"

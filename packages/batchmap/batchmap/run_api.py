"""`run` in a program of one's own: a function over a source into an output, exactly once."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, Literal

from batchmap.checkpoint.task_code import TaskCode, code_of, code_of_source
from batchmap.errors import UsageError
from batchmap.job import Job
from batchmap.options import JobOptions, OptionReader
from batchmap.options.locations import errors_location
from batchmap.records import RunOutcome
from batchmap.sources.python_items import PythonItems
from batchmap.storage import StoreUrl

__all__ = ["run"]

Mode = Literal["new", "resume", "sync", "overwrite"]

_MODES = ("new", "resume", "sync", "overwrite")


def run(
    function: Callable[[Any], Any],
    source: str | Path | Iterable[Any],
    output: str | Path,
    *,
    mode: Mode = "new",
    **options: Any,
) -> RunOutcome:
    """Call `function` for each item of `source` and write the results to `output`, exactly once.

    `source` is what the command line takes as INPUT, or the items themselves; `output` a file, or
    a URL of a store. `mode` says what becomes of an output that is there: `"new"` raises
    `UsageError`; `"resume"` goes on with the same items, or with more of them; `"sync"` makes it
    what a new run would write and calls `function` for new and changed items alone; `"overwrite"`
    begins anew. An item is known by what it says; `key="id"` names the field that says which item
    it is. Failed items go to `output` with `.errors.jsonl` after its name, or to `errors`.

    `options` are those of the command `run` by their keywords (`retries`, `timeout_s`, `workers`,
    `limit`, …). With `"sync"`, items that can be iterated once only are kept in memory.

    Returns how many items are done, failed and were done before. Failed items raise nothing. Raises
    `UsageError` for options that make no sense, `InputError` when the source cannot be read or is
    not what it was, `OutputError` when a result cannot be kept, `OutputHeldError` when another run
    holds the output.
    """
    if mode not in _MODES:
        raise UsageError(f"mode must be one of {', '.join(_MODES)}, got {mode!r:.60}")
    items = None
    if not isinstance(source, str | Path):
        if mode == "sync" and iter(source) is source:
            source = list(source)
        items = PythonItems(source)
    job_options = _read(items, source, output, mode, options)
    with Job(
        function,
        job_options,
        fingerprint={
            "function": getattr(_plain(function), "__qualname__", type(function).__qualname__),
            "source": _code(_plain(function)),
            "setup": None,
        },
        source=items,
    ) as job:
        job.open()
        job.plan()
        for _ in job.execute():
            pass
        return job.outcome()


def _read(
    items: PythonItems | None, source: Any, output: Any, mode: str, options: dict[str, Any]
) -> JobOptions:
    known = {field.name for field in fields(JobOptions)} - {"source", "output", "resume", "sync"}
    if unknown := options.keys() - known:
        raise UsageError(f"run() has no option {min(unknown)!r}")
    given = {**options, "output": output, "source": "items" if items else f"{source}"}
    if mode != "new":
        given[mode] = True
    reader = OptionReader(given)
    values = reader.read_rows(JobOptions)
    if values["output"] is None:
        reader.error("output must be a file, or a URL of a store")
    if mode == "sync":
        values["keep_order"] = True
        if isinstance(values["output"], StoreUrl):
            reader.error("mode='sync' writes its output anew; name a file of this machine")
    elif values["retry_failed"]:
        if mode != "resume":
            reader.error("retry_failed goes with mode='resume' or mode='sync'")
        if values["keep_order"]:
            reader.error(
                "retry_failed: what succeeds now comes after the rest, so not with keep_order; "
                "mode='sync' keeps the order"
            )
    if options.get("errors") is None and values["output"] is not None:
        values["errors"] = errors_location(values["output"])
    reader.close()
    return JobOptions(**values)


def _plain(function: Any) -> Any:
    """Return the function that a partial or a decorator stands for."""
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function) if callable(function) else function


def _code(function: Any) -> TaskCode:
    """Return the code that the results depend on, as far as it can be found.

    Of the main script, definitions alone count: the call itself stands among its other statements.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is not None and getattr(module, "__file__", None):
        code = code_of(module)
        if module.__name__ == "__main__":
            for names in code.values():
                names.pop("", None)
        return code
    name = getattr(function, "__qualname__", "")
    try:
        return {"": code_of_source(textwrap.dedent(inspect.getsource(function)).encode())}
    except (OSError, TypeError):
        compiled = getattr(function, "__code__", None)
        return {"": {name: "" if compiled is None else compiled.co_code.hex()}}

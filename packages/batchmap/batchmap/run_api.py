"""`run` in a program of one's own: a function over a source into an output, exactly once."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from functools import partial
from itertools import islice
from pathlib import Path
from types import CodeType
from typing import Any, Literal

from batchmap.checkpoint.identity import digest
from batchmap.checkpoint.open_input import sampled
from batchmap.checkpoint.task_code import TaskCode, code_of
from batchmap.errors import BatchmapError, UsageError, python_spelling
from batchmap.job import Job
from batchmap.options import JobOptions, OptionReader
from batchmap.options.call_rows import check_call
from batchmap.options.inputs import check_inputs, check_seed
from batchmap.options.limit_values import check_limit_per, limits_per
from batchmap.options.locations import errors_location
from batchmap.options.output_checks import check_output
from batchmap.options.rate_values import check_cost
from batchmap.options.retrying import check_retry_if, check_retrying
from batchmap.run_outcome import RunOutcome
from batchmap.scheduling.keyed_starts import LimitPer
from batchmap.scheduling.rate_limiter import Cost
from batchmap.sources import ReadingOptions
from batchmap.sources.python_items import PythonItems, identity_bytes
from batchmap.stopping import StopRequest
from batchmap.storage import StoreUrl
from batchmap.text import near_names
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.setup import SetupFunction, SetupPer
from batchmap.worker.worker_function import made_ready, setup_of

__all__ = ["run"]

Mode = Literal["new", "resume", "sync", "overwrite"]

_MODES = ("new", "resume", "sync", "overwrite")


def run(
    function: Callable[..., Any],
    source: str | Path | Iterable[Any],
    output: str | Path,
    *,
    mode: Mode = "new",
    setup: SetupFunction | None = None,
    setup_per: SetupPer = "worker",
    **options: Any,
) -> RunOutcome:
    """Call `function` for each item of `source` and write the results to `output`, exactly once.

    `source` is what the command line takes as INPUT, or the items themselves; with `rows=True` or
    `input_format="files"`, a list of it is several INPUTs. `output` is a file, or a URL of a store.
    `mode` says what becomes of an output that is there: `"new"` raises
    `UsageError`; `"resume"` goes on with the same items, or with more of them; `"sync"` makes it
    what a new run would write and calls `function` for new and changed items alone; `"overwrite"`
    begins anew. An item is known by what it says; `key="id"` names the field that says which item
    it is. Failed items go to `output` with `.errors.jsonl` after its name, or to `errors`.

    `setup` is called once in each worker (or process, by `setup_per`), before its first item; what
    it gives, unless `None`, is the function's second argument.

    `options` are those of the command `run` by their keywords (`retries`, `timeout_s`, `workers`,
    `limit`, …), and `retry_if`, `cost` and `limit_per` have functions, as for `parallel_map`. With
    `"sync"`, items that can be iterated once only are kept in memory. What a partial, a closure or
    a callable object binds is part of the function where it is a constant.

    Returns how many items are done, failed and were done before. Failed items raise nothing. Raises
    `UsageError` for options that make no sense, `InputError` when the source cannot be read or is
    not what it was, `OutputError` when a result cannot be kept, `OutputHeldError` when another run
    holds the output.
    """
    if mode not in _MODES:
        raise UsageError(f"mode must be one of {', '.join(_MODES)}, got {mode!r:.60}")
    prepared = made_ready(function, setup, setup_per)
    try:
        return _run(
            function,
            prepared,
            source,
            output,
            mode,
            retry_if=options.pop("retry_if", None),
            cost=options.pop("cost", None),
            limit_per=options.pop("limit_per", None),
            options=options,
        )
    except BatchmapError as error:
        error.spell_as(_spelling)
        raise


def _spelling(keyword: str, value: str | None) -> str:
    return f"mode={keyword!r}" if keyword in _MODES else python_spelling(keyword, value)


def _run(
    function: Callable[..., Any],
    prepared: Callable[[Any], Any],
    source: Any,
    output: Any,
    mode: Mode,
    *,
    retry_if: RetryIf | None,
    cost: Cost | None,
    limit_per: LimitPer | None,
    options: dict[str, Any],
) -> RunOutcome:
    items = None
    if options.get("rows") or options.get("input_format") == "files":
        source = _inputs(source)
    elif not isinstance(source, str | Path):
        if mode == "sync" and iter(source) is source:
            source = list(islice(source, options.get("limit")))
        items = PythonItems(source)
    job_options = _read(items, source, output, mode, retry_if, cost, limit_per, options)
    plain, bound = _plain(function)
    stop = StopRequest()
    with Job(
        prepared,
        job_options,
        retry_if=retry_if,
        cost=cost,
        limit_per=limit_per,
        fingerprint={
            "function": getattr(plain, "__qualname__", type(plain).__qualname__),
            "source": _code(plain),
            "bound": bound,
            "setup": None if (setup := setup_of(prepared)) is None else setup.name,
        },
        source=None if items is None else sampled(items, job_options, stop),
        stop=stop,
    ) as job:
        job.open()
        job.plan()
        for _ in job.execute():
            pass
        return job.outcome()


def _inputs(source: Any) -> list[str]:
    """Return the names of files that `source` is, or gives when it is iterated."""
    names = [source] if isinstance(source, str | Path) else list(source)
    for name in names:
        if not isinstance(name, str | Path):
            raise UsageError(
                f"with rows=True or input_format='files', source must be names of files, and "
                f"{name!r:.60} is none"
            )
    if not names:
        raise UsageError("source names no file; an empty list has no rows")
    return [name if isinstance(name, str) else f"{name}" for name in names]


def _read(
    items: PythonItems | None,
    source: Any,
    output: Any,
    mode: str,
    retry_if: RetryIf | None,
    cost: Cost | None,
    limit_per: LimitPer | None,
    options: dict[str, Any],
) -> JobOptions:
    known = {field.name for field in fields(JobOptions)}
    known -= {"source", "more_sources", "output", *_MODES}
    if unknown := options.keys() - known:
        name = min(unknown)
        hint = f"; give mode={name!r}" if name in _MODES else near_names(name, sorted(known))
        raise UsageError(f"run() has no option {name!r}{hint}")
    first, *more = ["items"] if items else source if isinstance(source, list) else [f"{source}"]
    given = {**options, "output": output, "source": first, "more_sources": more}
    given["limit_per"] = limit_per
    if mode != "new":
        given[mode] = True
    reader = OptionReader(given)
    values = reader.read_rows(JobOptions)
    for name in ReadingOptions.names() if items is not None else ():
        if reader.raw(name):
            reader.error(f"{name} is for inputs that are read, and these items are there already")
    check_output(reader, values)
    if values["output"] is None:
        reader.error("output must be a file, or a URL of a store")
    check_inputs(reader, values)
    check_seed(reader, values)
    check_retry_if(reader, retry_if)
    check_retrying(reader, values, retry_if)
    check_cost(reader, values, cost)
    check_limit_per(reader, reader.read("limit_per", limits_per), batched=values["batched"])
    check_call(reader, values)
    if values["unordered"] and (values["keep_order"] or mode == "sync"):
        what = "mode='sync'" if mode == "sync" else "keep_order"
        reader.error(f"unordered: {what} writes in the input's order; leave one out")
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
    if values["halt_now"] and values["halt"] is None:
        reader.error("halt_now says what becomes of items when halt stops the run; give halt")
    if options.get("errors") is None and values["output"] is not None:
        values["errors"] = errors_location(values["output"])
    reader.close()
    return JobOptions(**values)


def _plain(function: Any) -> tuple[Any, str]:
    """Return the function that a partial or a decorator stands for, and a digest of what it binds.

    That is what the arguments of a partial, the attributes of a callable object and the variables
    of a closure say, as far as they are constants: what may change while items run is none.
    """
    bound: list[Any] = []
    while isinstance(function, partial):
        bound += [*function.args, *sorted(function.keywords.items())]
        function = function.func
    function = inspect.unwrap(function) if callable(function) else function
    if not inspect.isroutine(function):
        bound += sorted(getattr(function, "__dict__", {}).items())
    with suppress(ValueError):  # a variable that has no value yet
        bound += [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    return function, digest(identity_bytes(list(filter(_is_constant, bound)))).hex()


def _is_constant(value: Any) -> bool:
    if type(value) in (tuple, frozenset):
        return all(map(_is_constant, value))
    return type(value) in (str, int, float, bool, bytes, type(None))


def _code(function: Any) -> TaskCode:
    """Return the code that the results depend on, as far as it can be found.

    Of the main script, definitions alone count: the call itself stands among its other statements.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    code: TaskCode = {}
    if module is not None and getattr(module, "__file__", None):
        code = code_of(module)
        if module.__name__ == "__main__":
            for names in code.values():
                names.pop("", None)
    name = getattr(function, "__qualname__", "")
    compiled = getattr(function, "__code__", None)
    is_defined = name and "<" not in name and any(name in names for names in code.values())
    if compiled is not None and not is_defined:
        code["compiled"] = {name: digest(repr(_compiled(compiled)).encode()).hex()}
    return code


def _compiled(code: CodeType) -> list[Any]:
    """Return what a function does: its instructions, constants and names, and those inside it."""
    constants = [
        _compiled(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts
    ]
    return [code.co_code, constants, code.co_names, code.co_varnames]

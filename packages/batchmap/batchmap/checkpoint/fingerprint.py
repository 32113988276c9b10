"""What the results of a run depend on, the items apart, and whether that is the same as before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchmap.checkpoint.identity import Identity, digest
from batchmap.checkpoint.task_code import first_difference
from batchmap.errors import InputError
from batchmap.options import JobOptions
from batchmap.sinks import OutputForm
from batchmap.sources import Source
from batchmap.sources.python_items import identity_bytes
from batchmap.sources.sampled import whole_of
from batchmap.storage.formats import DELIMITERS

__all__ = [
    "check_sameness",
    "follow_input",
    "output_form",
    "run_fingerprint",
    "without_task",
]

_OF_THE_TASK = ("function", "setup", "source", "bound", "arg")
"""What a fingerprint holds of the task."""

_HOW_READ = ("no_header", "columns", "quote", "skip_lines", "select")
_FROM_THE_INPUT = ("delimiter", "encoding")
"""Options that the input itself says where nothing is asked for."""

_UNKNOWN = "auto"
"""In place of what an input says that was not read yet; its records are compared all the same."""

_ACCEPT_OR_OVERWRITE = "{accept_task} goes on with it as it is now, {overwrite} begins anew"


def run_fingerprint(
    options: JobOptions, function: Mapping[str, Any], source: Source, identity: Identity
) -> dict[str, Any]:
    """Return what the results depend on, the items apart."""
    source = whole_of(source)
    input_format = getattr(source, "format", None)  # what is not read as a stream has one only
    schema = None
    if options.schema is not None:
        from batchmap.sinks.parquet.schema_file import read_schema, schema_text

        schema = schema_text(read_schema(options.schema))
    return {
        **function,
        **_output_settings(options),
        "star": options.star or None,
        "index": options.index or None,
        "expand": options.expand or None,
        "skip_none": options.skip_none or None,
        "batched": None if options.batched is None else True,
        "arg": _argument_digests(options),
        "keep_order": options.keep_order,
        "json_path": options.json_path,
        "schema": schema,
        "rows": getattr(source, "reads_rows_of_files", None),
        "input_format": input_format,
        "sample": options.sample,
        "seed": None if options.sample is None else options.seed,
        "identity": identity.name,
        "reading": _reading(options, source),
    }


def output_form(options: JobOptions) -> OutputForm:
    """Return the form of the output that `options` ask for."""
    return OutputForm.of(_output_settings(options), schema=options.schema)


def _output_settings(options: JobOptions) -> dict[str, Any]:
    """Return the options that say how results are written, as the fingerprint holds them.

    What is not given is `None`, so that journals of earlier versions can be gone on with.
    """
    names = ("record", "defuse_formulas")
    delimiter = options.output_delimiter
    return {
        "output_format": f"{options.output_format}{options.compression}",
        **{name: getattr(options, name) for name in names},
        "output_delimiter": None
        if delimiter == DELIMITERS.get(options.output_format)
        else delimiter,
        "bom": options.bom or None,
        "with_item": options.with_item or None,
        "strict": options.strict or None,
        "columns_out": list(options.columns_out) if options.columns_out else None,
        "split_size_bytes": options.split_size_bytes,
    }


def _argument_digests(options: JobOptions) -> dict[str, str] | None:
    """Return a digest of each argument's value, which may be a secret; `None` for no argument."""
    values = options.call_shape.arguments
    return {name: digest(identity_bytes(one)).hex() for name, one in values.items()} or None


def _reading(options: JobOptions, source: Source) -> dict[str, Any]:
    """Return how the input is read: what was asked for, or what it looks like."""
    asked = {name: _as_given(getattr(options, name)) for name in _HOW_READ}
    taken: Mapping[str, Any] = getattr(source, "taken", dict)()
    return {**{name: value for name, value in asked.items() if value is not None}, **taken}


def _as_given(value: Any) -> Any:
    """Return what JSON holds of an option's value; `None` where it says nothing."""
    if value is False or value == 0:
        return None
    return list(value) if isinstance(value, tuple) else value


def follow_input(before: dict[str, Any], now: Mapping[str, Any], options: JobOptions) -> None:
    """Change the fingerprint of the run before to one that a sync may go on with.

    A sync takes other items, in any order, and the input says anew what that run took from it.
    """
    before |= {name: now[name] for name in ("keep_order", "sample", "seed")}
    for name in _FROM_THE_INPUT:
        if getattr(options, name) is None and name in before.get("reading", {}):
            before["reading"][name] = _UNKNOWN


def without_task(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a fingerprint holds of all but the task."""
    return {name: value for name, value in fingerprint.items() if name not in _OF_THE_TASK}


def check_sameness(before: dict[str, Any], now: dict[str, Any], *, accepts_task: bool) -> None:
    """Raise `InputError` where the run is not the one that the journal knows."""
    if not accepts_task:
        _check_task(before, now)
    for name, value in without_task(now).items():
        if name == "reading" or before.get(name) == value:
            continue
        if name == "identity":
            raise InputError(
                f"what says which item it is was {before.get(name)} when the run began and is "
                f"{value} now",
                advice="{overwrite} begins anew",
            )
        raise InputError(
            f"was {_shown(before.get(name))} when the run began and is {_shown(value)} now",
            option=name,
            advice="{overwrite} begins anew",
        )
    _check_reading(before.get("reading", now["reading"]), now["reading"])


def _shown(value: Any) -> Any:
    return "not given" if value is None else value


def _check_reading(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise `InputError` where the input is read in another way than the journal knows."""
    for name in (*_FROM_THE_INPUT, *_HOW_READ):
        was, is_now = before.get(name), now.get(name)
        if was == is_now or (name in _FROM_THE_INPUT and _UNKNOWN in (was, is_now)):
            continue
        advice = "{overwrite} begins anew"
        if name in _FROM_THE_INPUT:
            advice = f"{{{name}:{was}}} reads it as before, {advice}"
        raise InputError(
            f"was {_shown_option(was)} when the run began and is {_shown_option(is_now)} now",
            option=name,
            advice=advice,
        )


def _shown_option(value: Any) -> str:
    if value is None:
        return "not given"
    if value == "":
        return "none"
    return repr(",".join(value) if isinstance(value, list) else value)


def _check_task(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise `InputError` where the function is not the one that the journal knows."""
    for name in ("function", "setup"):
        if before.get(name) != now.get(name):
            raise InputError(
                f"the {name} was {before.get(name)} and is {now.get(name)} now",
                advice=_ACCEPT_OR_OVERWRITE,
            )
    if before.get("bound") != now.get("bound"):
        raise InputError("what the function binds has changed", advice=_ACCEPT_OR_OVERWRITE)
    was, is_now = before.get("arg") or {}, now.get("arg") or {}
    for name in (*is_now, *was):
        if was.get(name) != is_now.get(name):
            raise InputError(
                f"the argument {name} is not what it was when the run began",
                advice=_ACCEPT_OR_OVERWRITE,
            )
    if (what := first_difference(before.get("source") or {}, now.get("source") or {})) is not None:
        raise InputError(
            f"the task's code has changed since the run began: {what}", advice=_ACCEPT_OR_OVERWRITE
        )

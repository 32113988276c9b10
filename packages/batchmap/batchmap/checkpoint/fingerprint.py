"""What the results of a run depend on, the items apart, and whether that is the same as before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchmap.checkpoint.identity import Identity
from batchmap.checkpoint.task_code import first_difference
from batchmap.errors import InputError
from batchmap.options import JobOptions
from batchmap.sinks import OutputForm
from batchmap.sources import Source

__all__ = ["check_sameness", "output_form", "run_fingerprint", "without_task"]

_OF_THE_TASK = ("function", "setup", "source", "bound")
"""What a fingerprint holds of the task."""

_ACCEPT_OR_OVERWRITE = "{accept_task} goes on with it as it is now, {overwrite} begins anew"


def run_fingerprint(
    options: JobOptions, function: Mapping[str, Any], source: Source, identity: Identity
) -> dict[str, Any]:
    """Return what the results depend on, the items apart."""
    input_format = getattr(source, "format", None)  # what is not read as a stream has one only
    return {
        **function,
        **_output_settings(options),
        "keep_order": options.keep_order,
        "input_format": input_format,
        "identity": identity.name,
    }


def output_form(options: JobOptions) -> OutputForm:
    """Return the form of the output that `options` ask for."""
    return OutputForm.of(_output_settings(options))


def _output_settings(options: JobOptions) -> dict[str, Any]:
    """Return the options that say how results are written, as the fingerprint holds them."""
    names = ("record", "defuse_formulas", "output_delimiter", "bom", "with_item")
    output_format = f"{options.output_format}{options.compression}"
    return {"output_format": output_format, **{name: getattr(options, name) for name in names}}


def without_task(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a fingerprint holds of all but the task."""
    return {name: value for name, value in fingerprint.items() if name not in _OF_THE_TASK}


def check_sameness(before: dict[str, Any], now: dict[str, Any], *, accepts_task: bool) -> None:
    """Raise `InputError` where the run is not the one that the journal knows."""
    if not accepts_task:
        _check_task(before, now)
    for name, value in without_task(now).items():
        if (before.get(name) or None) == (value or None):  # a later version may have more options
            continue
        if name == "identity":
            raise InputError(
                f"what says which item it is was {before.get(name)} when the run began and is "
                f"{value} now",
                advice="{overwrite} begins anew",
            )
        raise InputError(
            f"was {before.get(name)} when the run began and is {value} now",
            option=name,
            advice="{overwrite} begins anew",
        )


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
    if (what := first_difference(before.get("source") or {}, now.get("source") or {})) is not None:
        raise InputError(
            f"the task's code has changed since the run began: {what}", advice=_ACCEPT_OR_OVERWRITE
        )

"""The settings of `run`: a function, an input, an output, and how they are treated."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmap.command.option_parsers import OptionError, parse_size_bytes
from batchmap.command.option_reader import LARGEST_COUNT, OptionReader, option_name
from batchmap.command.settings import EngineSettings, task_file
from batchmap.executors.dask.address import DaskAddress, TlsFiles
from batchmap.storage import (
    INPUT_FORMATS,
    OUTPUT_FORMATS,
    OUTPUT_SUFFIXES,
    Location,
    is_same_file,
)
from batchmap.text import near_names

__all__ = ["RECORDS", "RunSettings", "journal_beside"]

RECORDS = ("full", "result")

LONGEST_NAME_BYTES = 230
"""A file's name may have 255 bytes, and those of an output's journal and errors file are longer."""

BY_HAND = "name an INPUT, or pipe one in; python main.py run --help shows the usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings(EngineSettings):
    """What `run` was asked to do; build it with `RunSettings.of`, which checks it."""

    task: str
    source: str
    """A path, a glob, a URL of either or of a database, or `-`."""
    output: Location | None = None
    """`None`: stdout."""
    input_format: str | None = None
    """`None`: by the suffix."""
    output_format: str = "jsonl"
    record: str = "full"
    """What a line of output holds: `full` or `result`."""
    errors: Location | None = None
    """Where failed items go; `None` with stdout as the output: nowhere but the report."""
    keep_order: bool = False
    resume: bool = False
    """Whether to go on with an output that is there already."""
    retry_failed: bool = False
    """Whether to take the items again that failed."""
    overwrite: bool = False
    accept_changes: bool = False
    """Whether to go on although input, task or options have changed."""
    halt_number: int | None = None
    """Stop after so many failures."""
    halt_share: float | None = None
    """Stop at such a share of failures, from 0 to 1."""
    limit: int | None = None
    """Take so many items at most."""
    dry_run: bool = False
    setup: str | None = None
    """A function of the task's module that is called once in each worker."""
    scheduler: DaskAddress | None = None
    """`None`: a local cluster of our own, for the backend that needs one."""
    memory_floor_bytes: int | None = None
    """Stop feeding while less memory is free."""
    defuse_formulas: bool = False
    """Whether CSV cells that a spreadsheet would take for formulas are made text."""

    @classmethod
    def _option_names(cls) -> set[str]:
        return EngineSettings._option_names() - {"workers_positional"} | {
            "task", "source", "output", "input_format", "output_format", "record", "errors",
            "keep_order", "resume", "retry_failed", "overwrite", "accept_changes", "halt", "limit",
            "dry_run", "setup", "address", "memory_floor", "defuse_formulas", *_TLS,
        }  # fmt: skip

    @classmethod
    def _parsed(cls, reader: OptionReader, options: dict[str, Any]) -> dict[str, Any]:
        output, output_format = _output(reader, options)
        record = reader.choice("record", RECORDS)
        if record == "full" and output_format != "jsonl":
            reader.fault(f"--record full: {output_format} holds results only; leave it out")
        flags = {name: bool(options.get(name)) for name in _FLAGS}
        flags["resume"] = flags["resume"] or flags["retry_failed"]
        _check_flags(reader, flags, output)
        errors = _errors(reader, options, output)
        engine = EngineSettings._parsed(reader, options)
        exports = {name: path for name, path in engine.items() if name.startswith("export_")}
        _check_names(reader, output, errors, exports)
        tls = {name: reader.input_file(name) for name in _TLS}
        ours = {"output": output, "errors": errors, **exports}
        reader.keep_apart(
            {name: place for name, place in ours.items() if isinstance(place, Path)},
            {"task": task_file(options.get("task")), **tls},
        )
        if engine["backend"] == "sequential" and engine["timeout_s"] is not None:
            reader.fault(
                "--timeout: an item of the sequential backend cannot be given up; "
                "leave --backend out"
            )
        halt_number, halt_share = reader.read("halt", _parse_halt) or (None, None)
        return {
            **engine,
            "task": _task(reader, options),
            "source": _source(reader, options),
            "input_format": reader.choice("input_format", INPUT_FORMATS),
            "output": output,
            "output_format": output_format,
            "record": record or ("full" if output_format == "jsonl" else "result"),
            "errors": errors,
            "halt_number": halt_number,
            "halt_share": halt_share,
            "limit": reader.whole("limit", "--limit", 1, LARGEST_COUNT, "for example 100"),
            "setup": options.get("setup"),
            "scheduler": _scheduler(reader, options, engine, tls),
            "memory_floor_bytes": reader.read(
                "memory_floor", lambda raw: parse_size_bytes(raw, "--memory-floor")
            ),
            **flags,
        }


_FLAGS = (
    "keep_order",
    "resume",
    "retry_failed",
    "overwrite",
    "accept_changes",
    "dry_run",
    "defuse_formulas",
)


_TLS = ("tls_ca_file", "tls_cert", "tls_key")


def _scheduler(
    reader: OptionReader,
    options: dict[str, Any],
    engine: dict[str, Any],
    tls: dict[str, Path | None],
) -> DaskAddress | None:
    raw = options.get("address")
    given = [name for name in _TLS if options.get(name) is not None]
    lacking = [option_name(name) for name in _TLS if name not in given]
    if given and lacking:
        reader.fault(
            f"{option_name(given[0])} {options[given[0]]}: needs {' and '.join(lacking)}, too"
        )
    if raw is None:
        if given:
            told = f"{option_name(given[0])} {options[given[0]]}: is for the way to a scheduler"
            reader.fault(f"{told}; add --address HOST:PORT")
        return None
    if engine["backend"] != "dask":
        reader.fault(f"--address {raw}: is that of a Dask scheduler; add --backend dask")
    if engine["workers"] is not None:
        reader.fault(f"--workers: those at --address {raw} are the cluster's own; leave one out")
    if not re.fullmatch(r"(?:(?:tcp|tls|ws|wss)://)?[^\s/]+:\d{1,5}", str(raw)):
        reader.fault(f"--address must be HOST:PORT, got {raw!r:.100}; for example 127.0.0.1:8786")
    scheme = str(raw).partition("://")[0] if "://" in str(raw) else "tls"
    if given and scheme not in ("tls", "wss"):
        reader.fault(f"--address {raw}: {option_name(given[0])} needs tls://; leave the scheme out")
    ca_file, cert, key = tls.values()
    if ca_file is None or cert is None or key is None:
        return DaskAddress(str(raw))
    return DaskAddress(str(raw), TlsFiles(ca_file=ca_file, cert=cert, key=key))


def _task(reader: OptionReader, options: dict[str, Any]) -> str:
    task = options.get("task")
    if not task:
        reader.fault(
            "run needs a TASK, file.py:function; python main.py run --help shows the usage"
        )
    return str(task)


def _source(reader: OptionReader, options: dict[str, Any]) -> str:
    source = options.get("source")
    if source is None:
        if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
            reader.fault(f"run needs an input: {BY_HAND}")
        return "-"
    if not str(source):
        reader.fault(f"INPUT is empty: {BY_HAND}")
    return str(source)


def _output(reader: OptionReader, options: dict[str, Any]) -> tuple[Location | None, str]:
    """Return where results go, and in which format."""
    asked = reader.choice("output_format", OUTPUT_FORMATS)
    raw = options.get("output")
    if raw is None or str(raw) == "-":
        if asked not in (None, "jsonl"):
            reader.fault(f"--output-format {asked}: stdout takes jsonl only; name a file with -o")
        return None, "jsonl"
    place = reader.output_place("output")
    suffix = Path(str(raw)).suffix.lower()
    by_suffix = OUTPUT_SUFFIXES.get(suffix)
    if asked is None and by_suffix is None:
        near = near_names(suffix, tuple(OUTPUT_SUFFIXES))
        reader.fault(
            f"--output {raw}: the suffix {suffix!r} tells no format{near}; use .jsonl, .csv or "
            ".parquet, or give --output-format"
        )
    if isinstance(place, Path) and place.exists() and not place.is_file() and not place.is_dir():
        reader.fault(f"--output {raw}: not a regular file; - writes to stdout")
    return place, asked or by_suffix or "jsonl"


def _errors(
    reader: OptionReader, options: dict[str, Any], output: Location | None
) -> Location | None:
    if options.get("errors") is not None:
        return reader.output_place("errors")
    if output is None or not output.name:
        return None
    return output.with_name(output.name + ".errors.jsonl")


def _check_names(
    reader: OptionReader,
    output: Location | None,
    errors: Location | None,
    exports: dict[str, Path | None],
) -> None:
    """Put down files that would be written over each other, and names without room for more."""
    named = {
        "the output": ("--output", output),
        "the errors file": ("--errors", errors),
    } | {
        f"the report ({name.removeprefix('export_')})": ("--" + name.replace("_", "-"), path)
        for name, path in exports.items()
    }
    if isinstance(output, Path) and output.name:
        named["the output's journal"] = ("--output", journal_beside(output))
        if len(os.fsencode(output.name)) > LONGEST_NAME_BYTES:
            reader.fault(
                f"--output {output.name[:40]}…: the name is too long; "
                f"{LONGEST_NAME_BYTES} bytes leave room for the journal's"
            )
    for option, path in named.values():
        for what, (other_option, other) in named.items():
            if other_option.startswith("--export") and option.startswith("--export"):
                continue  # that was checked with the exports
            if path is None or other is None or option >= other_option:
                continue
            if is_same_file(path, other):
                reader.fault(f"{option} {path}: that is {what}; name another file")


def journal_beside(output: Path) -> Path:
    """Return the name of the journal of an output, the same through whatever links."""
    target = Path(os.path.realpath(output))
    return target.with_name(target.name + ".journal")


def _check_flags(reader: OptionReader, flags: dict[str, bool], output: Location | None) -> None:
    going_on = [name for name in ("resume", "retry_failed") if flags[name]]
    if output is None:
        for name in (*going_on, *(["overwrite"] if flags["overwrite"] else [])):
            if name != "resume" or not flags["retry_failed"]:
                reader.fault(
                    f"--{name.replace('_', '-')}: what went to stdout cannot be taken up again; "
                    "name a file with -o"
                )
    elif going_on and flags["overwrite"]:
        name = going_on[-1].replace("_", "-")
        reader.fault(f"--{name} goes on with the output and --overwrite drops it; give one of them")
    if flags["retry_failed"] and flags["keep_order"]:
        reader.fault(
            "--retry-failed: what succeeds now comes after the rest, so not with --keep-order"
        )


def _parse_halt(raw: Any) -> tuple[int | None, float | None]:
    match = re.fullmatch(r"\s*(\d{1,15})\s*(%?)\s*", str(raw))
    number = int(match[1]) if match else 0
    if match is None or number < 1 or (match[2] and number > 100):
        raise OptionError(
            f"--halt must be a number of failures or a percentage up to 100%, got {raw!r:.60}; "
            "for example 10 or 5%"
        )
    return (None, number / 100) if match[2] else (number, None)

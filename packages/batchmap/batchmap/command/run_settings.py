"""The settings of `run`: a function, an input, an output, and which options exclude each other."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from batchmap.command.errors import flag_of
from batchmap.command.settings import (
    REPORT,
    CommandSettings,
    TaskSettings,
    check_task_functions,
    keep_apart,
    report_files,
    task_file,
)
from batchmap.optional import install_command
from batchmap.options import JobOptions, OptionReader, option
from batchmap.options.call_rows import check_call
from batchmap.options.inputs import check_inputs, check_seed
from batchmap.options.limit_values import check_limit_per, limits_per
from batchmap.options.locations import errors_location, replaced_file
from batchmap.options.output_checks import check_output
from batchmap.options.reading_rows import INPUT
from batchmap.options.table import LIMITS, RUNNING
from batchmap.options.values import whole
from batchmap.storage import (
    OUTPUT_SUFFIXES,
    Location,
    StoreUrl,
    is_same_file,
    journal_path,
)
from batchmap.storage.formats import OUTPUT_FILES, output_suffixes
from batchmap.storage.table_url import TableUrl, names_table
from batchmap.text import near_names

__all__ = ["RunSettings"]

MAX_NAME_BYTES = 230
"""A file's name may have 255 bytes, and those of an output's journal and errors file are longer."""

USAGE = "run --help shows the usage"

_TLS = ("tls_ca_file", "tls_cert", "tls_key")

_REPORTS = {
    "export_json": "the report (json)",
    "export_markdown": "the report (markdown)",
    "export_html": "the report (html)",
    "summary_json": "the summary",
    "metrics_file": "the file of the metrics",
}
"""What the files are called that a run writes about itself, by their options."""


@dataclass(frozen=True, kw_only=True)
class RunSettings(TaskSettings, CommandSettings, JobOptions):
    """What `run` was asked to do; build it with `RunSettings.of`, which checks it."""

    task: str = option(
        "", group=INPUT, metavar="TASK", is_positional=True,
        help="file.py:function or package.module:function",
    )  # fmt: skip
    limit_per: Mapping[str, int] | None = option(
        None, limits_per, group=LIMITS, metavar="NAME=N", is_rare=True, is_repeated=True,
        help="at most N at once of the items for which NAME(item) is the same",
    )  # fmt: skip
    dry_run: bool = option(
        False, group=RUNNING,
        help="measure and print the plan, or what --sync would do",
    )  # fmt: skip
    metrics_file: Path | None = option(
        None, replaced_file, group=REPORT, metavar="FILE", is_rare=True,
        help="counters in Prometheus' text form, written anew every few seconds",
    )  # fmt: skip
    live: int | None = option(
        None, whole(0, 65_535, "leave the number out for a free port"), group=REPORT,
        metavar="[PORT]", bare="0", is_rare=True,
        help="serve a page that shows how far it is, to this machine alone",
    )  # fmt: skip

    @property
    def start_limits(self) -> tuple[str, ...]:
        """The options by which items have to wait before they may start."""
        return tuple(flag_of(name) for name in ("rate", "limit_per") if getattr(self, name))

    @property
    def workload_name(self) -> str:
        """The task."""
        return self.task

    @classmethod
    def _read(cls, reader: OptionReader) -> dict[str, Any]:
        values = super()._read(reader)
        _choose_format(reader, values)
        _check_resuming(reader, values)
        values["resume"] = values["resume"] or (values["retry_failed"] and not values["sync"])
        values["keep_order"] = True if values["sync"] else values["keep_order"]
        _name_errors_file(reader, values)
        if values["halt_now"] and values["halt"] is None:
            reader.error("--halt-now says what becomes of items when --halt stops; add --halt N")
        if values["dry_run"] and values["quiet"]:
            reader.error("--dry-run prints a plan and --quiet nothing; leave one out")
        _check_monitoring(reader, values)
        _check_files(reader, values)
        check_call(reader, values)
        check_task_functions(reader, values)
        check_limit_per(reader, values["limit_per"], batched=values["batched"], are_names=True)
        _check_cluster(reader, values)
        if values["backend"] == "sequential" and values["timeout_s"] is not None:
            reader.error(
                "--timeout: an item of the sequential backend cannot be given up; "
                "leave --backend out"
            )
        if not values["task"]:
            reader.error(f"run needs a TASK, file.py:function; {USAGE}")
        _check_source(reader, values)
        return values


def _choose_format(reader: OptionReader, values: dict[str, Any]) -> None:
    """Choose the format of the output by its suffix, or report what makes no sense of it."""
    asked, raw, output = reader.raw("output_format"), reader.raw("output"), values["output"]
    by_suffix = None
    if isinstance(output, TableUrl) or (output is None and names_table(str(raw or ""))):
        check_output(reader, values)
        values["output_format"] = "table"
        return
    if raw is None or str(raw) == "-":
        if asked not in (None, "jsonl"):
            reader.error(f"--output-format {asked}: stdout takes jsonl only; name a file with -o")
        values["output_format"] = "jsonl"
    elif asked is None:
        suffix, _ = output_suffixes(str(raw))
        by_suffix = OUTPUT_SUFFIXES.get(suffix)
        if by_suffix is None:
            near = near_names(suffix, tuple(OUTPUT_SUFFIXES))
            reader.error(
                f"--output {raw}: the suffix {suffix!r} tells no format{near}; use {OUTPUT_FILES}, "
                "or give --output-format"
            )
        values["output_format"] = by_suffix or "jsonl"
    if isinstance(output, Path) and output.exists() and not (output.is_file() or output.is_dir()):
        reader.error(f"--output {raw}: not a regular file; - writes to stdout")
    check_output(reader, values)
    if values["output_format"] != "jsonl" and reader.raw("record") == "full":
        reader.error(f"--record full: {values['output_format']} holds results only; leave it out")


def _check_resuming(reader: OptionReader, values: dict[str, Any]) -> None:
    names = ("resume", "sync", "retry_failed", "overwrite")
    asked = [name for name in names if reader.raw(name)]
    if values["output"] is None and str(reader.raw("output") or "-") == "-":
        for name in asked:
            reader.error(
                f"{flag_of(name)}: what went to stdout cannot be taken up again; "
                "name a file with -o"
            )
    elif values["overwrite"] and len(asked) > 1:
        flag = flag_of([name for name in asked if name != "overwrite"][-1])
        reader.error(f"{flag} goes on with the output and --overwrite drops it; give one of them")
    elif values["resume"] and values["sync"]:
        reader.error("--resume takes the input as it was and --sync as it is now; give one of them")
    if values["sync"] and isinstance(values["output"], StoreUrl):
        what = "a table" if isinstance(values["output"], TableUrl) else "an output in a store"
        reader.error(
            f"--sync: {what}, {values['output']}, can be resumed and not synced; "
            "give --resume, or name a file of this machine"
        )
    if values["unordered"]:
        _check_unordered(reader, values)
    if values["retry_failed"] and values["keep_order"] and not values["sync"]:
        reader.error(
            "--retry-failed: what succeeds now comes after the rest, so not with --keep-order; "
            "--sync --retry-failed keeps the order"
        )


def _check_unordered(reader: OptionReader, values: dict[str, Any]) -> None:
    if values["keep_order"]:
        reader.error(
            "--unordered writes results as items finish and --keep-order in the input's order; "
            "give one of them"
        )
    if values["sync"]:
        reader.error("--unordered: --sync writes in the input's order; leave --unordered out")


def _name_errors_file(reader: OptionReader, values: dict[str, Any]) -> None:
    output = values["output"]
    if reader.raw("errors") is None and output is not None and output.name:
        values["errors"] = errors_location(output)


def _check_files(reader: OptionReader, values: dict[str, Any]) -> None:
    """Report files that would be written over each other, and names without room for more."""
    output, errors = values["output"], values["errors"]
    reports = {name: values[name] for name in report_files(RunSettings)}
    named: dict[str, tuple[str, Location | None]] = {
        "the output": ("--output", output),
        "the errors file": ("--errors", errors),
    }
    for name, path in reports.items():
        named[_REPORTS[name]] = flag_of(name), path
    if isinstance(output, Path) and output.name:
        named["the output's journal"] = ("--output", journal_path(output))
        if len(os.fsencode(output.name)) > MAX_NAME_BYTES:
            reader.error(
                f"--output {output.name[:40]}…: the name is too long; "
                f"{MAX_NAME_BYTES} bytes leave room for the journal's"
            )
    for flag, path in named.values():
        for what, (other_flag, other) in named.items():
            if what in _REPORTS.values() and flag in map(flag_of, reports):
                continue  # that was checked with the reports
            if path is None or other is None or flag >= other_flag:
                continue
            if is_same_file(path, other):
                reader.error(f"{flag} {path}: that is {what}; name another file")
    local = {
        name: path
        for name, path in {"output": output, "errors": errors, **reports}.items()
        if isinstance(path, Path)
    }
    keep_apart(
        reader,
        local,
        {"task": task_file(values["task"]), **{name: values[name] for name in _TLS}},
    )


def _check_monitoring(reader: OptionReader, values: dict[str, Any]) -> None:
    """Report a page and metrics of a run that is none, and packages that they lack."""
    packages = {"metrics_file": "prometheus_client", "live": "waitress"}
    for name, package in packages.items():
        if values[name] is None:
            continue
        if find_spec(package) is None:
            reader.error(f"{flag_of(name)} needs a package: {install_command('operations')}")
        if values["dry_run"]:
            reader.error(f"{flag_of(name)} is about a run and --dry-run does none; leave one out")
    if values["live"] is not None and values["quiet"]:
        reader.error("--live prints where the page is and --quiet nothing; leave one out")


def _check_cluster(reader: OptionReader, values: dict[str, Any]) -> None:
    address = values["address"]
    given = [name for name in _TLS if reader.raw(name) is not None]
    missing = [flag_of(name) for name in _TLS if name not in given]
    if given and missing:
        reader.error(
            f"{flag_of(given[0])} {reader.raw(given[0])}: needs {' and '.join(missing)}, too"
        )
    if address is None:
        if given:
            reader.error(
                f"{flag_of(given[0])} {reader.raw(given[0])}: is for the way to a scheduler; "
                "add --address HOST:PORT"
            )
        return
    if values["backend"] != "dask":
        reader.error(f"--address {address}: is that of a Dask scheduler; add --backend dask")
    if values["workers"] is not None:
        reader.error(
            f"--workers: those at --address {address} are the cluster's own; leave one out"
        )
    if not re.fullmatch(r"(?:(?:tcp|tls|ws|wss)://)?[^\s/@]+:\d{1,5}", str(address)):
        reader.error(
            f"--address must be HOST:PORT, got {address!r:.100}; for example 127.0.0.1:8786"
        )
    scheme = str(address).partition("://")[0] if "://" in str(address) else "tls"
    if given and scheme not in ("tls", "wss"):
        reader.error(f"--address {address}: {flag_of(given[0])} needs tls://; leave the scheme out")


def _check_source(reader: OptionReader, values: dict[str, Any]) -> None:
    source = reader.raw("source")
    remedy = f"name an INPUT, or pipe one in; {USAGE}"
    if source is None:
        if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
            reader.error(f"run needs an input: {remedy}")
    elif not all(str(one) for one in (source, *values["more_sources"])):
        reader.error(f"INPUT is empty: {remedy}")
    check_inputs(reader, values)
    check_seed(reader, values)

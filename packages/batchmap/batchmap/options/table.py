"""The options of the library: `EngineOptions` for every call, and what `run` has beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batchmap.backends import BACKENDS
from batchmap.concurrency import WorkerBounds
from batchmap.errors import UsageError
from batchmap.options import table_values, values
from batchmap.options.call_rows import CallRows
from batchmap.options.locations import (
    errors_file,
    input_file,
    output_or_stdout,
    source_text,
    source_texts,
)
from batchmap.options.option_row import option
from batchmap.options.rate_values import rates
from batchmap.options.reading_rows import INPUT, ReadingRows
from batchmap.options.worker_values import workers
from batchmap.rates import Rate
from batchmap.storage import Location
from batchmap.storage.formats import (
    DELIMITERS,
    INPUT_FORMATS,
    MAX_RECORD_BYTES,
    OUTPUT_FILES,
    OUTPUT_FORMATS,
    OUTPUT_SUFFIXES,
    TEXT_FORMATS,
    output_suffixes,
)
from batchmap.storage.table_url import TableUrl

__all__ = ["BACKEND_NAMES", "RECORDS", "EngineOptions", "JobOptions"]

BACKEND_NAMES = ("auto", *BACKENDS)
RECORDS = ("full", "result")

RUNNING = "How it runs"
LIMITS = "Limits and retries"
OUTPUT = "Output"
RESUMING = "An output that is there already"
CLUSTER = "A Dask cluster"


@dataclass(frozen=True, kw_only=True)  # no slots: the settings of `run` have two bases
class EngineOptions:
    """How a function is run over items."""

    workers: int | WorkerBounds | None = option(
        None, workers, group=RUNNING, metavar="N|A..B",
        help="workers, N% of the cores, or bounds (default: found)",
    )  # fmt: skip
    backend: str | None = option(
        None, values.choice(BACKEND_NAMES), group=RUNNING, metavar="|".join(BACKEND_NAMES),
        help="what runs the items",
    )  # fmt: skip
    batch_size: int | None = option(
        None, values.batch_size, group=RUNNING, metavar="N|auto",
        help="items in a batch (default: chosen)",
    )  # fmt: skip
    retries: int | None = option(
        None, values.whole(0, 1000, "0 means one attempt"), group=LIMITS, metavar="N",
        help="retries after the first attempt (default: 0)",
    )  # fmt: skip
    retry_for: float | None = option(
        None, values.timeout_s, group=LIMITS, metavar="S", is_rare=True,
        help="retry for so long, waits included: 10m (default: no limit)",
    )  # fmt: skip
    timeout_s: float | None = option(
        None, values.timeout_s, group=LIMITS, metavar="S",
        help="time limit of an attempt: 10, 1m30s (default: none)",
    )  # fmt: skip
    rate: tuple[Rate, ...] | None = option(
        None, rates, group=LIMITS, metavar="R", is_repeated=True,
        help="start at most so many items: 30/s, 250k/m (no limit)",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class JobOptions(EngineOptions, ReadingRows, CallRows):
    """What `run` reads and writes beside how it runs; `output` is `None` for standard output."""

    source: str = option(
        "-", source_text, group=INPUT, metavar="INPUT", is_positional=True,
        help="a path, a quoted glob, a URL of either or of a database, or - for standard input",
    )  # fmt: skip
    more_sources: tuple[str, ...] = option(
        (), source_texts, group=INPUT, metavar="INPUT", is_positional=True,
        help="further inputs, for rows or paths of all of them",
    )  # fmt: skip
    rows: bool = option(
        False, group=INPUT,
        help="take the rows of all files that INPUT names",
    )  # fmt: skip
    input_format: str | None = option(
        None, values.choice(INPUT_FORMATS), group=INPUT, metavar="|".join(INPUT_FORMATS),
        help="when the suffix does not tell",
    )  # fmt: skip
    max_record_bytes: int = option(
        MAX_RECORD_BYTES, values.size_bytes, group=INPUT, metavar="SIZE",
        is_rare=True, help="a longer record is a failed item (default: 64M)",
    )  # fmt: skip
    json_path: str | None = option(
        None, values.json_path, group=INPUT, metavar="KEY.KEY",
        is_rare=True, help="the array of a JSON file that lies under these keys",
    )  # fmt: skip
    key: str | None = option(
        None, group=INPUT, metavar="FIELD",
        help="what says which item it is (default: the whole record)",
    )  # fmt: skip
    limit: int | None = option(
        None, values.whole(1, values.LARGEST_COUNT, "for example 100"), group=INPUT, metavar="N",
        help="take the first N items only",
    )  # fmt: skip
    sample: int | None = option(
        None, values.whole(1, 10**8, "for example 100"), group=INPUT, metavar="N",
        help="take N items at random over all of the input",
    )  # fmt: skip
    seed: int = option(
        0, values.whole(None, None, "for example 7"), group=INPUT, metavar="N",
        is_rare=True, help="which sample is taken (default: 0)",
    )  # fmt: skip
    output: Location | None = option(
        None, output_or_stdout, group=OUTPUT, metavar="FILE|-",
        help=f"a {OUTPUT_FILES} file, a table; - is stdout (default)",
    )  # fmt: skip
    output_format: str = option(
        None, values.choice(OUTPUT_FORMATS), group=OUTPUT, metavar="|".join(OUTPUT_FORMATS),
        is_rare=True, help="when the suffix does not tell",
    )  # fmt: skip
    output_delimiter: str | None = option(
        None, values.delimiter, group=OUTPUT, metavar="C",
        is_rare=True, help="between two cells of CSV or TSV: ';', tab (default: by the format)",
    )  # fmt: skip
    bom: bool = option(
        False, group=OUTPUT, is_rare=True,
        help="begin CSV or TSV with a byte order mark, for Excel",
    )  # fmt: skip
    record: str = option(
        None, values.choice(RECORDS), group=OUTPUT, metavar="|".join(RECORDS),
        help="what a JSON line holds: all, or the result alone",
    )  # fmt: skip
    schema: Path | None = option(
        None, input_file, group=OUTPUT, metavar="FILE",
        is_rare=True, help="a Parquet file whose columns and types the output has",
    )  # fmt: skip
    with_item: bool = option(
        False, group=OUTPUT, help="write the item's columns, then the result's",
    )  # fmt: skip
    errors: Location | None = option(
        None, errors_file, group=OUTPUT, metavar="FILE",
        help="where failed items go (default: OUTPUT.errors.jsonl)",
    )  # fmt: skip
    keep_order: bool | None = option(
        None, group=OUTPUT, help="write results in the input's order (default for files)",
    )  # fmt: skip
    unordered: bool = option(
        False, group=OUTPUT, help="write results as items finish (default for stdout)",
    )  # fmt: skip
    defuse_formulas: bool = option(
        False, group=OUTPUT, is_rare=True,
        help="write CSV cells that begin with =, +, - or @ as text",
    )  # fmt: skip
    columns_out: tuple[str, ...] | None = option(
        None, table_values.column_names, group=OUTPUT, metavar="A,B,C",
        is_rare=True, help="columns that CSV or TSV has first, whatever the results are",
    )  # fmt: skip
    strict: bool = option(
        False, group=OUTPUT, is_rare=True, help="nan and infinity are failures rather than null",
    )  # fmt: skip
    split_size_bytes: int | None = option(
        None, values.size_bytes, group=OUTPUT, metavar="SIZE",
        is_rare=True,
        help="make OUTPUT a directory, and begin a new part file in it at this size: 500M",
    )  # fmt: skip
    resume: bool = option(
        False, group=RESUMING, help="go on with the same input, or a longer one",
    )  # fmt: skip
    sync: bool = option(
        False, group=RESUMING, help="update it: do what is new or changed in the input",
    )  # fmt: skip
    retry_failed: bool = option(
        False, group=RESUMING, help="resume, and take the failed items again",
    )  # fmt: skip
    overwrite: bool = option(
        False, group=RESUMING, help="drop it and begin again",
    )  # fmt: skip
    accept_task: bool = option(
        False, group=RESUMING, help="go on although the task's code has changed",
    )  # fmt: skip
    halt: int | float | None = option(
        None, values.failure_limit, group=LIMITS, metavar="N|N%",
        help="stop once so many items have failed (default: never)",
    )  # fmt: skip
    halt_now: bool = option(
        False, group=LIMITS, is_rare=True, help="with --halt: give up the items that run then",
    )  # fmt: skip
    memory_floor_bytes: int | None = option(
        None, values.size_bytes, group=LIMITS, metavar="SIZE",
        is_rare=True, help="take no items while less memory is free: 500M, 2G",
    )  # fmt: skip
    address: str | None = option(
        None, group=CLUSTER, metavar="HOST:PORT",
        help="its scheduler (default: a local cluster of our own)",
    )  # fmt: skip
    tls_ca_file: Path | None = option(
        None, input_file, group=CLUSTER, metavar="FILE",
        is_rare=True, help="the authority that signed the cluster's certificates",
    )  # fmt: skip
    tls_cert: Path | None = option(
        None, input_file, group=CLUSTER, metavar="FILE", is_rare=True, help="our certificate",
    )  # fmt: skip
    tls_key: Path | None = option(
        None, input_file, group=CLUSTER, metavar="FILE", is_rare=True,
        help="the certificate's private key",
    )  # fmt: skip

    @property
    def compression(self) -> str:
        """The suffix of the compression that the output's name tells of; empty for none."""
        is_text = self.output is not None and self.output_format in TEXT_FORMATS
        return output_suffixes(self.output.name)[1] if self.output and is_text else ""

    def __post_init__(self) -> None:
        """Choose format and record by the output's suffix where they are not given.

        Raises `UsageError` for a suffix that tells no format, and for a schema without Parquet.
        """
        if self.output_format is None:
            object.__setattr__(self, "output_format", _format_of(self.output))
        if self.schema is not None and self.output_format != "parquet":
            raise UsageError(
                f"only Parquet has one, and the output is {self.output_format}",
                option="schema",
                advice="leave it out, or name a .parquet file with {output:}",
            )
        if self.unordered:
            object.__setattr__(self, "keep_order", False)
        if self.record is None:
            is_full = self.output_format == "jsonl" and not self.with_item
            object.__setattr__(self, "record", "full" if is_full else "result")
        if self.output_delimiter is None:
            object.__setattr__(self, "output_delimiter", DELIMITERS.get(self.output_format))


def _format_of(output: Location | None) -> str:
    if output is None:
        return "jsonl"
    if isinstance(output, TableUrl):
        return "table"
    suffix, _ = output_suffixes(output.name)
    if suffix not in OUTPUT_SUFFIXES:
        raise UsageError(
            f"{output}: the suffix {suffix!r} tells no format",
            option="output",
            advice="give {output_format:}",
        )
    return OUTPUT_SUFFIXES[suffix]

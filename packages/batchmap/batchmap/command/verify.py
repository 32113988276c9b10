"""The subcommand `verify`: tells whether an output is what its run wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from batchmap.command.arguments import Subcommand
from batchmap.command.errors import flag_of, flag_spelling
from batchmap.command.monitoring.monitoring import Monitoring
from batchmap.command.settings import LOG_LEVELS, REPORT, keep_apart
from batchmap.command.terminal import write_stdout
from batchmap.errors import OutputError, UsageError
from batchmap.options import OptionReader, option
from batchmap.options.locations import (
    errors_location,
    output_file,
    report_file,
    verified_output,
)
from batchmap.options.table import OUTPUT
from batchmap.options.values import choice
from batchmap.stopping import StopRequest
from batchmap.storage import NamedPath, journal_path
from batchmap.storage.table_url import TableUrl
from batchmap.text import printable

__all__ = ["VERIFY", "VerifySettings", "verify"]

INCOMPLETE = "its run was stopped before its end; run goes on with --resume"


@dataclass(frozen=True, kw_only=True)
class VerifySettings:
    """What `verify` was asked to look at; build it with `VerifySettings.of`, which checks it."""

    output: NamedPath | TableUrl | None = option(
        None, verified_output, group=OUTPUT, metavar="OUTPUT", is_positional=True,
        help="the output of a run: a file of this machine, or a table",
    )  # fmt: skip
    errors: Path | None = option(
        None, output_file, group=OUTPUT, metavar="FILE",
        help="where its failed items went (default: OUTPUT.errors.jsonl)",
    )  # fmt: skip
    summary_json: Path | None = option(
        None, report_file, group=REPORT, metavar="FILE",
        help="how it ended, as a small object of JSON",
    )  # fmt: skip
    quiet: bool = option(False, group=REPORT, help="print errors only")
    log_level: str = option(
        "warning", choice(LOG_LEVELS), group=REPORT, metavar="|".join(LOG_LEVELS),
        help="what to log",
    )  # fmt: skip
    progress = False

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Return the settings that `options` ask for; raises `UsageError` with what is wrong."""
        reader = OptionReader(options, flag_of)
        for message in options.get("errors_before") or ():
            reader.error(message)
        if options.get("output") is None:
            reader.error("verify needs an OUTPUT; verify --help shows the usage")
        values = reader.read_rows(cls)
        output = values["output"]
        read = output.path if isinstance(output, TableUrl) else output
        summary = {"summary_json": values["summary_json"]}
        keep_apart(reader, summary, {"output": read, "errors": values["errors"]})
        reader.close()
        return cls(**values)


def verify(settings: VerifySettings, _stop: StopRequest, _monitoring: Monitoring) -> int:
    """Print whether output, journal and failed items agree.

    Raises `OutputError` with a line for each difference, `UsageError` for a missing output.
    """
    from batchmap.checkpoint.verification import verify_output

    output = settings.output
    assert output is not None
    file = output.path if isinstance(output, TableUrl) else output
    if file is not None and not file.exists() and not journal_path(file).exists():
        raise UsageError(f"there is no {output}; name the output of a run")
    errors = settings.errors or errors_location(output)
    assert isinstance(errors, Path)
    found = verify_output(output, errors, flag_spelling)
    if found.differences:
        raise OutputError(list(map(printable, found.differences)))
    if not settings.quiet:
        items = found.results + found.failures
        text = f"{output}: {items:,} items, {found.results:,} of them results and "
        text += f"{found.failures:,} failed, all as the journal says"
        write_stdout(f"{printable(text)}{'' if found.is_finished else f'; {INCOMPLETE}'}\n")
    return 0


VERIFY = Subcommand(
    "verify",
    "compare an output with its journal and errors file",
    VerifySettings,
    {"output": "OUTPUT"},
    "It reads them, changes nothing, and names what does not agree (exit code 3).",
)

"""Opens a run's input, which must not be what the run writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchmap.errors import UsageError
from batchmap.options import JobOptions
from batchmap.sources import ReadingOptions, Source, open_inputs
from batchmap.sources.sampled import Sampled
from batchmap.stopping import StopRequest
from batchmap.storage import (
    Location,
    StoreUrl,
    draft_path,
    is_same_file,
    journal_path,
    location_of,
    secret_of,
    sync_path,
)
from batchmap.storage.output_lease import kept_beside
from batchmap.storage.table_url import TableUrl

__all__ = ["open_input", "refuse_own_input", "sampled"]


def open_input(
    options: JobOptions, written: Mapping[str, Location | None], stop: StopRequest
) -> Source:
    """Return the source that `options` name.

    `written` holds, by option, the files that the run writes beside its output. Raises
    `InputError` when the input cannot be read, `UsageError` when it is what will be written.
    """
    written = {"output": options.output, "errors": options.errors, **written}
    specs = (options.source, *options.more_sources)
    _refuse_own_directory(specs, options)
    source = open_inputs(
        specs,
        rows=options.rows,
        input_format=options.input_format,
        reading=ReadingOptions.of(options),
        max_record_bytes=options.max_record_bytes,
        json_path=options.json_path,
        excluded=_own_files(options, written),
        stopped=lambda: stop.requested,
        repeatable=options.sync
        and isinstance(options.output, Path)
        and journal_path(options.output).exists(),
    )
    refuse_own_input(specs, source, written)
    return sampled(source, options, stop)


def _refuse_own_directory(specs: Sequence[str], options: JobOptions) -> None:
    """Raise `UsageError` for an input that is the directory of the output, or a file in it."""
    output = options.output
    if options.split_size_bytes is None or not isinstance(output, Path):
        return
    for spec in specs:
        location = location_of(secret_of(spec))
        if isinstance(location, Path) and (
            is_same_file(output, location) or is_same_file(output, location.parent)
        ):
            raise UsageError(f"{output}: that is the input; name another file", option="output")


def sampled(source: Source, options: JobOptions, stop: StopRequest) -> Source:
    """Return the items of `source` that `options` ask for: all, or some at random."""
    if options.sample is None:
        return source
    return Sampled(source, options.sample, seed=options.seed, stopped=lambda: stop.requested)


def refuse_own_input(
    specs: Sequence[str], source: Source, written: Mapping[str, Location | None]
) -> None:
    """Raise `UsageError` when what an option names is what `source`, named by `specs`, reads."""
    read_urls = [url for spec in specs if isinstance(url := location_of(spec), StoreUrl)]
    paths = source.paths
    errors = [
        UsageError(f"{location}: that is the input; name another file", option=option)
        for option, location in written.items()
        if (
            isinstance(location, StoreUrl) and any(is_same_file(location, url) for url in read_urls)
        )
        or (location is not None and any(is_same_file(location, one) for one in paths))
    ]
    if errors:
        raise UsageError.joined(errors)


def _own_files(options: JobOptions, written: Mapping[str, Location | None]) -> list[Location]:
    """Return what the run itself writes, which a pattern may match."""
    files = list(written.values())
    if isinstance(options.output, Path):
        beside = sync_path(options.output)
        target = Path(os.path.realpath(options.output))
        draft = draft_path(target, target.parent)
        journals = [journal_path(options.output), journal_path(beside)]
        files += [beside, draft, *journals]
        files += [Path(f"{path}{end}") for path in journals for end in ("-wal", "-shm", "-journal")]
        files += [Path(f"{path}.parts") for path in (target, beside, draft)]
    elif isinstance(options.output, TableUrl):
        files += [
            Path(f"{path}{end}")
            for path in (options.output.path,)
            if path is not None
            for end in ("", "-wal", "-shm", "-journal")
        ]
    elif options.output is not None:
        files += kept_beside(options.output)
    return [location for location in files if location is not None]

"""Writes docs/options.md, the list of all options, from the table of options.

    python docs/describe_options.py

A row of the table says what the option is called, what it takes, its default and its meaning; which
subcommands have it follows from their settings.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from batchmap.options import OptionRow

ROOT = Path(__file__).parent.parent

HEAD = """\
# Options

Every option, by group. `SUBCOMMAND --help` shows those of one subcommand, `--help all` explains also the rare ones. `run` is the same in `python main.py run` and
in `batchmap run`, but that `--export-markdown` and `--export-html` need the workbook.

* A **duration** is in seconds, or has units: `10`, `10s`, `500ms`, `5m`, `1h`, `1m30s`. A **size** is in bytes, or has a
  unit: `500M`, `2G`, powers of 1024. A **rate** is items a second, or has a unit: `30`, `30/s`, `100/m`, `250k/m`; several
  may be given, and [all hold](rates.md).
* **Workers** are a number, a percentage of the cores that this process may use, bounds such as `4..200`
  ([found within them](tuning.md#how-many-at-once-against-a-server)), or `auto`. The second argument of `compare` and
  `parallel` is the same as `--workers`.
* The **keyword** is how Python spells it: `parallel_map` and `stream_map` take those that say so in the last column,
  `JobOptions` takes those of `run` from the first six groups and of the Dask cluster, but for TASK, `--dry-run`, and those
  that name a function (`--setup` with `--setup-per`, `--retry-if`, `--cost`, `--limit-per`), and the workbook's
  `Settings.of` takes all of the demonstration.
* What can be wrong with several options is reported at once, a line each.

`-h`, `--help` and `--version` are not in the list.
"""

_STATED_DEFAULT = re.compile(r" \((?:default: )?([^()]*)\)$")


OTHERWISE_IN_CALLS = ("seed", "progress")
"""Keywords that mean something else in `parallel_map`, or have another default there."""


class Entry(NamedTuple):
    """An option as all subcommands that have it in the same form show it."""

    group: str
    flags: str
    keyword: str
    default: str
    meaning: str


def document() -> str:
    """Return the whole text of docs/options.md."""
    from batchmap.api import parallel_map
    from batchmap.command.help import GROUPS
    from batchmap.options import rows_of

    from batchmap_workbook.utils.cli.arguments import PROGRAM

    keywords = inspect.signature(parallel_map).parameters
    used_by: dict[Entry, list[str]] = {}
    for subcommand in PROGRAM.subcommands:
        for row in rows_of(subcommand.settings, subcommand.name):
            if row.is_positional and row.name not in subcommand.positionals:
                continue
            used_by.setdefault(_entry(row), []).append(f"`{subcommand.name}`")
    everywhere = len(PROGRAM.subcommands)
    lines = [HEAD]
    groups = sorted({entry.group: None for entry in used_by}, key=lambda name: _rank(name, GROUPS))
    for group in groups:
        lines += [f"## {group}\n", "| option | keyword | default | meaning | on |"]
        lines.append("| --- | --- | --- | --- | --- |")
        for entry, commands in used_by.items():
            if entry.group != group:
                continue
            on = ["all"] if len(commands) == everywhere else commands
            if entry.keyword in keywords and entry.keyword not in OTHERWISE_IN_CALLS:
                on = [*on, "`parallel_map`"]
            cells = (entry.flags, f"`{entry.keyword}`", entry.default, entry.meaning)
            lines.append("| " + " | ".join((*cells, ", ".join(on))) + " |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _rank(group: str, first: tuple[str, ...]) -> int:
    return first.index(group) if group in first else len(first)


def _entry(row: OptionRow) -> Entry:
    from batchmap.command.arguments import flags_of

    metavar = row.metavar.replace("|", r"\|")
    if row.is_positional:
        flags = f"`{metavar}`"
    else:
        *short, long = flags_of(row)
        flags = ", ".join(f"`{flag}`" for flag in (*short, f"{long} {metavar}".rstrip()))
    meaning, default = _without_default(row)
    return Entry(row.group, flags, row.name, default, meaning.replace("|", r"\|"))


def _without_default(row: OptionRow) -> tuple[str, str]:
    """Return the option's meaning and its default, which some meanings state themselves."""
    stated = _STATED_DEFAULT.search(row.help)
    meaning = row.help if stated is None else row.help.removesuffix(stated[0])
    if row.default not in (None, "", ()):
        return meaning, f"`{row.default}`"
    if stated is None:
        return meaning, ""
    return (row.help, "") if stated[1] == "default" else (meaning, stated[1])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    import batchmap_workbook

    batchmap_workbook.isolate()
    (ROOT / "docs" / "options.md").write_text(document(), encoding="utf-8")

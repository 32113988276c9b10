"""The table of options: one row each, from which parsing, help, documentation and keywords follow.

To add an option, add a field to `EngineOptions` (every call has it), `JobOptions` (`run` has it),
or to the settings of a command that alone has it, with `option(...)` as its default:

    retries: int = option(0, whole(0, 1000, "0 means one attempt"), group="Limits", metavar="N",
                          help="retries after the first attempt")
"""

from batchmap.options.option_row import OptionError, OptionRow, option, rows_of
from batchmap.options.reader import OptionReader
from batchmap.options.table import BACKEND_NAMES, EngineOptions, JobOptions

__all__ = [
    "BACKEND_NAMES",
    "EngineOptions",
    "JobOptions",
    "OptionError",
    "OptionReader",
    "OptionRow",
    "option",
    "rows_of",
]

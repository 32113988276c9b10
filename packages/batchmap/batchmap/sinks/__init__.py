"""Where results are written, durably, so that a run can be resumed.

How to add a sink is said in `sinks/factory.py`.
"""

from batchmap.sinks.base import Sink
from batchmap.sinks.factory import open_sink
from batchmap.sinks.failure_file import (
    failure_line,
    renumbered_failure,
    update_errors,
    write_errors,
)
from batchmap.sinks.json_lines import StdoutSink
from batchmap.sinks.output_form import OutputForm

__all__ = [
    "OutputForm",
    "Sink",
    "StdoutSink",
    "failure_line",
    "open_sink",
    "renumbered_failure",
    "update_errors",
    "write_errors",
]

"""Where results are written, durably, so that a run can be resumed.

How to add a sink is said in `sinks/factory.py`.
"""

from batchmap.sinks.base import Sink
from batchmap.sinks.factory import open_sink
from batchmap.sinks.failure_file import failure_line, write_errors
from batchmap.sinks.json_lines import StdoutSink

__all__ = ["Sink", "StdoutSink", "failure_line", "open_sink", "write_errors"]

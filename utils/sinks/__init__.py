"""Where results are written, durably, so that a run can be taken up again."""

from utils.sinks._errors_file import failure_line, write_errors
from utils.sinks._json_lines import StdoutSink
from utils.sinks._opening import open_sink
from utils.sinks._sink import Sink

__all__ = ["Sink", "StdoutSink", "failure_line", "open_sink", "write_errors"]

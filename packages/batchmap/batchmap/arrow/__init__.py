"""Values of Arrow's types, with which Parquet is read and written, as values of Python."""

from batchmap.arrow.durations import NanosecondTimedelta
from batchmap.arrow.nanoseconds import NanosecondDatetime, NanosecondTime

__all__ = ["NanosecondDatetime", "NanosecondTime", "NanosecondTimedelta"]

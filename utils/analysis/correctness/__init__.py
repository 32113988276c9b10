"""Whether two runs gave the same results, and if not, where they differ and why."""

from .result_log import ResultLog
from .round_results import RoundResults, place_in_words
from .verdict import check_results

__all__ = ["ResultLog", "RoundResults", "check_results", "place_in_words"]

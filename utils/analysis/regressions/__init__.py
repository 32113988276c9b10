"""A benchmark kept in a file (`--save`), and a later one set against it (`--against`)."""

from .compare import compare_with
from .load import read_benchmark
from .saved_benchmark import Saved, SavedCase, saved_benchmark

__all__ = ["Saved", "SavedCase", "compare_with", "read_benchmark", "saved_benchmark"]

"""Saves a benchmark (`--save`), and compares a later one with it (`--against`)."""

from .compare import compare_with
from .load import read_benchmark
from .saved_benchmark import SavedBenchmark, SavedCase, saved_benchmark

__all__ = ["SavedBenchmark", "SavedCase", "compare_with", "read_benchmark", "saved_benchmark"]

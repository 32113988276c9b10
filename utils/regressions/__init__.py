"""A benchmark kept in a file (`--save`), and a later one set against it (`--against`)."""

from utils.regressions._comparing import compare_with
from utils.regressions._reading import read_benchmark
from utils.regressions._saving import Saved, SavedCase, saved_benchmark

__all__ = ["Saved", "SavedCase", "compare_with", "read_benchmark", "saved_benchmark"]

"""What all hosts share: which program's `check` they call, and in which backend."""

import importlib
import sys
from pathlib import Path


def called():
    """Return `check` of the program that the command line names, and its arguments."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "programs"))
    name, *arguments = sys.argv[1:]
    return importlib.import_module(name).check, arguments

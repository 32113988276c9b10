"""A module calls the library when it is imported, without a guard, while threads run.

Workers import the module, too, and must not call for workers of their own, and so on without end.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

BACKENDS = ("process",)
HOSTS = ("script",)

MODULE = """
import os, threading, pathlib
from batchmap import parallel_map
keep = threading.Event()
threading.Thread(target=keep.wait, daemon=True).start()
with open("imports", "a") as file:
    file.write("imported\\n")
def double(number):
    return 2 * number
found = parallel_map(double, range(9), backend="process", workers=2)
"""


def check(backend):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "unguarded.py").write_text(MODULE)
        done = subprocess.run(
            [sys.executable, "-c", "import unguarded"],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=60,
        )
        imports = len(Path(directory, "imports").read_text().splitlines())
    assert done.returncode == 1, done.stderr
    assert '__name__ == "__main__"' in done.stderr.splitlines()[-1], done.stderr
    assert imports < 12, imports


if __name__ == "__main__":
    check(sys.argv[1])

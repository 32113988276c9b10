"""A module calls the library when it is imported, and results are objects of its own classes."""

import subprocess
import sys
import tempfile
from pathlib import Path

BACKENDS = ("auto", "process")
HOSTS = ("script",)

MODULE = """
import sys, time
from batchmap import parallel_map
class Box:
    def __init__(self, value):
        self.value = value
class BoxError(Exception):
    pass
def boxed(number):
    until = time.perf_counter() + 0.002
    while time.perf_counter() < until:
        pass
    if number == 7:
        raise BoxError(number)
    return Box(number)
found = parallel_map(boxed, range(100), backend=sys.argv[1], workers=2, on_error="record")
assert type(found[7].failure.exception) is BoxError, found[7]
assert [type(one) for one in found if one is not found[7]] == [Box] * 99
"""


def check(backend):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "boxes.py").write_text(MODULE)
        done = subprocess.run(
            [sys.executable, "-c", "import boxes", backend],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


if __name__ == "__main__":
    check(sys.argv[1])

"""With standard streams closed, what items print goes nowhere, and never into a file of the user.

The next file that is opened gets the number of the stream.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

BACKENDS = ("thread", "process")
HOSTS = ("script",)
IN_CI = ("process",)

PROGRAM = """
import os, sys, threading
from batchmap import parallel_map
file = open("mine.txt", "w+")
if {threaded}:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
def loud(number):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    return number
found = parallel_map(loud, range(20), backend={backend!r}, workers=2)
file.write("kept")
file.close()
open("found.txt", "w").write(repr(found == list(range(20))))
"""


def check(backend):
    for closed in ("<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        for threaded in (False, True):
            with tempfile.TemporaryDirectory() as directory:
                Path(directory, "program.py").write_text(
                    PROGRAM.format(threaded=threaded, backend=backend)
                )
                subprocess.run(
                    ["sh", "-c", f'exec "$0" program.py {closed}', sys.executable],
                    cwd=directory,
                    env=os.environ,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=60,
                )
                found = Path(directory, "found.txt")
                assert found.exists(), (closed, threaded)
                assert found.read_text() == "True", (closed, threaded)
                assert Path(directory, "mine.txt").read_text() == "kept", (closed, threaded)


if __name__ == "__main__":
    check(sys.argv[1])

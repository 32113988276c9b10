"""A script that ends after `submit`: what was submitted is done first."""

import os
import subprocess
import sys
import tempfile
import textwrap

BACKENDS = ("thread", "process", "async")
HOSTS = ("script",)
IN_CI = ("process",)

OPENED = {
    "thread": "from batchmap.executors.thread import ThreadExecutor as Executor",
    "process": "from batchmap.executors.process.pool import ProcessExecutor as Executor",
    "async": "from batchmap.executors.coroutine import AsyncExecutor as Executor",
}

ENDINGS = {
    "the script's end": "",
    "not even a reference": "del executor",
    "shut down without waiting": "executor.shutdown(wait=False)",
    "an exception": "raise ZeroDivisionError",
    "sys.exit": "sys.exit(1)",
    "with another thread": "threading.Thread(target=time.sleep, args=(0.5,)).start()",
}

PROGRAM = """
    import sys, threading, time, weakref
    {opened}

    def job(number):
        time.sleep(0.1)
        with open("done", "a") as file:
            file.write(f"{{number}} ")

    executor = Executor(2)
    for number in range(5):
        executor.submit(job, number)
    {ending}
"""


def check(backend):
    for what, ending in ENDINGS.items():
        program = textwrap.dedent(PROGRAM).format(opened=OPENED[backend], ending=ending)
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=directory,
                env=os.environ,
                stderr=subprocess.PIPE,
                timeout=60,
            )
            written = open(os.path.join(directory, "done")).read().split()
        assert sorted(written) == list("01234"), (what, written)
        expected = b"ZeroDivisionError" if "Zero" in ending else b""
        assert expected in done.stderr and (expected or not done.stderr), (what, done.stderr)
        assert done.returncode == (1 if "Zero" in ending or "exit" in ending else 0), what


if __name__ == "__main__":
    check(sys.argv[1])

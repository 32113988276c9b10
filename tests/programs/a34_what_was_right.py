"""Programs that were right stay right: strict warnings, a pool of threads, the end of Python."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

if "BATCHMAP" in os.environ:  # `-I` ignores PYTHONPATH
    sys.path.insert(0, os.path.dirname(os.environ["BATCHMAP"]))

from batchmap import parallel_map, stream_map  # noqa: E402

BACKENDS = ("auto", "sequential", "thread", "process")
IN_CI = ("auto",)
HOSTS = ("script",)


def square(number):
    if number == 7:
        sum(range(400_000))  # long enough to be measured
    return number * number


def call(backend):
    results = parallel_map(square, range(50), backend=backend, workers=2)
    records = stream_map(square, iter(range(50)), backend=backend, workers=2, keep_order=True)
    assert [record.result for record in records] == results == [n * n for n in range(50)]
    return results


class CallsAsItIsDropped:
    """Calls while the interpreter takes its modules down."""

    def __init__(self, backend):
        self.backend = backend

    def close(self):
        assert call(self.backend)[-1] == 49 * 49
        print("closed", flush=True)


def check(backend):
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(call, [backend] * 12))) == 12
    for words in (["-W", "error", "-X", "dev"], ["-O"], ["-I"], ["-B", "-X", "utf8"]):
        done = subprocess.run(
            [sys.executable, *words, __file__, backend, "inner"],
            env={**os.environ, "BATCHMAP": sys.modules["batchmap"].__path__[0]},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", ""), (words, done)


if __name__ == "__main__":
    if sys.argv[2:]:
        import atexit

        call(sys.argv[1])
        atexit.register(CallsAsItIsDropped(sys.argv[1]).close)
    else:
        check(sys.argv[1])

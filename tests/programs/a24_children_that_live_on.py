"""An item leaves a child behind and then dies, or takes too long: that is seen at once.

A time limit ends all that the item has started.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from batchmap import stream_map

BACKENDS = ("process",)
HOSTS = ("script",)

LONG_S = 40


def note(directory, pid):
    Path(directory, str(pid)).touch()


def leave_behind(directory):
    """Leave a child behind that has copies of all that its parent has open."""
    if not (child := os.fork()):
        time.sleep(LONG_S)
        os._exit(0)
    note(directory, child)


def die(item):
    number, directory = item
    if number == 3:
        leave_behind(directory)
        os._exit(7)
    return number


def hang(item):
    number, directory = item
    if number != 3:
        return number
    leave_behind(directory)
    note(directory, subprocess.Popen(["sleep", str(LONG_S)]).pid)
    command = f"sleep {LONG_S} & echo $! > {directory}/orphan; mv {directory}/orphan {directory}/$!"
    subprocess.run(["sh", "-c", command])  # its shell has ended by then
    session = subprocess.Popen(["sleep", str(LONG_S)], start_new_session=True)
    note(directory, session.pid)
    return time.sleep(LONG_S)


def is_alive(pid):
    try:
        status = Path("/proc", pid, "status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


def check(backend):
    for threaded in (False, True):
        keep = threading.Event()
        if threaded:
            threading.Thread(target=keep.wait).start()
        for function, options, kind in (
            (die, {}, "WorkerDied"),
            (hang, {"timeout_s": 1.0}, "TimeoutError"),
        ):
            with tempfile.TemporaryDirectory() as directory:
                items = [(number, directory) for number in range(6)]
                began_s = time.monotonic()
                records = list(stream_map(function, items, backend=backend, workers=2, **options))
                assert time.monotonic() - began_s < LONG_S / 2
                failures = {r.index: r.failure.error_type for r in records if r.failure}
                assert failures == {3: kind}, failures
                assert len(records) == 6
                left = [path.name for path in Path(directory).iterdir()]
                if kind == "TimeoutError":
                    assert len(left) == 4, left
                    end_s = time.monotonic() + 5
                    while any(map(is_alive, left)) and time.monotonic() < end_s:
                        time.sleep(0.02)
                    assert not [pid for pid in left if is_alive(pid)]
                for pid in filter(is_alive, left):
                    os.kill(int(pid), 9)
        keep.set()


if __name__ == "__main__":
    check(sys.argv[1])

"""What the caller sets up between two calls is the same in the items of the next one."""

import contextlib
import decimal
import locale
import logging
import os
import resource
import shutil
import socket
import sys
import tempfile
import threading
import time
import warnings

from batchmap import parallel_map

BACKENDS = ("auto", "sequential", "thread", "process")


class Special(UserWarning):
    """A category of the script's own."""


def seen(_):
    time.sleep(0.001)
    try:
        directory = os.getcwd()
    except FileNotFoundError:
        directory = "removed"
    try:
        warnings.warn("special", Special, stacklevel=1)
        warned = False
    except Special:
        warned = True
    return {
        "set": os.environ.get("A07_SET"),
        "unset": os.environ.get("A07_UNSET"),
        "directory": directory,
        "path": list(sys.path),
        "argv": list(sys.argv),
        "recursion": sys.getrecursionlimit(),
        "digits": sys.get_int_max_str_digits(),
        "socket": socket.getdefaulttimeout(),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "umask": umask(),
        "level": logging.getLogger("a07").getEffectiveLevel(),
        "warned": warned,
        "zone": time.tzname,
        "locale": locale.setlocale(locale.LC_ALL),
    }


def umask():
    with tempfile.TemporaryDirectory() as directory:
        os.close(os.open(f"{directory}/file", os.O_CREAT | os.O_WRONLY, 0o666))
        return os.stat(f"{directory}/file").st_mode


def precision(_):
    return decimal.getcontext().prec


def same(backend):
    expected = seen(0)
    for found in parallel_map(seen, range(6), backend=backend, workers=2):
        assert found == expected, {
            name: (found[name], expected[name]) for name in found if found[name] != expected[name]
        }


def check(backend):
    keep = threading.Event()
    thread = threading.Thread(target=keep.wait)
    core = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.ExitStack() as after, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ["A07_UNSET"] = "1"
        same(backend)
        thread.start()
        after.callback(keep.set)
        same(backend)
        del os.environ["A07_UNSET"]
        os.environ.update(A07_SET="2", TZ="America/Caracas")
        after.callback(time.tzset)
        after.callback(os.environ.pop, "TZ")
        time.tzset()
        after.callback(os.chdir, os.getcwd())
        os.chdir(directory := tempfile.mkdtemp())
        after.callback(os.umask, os.umask(0o077))
        sys.path.append("/nowhere")
        sys.argv.append("more")
        after.callback(sys.argv.pop)
        after.callback(sys.setrecursionlimit, sys.getrecursionlimit())
        sys.setrecursionlimit(4321)
        sys.set_int_max_str_digits(10_000)
        socket.setdefaulttimeout(30)
        after.callback(resource.setrlimit, resource.RLIMIT_CORE, core)
        resource.setrlimit(resource.RLIMIT_CORE, (1234, core[1]))
        logging.getLogger("a07").setLevel(15)
        warnings.filterwarnings("error", category=Special)
        same(backend)
        shutil.rmtree(directory)
        same(backend)
        if backend == "process":
            decimal.getcontext().prec = 50
            assert set(parallel_map(precision, range(6), backend=backend)) == {50}


if __name__ == "__main__":
    check(sys.argv[1])

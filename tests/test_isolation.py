"""What the user's code changes in the command's process does not reach the run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.conftest import rest_slow
from tests.run_command import Place, ended, place

__all__ = ["place"]

CHANGES = {
    "reads standard input": "import sys\nassert sys.stdin.read() == ''",
    "closes standard input": "import os\nos.close(0)\nos.dup2(os.open(os.devnull, 0), 0)",
    "changes directory": "import os\nif os.path.exists('elsewhere'): os.chdir('elsewhere')",
    "changes the mask": "import os\nos.umask(0o777)",
    "drops its streams": "import sys\nsys.stdin = sys.stdout = sys.stderr = None",
    "closes its streams": "import sys\nsys.stdout.close(); sys.stderr.close()",
    "redirects its descriptors": "import os\nfor n in (1, 2): os.dup2(os.open('/dev/null', 1), n)",
    "forgets its environment": "import os\nos.environ.clear()",
    "other conventions": "import locale, sys\nlocale.setlocale(locale.LC_ALL, 'C')\n"
    "sys.setrecursionlimit(150)",
}

BODY = """
    if item == "3": raise ValueError(item)
    return item
"""
WHEN = {"at import": "{change}\ndef f(item):" + BODY, "in items": "def f(item):\n{indented}" + BODY}

CASES = rest_slow(
    1,
    ("in items", "thread"),
    ("in items", "auto"),
    ("in items", "process"),
    ("in items", "sequential"),
    ("at import", "auto"),
    ("at import", "process"),
)


@pytest.mark.parametrize(("when", "backend"), CASES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_is_as_without(place: Place, change: str, when: str, backend: str) -> None:
    code = CHANGES[change]
    once = f"import os\nif not os.path.exists('{place.directory}/passed'):\n"
    once += f"    open('{place.directory}/passed', 'w').close()\n"
    once += "".join(f"    {line}\n" for line in code.splitlines())
    indented = "".join(f"    {line}\n" for line in once.splitlines())
    place.write("stranger.py", WHEN[when].format(change=code, indented=indented))
    (place.directory / "elsewhere").mkdir()
    words = "stranger.py:f - -o out.jsonl --errors bad.jsonl --export-json report.json".split()
    stdin = "".join(f"{number}\n" for number in range(120))
    done = place.run(*words, "--backend", backend, "-j", "2", stdin=stdin)
    assert (done.returncode, done.stderr) == (1, "")
    assert "Results: 119 in out.jsonl" in done.stdout
    assert [line["index"] for line in place.failures("bad.jsonl")] == [3]
    assert len(place.results("out.jsonl")) == 119
    assert json.loads(place.text("report.json"))["settings"]["output"] == "out.jsonl"
    for name in ("out.jsonl", "out.jsonl.journal", "bad.jsonl"):
        assert (place.directory / name).stat().st_mode & 0o777 == 0o644
    assert list((place.directory / "elsewhere").iterdir()) == []
    done = place.run(*words, "--backend", backend, "--resume", stdin=stdin)
    assert done.returncode == 1
    assert "nothing left to do" in done.stdout


REPLACED = {
    "threads": "import threading\nthreading.Thread.start = threading.Lock = None",
    "much": "from gevent import monkey\nmonkey.patch_all()",
    "open": "import builtins\ndef none(*_): raise OSError('none')\nbuiltins.open = none",
    "sockets": "import socket\nsocket.socket = socket.socketpair = None",
    "the clock": "import time\ntime.monotonic = time.perf_counter = lambda: 0.0\ntime.sleep = None",
    "waits": "import select, selectors\nselect.select = selectors.DefaultSelector = None",
}


@pytest.mark.parametrize("backend", ["auto", *rest_slow(0, "process", "sequential")])
@pytest.mark.parametrize("kind", rest_slow(1, "def", "async def"))
@pytest.mark.parametrize("replaced", rest_slow(1, *REPLACED))
def test_names_that_a_task_replaces_are_replaced_in_workers_alone(
    place: Place, replaced: str, kind: str, backend: str
) -> None:
    if replaced == "much":
        pytest.importorskip("gevent")
    code = f"def set_up():\n    global added\n    added = 'a'\n{kind} f(item):" + BODY
    place.write("stranger.py", REPLACED[replaced] + "\n" + code.replace("n item", "n item + added"))
    words = ("stranger.py:f", "-", "-o", "out.jsonl", "--setup", "set_up", "--backend", backend)
    stdin = "".join(f"{number}\n" for number in range(120))
    done = place.run(*words, stdin=stdin, quiet=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("stranger.py:f replaces "), done.stderr
    assert "imported in worker processes alone" in done.stderr
    results = [json.loads(line)["result"] for line in place.text("out.jsonl").splitlines()]
    assert sorted(results) == sorted(f"{number}a" for number in range(120) if number != 3)
    place.write("stranger.py", place.text("stranger.py") + "# another line\n")
    again = place.run(*words, "--resume", stdin=stdin)
    assert again.returncode == 1
    [told] = again.stderr.splitlines()  # and nothing of code that has changed
    assert told.endswith("imported in worker processes alone")


@pytest.mark.parametrize("backend", ["thread", "sequential"])
def test_other_backends_are_refused_where_there_are_no_threads(place: Place, backend: str) -> None:
    place.write("stranger.py", REPLACED["threads"] + "\ndef f(item): return item")
    done = place.run("stranger.py:f", "in.txt", "-o", "out.jsonl", "--backend", "thread")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "stranger.py:f replaces threading.Lock and 1 more when it is imported" in done.stderr


@pytest.mark.parametrize("when", WHEN)
def test_inputs_are_where_they_were(place: Place, when: str) -> None:
    (place.directory / "elsewhere").mkdir()
    place.write("elsewhere/in.txt", "wrong\n")
    for number in range(3):
        place.write(f"{number}.item", "")
    place.write("stranger.py", WHEN[when].format(change="import os; os.chdir('elsewhere')",
        indented=f"    import os; os.chdir('{place.directory}/elsewhere')"))  # fmt: skip
    for source, expected in (("in.txt", 9), ("*.item", 3)):
        done = place.run("stranger.py:f", source, "-o", "out.jsonl", "--overwrite")
        assert done.returncode in (0, 1), done.stderr
        assert len(place.results("out.jsonl")) == expected
    assert not Path(place.directory, "elsewhere", "out.jsonl").exists()


def test_what_items_read_is_not_the_input(place: Place) -> None:
    place.write("reads.py", "import sys\ndef f(item):\n    return item + sys.stdin.read()\n")
    done = place.run("reads.py:f", "-", "-o", "out.jsonl", "-k", stdin="a\nb\nc\n")
    assert ended(done) == (0, [])
    assert [line["result"] for line in place.results("out.jsonl")] == ["a", "b", "c"]


HOSTILE = """
import os, time

class Leaves:
    def __reduce__(self):
        return os._exit, (9,)
    def __str__(self):
        return "leaves"

class LeavesWhenWritten(dict):
    def __iter__(self):
        os._exit(9)
    items = keys = values = __len__ = __iter__

class RaisesExit(Exception):
    def __reduce__(self):
        return os._exit, (9,)

def returns(item):
    return Leaves() if item == "7" else item

def holds(item):
    return {"v": Leaves() if item == "7" else item}

def raises(item):
    if item == "7":
        raise RaisesExit("no")
    return item

def ends_while_written(item):
    return LeavesWhenWritten(a=1) if item == "7" else {"a": 2}
"""


@pytest.mark.parametrize("function", ["returns", "holds", "raises", "ends_while_written"])
@pytest.mark.parametrize(
    ("suffix", "backend"),
    [
        ("jsonl", "process"),
        *(
            pytest.param(suffix, backend, marks=pytest.mark.slow)
            for suffix in ("jsonl", "csv", "parquet")
            for backend in ("process", "auto")
            if (suffix, backend) != ("jsonl", "process")
        ),
    ],
)
def test_what_a_result_does_where_it_is_read_costs_its_item(
    place: Place, function: str, suffix: str, backend: str
) -> None:
    place.write("hostile.py", HOSTILE)
    words = [f"hostile.py:{function}", "in.txt", "-o", f"out.{suffix}", "--retries=1"]
    done = place.run(*words, "--backend", backend)
    assert done.returncode == 1, done.stderr
    [failure] = place.failures(f"out.{suffix}.errors.jsonl")
    expected = {"returns": "TypeError", "holds": "TypeError", "raises": "RaisesExit"}
    assert failure["index"] == 7
    assert failure["error_type"] == expected.get(function, "WorkerDied")


def test_a_worker_that_is_killed_while_a_child_of_it_lives_is_noticed(place: Place) -> None:
    place.write(
        "forks.py",
        "import os, signal\n"
        "def f(item):\n"
        "    if item == '7' and not os.path.exists('child'):\n"
        "        if child := os.fork():\n"
        "            with open('child', 'w') as file: print(child, file=file)\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        null = os.open('/dev/null', os.O_RDWR)\n"
        "        for descriptor in range(3): os.dup2(null, descriptor)\n"
        "        os.chdir('/'); signal.pause()\n"
        "    return item\n",
    )
    place.numbers(50)
    try:
        done = place.run("forks.py:f", "in.txt", "-o", "out.jsonl", "--backend", "process")
        assert ended(done) == (0, [])
    finally:
        os.kill(int((place.directory / "child").read_text()), signal.SIGKILL)
    place.check("out.jsonl", range(50))

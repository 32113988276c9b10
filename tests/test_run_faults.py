"""How `run` ends, and is resumed, when function, output, environment or a signal get in its way."""

from __future__ import annotations

import json
import resource
import subprocess

import pytest

from tests.conftest import rest_slow
from tests.run_command import (
    Place,
    command,
    ended,
    limited,
    place,
    reached,
    released,
    small_disk,
    without_privileges,
)

__all__ = ["place"]

AGAIN = "run the same command with --resume"
BACKENDS = ("sequential", "thread", "process")


# Function -------------------------------------------------------------------------------------

RAISES = """
import asyncio
class Two(Exception):
    def __init__(self, one, two): super().__init__(f"{one} {two}")
class Dumb(Exception):
    def __str__(self): raise OSError
ERRORS = [Two(1, 2), Dumb(), ValueError("m" * 100_000_000), KeyboardInterrupt("k"), SystemExit(0),
    GeneratorExit(), asyncio.CancelledError(), asyncio.TimeoutError(), StopIteration(), EOFError()]
def f(item): raise ERRORS[int(item)] if int(item) < 10 else Exception(item)
"""
RETURNS = """
import socket, threading
VALUES = [threading.Lock, socket.socket, lambda: float("nan"), lambda: b"", lambda: {1: 1, "1": 2},
    lambda: 10**5000, lambda: (lambda: 0), object, lambda: {1, 2}, lambda: [[], {"v": None}]]
def f(item): return VALUES[int(item)]()
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_whatever_a_function_raises_is_that_items_error(place: Place, backend: str) -> None:
    place.write("raises.py", RAISES)
    done = place.run("raises.py:f", "in.txt", "-o", "out.jsonl", "--backend", backend, "-j", "2")
    assert ended(done) == (1, [])
    place.check("out.jsonl", range(10))
    failures = place.failures()
    assert [line["error_type"] for line in failures] == [
        "Two", "Dumb", "ValueError", "KeyboardInterrupt", "SystemExit", "GeneratorExit",
        "CancelledError", "TimeoutError", "StopIteration", "EOFError",
    ]  # fmt: skip
    assert failures[0]["error"] == "1 2"
    assert set(failures[2]["error"]) == {"m"}
    assert max(len(line["error"]) for line in failures) <= 8192
    assert max(len(line["traceback"]) for line in failures) <= 8192


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_cannot_be_written_is_that_items_error_which_names_the_type(
    place: Place, backend: str
) -> None:
    place.write("returns.py", RETURNS)
    done = place.run("returns.py:f", "in.txt", "-o", "out.jsonl", "--backend", backend)
    assert ended(done) == (1, [])
    place.check("out.jsonl", range(10))
    named = ["lock", "socket", "bytes", "same text", "4300 digits", "function", "object"]
    for line, name in zip(place.failures(), named, strict=True):
        assert name in line["error"]
    kept = [line.get("result", line.get("result_repr")) for line in place.failures()]
    assert kept[2:5] == [
        {"$batchmap": "bytes", "value": ""},
        {"$batchmap": "dict", "value": [[1, 1], ["1", 2]]},
        {"$batchmap": "int", "value": hex(10**5000)},
    ]
    assert "lock" in str(kept[0])
    results = {line["index"]: line["result"] for line in place.results("out.jsonl")}
    assert results == {2: None, 8: [1, 2], 9: [[], {"v": None}]}


def test_workers_that_die_cost_the_item_alone(place: Place) -> None:
    task = "import os\ndef f(item):\n    os._exit(0) if item == '3' else None\n    return item\n"
    place.write("dies.py", task)
    words = "dies.py:f in.txt -o out.jsonl --backend process -j 2".split()
    assert ended(place.run(*words)) == (1, [])
    place.check("out.jsonl", range(10))
    assert place.failures()[0]["error"] == "its worker ended with exit code 0"


def test_an_item_that_exits_the_process_costs_itself_alone_by_default(place: Place) -> None:
    task = "import os\ndef f(item):\n    os._exit(0) if item == '3' else None\n    return item\n"
    place.write("dies.py", task)
    assert place.run("dies.py:f", "in.txt", "-o", "out.jsonl").returncode == 1
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize("backend", ["auto", "process"])
def test_an_item_that_hangs_costs_itself_alone(place: Place, backend: str) -> None:
    task = "def f(item):\n    while item == '3': pass\n    return item\n"
    place.write("hangs.py", task)
    words = ["hangs.py:f", "in.txt", "-o", "out.jsonl", "--timeout", "0.3"]
    assert place.run(*words, "--backend", backend).returncode == 1
    place.check("out.jsonl", range(10))
    assert [line["error_type"] for line in place.failures()] == ["TimeoutError"]


def test_a_time_limit_holds_or_is_refused_without_workers_too(place: Place) -> None:
    place.write("hangs.py", "import time\ndef f(item): time.sleep(1)\n")
    words = ["hangs.py:f", "in.txt", "--limit", "1", "--timeout", "0.2"]
    assert place.run(*words, "--backend", "sequential").returncode in (1, 2)


def test_an_item_that_the_function_changes_is_written_as_it_came(place: Place) -> None:
    place.write("in.jsonl", '{"v": 1}\n')
    place.write("change.py", "def f(item):\n    item['v'] = 2\n    raise ValueError\n")
    for backend in BACKENDS:
        words = ["change.py:f", "in.jsonl", "--errors", "errors", "--backend", backend]
        assert place.run(*words).returncode == 1
        assert place.failures("errors")[0]["item"] == {"v": 1}


# Output and environment -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "output"),
    rest_slow(
        2,
        ("long", "out.jsonl"),
        ("odd_fails", "out.parquet"),
        ("odd_fails", "out.csv"),
        ("long", "out.csv"),
        ("long", "out.parquet"),
        ("odd_fails", "out.jsonl"),
    ),
)
def test_a_full_disk_ends_the_run_which_completes_once_there_is_room(
    place: Place, task: str, output: str
) -> None:
    place.numbers(2000)
    disk = place.directory / "disk"
    with small_disk(disk, "128k") as make:
        inner = Place(disk)
        inner.numbers(2000)
        words = [f"../tasks.py:{task}", "../in.txt", "-k", "-o", output]
        code, [line] = ended(inner.run(*words))
        assert code == 3
        assert AGAIN in line
        assert "full" in line
        make("64m")
        assert ended(inner.run(*words, "--resume")) == (0 if task == "long" else 1, [])
        inner.check(output, range(2000))
        again = place.run(f"tasks.py:{task}", "in.txt", "-k", "-o", output)
        assert ended(again) == (0 if task == "long" else 1, [])
        assert inner.results(output) == place.results(output)


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_file_size_limit_ends_the_run_which_completes_without_it(
    place: Place, output: str
) -> None:
    place.numbers(2000)
    words = ["tasks.py:text", "in.txt", "-o", output]
    before = limited(resource.RLIMIT_FSIZE, 12_000)
    code, [line] = ended(place.run(*words, before=before))
    assert (code, AGAIN in line) == (3, True)
    assert ended(place.run(*words, "--resume")) == (0, [])
    place.check(output, range(2000))


def test_what_was_done_before_the_output_was_full_is_kept_whole(place: Place) -> None:
    place.numbers(100)
    words = ["tasks.py:long", "in.txt", "-o", "out.jsonl"]
    before = limited(resource.RLIMIT_FSIZE, 50_000)
    assert place.run(*words, before=before).returncode == 3
    assert len(place.results("out.jsonl")) > 0
    assert " before\n" in place.run(*words, "--resume").stdout


def test_a_full_disk_under_the_kept_failures_is_told_in_a_line(place: Place) -> None:
    place.numbers(5000)
    with small_disk(place.directory / "disk", "64k"):
        words = ["tasks.py:all_fail", "in.txt", "--errors", "errors"]
        done = place.run(*words, TMPDIR=str(place.directory / "disk"))
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
        # All that failed until then is there, what the disk had no room for included.
        failed = [line["index"] for line in place.failures("errors")]
        assert len(failed) == len(set(failed))
        assert len(place.text("errors")) > 64 << 10


def test_a_directory_that_may_not_be_written_is_told_and_left_alone(place: Place) -> None:
    (place.directory / "sealed").mkdir()
    (place.directory / "sealed").chmod(0o555)
    words = ["tasks.py:same", "in.txt", "-o", "sealed/out.jsonl"]
    code, [line] = ended(place.run(*words, before=without_privileges))
    assert (code, "sealed/out.jsonl.journal cannot be used" in line) == (3, True)
    assert not list((place.directory / "sealed").iterdir())


@pytest.mark.parametrize("how", ["out.unlink()", "os.truncate(out, 0)", "os.replace('other', out)"])
def test_an_output_that_somebody_changes_ends_the_run_which_can_be_resumed(
    place: Place, how: str
) -> None:
    place.write("other", "")
    place.write(
        "meddle.py",
        "import os\nfrom pathlib import Path\n"
        "def f(item):\n"
        "    out, flag = Path('out.jsonl'), Path('meddled')\n"
        "    if item == '20' and not flag.exists():\n"
        "        while not out.stat().st_size: pass\n"
        f"        flag.touch()\n        {how}\n"
        "    return item.zfill(20_000)\n",
    )
    place.numbers(40)
    words = "meddle.py:f in.txt -o out.jsonl --backend process -j 1 --batch-size 1".split()
    code, [line] = ended(place.run(*words))
    assert (code, line[:11], AGAIN in line) == (3, "out.jsonl: ", True)
    assert place.run(*words, "--resume").returncode == 0
    place.check("out.jsonl", range(40))


def test_the_second_of_two_runs_with_one_output_leaves(place: Place) -> None:
    place.gates()
    (place.directory / "link.jsonl").symlink_to("out.jsonl")
    words = "tasks.py:gated in.txt -o out.jsonl --backend process".split()
    with place.running(*words) as first:
        reached(place, first)
        for other in ("out.jsonl", "out.jsonl --overwrite", "link.jsonl --retry-failed"):
            code, [line] = ended(place.run("tasks.py:same", "in.txt", "-o", *other.split()))
            assert (code, line.endswith("wait for its end, or write elsewhere")) == (75, True)
            assert "out.jsonl.journal" in line
        assert released(place, first) == 0
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.journal", "out.jsonl.errors.jsonl"])
def test_the_exported_report_replaces_nothing_of_the_run(place: Place, name: str) -> None:
    words = ["tasks.py:odd_fails", "in.txt", "-o", "out.jsonl", "--export-json", name]
    assert ended(place.run(*words))[0] == 2


@pytest.mark.parametrize("task", ["same", "odd_fails"])
def test_the_errors_file_replaces_only_an_errors_file(place: Place, task: str) -> None:
    place.write("precious", "of mine")
    place.run(f"tasks.py:{task}", "in.txt", "-o", "out.jsonl", "--errors", "precious")
    assert place.text("precious") == "of mine"


@pytest.mark.parametrize("backend", ["sequential", "process"])
def test_a_reader_that_leaves_ends_the_run_quietly(place: Place, backend: str) -> None:
    place.numbers(20_000)
    words = command("tasks.py:long", "in.txt", "-q", "--backend", backend)
    with subprocess.Popen(
        words, cwd=place.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert json.loads(run.stdout.readline())["index"] < 20_000
        run.stdout.close()
        assert (run.wait(60), run.stderr.read()) == (141, "")
    place.check_no_process()


@pytest.mark.parametrize(
    ("closed", "output", "code", "lines"),
    [
        (">&-", "-", 3, ["stdout is closed, so the report has nowhere to go; open it"]),
        (">&-", "x.jsonl", 3, ["stdout is closed, so the report has nowhere to go; open it"]),
        ("2>&-", "x.jsonl", 0, []),
        ("<&-", "x.jsonl", 0, []),
        ("<&- 2>&-", "x.jsonl", 0, []),
    ],
)
def test_a_closed_stream_is_told_or_does_not_matter(
    place: Place, closed: str, output: str, code: int, lines: list[str]
) -> None:
    words = command("tasks.py:same", "in.txt", "-o", output, "-q", "--backend", "process")
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words],
        cwd=place.directory,
        capture_output=True,
        text=True,
    )
    assert ended(done) == (code, lines)
    assert place.names() == ({"x.jsonl", "x.jsonl.journal"} if code == 0 else set())


@pytest.mark.parametrize("files", [12, 16, 32])
def test_with_few_file_descriptors_it_works_or_says_why_not(place: Place, files: int) -> None:
    before = limited(resource.RLIMIT_NOFILE, files)
    words = "tasks.py:same in.txt -o out.jsonl -j 2 --backend process".split()
    code, lines = ended(place.run(*words, before=before))
    assert (code, len(lines)) in [(0, 0), (3, 1)]
    assert code == 0 or "Too many open files" in lines[0]
    assert ended(place.run(*words, "--resume"))[0] == 0
    place.check("out.jsonl", range(10))


def test_with_few_file_descriptors_no_traceback_is_printed(place: Place) -> None:
    words = "tasks.py:same in.txt -o out.jsonl --overwrite -j 2 --backend process".split()
    for files in range(22, 32, 3):
        ended(place.run(*words, before=limited(resource.RLIMIT_NOFILE, files)))

"""`--metrics-file`: what it holds while a run goes on, at its end, and of the runs before."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from batchmap import __version__
from batchmap.command.monitoring.run_totals import BOUNDS_S, MAX_LOOKED_AT, RunTotals, Totals
from batchmap.records import ItemFailure

from tests.fakes import batch_record
from tests.run_command import Place, ended, place, reached, released
from tests.waiting import wait_until

__all__ = ["place"]

parser = pytest.importorskip("prometheus_client.parser", reason="needs requirements-operations.txt")

METRICS = ("--metrics-file", "nightly.prom")


def metrics(path: Path) -> dict[str, float]:
    """Return the samples by name and labels, all of which name the run."""
    found = {}
    for family in parser.text_string_to_metric_families(path.read_text()):
        assert family.documentation.endswith(".")
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("run") == path.stem
            told = ",".join(f"{name}={value}" for name, value in labels.items())
            found[f"{sample.name}{{{told}}}" if told else sample.name] = sample.value
    return found


def test_at_the_end_it_holds_counts_times_and_the_exit_code(place: Place) -> None:
    before_s = time.time()
    words = "tasks.py:odd_fails in.txt -o out.jsonl --retries 1 --backend thread -j 2".split()
    assert place.run(*words, *METRICS).returncode == 1
    found = metrics(place.directory / "nightly.prom")
    assert found["batchmap_items_done_total"] == 5
    assert found["batchmap_items_failed_total{error_type=ValueError}"] == 5
    assert found["batchmap_items_failed_total{error_type=other}"] == 0
    assert found["batchmap_items_retries_total"] == 5
    assert found["batchmap_item_duration_seconds_count"] == 10
    assert found["batchmap_item_duration_seconds_bucket{le=+Inf}"] == 10
    assert found["batchmap_workers"] == 2
    assert found["batchmap_items_expected"] == 10
    idle = ("run_in_progress", "workers_busy", "batches_in_flight", "items_per_second")
    assert [found[f"batchmap_{name}"] for name in idle] == [0, 0, 0, 0]
    assert found["batchmap_run_exit_code"] == 1
    started_s = found["batchmap_run_start_timestamp_seconds"]
    ended_s = found["batchmap_run_end_timestamp_seconds"]
    assert before_s <= started_s <= ended_s <= time.time()
    about = f"task=tasks.py:odd_fails,backend=thread,version={__version__}"
    [info] = [name for name in found if name.startswith("batchmap_run_info")]
    assert sorted(info[len("batchmap_run_info{") : -1].split(",")) == sorted(about.split(","))
    assert "batchmap_run_last_success_timestamp_seconds" not in found


def test_the_last_success_outlives_runs_that_fail_and_the_counts_do_not(place: Place) -> None:
    file = place.directory / "nightly.prom"
    assert place.run("tasks.py:same", "in.txt", "-o", "1.jsonl", *METRICS).returncode == 0
    success_s = metrics(file)["batchmap_run_last_success_timestamp_seconds"]
    assert success_s == metrics(file)["batchmap_run_end_timestamp_seconds"]
    for words, code in (("all_fail in.txt -o 2.jsonl", 1), ("same missing.txt", 3)):
        assert place.run(*f"tasks.py:{words}".split(), *METRICS).returncode == code
        found = metrics(file)
        assert found["batchmap_run_exit_code"] == code
        assert found["batchmap_items_done_total"] == 0
        assert found["batchmap_run_last_success_timestamp_seconds"] == success_s


@pytest.mark.parametrize("backend", ["thread", "process"])
def test_while_it_runs_it_says_so_and_after_a_signal_how_it_ended(
    place: Place, backend: str
) -> None:
    place.gates()
    words = "tasks.py:gated in.txt -o out.jsonl -j 1 --batch-size 1 --backend".split()
    file = place.directory / "nightly.prom"
    with place.running(*words, backend, "--no-progress", *METRICS) as process:
        reached(place, process)
        wait_until(file.exists, process=process)
        found = metrics(file)
        assert found["batchmap_run_in_progress"] == 1
        assert "batchmap_run_exit_code" not in found
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("stopping: ")
        assert released(place, process) == 143
    found = metrics(file)
    assert (found["batchmap_run_in_progress"], found["batchmap_run_exit_code"]) == (0, 143)
    assert found["batchmap_items_done_total"] == len(place.results("out.jsonl"))


def test_it_counts_on_where_an_item_has_ended_the_process(place: Place) -> None:
    place.write("crash.py", "import os\ndef f(item):\n    if item == '5': os._exit(7)\n")
    words = "crash.py:f in.txt -o out.jsonl --backend thread -j 1 --batch-size 1".split()
    assert place.run(*words, *METRICS).returncode == 1
    found = metrics(place.directory / "nightly.prom")
    assert found["batchmap_items_done_total"] == 9
    [(name, number)] = [
        (name, number)
        for name, number in found.items()
        if name.startswith("batchmap_items_failed_total") and number
    ]
    assert number == 1
    assert "error_type" in name


def test_the_file_is_replaced_and_never_half_there(place: Place) -> None:
    place.gates()
    file = place.directory / "nightly.prom"
    file.write_text("# HELP batchmap_run_info Of a run before.\n")
    os.link(file, place.directory / "before")
    words = "tasks.py:gated in.txt -o out.jsonl -j 1 --batch-size 1 --no-progress".split()
    with place.running(*words, *METRICS) as process:
        reached(place, process)
        wait_until(lambda: "batchmap_run_in_progress" in file.read_text(), process=process)
        assert released(place, process) == 0
    assert place.text("before") == "# HELP batchmap_run_info Of a run before.\n"
    assert not list(place.directory.glob(".export-*"))


def test_metrics_that_cannot_be_written_are_told_and_do_not_end_the_run(place: Place) -> None:
    (place.directory / "gone").mkdir()
    place.write(
        "removes.py",
        "import shutil, time\n"
        "from pathlib import Path\n"
        "def f(item):\n"
        "    while not Path('gone/n.prom').exists() and Path('gone').exists(): time.sleep(0.01)\n"
        "    shutil.rmtree('gone', ignore_errors=True)\n"
        "    return item\n",
    )
    words = "removes.py:f in.txt -o out.jsonl -j 1 --metrics-file gone/n.prom".split()
    code, lines = ended(place.run(*words, quiet=False))
    told = "--metrics-file gone/n.prom: cannot be written (No such file or directory); "
    assert code == 3
    assert lines[-1] == f"{told}name another file"
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("-", "--metrics-file takes a file, and not standard output; name a file"),
        ("/dev/null", "--metrics-file /dev/null: not a regular file, and it is replaced; "
         "name another"),
        ("in.txt", "--metrics-file in.txt: exists and holds no metrics of a run; name another "
         "file, or remove it"),
        ("out.jsonl", "--metrics-file out.jsonl: that is the output; name another file"),
        ("s.json", "--metrics-file s.json: that is --summary-json; name another file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_had_is_refused(place: Place, file: str, fault: str) -> None:
    words = "tasks.py:counted in.txt -o out.jsonl --summary-json s.json".split()
    done = place.run(*words, "--metrics-file", file)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, fault)
    assert place.names() == set()
    assert place.text("in.txt").startswith("0\n1\n")


def test_a_dry_run_has_none(place: Place) -> None:
    done = place.run("tasks.py:same", "in.txt", "--dry-run", *METRICS)
    assert ended(done) == (
        2,
        ["--metrics-file is about a run and --dry-run does none; leave one out"],
    )


@pytest.mark.parametrize("option", ["--live", "--metrics-file n.prom"])
def test_without_its_package_the_error_says_what_to_install(place: Place, option: str) -> None:
    place.write(
        "without.py",
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('waitress', 'prometheus_client'):\n"
        "            return None\n"
        "        return PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[sys.meta_path.index(PathFinder)] = Without\n",
    )
    (place.directory / "site").mkdir()
    (place.directory / "without.py").rename(place.directory / "site" / "sitecustomize.py")
    done = place.run(
        *"tasks.py:counted in.txt -o out.jsonl".split(),
        *option.split(),
        PYTHONPATH=os.pathsep.join([str(place.directory / "site"), os.environ["PYTHONPATH"]])
        if "PYTHONPATH" in os.environ
        else str(place.directory / "site"),
    )
    flag = option.split()[0]
    told = f'{flag} needs a package: pip install "batchmap[operations]"'
    assert ended(done) == (2, [told])
    assert place.names() == {"site"}


# Counting ---------------------------------------------------------------------------------------


def failure(name: str) -> ItemFailure:
    return ItemFailure(name, "no", "")


def test_each_item_of_a_small_batch_is_in_the_bucket_of_its_time() -> None:
    totals = RunTotals(Totals.none())
    times_s = [0.0005, 0.001, 0.0011, 2.0, 1000.0]
    list(totals.observe(iter([batch_record([1] * 5, durations_s=times_s)])))
    found = totals.totals()
    expected = {0: 2, 1: 1, BOUNDS_S.index(5.0): 1, len(BOUNDS_S): 1}
    assert {at: number for at, number in enumerate(found.buckets) if number} == expected
    assert found.busy_s == pytest.approx(sum(times_s))


@pytest.mark.parametrize("number", [MAX_LOOKED_AT, MAX_LOOKED_AT + 1, 1000, 100_003])
def test_all_items_of_a_large_batch_are_counted(number: int) -> None:
    totals = RunTotals(Totals.none())
    list(totals.observe(iter([batch_record([1] * number, durations_s=[0.002] * number)])))
    found = totals.totals()
    assert found.buckets[1] == sum(found.buckets) == number
    assert found.busy_s == pytest.approx(0.002 * number)


def test_types_of_errors_are_bounded_in_number_and_length() -> None:
    totals = RunTotals(Totals.none())
    failures = {at: failure(f"Error{at}" + "x" * 500) for at in range(50)}
    list(totals.observe(iter([batch_record([None] * 50, failures=failures)])))
    failed = totals.totals().failed_by_type
    assert (len(failed), failed["other"], sum(failed.values())) == (21, 30, 50)
    assert max(map(len, failed)) == 100


def test_retries_are_the_attempts_beyond_the_first() -> None:
    totals = RunTotals(Totals.none())
    list(totals.observe(iter([batch_record([1] * 4, attempts={0: 2, 3: 4})])))
    assert totals.totals().retries == 4

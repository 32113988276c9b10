"""A job: driven by hand, by the graph, and by both commands, it does the same."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import batchmap
import pytest
from batchmap.checkpoint.journal import Journal
from batchmap.command.errors import flag_spelling
from batchmap.errors import BatchmapError, InputError, OutputHeldError, UsageError
from batchmap.job import Job
from batchmap.options import JobOptions
from batchmap.records import BatchRecord

from tests.conftest import ROOT, rest_slow
from tests.installed import Done, Environment
from tests.run_command import Place, json_lines, place

__all__ = ["place"]

# By hand --------------------------------------------------------------------------------------


def double(line: str) -> int:
    return 2 * int(line)


def odd_fails(line: str) -> int:
    if int(line) % 2:
        raise ValueError(f"{line} is odd")
    return int(line)


def options(directory: Path, count: int = 10, **others: Any) -> JobOptions:
    """Return options that read so many numbers and write JSON Lines, one item a batch."""
    source = directory / "in.txt"
    source.write_text("".join(f"{number}\n" for number in range(count)))
    given: dict[str, Any] = {
        "backend": "sequential",
        "batch_size": 1,
        "output": directory / "out.jsonl",
    }
    return JobOptions(source=str(source), **given | others)


class Seen:
    """An observer that notes under its name what it sees, and what was recorded by then."""

    def __init__(self, name: str, notes: list[tuple[str, int, int]], job: Job) -> None:
        self._name, self._notes, self._job = name, notes, job

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        for record in records:
            self._notes.append((self._name, record.first_item, self._job.outcome().written))
            yield record


def test_a_job_takes_its_source_to_its_output_and_tells_what_became_of_it(tmp_path: Path) -> None:
    with Job(odd_fails, options(tmp_path, 4, errors=tmp_path / "bad.jsonl")) as job:
        assert Path(job.open().name) == tmp_path / "in.txt"
        plan, sizing = job.plan()
        assert (plan.backend, plan.batch_size, sizing.size) == ("sequential", 1, 1)
        records = list(job.execute())
        outcome = job.outcome()
    assert [record.first_item for record in records] == [0, 1, 2, 3]
    assert (outcome.written, outcome.failed, outcome.finished) == (2, 2, True)
    assert [line["result"] for line in json_lines(tmp_path / "out.jsonl")] == [0, 2]
    assert [line["error"] for line in json_lines(tmp_path / "bad.jsonl")] == [
        "1 is odd",
        "3 is odd",
    ]


def test_observers_see_each_record_once_in_the_given_order_after_it_was_recorded(
    tmp_path: Path,
) -> None:
    notes: list[tuple[str, int, int]] = []
    with Job(double, options(tmp_path, 3)) as job:
        job.open()
        for record in job.execute([Seen("first", notes, job), Seen("second", notes, job)]):
            notes.append(("caller", record.first_item, job.outcome().written))
    assert notes == [
        (name, item, item + 1) for item in range(3) for name in ("first", "second", "caller")
    ]


@pytest.mark.parametrize(
    "use",
    [lambda job: job.execute(), lambda job: job.plan(), lambda job: job.outcome(),
     lambda job: job.items],
    ids=["execute", "plan", "outcome", "items"],
)  # fmt: skip
def test_a_job_that_is_not_open_says_so(tmp_path: Path, use: Callable[[Job], Any]) -> None:
    with Job(double, options(tmp_path)) as job, pytest.raises(RuntimeError) as caught:
        use(job)
    assert str(caught.value) == "the job is not open; call open() first"


def test_a_job_is_opened_once(tmp_path: Path) -> None:
    with Job(double, options(tmp_path)) as job:
        job.open()
        with pytest.raises(RuntimeError, match=r"^the job has been opened; make another one"):
            job.open()
        assert len(list(job.execute())) == 10


@pytest.mark.parametrize("use", [lambda job: job.execute(), lambda job: job.open()])
def test_a_job_is_not_used_after_its_end(tmp_path: Path, use: Callable[[Job], Any]) -> None:
    with Job(double, options(tmp_path)) as job:
        job.open()
        list(job.execute())
    with pytest.raises(RuntimeError, match=r"^the job is closed; make another one"):
        use(job)
    assert job.outcome().written == 10


def test_two_jobs_do_not_share_an_output(tmp_path: Path) -> None:
    with Job(double, options(tmp_path)) as job:
        job.open()
        with Job(double, options(tmp_path)) as other, pytest.raises(OutputHeldError):
            other.open()
        list(job.execute())
    assert len(json_lines(tmp_path / "out.jsonl")) == 10


def test_a_job_that_is_left_early_goes_on_where_it_was(tmp_path: Path) -> None:
    calls: list[str] = []

    def noted(line: str) -> int:
        calls.append(line)
        return int(line)

    with Job(noted, options(tmp_path)) as job:
        job.open()
        for record in job.execute():
            if record.first_item == 3:
                break
        assert (job.outcome().written, job.outcome().finished) == (4, False)
    with Job(noted, options(tmp_path, resume=True)) as next_job:
        next_job.open()
        results = [list(record.results) for record in next_job.execute()]
        assert results == [[str(number)] for number in range(4, 10)], "as they are written"
        assert (next_job.outcome().written, next_job.outcome().written_before) == (6, 4)
    assert calls == [str(number) for number in range(10)]
    assert [line["result"] for line in json_lines(tmp_path / "out.jsonl")] == list(range(10))


def test_what_an_observer_raises_ends_the_job_and_nothing_recorded_is_lost(tmp_path: Path) -> None:
    class Refuses:
        def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
            for record in records:
                if record.first_item == 2:
                    raise LookupError("enough")
                yield record

    with Job(double, options(tmp_path)) as job:
        job.open()
        with pytest.raises(LookupError, match="enough"):
            list(job.execute([Refuses()]))
    with Job(double, options(tmp_path, resume=True)) as job:
        job.open()
        assert len(list(job.execute())) == 7
    assert [line["result"] for line in json_lines(tmp_path / "out.jsonl")] == list(range(0, 20, 2))


def test_an_output_that_exists_is_told_of_in_words_of_python(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine\n")
    with Job(double, options(tmp_path)) as job, pytest.raises(UsageError) as caught:
        job.open()
    [line] = caught.value.messages
    assert line == f"{tmp_path / 'out.jsonl'} exists; overwrite=True drops it, or name another file"
    assert "--overwrite drops it" in caught.value.lines(flag_spelling)[0]
    assert (tmp_path / "out.jsonl").read_text() == "mine\n"


def test_a_plain_function_for_the_async_backend_is_told_by_the_keyword() -> None:
    with pytest.raises(UsageError) as caught:
        Job(double, JobOptions(backend="async"))
    start = "the async backend needs an `async def` function and double is a plain one; leave "
    assert caught.value.messages == (f"{start}backend out",)
    assert caught.value.lines(flag_spelling) == (f"{start}--backend out",)


# Errors ---------------------------------------------------------------------------------------

TOLD = UsageError(
    ["is wrong", "is {odd}"],
    option="timeout_s",
    advice="{overwrite}, {output_format:csv}, or leave {batch_size:} out",
)


def test_an_error_names_options_as_whoever_shows_it_spells_them() -> None:
    in_python = "overwrite=True, output_format='csv', or leave batch_size out"
    assert TOLD.messages == (
        f"timeout_s is wrong; {in_python}",
        f"timeout_s is {{odd}}; {in_python}",
    )
    assert str(TOLD) == "\n".join(TOLD.messages)
    in_flags = "--overwrite, --output-format csv, or leave --batch-size out"
    assert TOLD.lines(flag_spelling) == (
        f"--timeout is wrong; {in_flags}",
        f"--timeout is {{odd}}; {in_flags}",
    )


def test_joined_errors_are_each_told_in_their_order() -> None:
    both = BatchmapError.joined([InputError("no file", advice="{resume}"), TOLD])
    assert both.messages == ("no file; resume=True", *TOLD.messages)
    assert both.lines(flag_spelling) == ("no file; --resume", *TOLD.lines(flag_spelling))
    assert type(UsageError.joined([TOLD])) is UsageError


@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_the_way_between_processes(copied: Callable[[Any], Any]) -> None:
    both = UsageError.joined([TOLD, InputError("no file", advice="{resume}")])
    for error in (TOLD, both):
        other = copied(error)
        assert type(other) is UsageError
        assert (other.messages, other.args) == (error.messages, error.args)
        assert other.lines(flag_spelling) == error.lines(flag_spelling)


# By every driver --------------------------------------------------------------------------------

BY_HAND = """
import sys
from batchmap.command.run import run
from batchmap.command.run_subcommand import RUN
from batchmap.command.arguments import Program
from batchmap.stopping import StopRequest

def drive(job, settings):
    job.plan()
    for record in job.execute():
        pass
    return ""

def through_graph(job, settings):
    sys.path.insert(0, sys.argv[2])
    from batchmap_workbook.graphs import create_parallel_graph
    create_parallel_graph(settings, job=job, shows=False).run(shared := {})
    return shared["report"]

drives = {"job": drive, "graph": through_graph}
program = Program("a test", "", (RUN,), "")
_, given = program.read(["run", *sys.argv[3:]])
settings = RUN.settings.of(**given)
sys.exit(run(settings, StopRequest(), drive=drives[sys.argv[1]], show=lambda report: None))
"""

DRIVERS = ("job", "graph", "main.py", "batchmap")


class Drivers:
    """All that can take a job to its end, over the same tasks and input."""

    def __init__(self, place: Place, installed: Environment) -> None:
        self.place = place
        self._installed = installed
        place.write("drive.py", BY_HAND)

    def run(self, driver: str, *words: str) -> Done:
        """Have `driver` run a command line."""
        directory = self.place.directory
        if driver == "batchmap":
            return self._installed.run("batchmap", "run", *words, "--no-progress", cwd=directory)
        if driver == "main.py":
            return self.place.run(*words)
        packages = [str(ROOT / "packages" / name) for name in ("batchmap", "kaygraph")]
        return subprocess.run(
            [sys.executable, "drive.py", driver, str(ROOT), *words, "--no-progress"],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(packages)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )


@pytest.fixture
def drivers(place: Place, installed: Environment) -> Drivers:
    return Drivers(place, installed)


def without_durations(failures: bytes) -> bytes:
    """Return an errors file as it would be had each item taken no time."""
    return re.sub(rb'"duration_s": [-+.e\d]+', b'"duration_s": 0', failures)


RUNS = [
    ("job", "thread"),
    ("graph", "process"),
    ("graph", "sequential"),
    ("main.py", "auto"),
    ("batchmap", "process"),
    ("batchmap", "thread"),
]


def content(path: Path) -> Any:
    """Return the bytes of a file; of Parquet the table, since its footer says of how many parts."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    files = pytest.importorskip("pyarrow.parquet")
    return files.read_table(path).replace_schema_metadata(None)


@pytest.mark.parametrize("suffix", rest_slow(1, "parquet", "jsonl", "csv"))
def test_every_driver_and_backend_writes_the_same(drivers: Drivers, suffix: str) -> None:
    place = drivers.place
    place.numbers(60)
    place.write(
        "rows.py",
        "def row(line):\n"
        "    number = int(line)\n"
        "    if number % 7 == 3: raise ValueError(f'{number} is bad')\n"
        "    return {'number': number, 'text': f'\\u00e4 {number}', 'half': number / 2}\n",
    )
    written = {}
    for driver, backend in [("job", "sequential"), *RUNS]:
        name = f"{driver}-{backend}.{suffix}"
        done = drivers.run(
            driver, "rows.py:row", "in.txt", "-k", "-o", name, "--backend", backend, "-j", "2"
        )
        assert (done.returncode, done.stderr) == (1, "")
        errors = (place.directory / f"{name}.errors.jsonl").read_bytes()
        written[name] = content(place.directory / name), without_durations(errors)
    output, errors = written[f"job-sequential.{suffix}"]
    assert len(place.results(f"job-sequential.{suffix}")) == 51
    assert [json.loads(line)["index"] for line in errors.splitlines()] == list(range(3, 60, 7))
    assert {name for name, found in written.items() if found != (output, errors)} == set()


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    rest_slow(
        4,
        *zip(DRIVERS, (*DRIVERS[1:], DRIVERS[0]), strict=True),
        *(
            (one, DRIVERS[(number + far) % 4])
            for number, one in enumerate(DRIVERS)
            for far in (2, 3)
        ),
    ),
)
def test_a_run_that_one_driver_began_another_one_ends(
    drivers: Drivers, begins: str, goes_on: str
) -> None:
    place = drivers.place
    place.write(
        "counted.py",
        "def counted(line):\n"
        "    with open('calls', 'a') as calls: print(line, file=calls)\n"
        "    if line == '4': raise ValueError(line)\n"
        "    return line\n",
    )
    words = ["counted.py:counted", "in.txt", "-o", "out.jsonl", "--backend", "sequential"]
    done = drivers.run(begins, *words, "--batch-size", "1", "--halt", "1")
    assert done.returncode == 4, done.stderr
    assert place.text("calls").split() == list("01234")
    done = drivers.run(goes_on, *words, "--resume")
    assert (done.returncode, done.stderr) == (1, "")
    assert place.text("calls").split() == list("0123456789")
    place.check("out.jsonl", range(10))


def test_the_format_follows_from_the_suffix_of_the_output(tmp_path: Path) -> None:
    table = JobOptions(output=tmp_path / "out.csv")
    assert (table.output_format, table.record) == ("csv", "result")
    lines = JobOptions(output=tmp_path / "out.jsonl")
    assert (lines.output_format, lines.record) == ("jsonl", "full")
    assert JobOptions(output=tmp_path / "out.txt", output_format="csv").record == "result"
    with pytest.raises(UsageError, match=r"output .*out\.txt: the suffix '\.txt' tells no format"):
        JobOptions(output=tmp_path / "out.txt")


def test_what_ends_together_is_made_durable_together_and_what_took_long_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = 0
    commit = Journal.commit

    def counted(log: Journal) -> None:
        nonlocal commits
        commits += 1
        commit(log)

    async def wait(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    monkeypatch.setattr(Journal, "commit", counted)
    batchmap.run(wait, [0.3] * 500, tmp_path / "together.jsonl", workers=500, batch_size=1)
    assert commits < 100
    commits = 0
    batchmap.run(time.sleep, [0.25] * 5, tmp_path / "apart.jsonl", backend="sequential")
    assert commits >= 5

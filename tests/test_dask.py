"""Runs on a Dask cluster: its scheduler and workers are started here, on loopback."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import batchmap
import pytest
from batchmap.engine import RunState, stream_batches
from batchmap.errors import WorkersLostError
from batchmap.executors import open_executor
from batchmap.executors.dask.address import DaskAddress
from batchmap.executors.dask.code_archive import pack_modules
from batchmap.options import EngineOptions
from batchmap.records import Plan
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.setup import SetupPer

from tests.conftest import REPORT_ALONE, ROOT, RunMain
from tests.dask_cluster import Cluster, results, write_tasks
from tests.waiting import wait_until

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.add_worker()
    cluster.add_worker()
    cluster.wait_for_workers(2)
    yield cluster
    cluster.end()


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    own = Cluster(tmp_path_factory.mktemp("cluster"))
    yield own
    own.end()


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    return write_tasks(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["local", "elsewhere"])
def test_the_output_is_that_of_threads_and_processes_byte_for_byte(
    tasks: Path, run_main: RunMain, shared_cluster: Cluster, where: str
) -> None:
    location = ["--address", shared_cluster.address] if where == "elsewhere" else ["-j", "2"]
    for backend, words in {"thread": [], "process": [], "dask": location}.items():
        done = run_main(
            "run", "tasks.py:square", "lines.txt", *REPORT_ALONE, "-k",
            "--backend", backend, "-o", f"{backend}.jsonl", *words,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r" on \d+ Dask workers?\n", done.stdout)
    contents = {(tasks / f"{name}.jsonl").read_bytes() for name in ("thread", "process", "dask")}
    assert len(contents) == 1


@pytest.mark.parametrize("per", ["worker", "process"])
def test_threads_of_workers_are_set_up_and_leave_with_the_run(
    tmp_path: Path, shared_cluster: Cluster, per: SetupPer
) -> None:
    lines = tmp_path / "lines"

    def set_up() -> Iterator[str]:
        who = f"{os.getpid()}:{threading.get_ident()}"
        with lines.open("a") as file:
            print("begin", who, file=file)
        yield who
        with lines.open("a") as file:
            print("end", f"{os.getpid()}:{threading.get_ident()}", file=file)

    def who(item: int, made: str) -> str:
        time.sleep(0.002)
        return made

    for number in range(2):  # what one run has set up is not the next one's
        batchmap.run(
            who, range(100), tmp_path / f"{number}.jsonl", setup=set_up, setup_per=per,
            backend="dask", address=shared_cluster.address, record="result",
        )  # fmt: skip
    made = {line for number in range(2) for line in results_of(tmp_path / f"{number}.jsonl")}
    words = [line.split() for line in lines.read_text().splitlines()]
    begun = [who for what, who in words if what == "begin"]
    assert made <= set(begun)
    ended = [who for what, who in words if what == "end"]
    if per == "worker":
        assert sorted(ended) == sorted(begun)
    else:
        processes = [who.partition(":")[0] for who in begun]
        assert sorted(who.partition(":")[0] for who in ended) == sorted(processes)
        assert max(map(processes.count, processes)) == 2  # one a run


def results_of(path: Path) -> list[str]:
    """Return the bare results of an output."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_modules_come_from_the_run_and_set_up_runs_once_a_worker(
    tasks: Path, run_main: RunMain, shared_cluster: Cluster
) -> None:
    words = [
        "--backend",
        "dask",
        "--address",
        shared_cluster.address,
        *REPORT_ALONE,
        "--setup",
        "set_up",
    ]
    done = run_main("run", "tasks.py:in_process", "lines.txt", "-o", "one.jsonl", *words)
    assert done.returncode == 0, done.stderr
    found = results(tasks / "one.jsonl").values()
    seen = {tuple(map(str, result)) for result in found if isinstance(result, list)}
    assert 1 <= len({ready for ready, _ in seen}) <= 2
    assert not any(file.startswith(str(tasks)) for _, file in seen)
    done = run_main("run", "tasks.py:import_late", "lines.txt", "-o", "late.jsonl", *words)
    assert done.returncode == 0, done.stderr
    (tasks / "neighbour.py").write_text("def square(number): return -number\n")
    done = run_main("run", "tasks.py:square", "lines.txt", "-o", "two.jsonl", *words)
    assert done.returncode == 0, done.stderr
    assert results(tasks / "two.jsonl") == {number: -number for number in range(400)}


@pytest.mark.timeout(400)  # a worker that crashes takes long to start again on a busy machine
def test_each_bad_item_costs_itself_and_is_named(
    tasks: Path, run_main: RunMain, shared_cluster: Cluster
) -> None:
    done = run_main(
        "run", "tasks.py:misbehave", "lines.txt", "-o", "out.jsonl", *REPORT_ALONE,
        "--timeout", "1", "--backend", "dask", "--address", shared_cluster.address,
        "--batch-size", "10",
        timeout_s=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    errors = (tasks / "out.jsonl.errors.jsonl").read_text().splitlines()
    seen = {line["index"]: line["error_type"] for line in map(json.loads, errors)}
    assert seen == {
        70: "WorkerDied",
        80: "TimeoutError",
        90: "ValueError",
        100: "TypeError",
    }
    assert results(tasks / "out.jsonl") == {n: n for n in range(400) if n not in seen}


def test_a_worker_that_is_killed_and_one_that_joins_change_nothing(
    tasks: Path, run_main: RunMain, cluster: Cluster
) -> None:
    first, _ = cluster.add_worker(), cluster.add_worker()
    cluster.wait_for_workers(2)

    def disturb() -> None:
        wait_until(lambda: (tasks / "out.jsonl.journal").exists())
        first.send_signal(signal.SIGKILL)
        cluster.add_worker()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    done = run_main(
        "run", "tasks.py:square", "lines.txt", "-o", "out.jsonl", *REPORT_ALONE,
        "--backend", "dask", "--address", cluster.address, "--batch-size", "5",
    )  # fmt: skip
    disturber.join()
    assert done.returncode == 0, done.stderr
    assert results(tasks / "out.jsonl") == {number: number * number for number in range(400)}


@pytest.mark.slow
def test_a_worker_that_joins_takes_part_and_one_that_is_retired_leaves_nothing_undone(
    tasks: Path, cluster: Cluster
) -> None:
    cluster.add_worker()
    cluster.wait_for_workers(1)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "run", "tasks.py:sign", "-", "-o", "out.jsonl",
         *REPORT_ALONE, "--backend", "dask", "--address", cluster.address, "--batch-size", "5"],
        cwd=tasks, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    fed = 0

    def feed() -> None:
        nonlocal fed
        assert process.stdin is not None
        process.stdin.write("".join(f"{number}\n" for number in range(fed, fed + 100)))
        process.stdin.flush()
        fed += 100
        wait_until(lambda: len({path.name.split("-")[1] for path in signed()}) == fed)

    def signed() -> list[Path]:
        return list(tasks.glob("item-*"))

    feed()
    cluster.add_worker()
    while len({path.name.split("-")[2] for path in signed()}) < 2:
        feed()
    with cluster.client() as client:
        first, second = client.scheduler_info()["workers"]
        client.retire_workers([first])
        feed()
        assert list(client.scheduler_info()["workers"]) == [second]
    process.communicate()
    assert process.returncode == 0
    assert results(tasks / "out.jsonl") == {number: number for number in range(fed)}


@pytest.mark.slow
def test_what_a_silent_worker_holds_is_done_by_another_and_counts_once(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmap.executors.dask.executor.SILENCE_S", 1.0)
    monkeypatch.setattr("batchmap.executors.dask.executor.SILENCE_CHECK_S", 0.1)

    def work(item: int) -> int:
        (tmp_path / f"{item}-{os.getpgid(0)}").touch()
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        (tmp_path / f"{item}-done").touch()
        return os.getpgid(0)

    def began(item: int) -> list[int]:
        groups = (path.name.partition("-")[2] for path in tmp_path.glob(f"{item}-*"))
        return [int(group) for group in groups if group.isdigit()]

    stopped, _ = cluster.add_worker(), cluster.add_worker()
    cluster.wait_for_workers(2)
    with open_executor("dask", 2, scheduler=DaskAddress(cluster.address)) as executor:
        futures = [executor.submit(work, item) for item in range(2)]
        wait_until(lambda: began(0) and began(1))
        held = 0 if began(0) == [stopped.pid] else 1
        os.killpg(stopped.pid, signal.SIGSTOP)
        (tmp_path / "go").touch()
        groups = {future.result() for future in futures}
        assert groups == {*began(0), *began(1)} - {stopped.pid}
        (tmp_path / f"{held}-done").unlink()
        os.killpg(stopped.pid, signal.SIGCONT)
        wait_until((tmp_path / f"{held}-done").exists)
        assert executor.submit(abs, -3).result() == 3


def test_what_a_function_closes_over_goes_to_each_worker_once(
    tmp_path: Path, shared_cluster: Cluster
) -> None:
    class Large:
        def __init__(self) -> None:
            self.data = os.urandom(2_000_000)

        def __setstate__(self, state: dict[str, bytes]) -> None:
            (tmp_path / f"{os.getpid()}-{time.monotonic_ns()}").touch()
            self.data = state["data"]

    large = Large()
    state = RunState()
    records = stream_batches(
        BatchProcessor(lambda number: len(large.data) + number), range(100),
        EngineOptions(backend="dask", batch_size=1), total=100,
        cluster=DaskAddress(shared_cluster.address), state=state,
    )  # fmt: skip
    assert {record.results[0] - record.first_item for record in records} == {2_000_000}
    loaded = [path.name.partition("-")[0] for path in tmp_path.iterdir()]
    assert 1 <= len(loaded) == len(set(loaded)) <= 2
    assert 0 < state.carried_bytes < 1_000_000


def test_a_function_says_there_too_how_its_item_goes_on(
    tmp_path: Path, shared_cluster: Cluster
) -> None:
    def ask(number: int) -> int:
        from batchmap import Pause, Permanent, RetryAfter
        from batchmap.worker.back_off import current_attempt

        if number == 3 and not (tmp_path / "paused").exists():
            (tmp_path / "paused").touch()
            raise Pause(0.01)
        if number % 3 == 1 and current_attempt.get() < 3:
            raise RetryAfter(0.001)
        if number % 3 == 2:
            raise (Permanent if number == 2 else LookupError)(number)
        return -number

    records = stream_batches(
        BatchProcessor(ask, retry_if=lambda error: isinstance(error, OSError)), range(9),
        EngineOptions(backend="dask"), total=9, cluster=DaskAddress(shared_cluster.address),
    )  # fmt: skip
    items = sorted(
        (one for record in records for one in record.item_records()), key=lambda one: one.index
    )
    assert [item.attempts for item in items] == [1, 3, 1] * 3
    assert [item.result for item in items] == [0, -1, None, -3, -4, None, -6, -7, None]
    raised = [item.failure.exception for item in items if item.failure]
    assert [type(one) for one in raised] == [batchmap.Permanent, LookupError, LookupError]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_items_come_through_workers_killed_at_random(
    tasks: Path, run_main: RunMain, cluster: Cluster
) -> None:
    (tasks / "many.txt").write_text("".join(f"{number}\n" for number in range(100_000)))
    workers = [cluster.add_worker() for _ in range(3)]
    chance, ended = random.Random(7), threading.Event()
    killed = 0

    def kill_some() -> None:
        nonlocal killed
        wait_until((tasks / "out.jsonl.journal").exists)
        while not ended.wait(chance.uniform(1, 4)):
            at = chance.randrange(3)
            os.killpg(workers[at].pid, signal.SIGKILL)
            workers[at] = cluster.add_worker()
            killed += 1

    killer = threading.Thread(target=kill_some)
    killer.start()
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "run", "tasks.py:square", "many.txt",
         *REPORT_ALONE, "-k", "-o", "out.jsonl", "--backend", "dask", "--address", cluster.address],
        cwd=tasks, capture_output=True, text=True, check=False,
    )  # fmt: skip
    ended.set()
    killer.join()
    assert done.returncode == 0, done.stderr
    assert killed > 3
    lines = (tasks / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["result"] for line in lines] == [n * n for n in range(100_000)]


def test_what_was_done_is_kept_when_the_scheduler_is_lost(
    tasks: Path, run_main: RunMain, cluster: Cluster
) -> None:
    cluster.add_worker()
    cluster.wait_for_workers(1)
    words = ["run", "tasks.py:wait_for_file", "lines.txt", "-o", "out.jsonl", "--batch-size", "1"]
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "main.py"),
            *words,
            "--backend",
            "dask",
            "--address",
            cluster.address,
        ],
        cwd=tasks,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tasks / "reached").exists)
    cluster.scheduler.kill()
    (tasks / "go").touch()
    _, stderr = process.communicate()
    assert process.returncode == 3
    assert f"the Dask scheduler at {cluster.address} is lost; --resume goes on with" in stderr
    assert "Traceback" not in stderr
    kept = len(results(tasks / "out.jsonl"))
    assert kept > 0
    done = run_main(*words, "--backend", "thread", "-j", "1", "--resume", *REPORT_ALONE)
    assert done.returncode == 0, done.stderr
    assert f"in out.jsonl, and those of {kept} items before" in done.stdout
    assert results(tasks / "out.jsonl") == {number: number for number in range(400)}


def test_a_module_that_the_workers_lack_is_an_error_of_one_line(
    tasks: Path, run_main: RunMain, shared_cluster: Cluster
) -> None:
    (tasks / "tasks.py").write_text(
        "import sys\n"
        "if 'distributed.worker' in sys.modules and '--address' not in sys.argv:\n"
        "    import not_installed\n"
        "def square(line): return 1\n"
    )
    done = run_main(
        "run", "tasks.py:square", "lines.txt", "-o", "out.jsonl", *REPORT_ALONE,
        "--backend", "dask", "--address", shared_cluster.address,
    )  # fmt: skip
    assert done.returncode == 3
    assert "No module named 'not_installed'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--address", "127.0.0.1:1"], 2, "--address 127.0.0.1:1: is that of a Dask scheduler"),
        (["--backend", "dask", "--address", "here"], 2, "--address must be HOST:PORT, got 'here'"),
        (["--backend", "dask", "--address", "h:1", "-j", "2"], 2, "--workers: those at --address"),
        (["--backend", "dask", "--address", "127.0.0.1:1"], 3, "127.0.0.1:1 does not answer"),
    ],
)
def test_a_wrong_address_is_an_error_of_one_line(
    tasks: Path, run_main: RunMain, words: list[str], code: int, expected: str
) -> None:
    done = run_main("run", "tasks.py:square", "lines.txt", *REPORT_ALONE, *words)
    assert done.returncode == code
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_without_workers_is_an_error(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmap.executors.dask.cluster.CONNECT_S", 1.0)
    with (
        pytest.raises(Exception, match="has no workers; start some"),
        open_executor("dask", 1, scheduler=DaskAddress(cluster.address)),
    ):
        pass


def test_a_local_cluster_that_does_not_start_is_an_error_of_one_line(
    tasks: Path, run_main: RunMain
) -> None:
    done = run_main(
        "run", "tasks.py:square", "lines.txt", *REPORT_ALONE, "--backend", "dask", "-j", "1",
        DASK_TEMPORARY_DIRECTORY="/proc/nowhere",
    )  # fmt: skip
    assert done.returncode == 3
    assert "the local Dask cluster does not start" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def packed_names() -> set[str]:
    with zipfile.ZipFile(io.BytesIO(pack_modules())) as archive:
        return set(archive.namelist())


def test_what_is_installed_is_not_packed_where_a_link_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "real" / "lib"
    installed.mkdir(parents=True)
    (installed / "third_party.py").touch()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"purelib": str(tmp_path / "linked/lib")})
    monkeypatch.syspath_prepend(str(tmp_path / "linked" / "lib"))
    import_module("third_party")
    assert "third_party.py" not in packed_names()


def test_of_a_place_that_is_not_searched_only_the_loaded_package_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "linked").mkdir(parents=True)
    for name in ("linked/__init__.py", "linked/inner.py", "not_loaded.py"):
        (tmp_path / "elsewhere" / name).touch()
    (tmp_path / "unsearched" / "outer").mkdir(parents=True)
    (tmp_path / "unsearched" / "outer" / "__init__.py").touch()
    (tmp_path / "unsearched" / "outer" / "linked").symlink_to(tmp_path / "elsewhere" / "linked")
    (tmp_path / "unsearched" / "secret.py").touch()
    (tmp_path / "secret.py").touch()
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "unsearched"))
        import_module("outer.linked.inner")
    names = packed_names()
    assert {name for name in names if name.startswith("outer/")} == {
        "outer/__init__.py",
        "outer/linked/__init__.py",
        "outer/linked/inner.py",
    }
    assert not {name for name in names if name.endswith("secret.py") or "not_loaded" in name}


def test_of_two_modules_with_one_name_the_one_that_is_imported_here_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("first", "second"):
        (tmp_path / place / "batchmap").mkdir(parents=True)
        (tmp_path / place / "batchmap" / "not_ours.py").touch()
    (tmp_path / "first" / "twice.py").touch()
    (tmp_path / "first" / f"{tmp_path.name}_one.py").touch()
    (tmp_path / "second" / "twice").mkdir()
    (tmp_path / "second" / "twice" / "__init__.py").touch()
    (tmp_path / "second" / f"{tmp_path.name}_two.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "second"))
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    import_module(f"{tmp_path.name}_one")
    import_module(f"{tmp_path.name}_two")
    names = packed_names()
    assert "twice.py" in names
    assert "twice/__init__.py" not in names
    assert "batchmap/not_ours.py" not in names


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a directory for installed packages, with the library in it."""
    directory = tmp_path / "site-packages"
    shutil.copytree(Path(batchmap.__file__).parent, directory / "batchmap")
    return directory


INSTALLED_PROGRAM = """
import site, sys
installed, address = sys.argv[1:]
site.getsitepackages = lambda: [installed]
sys.path.insert(1, installed)
import batchmap
from batchmap.executors import open_executor
from batchmap.executors.dask.address import DaskAddress
import helper

def where(item):
    import batchmap
    return batchmap.__file__, helper.double(item)

assert batchmap.__file__.startswith(installed)
with open_executor("dask", 1, scheduler=DaskAddress(address)) as executor:
    file, result = executor.submit(where, 21).result()
assert result == 42
print(file)
"""


@pytest.mark.slow
@pytest.mark.parametrize("has_other_version", [True, False])
def test_the_workers_get_the_library_also_where_it_is_installed_and_keep_their_own(
    tmp_path: Path, installed: Path, cluster: Cluster, has_other_version: bool
) -> None:
    others = tmp_path / "on-the-worker" / "batchmap"
    others.mkdir(parents=True)
    if has_other_version:
        (others / "__init__.py").write_text("__version__ = '0.1'\n")
        (others / "later.py").write_text("FOUND = 'their own'\n")
    cluster.add_worker(PYTHONPATH=str(others.parent))
    cluster.wait_for_workers(1)

    def version() -> str:
        return str(import_module("batchmap").__version__)

    def later() -> str:
        return str(import_module("batchmap.later").FOUND)

    with cluster.client() as client:
        if has_other_version:
            assert client.submit(version, pure=False).result() == "0.1"
        program = tmp_path / "project" / "program.py"
        program.parent.mkdir()
        program.write_text(INSTALLED_PROGRAM)
        (program.parent / "helper.py").write_text("def double(number): return 2 * number\n")
        done = subprocess.run(
            [sys.executable, str(program), str(installed), cluster.address],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert "shipped-" in done.stdout
        if has_other_version:
            assert client.submit(version, pure=False).result() == "0.1"
            assert client.submit(later, pure=False).result() == "their own"


def test_the_plan_follows_the_cluster(shared_cluster: Cluster) -> None:
    plans: list[Plan] = []
    records = stream_batches(
        BatchProcessor(abs), range(-100, 0), EngineOptions(backend="dask", batch_size=1),
        total=100, cluster=DaskAddress(shared_cluster.address),
        state=RunState(on_plan=plans.append),
    )  # fmt: skip
    assert sorted(record.first_item for record in records) == list(range(100))
    assert plans[0].workers == 2
    assert "Workers: 2 in the cluster as the run began" in plans[0].why
    expected = (
        r"Measured: a batch takes \d+\.\d ms to a worker of this cluster and back, of many at once "
        r"\d+\.\d ms each"
    )
    assert re.fullmatch(expected, plans[0].why[0])


@pytest.mark.slow
def test_a_local_cluster_ends_with_the_command(tasks: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "run", "tasks.py:wait_for_file", "lines.txt",
         "-j", "1", "-o", "out.jsonl", "--backend", "dask", "--setup", "set_up"],
        cwd=tasks, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_until((tasks / "reached").exists)
    process.kill()
    process.wait()

    def is_gone() -> bool:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 0)
            return False
        return True

    wait_until(is_gone)


@pytest.mark.slow
def test_a_run_does_not_begin_with_a_worker_that_is_silent(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, _ = cluster.add_worker(), cluster.add_worker()
    cluster.wait_for_workers(2)
    monkeypatch.setattr("batchmap.executors.dask.cluster.CONNECT_S", 2.0)
    os.killpg(stopped.pid, signal.SIGSTOP)
    with (
        pytest.raises(WorkersLostError, match=r"has not heard from tcp://127.0.0.1:\d+ for over"),
        open_executor("dask", 2, scheduler=DaskAddress(cluster.address)),
    ):
        pass

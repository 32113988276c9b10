"""Real work: every scenario keeps one contract, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from select import select
from typing import Any

import psutil
import pytest
from batchmap.api import parallel_map
from batchmap.errors import OutputError, UsageError

from batchmap_workbook.utils.workloads.real import (
    REAL_SCENARIOS,
    RealScenario,
    missing,
    open_real_work,
)
from tests.conftest import ROOT

COUNT = 6

NAMED = {scenario.workload: scenario for scenario in REAL_SCENARIOS}


@pytest.fixture(params=REAL_SCENARIOS, ids=lambda scenario: scenario.workload)
def scenario(request: pytest.FixtureRequest) -> RealScenario:
    """Give each scenario in turn, if what it needs is installed."""
    one: RealScenario = request.param
    if reason := missing(one):
        pytest.skip(reason)
    return one


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary directories be made in one of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def results_of(scenario: RealScenario, *, seed: int, count: int = COUNT) -> list[Any]:
    with open_real_work(scenario, count=count, seed=seed) as work:
        return [work.function(item) for item in work.items]


def servers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a worker of another test that has just ended
            if any(word.endswith("_server.py") for word in child.cmdline()):
                found.append(child)
    return found


def test_all_backends_give_the_same(scenario: RealScenario) -> None:
    with open_real_work(scenario, count=COUNT, seed=1) as work:
        expected = [work.function(item) for item in work.items]
        for backend in ("sequential", "thread", "process"):
            results = parallel_map(
                work.function, work.items, backend=backend, workers=2, batch_size=1
            )
            assert results == expected
    assert len(set(expected)) == COUNT  # so that a result in another's place would be seen


def test_items_and_results_follow_from_the_seed(scenario: RealScenario) -> None:
    first, again, other = (results_of(scenario, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


def test_items_can_be_iterated_again_and_counted(scenario: RealScenario) -> None:
    with open_real_work(scenario, count=COUNT, seed=1) as work:
        items = work.items
        assert list(items) == list(items)
        assert len(set(items)) == len(items) == items.total == COUNT
        assert items.place(3) == "item 3"
        assert items.data_type.isalpha()


def test_no_item_of_the_full_count_is_there_twice(scenario: RealScenario) -> None:
    with open_real_work(scenario, count=scenario.count, seed=1) as work:
        assert len(set(work.items)) == scenario.count


def test_the_function_can_be_pickled_and_holds_no_handle(scenario: RealScenario) -> None:
    with open_real_work(scenario, count=1, seed=1) as work:
        [item] = work.items
        expected = work.function(item)  # a handle that it opened must not be pickled
        assert pickle.loads(pickle.dumps(work.function))(item) == expected
        assert json.loads(json.dumps(expected)) is not None
        assert len(pickle.dumps(work)) < 500


SENT_AS_CODE = """
import sys
sys.path.insert(0, sys.argv[2])
import batchmap_workbook
batchmap_workbook.isolate()
batchmap_workbook.pickle_by_value()
from batchmap.api import parallel_map
from batchmap_workbook.utils.workloads.real import REAL_SCENARIOS, open_real_work
[scenario] = [one for one in REAL_SCENARIOS if one.workload == sys.argv[1]]
with open_real_work(scenario, count=3, seed=1) as work:
    expected = [work.function(item) for item in work.items]
    sent = parallel_map(work.function, work.items, backend="process", workers=1, batch_size=1)
print(sent == expected)
"""


def test_the_function_reaches_a_process_that_cannot_import_the_workbook(
    scenario: RealScenario, tmp_path: Path
) -> None:
    printed = subprocess.run(
        [sys.executable, "-c", SENT_AS_CODE, scenario.workload, str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (printed.stdout, printed.stderr) == ("True\n", "")


def test_nothing_is_left_behind(scenario: RealScenario, temporary: Path) -> None:
    with open_real_work(scenario, count=2, seed=1) as work:
        assert len(list(temporary.iterdir())) == 1
        parallel_map(work.function, work.items, backend="thread", workers=2)
        assert len(servers()) == (scenario.workload == "fetching")
    assert list(temporary.iterdir()) == []
    assert servers() == []


def test_nothing_is_left_behind_by_an_error(scenario: RealScenario, temporary: Path) -> None:
    with pytest.raises(KeyError), open_real_work(scenario, count=1, seed=1):
        raise KeyError
    assert list(temporary.iterdir()) == []
    assert servers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_descriptor_is_left_open(scenario: RealScenario) -> None:
    results_of(scenario, seed=1, count=1)  # what is loaded once and stays
    before = set(Path("/proc/self/fd").iterdir())
    results_of(scenario, seed=1, count=1)
    opened = set(Path("/proc/self/fd").iterdir()) - before  # those of other tests may be gone
    assert opened == set()


KILLED = """
import sys
import batchmap_workbook
batchmap_workbook.isolate()
from batchmap_workbook.utils.workloads.real import REAL_SCENARIOS, open_real_work
import psutil
with open_real_work(REAL_SCENARIOS[0], count=1, seed=1) as work:
    [server] = psutil.Process().children()
    print(server.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="watches a process that is not its child")
@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_the_server_exits_with_a_command_that_is_killed(number: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        server = psutil.Process(int(command.stdout.readline()))
        assert "_server.py" in " ".join(server.cmdline())
        watched = os.pidfd_open(server.pid)
        command.send_signal(getattr(signal, number))
        has_ended, _, _ = select([watched], [], [], 30)
    os.close(watched)
    assert has_ended


@pytest.mark.skipif(sys.platform == "win32", reason="kills in the way of POSIX")
def test_the_server_outlasts_a_ctrl_c_so_that_requests_in_flight_end_well() -> None:
    with open_real_work(NAMED["fetching"], count=2, seed=1) as work:
        first, second = work.items
        expected = work.function(first)
        [server] = servers()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            server.send_signal(getattr(signal, name))
        assert work.function(first) == expected != work.function(second)


def test_the_server_is_reached_on_the_loopback_interface_alone() -> None:
    with open_real_work(NAMED["fetching"], count=1, seed=1):
        [server] = servers()
        listening = [one.laddr.ip for one in server.net_connections("tcp") if not one.raddr]
    assert listening == ["127.0.0.1"]


def test_a_server_that_is_gone_is_the_items_failure() -> None:
    with open_real_work(NAMED["fetching"], count=1, seed=1) as work:
        [server] = servers()
        server.kill()
        server.wait(30)
        with pytest.raises(OSError, match="refused"):
            work.function(*work.items)


def test_a_server_that_cannot_start_is_an_error_that_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    monkeypatch.setattr("batchmap_workbook.utils.workloads.real.fetch.SERVER_PROGRAM", broken)
    broken.write_text("print('no loopback')")
    with (
        pytest.raises(OutputError, match=r"did not start \(no loopback\); .*--suite simulated"),
        open_real_work(NAMED["fetching"], count=1, seed=1),
    ):
        pass
    broken.write_text("raise SystemExit(3)")
    with (
        pytest.raises(OutputError, match=r"did not start \(it ended with exit code 3\)"),
        open_real_work(NAMED["fetching"], count=1, seed=1),
    ):
        pass


def test_a_temporary_directory_that_cannot_be_written_is_an_error_that_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with (
        pytest.raises(OutputError, match=r"Hashing files cannot be set up .* TMPDIR"),
        open_real_work(NAMED["hashing"], count=1, seed=1),
    ):
        pass


def test_an_error_of_the_caller_is_not_taken_for_one_of_the_set_up() -> None:
    with (
        pytest.raises(FileNotFoundError),
        open_real_work(NAMED["hashing"], count=1, seed=1) as work,
    ):
        work.function(("no such file", 0))


def test_a_scenario_whose_package_is_missing_names_the_install() -> None:
    scenario = RealScenario("Odd", "odd", "", 1, 1, package="no_such_package", install="odd-one")
    reason = "Odd is left out: it needs odd-one; pip install odd-one, then run again"
    assert missing(scenario) == reason
    with pytest.raises(UsageError, match=reason), open_real_work(scenario, count=1, seed=1):
        pass


def test_only_the_thumbnails_need_a_package() -> None:
    assert [one.workload for one in REAL_SCENARIOS if one.package] == ["thumbnails"]


def test_no_items_are_refused() -> None:
    with (
        pytest.raises(ValueError, match="count must be at least 1, got 0"),
        open_real_work(NAMED["hashing"], count=0, seed=1),
    ):
        pass


def test_a_checksum_is_that_of_the_key_and_the_file(temporary: Path) -> None:
    with open_real_work(NAMED["hashing"], count=30, seed=1) as work:
        item = list(work.items)[25]
        assert item == ("file-01.bin", 1)
        [directory] = temporary.iterdir()
        content = (directory / "file-01.bin").read_bytes()
        assert 2 * 2**20 <= len(content) <= 4 * 2**20
        assert work.function(item) == sha256(b"1" + content).hexdigest()


def test_a_compressed_text_has_the_size_that_is_returned(temporary: Path) -> None:
    with open_real_work(NAMED["compressing"], count=1, seed=1) as work:
        [directory] = temporary.iterdir()
        content = (directory / "text-0000.txt").read_bytes()
        before, after, _ = work.function("text-0000.txt")
        assert (before, after) == (len(content), len(zlib.compress(content, 9)))


def test_a_document_of_a_hundred_kilobytes_is_summed_up_by_region(temporary: Path) -> None:
    with open_real_work(NAMED["parsing"], count=1, seed=1) as work:
        [directory] = temporary.iterdir()
        text = (directory / "document-000.json").read_text()
        orders = json.loads(text)["orders"]
        sums = [work.function(("document-000.json", region)) for region in range(12)]
    assert 80_000 < len(text) < 120_000
    assert sum(number for number, _ in sums) == len(orders)
    assert sum(cents for _, cents in sums) == sum(
        line["pieces"] * line["cents"] for order in orders for line in order["lines"]
    )


def test_a_query_sums_up_the_rows_of_its_days() -> None:
    with open_real_work(NAMED["querying"], count=1, seed=1) as work:
        whole = work.function((0, 364))
        parts = [*work.function((0, 99)), *work.function((100, 364))]
    assert [row[0] for row in whole] == [f"region {number}" for number in range(8)]
    assert sum(row[1] for row in whole) == sum(row[1] for row in parts) == 40_000
    assert sum(row[2] for row in whole) == sum(row[2] for row in parts)


def test_a_thumbnail_keeps_its_proportions() -> None:
    if reason := missing(NAMED["thumbnails"]):
        pytest.skip(reason)
    with open_real_work(NAMED["thumbnails"], count=30, seed=1) as work:
        assert work.function(("image-00.jpg", 160))[:2] == (160, 120)
        assert list(work.items)[24] == ("image-00.jpg", 159)


def test_a_worker_that_loads_one_scenario_loads_no_other_ones_libraries() -> None:
    code = (
        "import sys, batchmap_workbook; batchmap_workbook.isolate(); "
        "import batchmap_workbook.utils.workloads.real; "
        "print({'PIL', 'sqlite3', 'http.client'} & {*sys.modules})"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "set()\n"

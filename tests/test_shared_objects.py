"""What is large of functions and items travels in shared memory, and comes back as from a pickle.

That it is in memory once is the program `a31_shared_arrays`.
"""

from __future__ import annotations

import copyreg
import errno
import math
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest
from batchmap import parallel_map
from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors.pickling import dumps
from batchmap.executors.process.payload import (
    MIN_STREAM_BYTES,
    Payload,
    dumped_arguments,
    dumped_function,
    dumped_result,
    reloaded,
)
from batchmap.executors.process.pool import ProcessExecutor
from batchmap.executors.process.segment import Segment, mapped
from batchmap.tuning.transfer_cost import measure_transfer

from tests.conftest import ROOT

NUMBERS = numpy.arange(3000.0).reshape(30, 100)


class Matrix(numpy.ndarray):
    """A subclass, as libraries have them."""


class Wrapped:
    """Gives its memory to the pickle, and is made of what it gets back."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Wrapped, (pickle.PickleBuffer(self.data),)


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def mapped_file() -> Any:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"batchmap-test-{os.getpid()}.npy"
    numpy.save(path, NUMBERS)
    array = numpy.load(path, mmap_mode="r")
    path.unlink()
    return array


SHARED: dict[str, Callable[[], Any]] = {
    "plain": lambda: NUMBERS,
    "Fortran order": lambda: numpy.asfortranarray(NUMBERS),
    "transposed": lambda: NUMBERS.T,
    "every second": lambda: NUMBERS[:, ::2],
    "backwards": lambda: NUMBERS[::-1, ::-1],
    "read-only": lambda: read_only(NUMBERS.copy()),
    "read-only, every second": lambda: read_only(NUMBERS.copy())[::2],
    "broadcast": lambda: numpy.broadcast_to(numpy.arange(100.0), (100, 100)),
    "times": lambda: numpy.arange(3000).astype("M8[s]").reshape(30, 100),
    "read-only times": lambda: read_only(numpy.arange(3000).astype("M8[s]")),
    "another byte order": lambda: NUMBERS.astype(">f8"),
    "texts": lambda: numpy.array(["é" * 9, "b"] * 600),
    "records": lambda: numpy.ones(600, dtype=[("a", "i4"), ("b", "f8")]),
    "a file": mapped_file,
    "Arrow buffer": lambda: pyarrow.py_buffer(bytes(range(256)) * 20),
    "Arrow table": lambda: pyarrow.table({"a": range(3000), "b": [None, "ü", "c"] * 1000}),
    "Arrow record batch": lambda: pyarrow.record_batch({"a": pyarrow.array([0.5, None] * 3000)}),
    "Arrow slice": lambda: pyarrow.array(range(3000))[10:20],
    "the same twice": lambda: [NUMBERS, NUMBERS],
    "a large pickle": lambda: [bytes(MIN_STREAM_BYTES), "é" * 10, {1: 2.5}],
    "a large pickle and an array": lambda: (NUMBERS, bytearray(MIN_STREAM_BYTES), NUMBERS),
}

IN_THE_PICKLE: dict[str, Callable[[], Any]] = {
    "small": lambda: numpy.arange(10),
    "empty": lambda: numpy.zeros((0, 5)),
    "no dimensions": lambda: numpy.array(2.5),
    "times of another byte order": lambda: numpy.arange(3000).astype(">m8[ms]"),
    "another byte order, every second": lambda: NUMBERS.astype(">f8")[:, ::2],
    "objects": lambda: numpy.array([{1: "a"}, None] * 500),
    "records, every second": lambda: numpy.ones(2000, dtype=[("a", "i4"), ("b", "f8")])[::2],
    "nothing in an element": lambda: numpy.zeros(5000, "V0"),
    "a subclass": lambda: NUMBERS.view(Matrix),
    "a matrix": lambda: NUMBERS.view(numpy.matrix),
    "masked": lambda: numpy.ma.masked_greater(NUMBERS, 5),
    "wrapped bytes": lambda: Wrapped(bytes(range(256)) * 20),
    "wrapped array": lambda: Wrapped(NUMBERS),
    "a bytearray": lambda: bytearray(10_000),
}


def described(value: Any) -> Any:
    """Return all of a value that a program may see, to be compared."""
    if isinstance(value, Wrapped):
        return "wrapped", described(value.data)
    if isinstance(value, list | tuple):
        same = [one is value[0] for one in value]
        return type(value), same, [described(one) for one in value]
    if isinstance(value, numpy.ndarray):
        flags = {name: value.flags[name] for name in ("C", "F", "W", "ALIGNED")}
        masked = getattr(value, "mask", None)
        values = [value.tolist(), None if masked is None else masked.tolist()]
        if isinstance(value, numpy.memmap):
            values += [value.filename, value.mode, value.offset]
        return type(value), value.dtype, value.shape, flags, values
    if isinstance(value, pyarrow.Buffer):
        return type(value), value.is_mutable, value.to_pybytes()
    if isinstance(value, pyarrow.Table | pyarrow.RecordBatch | pyarrow.Array):
        return type(value), value.to_pylist()
    return type(value), value


@pytest.mark.parametrize("kind", [*SHARED, *IN_THE_PICKLE])
def test_what_was_shared_is_what_a_pickle_gives(kind: str) -> None:
    value = (SHARED | IN_THE_PICKLE)[kind]()
    payload = dumped_function(value)
    assert bool(payload.shared_bytes) is (kind in SHARED)
    assert described(reloaded(payload)) == described(pickle.loads(dumps(value)))


def test_how_the_program_wants_arrays_pickled_is_followed() -> None:
    copyreg.pickle(numpy.ndarray, lambda array: (bytes, (array.tobytes(),)))  # type: ignore[arg-type, return-value]
    try:
        payload = dumped_function(NUMBERS)
        data, arrays = dumped_result(NUMBERS)
    finally:
        del copyreg.dispatch_table[numpy.ndarray]
    assert reloaded(payload) == pickle.loads(data, buffers=arrays) == NUMBERS.tobytes()


def test_what_a_function_writes_into_an_array_is_seen_by_itself_alone() -> None:
    payload = dumped_function(NUMBERS)
    one, other = reloaded(payload), reloaded(payload)
    one += 1
    assert one[0, 0] == 1
    assert other[0, 0] == NUMBERS[0, 0] == reloaded(payload)[0, 0] == 0


def test_what_changes_here_after_the_call_began_does_not_change_there() -> None:
    array = numpy.zeros(1000)
    payload = dumped_function(lambda: array)
    array += 1
    assert not reloaded(payload)().any()


def test_memory_is_free_when_the_last_that_uses_it_is_gone() -> None:
    payload = dumped_function([NUMBERS, NUMBERS + 1])
    assert payload.segment is not None
    descriptor = payload.segment.descriptor
    _, kept = reloaded(payload)
    del payload
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(descriptor)
    assert kept[0, 0] == 1  # mapped all the same
    assert "batchmap-shared" in Path("/proc/self/maps").read_text()
    del kept, _
    assert "batchmap-shared" not in Path("/proc/self/maps").read_text()


def test_a_fork_of_this_process_does_not_keep_the_memory() -> None:
    payload = dumped_function(NUMBERS)
    assert payload.segment is not None
    if not (pid := os.fork()):
        try:
            os.fstat(payload.segment.descriptor)
        except OSError:
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    assert (reloaded(payload) == NUMBERS).all()


def test_what_is_pickled_as_before_is_sent_once() -> None:
    array = numpy.zeros(1000)
    before = dumped_function(array)
    assert before.holds_same(dumped_function(array))
    assert not before.holds_same(dumped_function(array + 1))
    assert not before.holds_same(Payload(before.data))


def test_what_cannot_be_mapped_is_copied() -> None:
    segment = Segment()
    segment.append(b"abc" * 5000)
    limit = resource.getrlimit(resource.RLIMIT_AS)
    used_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used_bytes, limit[1]))
    try:
        memory = mapped(segment.descriptor, 15_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
    assert bytes(memory) == b"abc" * 5000
    assert "batchmap-shared" not in Path("/proc/self/maps").read_text()


def shifted(array: Any) -> Any:
    array += 1
    return array, array.flags.writeable


@pytest.mark.parametrize("kind", [*SHARED, *IN_THE_PICKLE])
def test_what_a_worker_returns_is_what_a_pickle_gives(kind: str, pool: ProcessExecutor) -> None:
    large = [(SHARED | IN_THE_PICKLE)[kind](), numpy.ones(500_000), bytes(300_000), numpy.ones(99)]
    back = pool.submit(identity, large).result()
    plain = pickle.loads(pickle.dumps(pickle.loads(dumps(large)), pickle.HIGHEST_PROTOCOL))
    assert described(back) == described(plain)


def test_a_result_that_is_kept_keeps_no_other_and_no_descriptor(pool: ProcessExecutor) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    sizes = [int(size) for size in (1, 70_000, 3_000_000)]
    results = pool.submit(lambda: [numpy.ones(size, "u1") for size in sizes]).result()
    assert [memory_of(result) for result in results] == sizes
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    results[1] += 1  # as after any pickle


def identity(value: Any) -> Any:
    return value


def memory_of(array: Any) -> int:
    """Return how many bytes the array keeps alive."""
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array.nbytes if array.base is None else memoryview(array.base).nbytes


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(1) as opened:
        yield opened


def test_arrays_among_the_items_and_results_are_what_a_loop_gives() -> None:
    items = [numpy.full(200_000, float(number)) for number in range(6)]
    assert dumped_arguments((items,)).shared_bytes >= 6 * 1_600_000
    with ProcessExecutor(2) as pool:
        results = list(pool.map(shifted, items, chunksize=2))
    assert [(array[0], array[-1], can_write) for array, can_write in results] == [
        (number + 1, number + 1, True) for number in range(6)
    ]
    assert [item[0] for item in items] == list(range(6))


def test_a_worker_that_replaces_one_that_died_gets_the_function_again(tmp_path: Path) -> None:
    data = numpy.arange(100_000.0)

    def work(number: int) -> float:
        died = tmp_path / str(number)
        if number % 10 == 3 and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        data[0] = number  # in this worker alone
        return float(data[number])

    results = parallel_map(work, range(1, 30), backend="process", workers=2, retries=1)
    assert results == list(range(1, 30))


LIMITED = """
import resource, sys
import numpy
from batchmap import parallel_map
data, text = numpy.ones(1_000_000), "é" * 3_000_000
{limit}
def work(array):
    return float(data[7] + array[5]) + len(text)
assert parallel_map(work, [data, data * 2], backend="process", workers=2) == [3000002.0, 3000003.0]
"""


@pytest.mark.parametrize(
    "limit",
    [
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))",
        "import os; del os.memfd_create",
    ],
    ids=["files may not be large", "no such files, as on macOS"],
)
def test_without_shared_memory_all_goes_into_the_pickle(limit: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(LIMITED.replace("{limit}", limit))
    run_script(script)


def run_script(script: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, str(script), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


KILLED = """
import os, signal
import numpy
from batchmap import stream_map
data = numpy.ones(1_000_000)
for record in stream_map(lambda number: data[number], range(10**6), backend="process", workers=2):
    if record.index > 100:
        print(os.getpid(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def holders() -> set[int]:
    """Return the processes that have a segment open or mapped."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            names = [str(file.readlink()) for file in (process / "fd").iterdir()]
            if "batchmap-shared" in "".join([*names, (process / "maps").read_text()]):
                found.add(int(process.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def test_nothing_is_left_when_the_caller_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    before = {*Path("/dev/shm").iterdir()}
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as killed:
        _, errors = killed.communicate(timeout=60)  # until the workers have ended, too
    assert killed.returncode == -signal.SIGKILL
    assert errors == b""
    assert not {pid for pid in holders() if os.getsid(pid) == killed.pid}
    assert not [path for path in {*Path("/dev/shm").iterdir()} - before if "batchmap" in path.name]


PEAK = """
import sys
from pathlib import Path
from batchmap.executors.process.pool import ProcessExecutor
def peak_bytes(*_):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
data = {
    "bytes": lambda: bytes(64_000_000),
    "rows": lambda: [bytes(1000) for _ in range(64_000)],
}[sys.argv[1]]()
with ProcessExecutor(1) as pool:
    before = pool.submit(peak_bytes).result()
    after = pool.submit(lambda: (len(data), peak_bytes())[1]).result()
assert (after - before) / 64_000_000 < 1.1, (after - before) / 64_000_000
"""


@pytest.mark.parametrize("kind", ["bytes", "rows"])
def test_a_worker_holds_what_is_no_array_once_while_it_travels(kind: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(PEAK)
    run_script(script, kind)


def function_s(value: Any) -> float:
    return measure_transfer(
        lambda _: value, [1], [1], SYSTEM_CLOCK, workers=2, function_within_s=10.0
    ).function_s


def test_the_size_of_what_a_function_closes_over_is_part_of_what_processes_cost() -> None:
    assert function_s(numpy.ones(4_000_000)) > 32_000_000 * 5e-10 > function_s(1)


def test_a_function_that_memory_does_not_hold_is_not_sent(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert function_s(numpy.memmap(tmp_path / "sparse", "u1", "r")) == math.inf

"""Starts `main.py run` as a user does, reads what it wrote, and looks for what is left over."""

from __future__ import annotations

import csv
import ctypes
import json
import os
import resource
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPORT_ALONE, ROOT

Done = subprocess.CompletedProcess[str]
Preparation = Callable[[], None]

_DROP_CAPABILITY = 24  # PR_CAPBSET_DROP of prctl(2)
_MAY_WRITE_ALL, _MAY_READ_ALL = 1, 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH

TASKS = '''
import os, time, threading
from pathlib import Path

def same(item): return item
def text(item): return str(item)
def row(item): return {"v": item}
def long(item): return str(item).zfill(2000)
def short(item): return str(item).zfill(40)
def odd_fails(item):
    if int(item) % 2: raise ValueError(f"{item} is odd")
    return item
def all_fail(item): raise ValueError(item)
def mended(item):
    if int(item) % 2 and not Path("mended").exists(): raise ValueError(f"{item} is odd")
    return item
def counted(item):
    with open("calls", "a") as calls: calls.write("x")
    return item
def noisy(item):
    print(f"printed {item}")
    os.write(1, b"written\\n")
    os.system("echo from a child")
    return item
async def asynchronous(item): return item

def gated(item):
    """Wait at item 5 until somebody writes to `go`, having said so through `up`."""
    if item == "5" and not Path("passed").exists():
        Path("up").write_text("here")
        Path("go").read_text()
    return item

_failed = set()
def fails_once(item):
    if item not in _failed:
        _failed.add(item)
        raise ValueError(item)
    return item

_ended = [threading.Event() for _ in range(5)]
_ended[4].set()
def backwards(item):
    """Let items 0 to 3 end in the order 3, 2, 1, 0."""
    assert _ended[int(item) + 1].wait(60)
    _ended[int(item)].set()
    return item

def set_up():
    with open("workers", "a") as workers: workers.write(f"{os.getpid()}\\n")
def set_up_fails(): raise OSError("no licence")
async def later(): pass
def opened():
    yield open("made", "a")
    open("undone", "a").write(f"{os.getpid()}\\n")
def with_made(item, made): return made.name
'''


class Place:
    """An empty directory with tasks and inputs, where the command is run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("tasks.py", TASKS)
        self.numbers(10)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def numbers(self, count: int, name: str = "in.txt") -> None:
        """Make an input of the lines 0, 1, 2 and so on."""
        self.write(name, "".join(f"{number}\n" for number in range(count)))

    def gates(self) -> None:
        """Make the pipes that the task `gated` waits at."""
        for name in ("up", "go"):
            os.mkfifo(self.directory / name)

    def text(self, name: str) -> str:
        with (self.directory / name).open(newline="") as file:
            return file.read()

    def run(
        self,
        *words: str,
        quiet: bool = True,
        stdin: str | None = None,
        before: Preparation | None = None,
        **environment: str,
    ) -> Done:
        """Run the command to its end; `before` is called in its process before it starts.

        With `quiet`, nothing but errors and the report is shown.
        """
        return subprocess.run(
            command(*words, *(REPORT_ALONE if quiet else ())),
            cwd=self.directory,
            env={**os.environ, **environment},
            **_fed(stdin),
            capture_output=True,
            text=True,
            timeout=100,
            preexec_fn=before,
        )

    @contextmanager
    def running(
        self, *words: str, session: bool = False, **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run the command at the same time; it is killed at the end if it still runs."""
        process = subprocess.Popen(
            command(*words),
            cwd=self.directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=session,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def names(self) -> set[str]:
        """Return the files that came beside the tasks and inputs."""
        ours = {"tasks.py", "in.txt", "up", "go", "passed", "__pycache__"}
        return {path.name for path in self.directory.iterdir()} - ours

    def failures(self, name: str = "out.jsonl.errors.jsonl") -> list[dict[str, Any]]:
        path = self.directory / name
        return json_lines(path) if path.exists() else []

    def results(self, name: str) -> list[Any]:
        """Return what an output holds, parsed strictly."""
        path = self.directory / name
        if path.suffix == ".jsonl":
            return json_lines(path)
        if path.suffix == ".csv":
            csv.field_size_limit(10**6)
            with path.open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file, strict=True))
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()  # type: ignore[no-any-return]

    def check(self, output: str, items: Sequence[int]) -> None:
        """Check that each of `items` is in exactly one place, once, and nothing else is left."""
        failed = [line["index"] for line in self.failures(f"{output}.errors.jsonl")]
        results = self.results(output)
        done = [
            int(line["index"] if "index" in line else line.get("v", line.get("result")))
            for line in results
        ]
        assert sorted(done + failed) == list(items)
        here = {name for name in self.names() if name.startswith(output)}
        assert here - {f"{output}.errors.jsonl"} == {output, f"{output}.journal"}
        assert not list(self.directory.glob(".draft-*"))
        self.check_no_process()

    def check_no_process(self) -> None:
        """Check that no process is left that was started in this directory."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                assert (process / "cwd").resolve() != self.directory.resolve(), process


def _fed(text: str | None) -> dict[str, Any]:
    return {"stdin": subprocess.DEVNULL} if text is None else {"input": text}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give an empty directory with tasks and an input of ten lines."""
    return Place(tmp_path)


def command(*words: str) -> list[str]:
    """Return the words of `python main.py run ...`."""
    return [sys.executable, str(ROOT / "main.py"), "run", *words]


def json_lines(path: Path) -> list[Any]:
    """Return the values of JSON Lines, parsed strictly."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    data = path.read_bytes()
    assert not data or data.endswith(b"\n")
    return [json.loads(line, parse_constant=refuse) for line in data.decode().split("\n")[:-1]]


def ended(done: Done) -> tuple[int, list[str]]:
    """Return the exit code and the lines on stderr."""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


def reached(place: Place, process: subprocess.Popen[str]) -> None:
    """Wait until the task `gated` is at its gate."""
    up = os.open(place.directory / "up", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert select.select([up], [], [], 60)[0], process.poll()
    finally:
        os.close(up)


def released(place: Place, process: subprocess.Popen[str]) -> int:
    """Let the task `gated` go on, and return the exit code."""
    (place.directory / "go").write_text("")
    return process.wait(60)


def limited(what: int, size: int) -> Preparation:
    """Return what sets a resource limit."""
    return lambda: resource.setrlimit(what, (size, size))


def without_privileges() -> None:
    """Let file modes count for root, too."""
    library = ctypes.CDLL(None)
    for capability in (_MAY_WRITE_ALL, _MAY_READ_ALL):
        library.prctl(_DROP_CAPABILITY, capability, 0, 0, 0)


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a file system of `size`, and give what makes it another size; skip where we may not."""
    directory.mkdir()

    def mount(options: str) -> bool:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
        with suppress(OSError):
            return subprocess.run(words, capture_output=True).returncode == 0
        return False

    if not mount(f"size={size}"):
        pytest.skip("only root may mount")
    try:
        yield lambda larger: assert_true(mount(f"remount,size={larger}"))
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def assert_true(value: bool) -> None:
    """Raise unless `value`."""
    assert value

"""What type checkers make of calls of the library: mypy and Pyright, over one file of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

api = pytest.importorskip("mypy.api")

PROGRAM = """\
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any
import batchmap
from batchmap import BatchProcessor, ItemRecord, ItemsFailedError, Plan
from batchmap import astream_map, parallel_map, stream_map

class Scaler:
    def __init__(self, factor: int) -> None: ...
    def __call__(self, item: float) -> complex: ...
    def method(self, item: str) -> bytes: ...
    async def later(self, item: str) -> bytes: ...
    @classmethod
    def made(cls, item: str) -> "Scaler": ...
    @staticmethod
    def static(item: str) -> bool: ...

class Animal: ...
class Dog(Animal): ...

def length(text: str) -> int: ...
def either(item: int) -> str | None: ...
def nothing(item: int) -> None: ...
def anything(item: Any) -> Any: ...
def with_more(item: int, base: int = 10, *, deep: bool = False) -> str: ...
def two(item: int, other: int) -> str: ...
def pet(animal: Animal) -> str: ...
def same[T](item: T) -> T: ...
async def fetched(url: str) -> bytes: ...
def started(url: str) -> Coroutine[Any, Any, bytes]: ...
def words() -> Iterator[str]: ...
def later() -> AsyncIterator[str]: ...
def several(item: int) -> Iterator[str]: ...
def doubled(items: list[int]) -> list[str]: ...
async def doubled_later(items: list[int]) -> list[bytes]: ...
def listed(item: int) -> list[bytes]: ...
async def several_later(item: int) -> AsyncIterator[str]:
    yield ""
async def listed_later(item: int, other: int) -> list[bytes]: ...
async def maybe_later(item: int, *, index: int) -> int | None: ...
def numbers() -> list[int]: ...

"""

INFERRED = {
    'parallel_map(int, ["1"])': "list[int]",
    "parallel_map(str, range(3))": "list[str]",
    'parallel_map(length, ["a"])': "list[int]",
    'parallel_map(len, ["a"])': "list[int]",
    'parallel_map(lambda text: text.upper(), ["a"])': "list[str]",
    'parallel_map(lambda pair: pair[0] + 1, [(1, "a")])': "list[int]",
    "parallel_map(either, numbers())": "list[str | None]",
    "parallel_map(nothing, numbers())": "list[None]",
    "parallel_map(anything, numbers())": "list[Any]",
    "parallel_map(with_more, numbers())": "list[str]",
    "parallel_map(same, numbers())": "list[int]",
    'parallel_map(fetched, ["a"])': "list[bytes]",
    'parallel_map(started, ["a"])': "list[bytes]",
    "parallel_map(Scaler, numbers())": "list[Scaler]",
    "parallel_map(Scaler(2), [1.0])": "list[complex]",
    "parallel_map(Scaler(2), numbers())": "list[complex]",
    "parallel_map(Scaler(2).method, words())": "list[bytes]",
    "parallel_map(Scaler(2).later, words())": "list[bytes]",
    "parallel_map(Scaler.made, words())": "list[Scaler]",
    "parallel_map(Scaler.static, words())": "list[bool]",
    "parallel_map(functools.partial(with_more, deep=True), numbers())": "list[str]",
    "parallel_map(functools.partial(two, other=1), numbers())": "list[str]",
    "parallel_map(length, words())": "list[int]",
    'parallel_map(length, (word for word in ["a"]))': "list[int]",
    'parallel_map(length, {"a": 1})': "list[int]",
    "parallel_map(pet, [Dog()])": "list[str]",
    'parallel_map(length, words(), on_error="record")': "list[int | ItemRecord]",
    'parallel_map(fetched, words(), on_error="record")': "list[bytes | ItemRecord]",
    'parallel_map(length, words(), on_error="raise")': "list[int]",
    "parallel_map(two, numbers(), setup=numbers)": "list[str]",
    "parallel_map(two, numbers(), setup=words, setup_per='process')": "list[str]",
    "parallel_map(length, words(), setup=numbers)": "list[int]",
    'parallel_map(two, numbers(), setup=words, on_error="record")': "list[str | ItemRecord]",
    'parallel_map(length, words(), rate="3/s", progress=True, seed=3, on_plan=print)': "list[int]",
    "parallel_map(length, words(), pool=batchmap.WorkerPool('thread', '50%'))": "list[int]",
    "parallel_map(fetched, words(), rate=3, progress=lambda now: now.left_s)": "list[bytes]",
    "stream_map(two, numbers(), setup=numbers)": "Iterator[ItemRecord]",
    'parallel_map(length, words(), backend="thread", workers="50%", batch_size="auto", '
    "retries=1, timeout_s=2)": "list[int]",
    "parallel_map(two, [(1, 2)], star=True)": "list[str]",
    "parallel_map(fetched, [{}], star=True, index=False)": "list[bytes]",
    'parallel_map(two, [[1, 2]], star=True, on_error="record")': "list[str | ItemRecord]",
    "parallel_map(two, numbers(), index=True)": "list[str]",
    "parallel_map(several, numbers(), expand=True)": "list[str]",
    "parallel_map(listed, numbers(), expand=True, skip_none=True)": "list[bytes]",
    "parallel_map(listed_later, [(1, 2)], expand=True, star=True)": "list[bytes]",
    "parallel_map(either, numbers(), skip_none=True)": "list[str]",
    "parallel_map(maybe_later, numbers(), skip_none=True, index=True)": "list[int]",
    "parallel_map(doubled, numbers(), batched=64)": "list[str]",
    'parallel_map(doubled_later, numbers(), batched="auto", on_error="record")': "list[bytes | "
    "ItemRecord]",
    "parallel_map(doubled, numbers(), batched=2, skip_none=True)": "list[Any]",
    'stream_map(doubled, numbers(), batched="auto")': "Iterator[ItemRecord]",
    "stream_map(several, numbers(), expand=True)": "Iterator[ItemRecord]",
    'parallel_map(several_later, numbers(), expand=True, on_error="record")': "list[str | "
    "ItemRecord]",
    "parallel_map(fetched, words(), index=True, retries=1)": "list[bytes]",
    "stream_map(two, [(1, 2)], star=True)": "Iterator[ItemRecord]",
    "stream_map(two, numbers(), index=True, keep_order=True)": "Iterator[ItemRecord]",
    "stream_map(length, words())": "Iterator[ItemRecord]",
    "astream_map(length, words())": "AsyncGenerator[ItemRecord, None]",
    "astream_map(fetched, later(), keep_order=True, rate=5)": "AsyncGenerator[ItemRecord, None]",
    "astream_map(two, numbers(), setup=words, pool=None)": "AsyncGenerator[ItemRecord, None]",
    "astream_map(two, later(), star=True)": "AsyncGenerator[ItemRecord, None]",
    "stream_map(fetched, words(), keep_order=True)": "Iterator[ItemRecord]",
    "next(stream_map(length, words())).index": "int",
    "batchmap.__version__": "str",
}

WRONG = {
    "parallel_map(length, words(), expand=True)": "call-overload",
    "stream_map(length, [1], expand=True)": "arg-type",
    "parallel_map(doubled, words(), batched=2)": "arg-type",
    "parallel_map(doubled, numbers())": "arg-type",
    'parallel_map(doubled, numbers(), batched="many")': "call-overload",
    "parallel_map(length, [1])": "arg-type",
    "parallel_map(two, numbers())": "arg-type",
    "parallel_map(length, 5)": "call-overload",
    "parallel_map(fetched, [1])": "arg-type",
    "parallel_map(length, words(), 4)": "call-overload",
    'parallel_map(length, words(), on_error="ignore")': "call-overload",
    'parallel_map(length, words(), retries="3")': "call-overload",
    'parallel_map(length, words(), batch_size="many")': "call-overload",
    "parallel_map(length, words(), worker=4)": "call-overload",
    "stream_map(length, [1])": "arg-type",
    'stream_map(length, words(), on_error="record")': "call-overload",
    "astream_map(length, [1])": "arg-type",
    'astream_map(length, later(), on_error="record")': "call-overload",
    "batchmap.paralel_map": "attr-defined",
}


LIBRARY = ROOT / "packages" / "batchmap"
CALLS = [*INFERRED, *WRONG]
LINES = PROGRAM + "".join(
    f"reveal_type({call})\n" if call in INFERRED else f"{call}\n" for call in CALLS
)
FIRST = PROGRAM.count("\n") + 1
"""The number of the line of the first call."""


@pytest.fixture(scope="module")
def mypy_lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Give what mypy says of each call."""
    path = tmp_path_factory.mktemp("typed") / "program.py"
    path.write_text(LINES)
    config = path.with_name("mypy.ini")
    config.write_text(f"[mypy]\nmypy_path = {LIBRARY}\ndisable_error_code = empty-body\n")
    out, err, _ = api.run(
        ["--strict", "--python-version", "3.12", "--config-file", str(config),
         "--cache-dir", str(ROOT / ".mypy_cache" / "typed"), str(path)]
    )  # fmt: skip
    assert err == ""
    said: dict[str, list[str]] = {call: [] for call in CALLS}
    for line in out.splitlines()[:-1]:
        match = re.fullmatch(r".*?program\.py:(\d+): (.*)", line)
        assert match, line
        assert int(match[1]) >= FIRST, line
        said[CALLS[int(match[1]) - FIRST]].append(match[2])
    return said


@pytest.mark.parametrize("call", INFERRED)
def test_the_type_of_a_call_is_inferred(mypy_lines: dict[str, list[str]], call: str) -> None:
    [line] = mypy_lines[call]
    match = re.fullmatch(r'note: Revealed type is "(.*)"', line)
    assert match, line
    plain = re.sub(r"(?<![\w.])(?:\w+\.)+(?=\w)", "", match[1])
    assert plain == INFERRED[call]


@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_call_is_an_error_of_types(mypy_lines: dict[str, list[str]], call: str) -> None:
    errors = [line for line in mypy_lines[call] if line.startswith("error")]
    assert {re.sub(r".*\[|\]$", "", line) for line in errors} == {WRONG[call]}


def test_pyright_infers_the_same_types_and_finds_the_same_calls_wrong(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    pytest.importorskip("basedpyright", reason="needs basedpyright")
    path = tmp_path_factory.mktemp("typed") / "program.py"
    path.write_text(LINES)
    config = {"include": [path.name], "extraPaths": [str(LIBRARY)], "typeCheckingMode": "standard"}
    path.with_name("pyrightconfig.json").write_text(json.dumps({**config, "pythonVersion": "3.12"}))
    words = ["-m", "basedpyright", "-p", str(path.parent), "--outputjson"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=100)
    found: dict[str, str] = {}
    for said in json.loads(done.stdout)["generalDiagnostics"]:
        call = CALLS[said["range"]["start"]["line"] + 1 - FIRST]
        if said["severity"] == "error":
            found[call] = "error"
        elif match := re.fullmatch(r'Type of ".*" is "(.*)"', said["message"], re.DOTALL):
            found.setdefault(call, match[1])
    assert found == INFERRED | dict.fromkeys(WRONG, "error")

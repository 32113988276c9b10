"""`--sync`: the output becomes what a new run would write, and only new items are called for."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from batchmap import InputError, OutputError, UsageError, run
from batchmap.checkpoint.entry_pairing import EntryPairing
from batchmap.checkpoint.task_code import code_of, first_difference

from benchmarks import edit_scripts

SCRIPTS, KILLS = 200, 16
"""How many random scripts and kills there are in CI; `benchmarks/edit_scripts.py` runs more."""

calls: list[Any] = []


def work(item: Any) -> Any:
    calls.append(item)
    if item in ("bad", "worse"):
        raise ValueError(f"{item} is not good")
    return item if isinstance(item, dict) else str(item).upper()


def counted_file(path: str) -> str:
    calls.append(path)
    return Path(path).read_text().upper()


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    calls.clear()
    yield
    left = {path.name for path in tmp_path.rglob("*")}
    assert not {name for name in left if ".sync" in name or ".draft" in name}, left


def sync(source: Any, output: str = "out.jsonl", function: Any = work, **options: Any) -> Any:
    """Sync and return the counts; `calls` holds what it called for."""
    calls.clear()
    options = {"backend": "sequential", "mode": "sync", **options}
    counts = run(function, source, output, **options).sync
    return counts and (counts.kept, counts.moved, counts.new, counts.changed, counts.gone)


def stopped_sync(monkeypatch: pytest.MonkeyPatch, *args: Any, **options: Any) -> None:
    """Sync, and fail when all is done beside the output, before that is written anew."""

    def fail(*args: Any, **options: Any) -> None:
        raise OutputError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr("batchmap.checkpoint.sync.rewrite", fail)
        with pytest.raises(OutputError, match="stopped"):
            sync(*args, **options)


def results(output: str = "out.jsonl") -> list[Any]:
    return [json.loads(line)["result"] for line in Path(output).read_text().splitlines()]


def lines(*names: str) -> str:
    Path("in.txt").write_text("".join(f"{name}\n" for name in names))
    return "in.txt"


@pytest.mark.parametrize("number", range(8))
def test_a_synced_output_is_that_of_a_new_run_after_any_edits(number: int) -> None:
    for script in range(SCRIPTS // 8):
        edit_scripts.run_in_directory(edit_scripts.check_script, f"ci-{number}-{script}")


@pytest.mark.parametrize("number", range(4))
def test_a_sync_that_is_killed_leaves_the_old_output_or_the_new(number: int) -> None:
    for script in range(KILLS // 4):
        edit_scripts.run_in_directory(edit_scripts.check_kill, f"ci-{number}-{script}")


def test_it_calls_for_what_is_new_and_says_what_it_found() -> None:
    assert sync(lines(*"abcdef")) is None, "a new run"
    assert (sync(lines(*"abXcfd")), calls) == ((5, 1, 1, 0, 1), ["X"])
    assert results() == [*"ABXCFD"]
    indexes = [json.loads(line)["index"] for line in Path("out.jsonl").read_text().splitlines()]
    assert indexes == [0, 1, 2, 3, 4, 5]


def test_an_item_in_the_place_of_another_has_changed() -> None:
    sync(lines(*"abcdef"))
    assert (sync(lines(*"abXdeY")), calls) == ((4, 0, 0, 2, 0), ["X", "Y"])


def test_equal_items_are_called_once_each() -> None:
    sync(lines("a", "b", "a"))
    assert calls == ["a", "b", "a"]
    assert (sync(lines("a", "a", "b", "a", "b")), calls) == ((3, 1, 2, 0, 0), ["a", "b"])
    assert (sync(lines("a", "b")), calls) == ((2, 0, 0, 0, 3), [])


def test_a_sync_without_differences_writes_nothing() -> None:
    sync(lines(*"abc"))
    before = {path: path.stat() for path in Path().iterdir()}
    assert (sync("in.txt"), calls) == ((3, 0, 0, 0, 0), [])
    assert {path: path.stat()[:7] for path in Path().iterdir()} == {
        path: stat[:7] for path, stat in before.items()
    }
    assert {path: path.stat().st_mtime_ns for path in Path().glob("out*")} == {
        path: stat.st_mtime_ns for path, stat in before.items() if path.name.startswith("out")
    }


def test_failed_items_are_done_and_keep_their_place_in_the_errors_file() -> None:
    sync(lines("a", "bad", "b"))
    assert (sync(lines("X", "a", "bad", "b")), calls) == ((3, 0, 1, 0, 0), ["X"])
    [failure] = map(json.loads, Path("out.jsonl.errors.jsonl").read_text().splitlines())
    assert (failure["index"], failure["place"]) == (2, "in.txt line 3")
    sync("in.txt", retry_failed=True)
    assert calls == ["bad"]
    assert (sync(lines("a", "b")), calls) == ((2, 0, 0, 0, 2), [])
    assert not Path("out.jsonl.errors.jsonl").exists()


def test_with_a_key_a_record_that_says_something_else_has_changed() -> None:
    rows = [{"id": number, "text": "a"} for number in range(4)]
    sync(rows, key="id")
    rows[1] = {"id": 1, "text": "b"}
    assert (sync(rows[::-1], key="id"), calls) == ((3, 2, 0, 1, 0), [rows[1]])
    with pytest.raises(InputError, match="key 'idd': item 0 has no such field; did you mean id"):
        sync(rows, "other.jsonl", key="idd")
    with pytest.raises(InputError, match="which item it is was key id when the run began"):
        sync(rows)
    Path("a.txt").write_text("a")
    with pytest.raises(UsageError, match="names of files, which have no fields"):
        sync("*.txt", "other.jsonl", key="id")


def test_a_file_is_its_path_and_content() -> None:
    for name in "abc":
        Path(f"{name}.x").write_text(name)
    sync("*.x", function=counted_file)
    os.utime("a.x", (1, 1))
    Path("b.x").write_text("new")
    Path("c.x").rename("d.x")
    counts = sync("*.x", function=counted_file)
    assert (counts, calls) == ((1, 0, 1, 1, 1), ["b.x", "d.x"])
    assert results() == ["A", "NEW", "C"]
    calls.clear()
    run(counted_file, "*.x", "out.jsonl", mode="resume", backend="sequential", keep_order=True)
    assert calls == []
    Path("d.x").write_text("other")
    with pytest.raises(InputError, match=r"d\.x is not what it was when the run began; mode="):
        run(counted_file, "*.x", "out.jsonl", mode="resume")


def test_a_file_that_is_changed_twice_within_a_tick_of_the_clock_is_noticed() -> None:
    Path("a.x").write_text("one")
    os.utime("a.x", ns=(1, 1))
    stat = Path("a.x").stat()
    sync("*.x", function=counted_file)
    Path("a.x").write_text("two")
    assert Path("a.x").stat().st_mtime_ns != stat.st_mtime_ns
    sync("*.x", function=counted_file)  # changed just now, so its time proves nothing
    now = Path("a.x").stat()
    Path("a.x").write_text("six")
    os.utime("a.x", ns=(now.st_atime_ns, now.st_mtime_ns))
    assert (sync("*.x", function=counted_file), results()) == ((0, 0, 0, 1, 0), ["SIX"])


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_what_an_unordered_run_wrote_is_put_in_order(output: str) -> None:
    rows = [{"id": number} for number in range(50)]
    run(work, rows, output, backend="thread", workers=4, batch_size=1)
    assert sync(rows, output) == (50, 0, 0, 0, 0)
    fresh = output.replace("out", "fresh")
    run(work, rows, fresh, keep_order=True)
    if output.endswith("parquet"):
        parquet: Any = pytest.importorskip("pyarrow.parquet")
        assert parquet.read_table(output).equals(parquet.read_table(fresh))
    else:
        assert Path(output).read_bytes() == Path(fresh).read_bytes()


def test_a_stopped_run_is_completed(tmp_path: Path) -> None:
    run(work, lines(*"abcdefgh"), "out.jsonl", limit=3, backend="sequential")
    assert (sync(lines(*"Xabcdefgh")), calls) == ((3, 0, 6, 0, 0), [*"Xdefgh"])
    assert results() == [*"XABCDEFGH"]


def test_a_function_that_changed_is_refused_unless_accepted(tmp_path: Path) -> None:
    sync(lines(*"ab"))
    with pytest.raises(InputError, match=r"the function was work and is counted_file now; accept_"):
        sync("in.txt", function=counted_file)
    assert sync(lines(*"abc"), function=len, accept_task=True) == (2, 0, 1, 0, 0)
    assert results() == ["A", "B", 1]


def test_an_output_that_was_changed_is_refused() -> None:
    sync(lines(*"ab"))
    Path("out.jsonl").write_text(Path("out.jsonl").read_text().replace("A", "Z"))
    with pytest.raises(OutputError, match="not what the run wrote"):
        sync(lines(*"abc"))


def test_an_output_that_is_shorter_has_its_items_done_again() -> None:
    sync(lines(*"abc"))
    Path("out.jsonl").write_bytes(b"")
    assert (sync("in.txt"), calls) == ((0, 0, 3, 0, 0), [*"abc"])
    assert results() == [*"ABC"]


def test_a_rename_that_the_journal_has_not_noted_yet_is_adopted() -> None:
    """Between the two, the power may be lost."""
    sync(lines(*"ab"))
    old = Path("out.jsonl").read_bytes()
    sync(lines(*"Xab"))
    new = Path("out.jsonl").read_bytes()
    with closing(sqlite3.connect("out.jsonl.journal")) as sql:
        [fingerprint] = sql.execute("SELECT value FROM run WHERE name = 'fingerprint'").fetchone()
        tables = {table: sql.execute(f"SELECT * FROM {table}").fetchall() for table in STATE}
    assert json.loads(fingerprint)["identity"] == "record"
    for is_renamed in (True, False):
        run(work, lines(*"ab"), "out.jsonl", mode="overwrite", keep_order=True)
        assert Path("out.jsonl").read_bytes() == old
        _write_replacement(tables)
        if is_renamed:
            Path("out.jsonl").write_bytes(new)
        else:
            Path(".draft-out.jsonl").write_bytes(new)
        kept = 3 if is_renamed else 2
        assert (sync(lines(*"Xab")), calls) == ((kept, 0, 3 - kept, 0, 0), ["X"][: 3 - kept])
        assert Path("out.jsonl").read_bytes() == new


STATE = ("done", "failed", "stretch")


def _write_replacement(tables: dict[str, list[Any]]) -> None:
    """Write rows as those of an output that is about to replace the present one."""
    from batchmap.checkpoint.journal import Journal
    from batchmap.checkpoint.journal_replacement import replacing

    journal = Journal(Path("out.jsonl.journal"))
    fingerprint = journal.fingerprint
    assert fingerprint is not None
    with replacing(journal, fingerprint) as new:
        for _, first, number, entries, end, _ in tables["done"]:
            new.add_done(first, number, entries, end)
        for end, digest, _ in tables["stretch"]:
            new.add_stretch(end, digest)
    journal.close()


def test_entries_are_paired_the_first_with_the_first() -> None:
    pairing = EntryPairing(16)
    names = {name: name.encode() * 16 for name in "abcd"}
    pairing.add_old(names[name] for name in "abac")
    pairing.add_new(names[name] for name in "cdaaa")
    pairing.pair()
    assert list(pairing.old_of) == [3, -1, 0, 2, -1]
    assert (pairing.unpaired(4), pairing.moved(4)) == (1, 1)
    assert list(pairing.new_entries()) == [names[name] for name in "cdaaa"]
    pairing.close()


def test_journals_of_many_rows_are_replaced() -> None:
    numbers = [*range(400)]
    sync(numbers, batch_size=1, retries=0, workers=1, function=str)
    with closing(sqlite3.connect("out.jsonl.journal")) as sql:
        assert sql.execute("SELECT count(*) FROM done").fetchone()[0] > 300
    numbers[350:360] = []
    assert sync(numbers, function=str) == (390, 0, 0, 0, 10)
    numbers.insert(100, 1000)
    assert sync(numbers, function=str) == (390, 0, 1, 0, 0)
    assert results() == [*map(str, numbers)]


def test_what_a_stopped_sync_tried_again_is_not_lost_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync(lines("a"))
    names = lines("a", "bad", "worse")
    stopped_sync(monkeypatch, names)
    assert [*calls] == ["bad", "worse"]
    assert (sync(names, retry_failed=True), calls) == ((1, 0, 2, 0, 0), ["bad", "worse"])
    failures = map(json.loads, Path("out.jsonl.errors.jsonl").read_text().splitlines())
    assert [failure["index"] for failure in failures] == [1, 2]


def test_a_row_says_what_its_header_says() -> None:
    Path("in.csv").write_text("a,b\n1,2\n")
    sync("in.csv")
    Path("in.csv").write_text("b,a\n1,2\n")
    assert (sync("in.csv"), results()) == ((0, 0, 0, 1, 0), [{"b": "1", "a": "2"}])


def test_another_format_of_the_input_is_refused() -> None:
    sync(lines("1", "2"))
    Path("in.txt").rename("in.jsonl")
    with pytest.raises(InputError, match="input_format was text when the run began and is jsonl"):
        sync("in.jsonl")


def test_an_empty_journal_vouches_for_no_output() -> None:
    lines("a")
    Path("out.jsonl").write_text("precious")
    for mode in ("new", "resume", "sync"):
        Path("out.jsonl.journal").write_bytes(b"")
        with pytest.raises(OutputError, match="a journal without a run"):
            run(work, "in.txt", "out.jsonl", mode=mode)
        assert Path("out.jsonl.journal").read_bytes() == b"", "what is refused is left as it is"
    assert Path("out.jsonl").read_text() == "precious"


def test_a_wrong_key_costs_no_output() -> None:
    rows = [{"id": 1}]
    sync(rows)
    with pytest.raises(InputError, match="no such field"):
        run(work, rows, "out.jsonl", mode="overwrite", key="ix")
    assert results() == rows


def test_the_columns_are_those_of_the_first_item_where_none_is_kept() -> None:
    sync(["z"], "out.csv")
    gate = threading.Event()

    def columns(number: int) -> dict[str, int]:
        if number:
            gate.set()
            return {"a": number}
        gate.wait(20)
        return {"a": number, "b": 1}

    sync([0, 1], "out.csv", columns, accept_task=True, backend="thread", workers=2, batch_size=1)
    assert Path("out.csv").read_text() == "a,b\n0,1\n1,\n"


def test_a_failure_that_stands_elsewhere_now_has_its_place() -> None:
    Path("in.jsonl").write_text('"ok"\n"bad"\n')
    sync("in.jsonl")
    Path("in.jsonl").write_text('\n\n"ok"\n"bad"\n')
    assert (sync("in.jsonl"), calls) == ((2, 0, 0, 0, 0), [])
    assert "in.jsonl line 4" in Path("out.jsonl.errors.jsonl").read_text()


def test_results_beside_an_output_with_other_columns_are_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def named(item: str) -> dict[str, str]:
        calls.append(item)
        return {item[0]: item}

    sync(["a1", "a2"], "out.csv", named)
    stopped_sync(monkeypatch, ["b1", "b2"], "out.csv", named)
    sync(["a1", "b1"], "out.csv", named)
    assert Path("out.csv").read_text() == "a\na1\n"
    assert "which the first one did not have" in Path("out.csv.errors.jsonl").read_text()


def test_an_accepted_task_is_remembered_and_what_was_done_with_it_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync(lines("a"))
    sync("in.txt", function=counted_item, accept_task=True)
    stopped_sync(monkeypatch, lines("a", "b"), function=counted_item)
    assert (sync("in.txt", accept_task=True), calls) == ((2, 0, 0, 0, 0), [])
    assert results() == ["A", "b"]


def counted_item(item: str) -> str:
    calls.append(item)
    return item


def test_files_that_are_not_of_the_run_are_left_alone() -> None:
    sync(lines("a"))
    draft = Path(".draft-out.jsonl")
    draft.write_text("mine")
    with pytest.raises(OutputError, match="nobody knows whose it is"):
        sync(lines("a", "b"))
    assert draft.read_text() == "mine"
    draft.unlink()
    sync("in.txt")
    run(work, "in.txt", "out.jsonl.sync", output_format="jsonl")
    with pytest.raises(OutputError, match="is the output of another run"):
        sync("in.txt")
    assert len(results("out.jsonl.sync")) == 2
    for path in Path().glob("out.jsonl.sync*"):
        path.unlink()


def test_what_a_sync_left_is_removed_by_a_resume_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync(lines("a"))
    stopped_sync(monkeypatch, lines("a", "b"))
    assert Path("out.jsonl.sync").exists()
    run(work, "in.txt", "out.jsonl", mode="resume", keep_order=True)
    assert results() == ["A", "B"]


def test_what_a_function_binds_is_part_of_it() -> None:
    def bound_to(number: int) -> Any:
        return lambda item: f"{item}{number}"

    lines("a")
    for first, second in (
        (partial(joined, "x"), partial(joined, "y")),
        (bound_to(1), bound_to(2)),
        (lambda item: item + "1", lambda item: item + "2"),
    ):
        run(first, "in.txt", "out.jsonl", mode="overwrite")
        sync("in.txt", function=first)
        with pytest.raises(InputError, match="has changed"):
            sync("in.txt", function=second)


def joined(text: str, item: str) -> str:
    return text + item


@pytest.mark.parametrize(
    ("files", "change", "named"),
    [
        ({"m.py": "# a\ndef f(x):\n    'doc'\n    return x\n"}, {"m.py": "def f(x): return x"}, ""),
        ({"m.py": "def f(x): return x"}, {"m.py": "def f(x): return [x]"}, "f in m.py"),
        ({"m.py": "A, B = 1, 2"}, {"m.py": "A, B = 1, 3"}, "A in m.py"),
        ({"m.py": "Y = 1; X = Y; Y = 2"}, {"m.py": "Y = 1; Y = 2; X = Y"}, "m.py"),
        (
            {"m.py": "def g():\n    import helper", "helper.py": "N = 1"},
            {"helper.py": "N = 2"}, "N in helper.py",
        ),
        (
            {"m.py": "import helper", "helper.py": "from other import N", "other.py": "N = 1"},
            {"other.py": "N = 2"}, "N in other.py",
        ),
        ({"m.py": "import json"}, {"unused.py": "N = 2"}, ""),
        (
            {"p/__init__.py": "N = 1", "p/m.py": "from . import N"},
            {"p/__init__.py": "N = 2"}, "N in p/__init__.py",
        ),
        (
            {"p/q/__init__.py": "", "p/q/m.py": "from ..n import N", "p/n.py": ""},
            {"p/n.py": "N = 1"}, "N in p/n.py",
        ),
    ],
)  # fmt: skip
def test_a_task_is_its_module_and_the_modules_beside_it(
    files: dict[str, str], change: dict[str, str], named: str
) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).write_text(text)
    [file] = [name for name in files if name.endswith("m.py")]
    module = ModuleType(file.removesuffix(".py").replace("/", "."))
    module.__file__ = str(Path(file).absolute())
    before = code_of(module)
    assert first_difference(before, before) is None
    for name, text in change.items():
        Path(name).write_text(text)
    found = first_difference(before, code_of(module))
    assert found is None if not named else found is not None and named in found


def test_an_iterator_and_items_of_any_type_are_taken() -> None:
    items = ["a", 1, 1.0, (1,), [1], {"k": b"v"}, {1, 2}, None, Path("x")]
    sync(iter(items), function=repr)
    assert sync(iter([*items[::-1], "new"]), function=repr) == (9, 8, 1, 0, 0)
    assert results() == [*map(repr, items[::-1]), "'new'"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "synch"}, "mode must be one of new, resume, sync, overwrite"),
        ({"no_such": 1}, "has no option 'no_such'"),
        ({"mode": "new", "retry_failed": True}, "retry_failed goes with mode='resume' or"),
        ({"output": "-"}, "output must be a file"),
        ({"output": "s3://bucket/out.jsonl"}, "mode='sync' writes its output anew"),
        ({"workers": 0}, "workers must be at least 1"),
        (
            {"mode": "new"},
            "exists; mode='resume' goes on with it, mode='sync' also where",
        ),
    ],
)
def test_a_wrong_call_says_what_is_wrong(options: dict[str, Any], message: str) -> None:
    sync(lines("a"))
    output = options.pop("output", "out.jsonl")
    with pytest.raises(UsageError, match=message.replace("(", r"\(").replace(")", r"\)")):
        sync("in.txt", output, **options)
    assert results() == ["A"]

"""`rows`: the rows of all files that several inputs name, in the order of the files' names."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, UsageError, run
from batchmap.sources import ReadingOptions, open_inputs, open_source

from tests.store_servers import s3_server
from tests.syncing import calls, results, sync
from tests.syncing import sync_directory as sync_directory  # a fixture of every test here


def write(**files: str) -> None:
    """Write files of the given names, `_` for their dots."""
    for name, text in files.items():
        Path(name.replace("_", ".")).write_text(text)


def items(*specs: str, **more: Any) -> list[Any]:
    return [item for item, _, _ in open_inputs(specs, rows=True, **more).records()]


def places(*specs: str, **more: Any) -> list[str]:
    source = open_inputs(specs, rows=True, **more)
    return [source.place(where) for _, _, where in source.records()]


def rows(source: Any, mode: str = "resume", output: str = "out.jsonl", **options: Any) -> Any:
    """Run over the rows and return what the function was called for."""
    calls.clear()
    run(work, source, output, mode=mode, backend="sequential", rows=True, **options)  # type: ignore[arg-type]
    return list(calls)


def work(item: Any) -> Any:
    calls.append(item)
    return item


def test_each_file_is_read_by_its_own_name_in_the_order_of_the_names() -> None:
    write(
        c_csv="a,b\n1,2\n", b_jsonl='{"x": 1}\n\n{"x": 2}\n', d_json="[5, 6]", e_tsv="a\tb\n3\t4\n"
    )
    Path("a.log.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    Path("empty.csv").touch()
    specs = ("e.tsv", "c.csv", "*.js*", "a.log.gz", "empty.csv")
    assert items(*specs) == [
        *("one", "two", {"x": 1}, {"x": 2}, {"a": "1", "b": "2"}, 5, 6, {"a": "3", "b": "4"})
    ]
    assert places(*specs) == [
        *("a.log.gz line 1", "a.log.gz line 2", "b.jsonl line 1", "b.jsonl line 3"),
        *("c.csv line 2", "d.json element 1", "d.json element 2", "e.tsv line 2"),
    ]


def test_parquet_stands_beside_others() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"n": [1, 2]}), "b.parquet")
    write(a_jsonl='{"n": 0}\n', c_txt="end\n")
    assert items("*.*") == [{"n": 0}, {"n": 1}, {"n": 2}, "end"]
    assert places("*.*")[1:3] == ["b.parquet row 1", "b.parquet row 2"]


def pack(name: str, members: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def test_a_zip_archive_stands_for_the_files_in_it() -> None:
    write(a_txt="before\n", z_txt="after\n")
    members: dict[str, str | bytes] = {
        "d/two.csv": "a\n2\n",
        "d/": "",
        "one.jsonl": '{"x": 1}\n{"x": 2}\n',
        "d/three.log.gz": gzip.compress(b"3\n"),
        "__MACOSX/one.txt": "no\n",
        ".hidden/x.txt": "no\n",
        "d/_SUCCESS": "",
    }
    pack("m.ZIP", members)
    Path("m.ZIP-more.txt").write_text("between\n")
    specs = ("z.txt", "m.ZIP*", "a.txt")
    assert items(*specs) == ["before", "between", "3", {"a": "2"}, {"x": 1}, {"x": 2}, "after"]
    assert places(*specs)[2:6] == [
        *("m.ZIP/d/three.log.gz line 1", "m.ZIP/d/two.csv line 2"),
        *("m.ZIP/one.jsonl line 1", "m.ZIP/one.jsonl line 2"),
    ]
    source = open_inputs(specs, rows=True)
    assert source.paths == tuple(
        Path(name).absolute() for name in ("a.txt", "m.ZIP-more.txt", "m.ZIP", "z.txt")
    )


def test_a_path_in_a_zip_archive_may_begin_with_points() -> None:
    pack("m.zip", {"./a.txt": "1\n", "../b.txt": "2\n", "c.txt": "3\n", "./.d.txt": "no\n"})
    assert sorted(items("m.zip")) == ["1", "2", "3"]


def test_a_zip_archive_of_files_that_are_read_by_position() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in "ab":
        parquet.write_table(pyarrow.table({"n": [f"{name}{row}" for row in range(3)]}), name)
    pack("m.zip", {f"{name}.parquet": Path(name).read_bytes() for name in "ba"})
    assert [item["n"] for item in items("m.zip")] == ["a0", "a1", "a2", "b0", "b1", "b2"]


@pytest.mark.parametrize("spec", ["memory://d/m.zip", "memory://d/*", "memory://d"])
def test_a_zip_archive_in_a_store(memory: Any, spec: str) -> None:
    pack("m.zip", {"b.txt": "2\n", "a.txt": "1\n"})
    memory.pipe("/d/m.zip", Path("m.zip").read_bytes())
    memory.pipe("/d/z.txt", b"3\n")
    assert items(spec) == ["1", "2", "3"][: 2 if spec.endswith("zip") else 3]
    assert places(spec)[1].endswith("/d/m.zip/b.txt line 1")


def test_a_sync_follows_a_zip_archive_that_was_packed_anew() -> None:
    pack("m.zip", {"a.txt": "1\n2\n", "b.txt": "3\n"})
    assert rows("m.zip", mode="new") == ["1", "2", "3"]
    assert rows("m.zip", mode="sync") == []
    pack("m.zip", {"c.txt": "3\n", "a.txt": "1\n4\n"})
    with pytest.raises(InputError, match=r"m\.zip/a\.txt line 2 is not what it was"):
        rows("m.zip", mode="resume")
    assert rows("m.zip", mode="sync") == ["4"]
    assert results() == ["1", "4", "3"]
    with pytest.raises(UsageError, match=r"m\.zip: that is the input"):
        rows("m.zip", mode="overwrite", output="m.zip", output_format="jsonl")


def test_an_archive_that_cannot_be_read_is_an_error_before_anything_runs() -> None:
    pack("none.zip", {"d/": "", ".x": ""})
    with pytest.raises(InputError, match=r"^none\.zip: there are no files in this archive"):
        rows("none.zip", mode="new")
    pack("odd.zip", {"a.txt": "1\n", "b.md": "2\n"})
    with pytest.raises(UsageError, match=r"^odd\.zip/b\.md: the suffix does not tell how it is"):
        rows("odd.zip", mode="new")
    assert items("odd.zip", input_format="text") == ["1", "2"]
    raw = Path("odd.zip").read_bytes()
    Path("cut.zip").write_bytes(raw[:-30])
    with pytest.raises(InputError, match=r"^cut\.zip: is a damaged zip archive"):
        rows("cut.zip", mode="new")
    locked = bytearray(raw)
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    Path("locked.zip").write_bytes(locked)
    with pytest.raises(InputError, match=r"^locked\.zip: a\.txt in it has a password"):
        rows("locked.zip", mode="new")
    assert not list(Path().glob("out*"))


def test_a_directory_is_all_files_in_it_but_hidden_ones_and_markers() -> None:
    for name in ("d/b.txt", "d/a/x.txt", "d/.hidden.txt", "d/.git/x.txt", "d/_SUCCESS", "d-e.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"{name}\n")
    Path("d/a/up").symlink_to("..")  # which would lead in circles
    assert items("d") == items("d/") == ["d/a/x.txt", "d/b.txt"]


def test_a_file_is_read_once_whatever_leads_to_it(tmp_path: Path) -> None:
    write(a_txt="a\n", b_txt="b\n")
    Path("c.txt").symlink_to("a.txt")
    assert items("a.txt", "*.txt", f"{tmp_path}/b.txt", "a.txt") == ["b", "a"]
    os.link("a.txt", "d.txt")  # which is a file of its own
    assert items("*.txt") == ["a", "b", "a"]


def test_what_the_run_writes_is_not_read() -> None:
    write(a_txt="a\n")
    assert rows(".", mode="new", output="b.txt", output_format="jsonl") == ["a"]
    assert rows(".", output="b.txt", output_format="jsonl") == []
    with pytest.raises(UsageError, match=r"b\.txt: that is the input"):
        rows(["a.txt", "b.txt"], output="b.txt", output_format="jsonl")


def test_a_name_that_tells_no_format_is_an_error_that_names_the_first() -> None:
    write(a_csv="a\n1\n", b_md="x\n", c="y\n", d_gz="z\n")
    with pytest.raises(UsageError) as caught:
        rows(".", mode="new")
    assert str(caught.value) == (
        "./b.md: the suffix does not tell how it is read, as 2 more do not; name the files to be "
        "read, or say how all are read by input_format"
    )
    assert {path.name for path in Path().iterdir()} == {"a.csv", "b.md", "c", "d.gz"}
    assert items("a.csv", "b.md", "c", input_format="text") == ["a", "1", "x", "y"]


@pytest.mark.parametrize(
    ("specs", "kind", "message"),
    [
        (["a.txt", "no.txt"], InputError, r"^no\.txt: there is no such file; check the path$"),
        (["a.txt", "*.no"], InputError, r"^no file matches \*\.no; check the pattern"),
        (["empty"], InputError, "^empty: there are no files in this directory; check the path$"),
        (["lost.txt"], InputError, r"^lost\.txt: it leads to a file that is not there; check"),
        (["a.txt", "-"], UsageError, "^-: standard input is none of several files"),
        (["a.txt", "sqlite:///x.db?query=SELECT 1"], UsageError, "a database is none of several"),
        (["a.txt", "pipe"], UsageError, "^pipe: a pipe or a device is none of several files"),
        (["a.txt", "s33://b/x.csv"], UsageError, r"s33:// is not known; did you mean s3\?"),
        (["x" * 300, "a.txt"], InputError, "cannot be read"),
        (["a\0.txt", "a.txt"], InputError, "cannot be read"),
    ],
)
def test_inputs_that_cannot_be_read(specs: list[str], kind: type[Exception], message: str) -> None:
    write(a_txt="a\n")
    Path("empty").mkdir()
    Path("lost.txt").symlink_to("nowhere")
    os.mkfifo("pipe")
    with pytest.raises(kind, match=message) as caught:
        open_inputs(specs, rows=True)
    assert "\n" not in str(caught.value)


def test_the_rows_of_what_is_no_file_are_its_own() -> None:
    assert open_inputs(["-"], rows=True).name == "standard input"


def test_several_inputs_and_directories_name_what_takes_them() -> None:
    write(a_txt="a\n", b_txt="b\n")
    with pytest.raises(UsageError, match=r"rows=True takes the rows .*input_format='files'"):
        open_inputs(["a.txt", "b.txt"])
    with pytest.raises(InputError, match=r"; rows=True takes the rows of all files in it$"):
        open_source(".")
    with pytest.raises(UsageError, match=r"rows=True reads what is in its files$"):
        open_source("*.txt", input_format="csv")


def test_a_resume_takes_what_came_after_the_last_row() -> None:
    write(a_csv="a\n1\n", b_csv="b\n2\n")
    assert rows(["a.csv", "b.csv"], mode="new") == [{"a": "1"}, {"b": "2"}]
    assert rows("*.csv") == []  # these are the same files
    Path("b.csv").write_text("b\n2\n3\n")
    write(c_jsonl='{"c": 4}\n')
    assert rows(["a.csv", "b.csv", "c.jsonl"]) == [{"b": "3"}, {"c": 4}]
    assert results() == [{"a": "1"}, {"b": "2"}, {"b": "3"}, {"c": 4}]


@pytest.mark.parametrize(
    ("changes", "place", "counts"),
    [
        ({"b_csv": "b\n2\n9\n"}, "b.csv line 3", (4, 0, 1, 0, 0)),
        ({"b_csv": "b\n"}, "c.csv line 2", (3, 0, 0, 0, 1)),
        ({"a0_csv": "a\n8\n"}, "a0.csv line 2", (4, 0, 1, 0, 0)),
        ({"b_csv": "x\n2\n"}, "b.csv line 2", (3, 0, 0, 1, 0)),  # the same bytes, another name
    ],
)
def test_a_change_before_the_last_row_is_named_and_synced(
    changes: dict[str, str], place: str, counts: tuple[int, ...]
) -> None:
    write(a_csv="a\n1\n", b_csv="b\n2\n", c_csv="c\n3\n4\n")
    rows("*.csv", mode="new")
    write(**changes)
    with pytest.raises(InputError) as caught:
        rows("*.csv")
    assert str(caught.value).startswith(f"{place} is not what it was when the run began; mode=")
    assert sync("*.csv", function=work, rows=True) == counts
    assert results() == items("*.csv")
    assert sync("*.csv", function=work, rows=True) == (len(results()), 0, 0, 0, 0)


def test_files_that_are_gone_are_told() -> None:
    write(a_txt="a\n", b_txt="b\n")
    rows("*.txt", mode="new")
    Path("b.txt").unlink()
    with pytest.raises(InputError, match=r"^\*\.txt ends after 1 items and had more when the run"):
        rows("*.txt")
    assert sync(["a.txt"], function=work, rows=True) == (1, 0, 0, 0, 1)


def test_the_same_bytes_are_another_item_in_another_format_and_below_another_header() -> None:
    write(a_txt="[1]\n", b_csv="x\n[1]\n", c_jsonl="[1]\n")
    assert rows("*.*", mode="new") == ["[1]", {"x": "[1]"}, [1]]
    write(a_txt="", b_csv="y\n[1]\n", c_jsonl="", d_json="[[1]]")
    sync(["a.txt", "b.csv", "c.jsonl", "d.json"], function=work, rows=True)
    assert calls == [{"y": "[1]"}]  # [1] of JSON Lines is that of JSON
    assert results() == [{"y": "[1]"}, [1]]


def test_whether_rows_are_read_is_part_of_the_run() -> None:
    write(a_csv="a\n1\n")
    run(work, "a.csv", "out.jsonl", backend="sequential")
    with pytest.raises(InputError, match=r"^rows was not given when the run began and is True now"):
        rows("a.csv")
    rows("a.csv", mode="overwrite")
    with pytest.raises(InputError, match=r"^input_format was not given when the run began and is"):
        rows("a.csv", input_format="text")
    with pytest.raises(InputError, match=r"^rows was True when the run began and is not given now"):
        run(work, "a.csv", "out.jsonl", mode="resume")


def test_a_bad_row_costs_itself_and_is_told_with_its_file() -> None:
    write(a_jsonl="1\n", b_jsonl="2\nbad\n3\n")
    rows("*.jsonl", mode="new", errors="failed")
    assert results() == [1, 2, 3]
    [failure] = map(json.loads, Path("failed").read_text().splitlines())
    assert (failure["index"], failure["place"]) == (2, "b.jsonl line 2")


def test_a_key_says_which_item_it_is_across_files() -> None:
    write(a_csv="id,v\n1,x\n", b_jsonl='{"id": "2", "v": "y"}\n')
    rows(["a.csv", "b.jsonl"], mode="new", key="id")
    write(b_jsonl='{"id": "2", "v": "z"}\n{"id": "3", "v": "q"}\n')
    assert sync(["a.csv", "b.jsonl"], function=work, rows=True, key="id") == (1, 0, 1, 1, 0)


def test_files_are_found_where_they_were_when_the_function_changes_the_directory() -> None:
    write(a_txt="a\n", b_txt="b\n")
    source = open_inputs(["*.txt"], rows=True)
    Path("below").mkdir()
    records = source.records()
    assert next(records)[0] == "a"
    os.chdir("below")
    assert [item for item, _, _ in records] == ["b"]


def test_how_a_file_is_read_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    write(a_csv="x;y\n1;2\n")
    Path("b.txt").write_bytes(b"caf\xe9\n")
    source = open_inputs(["*.csv", "*.txt"], rows=True)
    for _ in range(2):
        assert [item for item, _, _ in source.records()] == [{"x": "1", "y": "2"}, "caf\udce9"]
    told = [record.getMessage() for record in caplog.records]
    assert [line.split(" is ")[0] for line in told] == ["a.csv", "b.txt line 1"]


def test_an_option_that_a_file_has_no_use_for_is_told_before_anything_is_read() -> None:
    write(a_csv="x\n1\n", b_txt="line\n")
    with pytest.raises(UsageError, match=r"select is for rows, and the items of b\.txt are lines"):
        open_inputs(["*.csv", "*.txt"], rows=True, reading=ReadingOptions(select=("x",)))
    with pytest.raises(UsageError, match=r"delimiter is for CSV, and b\.txt is read as text"):
        open_inputs(["*.csv", "*.txt"], rows=True, reading=ReadingOptions(delimiter=";"))


def test_a_file_of_another_kind_than_is_asked_for_ends_the_run_as_an_input_does() -> None:
    write(a_csv="x\n1\n")
    workbook = pytest.importorskip("openpyxl").Workbook()
    workbook.save("b.xlsx")
    records = open_inputs(["a.csv", "b.xlsx"], rows=True, input_format="csv").records()
    assert next(records)[0] == {"x": "1"}
    with pytest.raises(InputError, match=r"b\.xlsx is Excel; leave out input_format='csv'"):
        next(records)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_one_file_of_many_is_open_at_a_time() -> None:
    for number in range(60):
        Path(f"{number:02}.txt").write_text("x\ny\n")
    before = open_files()
    source = open_inputs(["*.txt"], rows=True)
    opened = [open_files() for _ in source.records()]
    assert (len(opened), max(opened) <= before + 1) == (120, True)


def test_how_much_is_left_is_guessed_by_the_sizes_of_all_files() -> None:
    write(a_txt="0\n" * 50, b_txt="0\n" * 50)
    source = open_inputs(["*.txt"], rows=True)
    assert source.size_bytes == 200
    records = source.records()
    for _ in range(75):
        next(records)
    assert source.fraction() == 1.0  # the whole block of the last file is read
    Path("c.txt.gz").write_bytes(gzip.compress(b"x\n"))
    assert open_inputs(["*.*"], rows=True).size_bytes is None


def test_a_change_while_the_run_goes_on_is_seen() -> None:
    write(a_txt="a\n", b_txt="b\n")

    def edit(item: str) -> str:
        Path("a.txt").write_text("changed\n")
        return item

    with pytest.raises(InputError, match=r"a\.txt line 1 is not what it was .*while the run went"):
        run(edit, "*.txt", "out.jsonl", rows=True, backend="sequential")


def test_a_list_is_several_inputs_where_files_are_taken() -> None:
    write(a_txt="a\n", b_txt="b\n")
    assert rows([Path("a.txt"), "b.txt"], mode="new") == ["a", "b"]
    assert rows(iter(["a.txt", "b.txt"])) == []
    run(work, ["b.txt", "a.txt"], "paths.jsonl", input_format="files", backend="sequential")
    assert results("paths.jsonl") == ["a.txt", "b.txt"]
    run(work, ["b.txt", "a.txt"], "items.jsonl", backend="sequential")
    assert results("items.jsonl") == ["b.txt", "a.txt"]
    for wrong in ([1], [["a.txt"]], []):
        with pytest.raises(UsageError, match=r"source (must be|names) "):
            rows(wrong, mode="overwrite")


def test_paths_as_items_are_those_of_the_pattern_without_the_option() -> None:
    write(a_txt="a\n", b_txt="b\n")
    Path("c.txt").symlink_to("nowhere")
    run(work, "*.txt", "out.jsonl", backend="sequential")
    sync(["*.txt", "b.txt"], function=work, input_format="files")
    assert calls == []
    with pytest.raises(UsageError, match="its items are paths, and rows reads what is in"):
        rows("*.txt", input_format="files")
    with pytest.raises(UsageError, match=r"^-: standard input is none .*; name files$"):
        open_inputs(["-"], input_format="files")


def test_objects_of_a_store_are_read_by_pattern_directory_and_name(memory: Any) -> None:
    for name, data in {
        "d/b.csv": b"a\n1\n",
        "d/below/c.jsonl.gz": gzip.compress(b"[2]\n"),
        "d/.hidden/x.csv": b"a\n9\n",
        "d/_SUCCESS": b"",
        "e[1].txt": b"end\n",
    }.items():
        memory.pipe(f"/{name}", data)
    write(z_txt="here\n")
    assert items("memory://d/*.csv") == [{"a": "1"}]
    assert items("memory://d", "memory://e[1].txt", "memory://d/b.csv", "z.txt")[:2] == [
        {"a": "1"},
        [2],
    ]
    assert places("memory://d/") == [
        "memory:///d/b.csv line 2",
        "memory:///d/below/c.jsonl.gz line 1",
    ]
    with pytest.raises(InputError, match=r"^memory://d/\*\.no: no file matches; check the pattern"):
        items("memory://d/*.no")
    with pytest.raises(InputError, match="there is no such file"):
        items("memory://nothing.csv", "z.txt")


def test_rows_of_a_store_are_resumed_and_synced(memory: Any) -> None:
    memory.pipe("/d/a.csv", b"a\n1\n")
    memory.pipe("/d/b.csv", b"a\n2\n")
    rows("memory://d/*.csv", mode="new")
    memory.pipe("/d/c.csv", b"a\n3\n")
    assert rows("memory://d/*.csv") == [{"a": "3"}]
    memory.pipe("/d/a.csv", b"a\n0\n1\n")
    assert sync("memory://d", function=work, rows=True) == (3, 0, 1, 0, 0)
    assert [one["a"] for one in results()] == ["0", "1", "2", "3"]


def test_rows_of_s3_and_of_an_empty_object_that_stands_for_a_directory() -> None:
    s3fs = pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    with s3_server() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        store = s3fs.S3FileSystem()
        store.mkdir("bucket")
        for name, data in {"d/": b"", "d/a.csv": b"a\n1\n", "d/e/b.jsonl": b"[2]\n"}.items():
            store.pipe(f"bucket/{name}", data)
        for specs in (["s3://bucket/d/*.csv", "s3://bucket/d/e/b.jsonl"], ["s3://bucket/d"]):
            assert items(*specs) == [{"a": "1"}, [2]]
        s3fs.S3FileSystem.clear_instance_cache()

"""Inputs by URL, and what a store's library raises."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batchmap.errors import InputError, UsageError
from batchmap.sources import open_source
from batchmap.storage import Store, StoreUrl, location_of, object_store

from tests.store_servers import WebServer, web_server

fsspec = pytest.importorskip("fsspec")

LINES = [f"line {number} {'x' * 80}" for number in range(200_000)]
LARGE = "".join(f"{line}\n" for line in LINES).encode()
"""More than is asked for at a time."""


@pytest.fixture(params=[True, False], ids=["parts", "whole"])
def web(request: pytest.FixtureRequest) -> Iterator[WebServer]:
    files = {"/large.txt": LARGE, "/data.csv": b"a,b\n1,2\n", "/empty.txt": b""}
    with web_server(files, sends_parts=request.param) as server:
        yield server


def items(url: str) -> list[Any]:
    return [item for item, _, _ in open_source(url).records()]


def test_a_file_of_the_web_is_streamed(web: WebServer) -> None:
    source = open_source(f"{web.url}/large.txt")
    records = source.records()
    assert next(records)[0] == LINES[0]
    share = source.fraction()
    assert share is not None
    assert share < 0.9
    assert [item for item, _, _ in records] == LINES[1:]
    assert source.fraction() == 1.0
    assert source.size_bytes == len(LARGE)
    assert source.place(7) == f"{web.url}/large.txt line 7"


def test_a_source_by_url_is_read_again(web: WebServer) -> None:
    source = open_source(f"{web.url}/data.csv")
    assert source.repeatable
    assert [list(source.records()) for _ in range(2)] == [[({"a": "1", "b": "2"}, b"1,2\n", 2)]] * 2


def test_an_empty_file_of_the_web_has_no_items(web: WebServer) -> None:
    assert items(f"{web.url}/empty.txt") == []


def test_a_query_says_no_format_and_is_not_shown(web: WebServer) -> None:
    source = open_source(f"{web.url}/data.csv?signature=secret.txt")
    assert [item for item, _, _ in source.records()] == [{"a": "1", "b": "2"}]
    assert "secret" not in source.name + source.place(1)


def test_a_part_that_fails_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "RETRY_AFTER_S", (0.0, 0.0))
    with web_server({"/large.txt": LARGE}) as server:
        server.messages = {3: "503", 4: "cut"}
        assert items(f"{server.url}/large.txt") == LINES
        assert not server.messages


def test_what_is_cut_off_in_one_piece_is_an_error() -> None:
    with web_server({"/large.txt": LARGE}, sends_parts=False) as server:
        source = open_source(f"{server.url}/large.txt")
        server.messages = {2: "cut"}
        records = source.records()
        assert next(records)[0] == LINES[0]
        with pytest.raises(InputError, match=r"large.txt: cannot be read") as caught:
            list(records)
        assert "\n" not in str(caught.value)


def test_a_server_that_refuses_parts_is_asked_for_the_whole() -> None:
    with web_server({"/large.txt": LARGE}) as server:
        server.refuses_parts = True
        assert items(f"{server.url}/large.txt") == LINES


def test_a_file_that_shrinks_while_it_is_read_is_no_shorter_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_store, "RETRY_AFTER_S", (0.0,))
    with web_server({"/large.txt": LARGE}) as server:
        records = open_source(f"{server.url}/large.txt").records()
        assert next(records)[0] == LINES[0]
        server.files["/large.txt"] = LARGE[: 2 * object_store.BLOCK_BYTES]
        with pytest.raises(InputError, match=rf"it ended after \d+ of {len(LARGE)} bytes"):
            list(records)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none.txt", "there is no such file"),
        ("/503.txt", "the server answered 503"),
        ("/302.txt", r"cannot be read \(TooManyRedirects\)"),
    ],
)
def test_what_the_web_does_not_give_is_an_error_of_one_line(path: str, message: str) -> None:
    with web_server({}) as server:
        server.statuses = {"/503.txt": 503, "/302.txt": 302}
        with pytest.raises(InputError, match=message) as caught:
            open_source(f"{server.url}{path}")
        assert "\n" not in str(caught.value)


def test_nobody_listening_is_an_error_of_one_line() -> None:
    with web_server({}) as server:
        url = server.url
    with pytest.raises(InputError, match=r"cannot be read \(.*onnect") as caught:
        open_source(f"{url}/in.txt")
    assert "\n" not in str(caught.value)


def test_a_change_is_seen_by_what_the_store_tells(memory: Any) -> None:
    memory.pipe("/in.txt", b"1\n2\n")
    source = open_source("memory://in.txt")
    before = source.state()
    assert source.state() == before
    memory.pipe("/in.txt", b"1\n2\n3\n")
    assert source.state() != before
    memory.rm("/in.txt")
    assert source.state() != before


def test_compressed_files_and_parquet_come_by_url(memory: Any, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table({"n": [1, 2, 3]})
    parquet.write_table(table, tmp_path / "in.parquet")
    memory.put(str(tmp_path / "in.parquet"), "/in.parquet")
    memory.pipe("/in.jsonl.gz", gzip.compress(b'{"n": 1}\n'))
    source = open_source("memory://in.parquet")
    assert (source.total, [item for item, _, _ in source.records()]) == (
        3, [{"n": 1}, {"n": 2}, {"n": 3}],
    )  # fmt: skip
    assert items("memory://in.jsonl.gz") == [{"n": 1}]


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_compressed_files_of_the_web_may_come_unpacked(web: WebServer, encoding: str) -> None:
    web.files["/in.jsonl.gz"] = gzip.compress(b"".join(b'{"n": %d}\n' % n for n in range(999)))
    web.encodings = {"/in.jsonl.gz": encoding}
    assert items(f"{web.url}/in.jsonl.gz") == [{"n": number} for number in range(999)]


def test_a_pattern_gives_the_urls_of_its_files_sorted(memory: Any) -> None:
    for name in ("b.txt", "a.txt", "own.txt", "c.bin", "below/d.txt"):
        memory.pipe(f"/dir/{name}", b"x")
    source = open_source("memory://dir/*.txt", excluded=[StoreUrl("memory://dir/own.txt")])
    assert [item for item, _, _ in source.records()] == [
        "memory:///dir/a.txt",
        "memory:///dir/b.txt",
    ]
    assert (source.total, source.place(2), source.fraction()) == (2, "memory:///dir/b.txt", 1.0)
    assert items("memory://dir/**/d.txt") == ["memory:///dir/below/d.txt"]


@pytest.mark.parametrize("name", ["x[1].txt", "q?z.txt", "st*r.txt"])
def test_a_file_of_just_that_name_is_no_pattern(memory: Any, name: str) -> None:
    memory.pipe(f"/dir/{name}", b"1\n2\n")
    memory.pipe("/dir/x1.txt", b"")
    assert items(f"memory://dir/{name}") == ["1", "2"]


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("memory://dir", InputError, "a directory; .* such as 'memory://dir/\\*'"),
        ("memory://dir/*.no", InputError, "no file matches"),
        ("memory://none", InputError, "there is no such file"),
        ("s33://bucket/x", UsageError, r"s33:// is not known; did you mean s3\?"),
        ("dropbox://x/y", UsageError, r'needs a package .*; pip install "batchmap\[urls\]"$'),
        ("memory://dir/*.txt", UsageError, "the items of a pattern are its files' URLs"),
    ],
)
def test_words_that_lead_nowhere(
    memory: Any, url: str, kind: type[Exception], message: str
) -> None:
    memory.pipe("/dir/a.txt", b"x")
    input_format = "csv" if url.endswith("*.txt") else None
    with pytest.raises(kind, match=message) as caught:
        open_source(url, input_format=input_format)
    assert "\n" not in str(caught.value)


def test_without_fsspec_its_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(UsageError, match=r'pip install "batchmap\[urls\]"$'):
        Store(StoreUrl("s3://bucket/x"))


@pytest.mark.parametrize(
    ("url", "shown", "name"),
    [
        ("s3://bucket/dir/a.csv.gz", "s3://bucket/dir/a.csv.gz", "a.csv.gz"),
        ("ftp://me:secret@host/a.txt", "ftp://host/a.txt", "a.txt"),
        ("https://host/a.csv?key=secret/x", "https://host/a.csv", "a.csv"),
        ("s3://bucket/a?b.csv", "s3://bucket/a?b.csv", "a?b.csv"),
        ("s3://bucket", "s3://bucket", "bucket"),
        ("s3://bucket/dir/", "s3://bucket/dir/", ""),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str, name: str) -> None:
    assert (str(StoreUrl(url)), StoreUrl(url).name) == (shown, name)


def test_a_url_of_a_local_file_is_that_file() -> None:
    assert location_of("file:///tmp/a.txt") == Path("/tmp/a.txt")
    assert location_of("a.txt") == Path("a.txt")
    assert location_of("S3://b/c") == StoreUrl("s3://b/c")

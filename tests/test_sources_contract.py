"""Sources: what each of them keeps, wherever its items come from."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources import ReadingOptions, Source, open_inputs, open_source

PASSWORD = "swordfish!1"
ROWS = [{"id": 1, "name": "Ä"}, {"id": 2, "name": ""}, {"id": 3, "name": "x y"}]
TEXT_ROWS = [{"id": str(row["id"]), "name": row["name"]} for row in ROWS]
LINES = ["one", "", "drei ß"]


@dataclass(frozen=True)
class Case:
    """An input, and what a source must make of it."""

    spec: str
    items: list[Any]
    first_place: str
    total: int | None = None
    paths: tuple[Path, ...] = ()
    fraction_at_end: float | None = 1.0
    input_format: str | None = None
    json_path: str | None = None
    more: tuple[str, ...] = ()
    rows: bool = False
    reading: ReadingOptions = field(default_factory=ReadingOptions)

    def open(self) -> Source:
        specs = (self.spec, *self.more)
        return open_inputs(
            specs,
            rows=self.rows,
            input_format=self.input_format,
            json_path=self.json_path,
            reading=self.reading,
        )


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server on loopback, with a password."""

    port: int

    def url(self, query: str, settings: str = "") -> str:
        password = quote(PASSWORD)
        place = f"127.0.0.1:{self.port}/postgres"
        return f"postgresql://tester:{password}@{place}?{settings}query={query}"

    @property
    def name(self) -> str:
        return f"postgresql://tester@127.0.0.1:{self.port}/postgres"


def _programs() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path(found).parent for found in [shutil.which("initdb")] if found]
    return next((place for place in places if (place / "pg_ctl").exists()), None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server of its own, as another user where this one is root, and stop it again."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    owner: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}

    def run(program: str, *words: str) -> None:
        subprocess.run(
            [str(programs / program), *words],
            cwd=home,
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
            **owner,
        )

    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as home:
        (Path(home) / "password").write_text(PASSWORD)
        if user is not None:
            for path in (Path(home), Path(home) / "password"):
                os.chown(path, user.pw_uid, user.pw_gid)
        data, port = f"{home}/data", _free_port()
        access = ["-A", "scram-sha-256", "-U", "tester", f"--pwfile={home}/password"]
        run("initdb", "-D", data, "-N", "-E", "UTF8", "--no-locale", *access)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {home} -c fsync=off"
        run("pg_ctl", "-D", data, "-l", f"{home}/log", "-o", options, "-w", "start")
        try:
            yield Server(port)
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _file(path: Path, raw: bytes, items: list[Any], noun: str = "line 1", **more: Any) -> Case:
    path.write_bytes(raw)
    return Case(str(path), items, f"{path} {noun}", paths=(path,), **more)


def _text(folder: Path) -> Case:
    return _file(folder / "a.txt", "\n".join(LINES).encode(), LINES)


def _text_gz(folder: Path) -> Case:
    return _file(folder / "a.log.gz", gzip.compress("\n".join(LINES).encode()), LINES)


def _text_zst(folder: Path) -> Case:
    raw = import_module("zstandard").compress("\n".join(LINES).encode())
    return _file(folder / "a.zst", raw, LINES)


def _jsonl(folder: Path) -> Case:
    return _file(folder / "a.jsonl", "\n".join(map(json.dumps, ROWS)).encode(), ROWS)


def _errors(folder: Path) -> Case:
    lines = [json.dumps({"index": 7, "item": row, "error": "no"}) for row in ROWS]
    raw = "\n".join(lines).encode()
    return _file(folder / "a.jsonl", raw, ROWS, input_format="errors")


def _json(folder: Path) -> Case:
    return _file(folder / "a.json", json.dumps(ROWS).encode(), ROWS, "element 1")


def _csv(folder: Path) -> Case:
    return _file(folder / "a.csv", "id,name\n1,Ä\n2,\n3,x y\n".encode(), TEXT_ROWS, "line 2")


def _tsv(folder: Path) -> Case:
    raw = gzip.compress("id\tname\n1\tÄ\n2\t\n3\tx y\n".encode())
    return _file(folder / "a.tsv.gz", raw, TEXT_ROWS, "line 2")


def _csv_semicolon(folder: Path) -> Case:
    return _file(folder / "a.csv", "sep=;\nid;name\n1;Ä\n2;\n3;x y\n".encode(), TEXT_ROWS, "line 3")


def _csv_latin_1(folder: Path) -> Case:
    reading = ReadingOptions(
        delimiter=":", encoding="latin-1", quote="", columns=("id", "name"), skip_lines=1
    )
    raw = "head\n1:Ä\n2:\n3:x y\n".encode("latin-1")
    return _file(folder / "a.csv", raw, TEXT_ROWS, "line 2", reading=reading)


def _text_utf_16(folder: Path) -> Case:
    return _file(folder / "a.txt", "\n".join(LINES).encode("utf-16"), LINES)


def _csv_selected(folder: Path) -> Case:
    items = [{"name": row["name"], "id": row["id"]} for row in TEXT_ROWS]
    raw = "id,x,name\n1,y,Ä\n2,y,\n3,y,x y\n".encode()
    reading = ReadingOptions(select=("name", "id"))
    return _file(folder / "a.csv", raw, items, "line 2", reading=reading)


def _parquet(folder: Path) -> Case:
    path = folder / "a.parquet"
    table = import_module("pyarrow").Table.from_pylist(ROWS)
    import_module("pyarrow.parquet").write_table(table, path)
    return Case(str(path), ROWS, f"{path} row 1", total=3, paths=(path,))


def _parquet_directory(folder: Path) -> Case:
    directory = folder / "rows.parquet"
    (directory / "id=1").mkdir(parents=True)
    (directory / "id=2").mkdir()
    paths = (directory / "id=1" / "a.parquet", directory / "id=2" / "a.parquet")
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    parquet.write_table(arrow.table({"name": ["x", ""]}), paths[0])
    parquet.write_table(arrow.table({"name": ["Ä"]}), paths[1])
    rows = [{"name": "x", "id": 1}, {"name": "", "id": 1}, {"name": "Ä", "id": 2}]
    return Case(str(directory), rows, f"{paths[0]} row 1", total=3, paths=paths)


def _glob(folder: Path) -> Case:
    paths = tuple(folder / name for name in ("a.png", "b/c.png", "b/d/e.png"))
    for path in (*paths, folder / "b" / "no.txt"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (folder / "directory.png").mkdir()
    spec = f"{folder}/**/*.png"
    return Case(spec, list(map(str, paths)), str(paths[0]), total=3, paths=paths)


def _json_path(folder: Path) -> Case:
    text = json.dumps({"meta": {"of": [1]}, "data": {"rows": ROWS}, "end": None})
    return _file(folder / "a.json", text.encode(), ROWS, "element 1", json_path="data.rows")


def _json_of_lines(folder: Path) -> Case:
    return _file(folder / "a.json", "\n".join(map(json.dumps, ROWS)).encode(), ROWS)


def _nul(folder: Path) -> Case:
    texts = ["a\nb", "", "ß\r"]
    raw = "\0".join([*texts, ""]).encode()
    return _file(folder / "a.bin", raw, texts, "record 1", input_format="nul")


def _text_bz2(folder: Path) -> Case:
    return _file(folder / "a.txt.bz2", bz2.compress("\n".join(LINES).encode()), LINES)


def _csv_xz(folder: Path) -> Case:
    raw = lzma.compress("id,name\n1,Ä\n2,\n3,x y\n".encode())
    return _file(folder / "a.csv.xz", raw, TEXT_ROWS, "line 2")


def _zip(folder: Path) -> Case:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("directory/", b"")
        archive.writestr("directory/b.jsonl", "\n".join(map(json.dumps, ROWS)))
        archive.writestr("__MACOSX/directory/._b.jsonl", b"\0")
    return _file(folder / "a.zip", packed.getvalue(), ROWS)


def _excel(folder: Path) -> Case:
    path = folder / "a.xlsx"
    workbook = import_module("openpyxl").Workbook()
    workbook.active.append(list(ROWS[0]))
    for row in ROWS:
        workbook.active.append([value or None for value in row.values()])
    workbook.save(path)
    rows = [{"id": row["id"], "name": row["name"] or None} for row in ROWS]
    return Case(str(path), rows, f"{path} row 2", paths=(path,))


def _sqlite(folder: Path) -> Case:
    path = folder / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("create table people (id, name)")
        database.executemany("insert into people values (:id, :name)", ROWS)
    name = f"sqlite:///{path}"
    spec = f"{name}?query=select * from people order by id"
    return Case(spec, ROWS, f"{name} row 1", paths=(path,), fraction_at_end=None)


def _rows_of_files(folder: Path) -> Case:
    inputs = folder / "inputs"
    inputs.mkdir()
    (inputs / "a.csv").write_bytes("id,name\n1,Ä\n".encode())
    (inputs / "b.tsv").write_bytes(gzip.compress(b"id\tname\n2\t\n"))
    (inputs / "b.tsv").rename(inputs / "b.tsv.gz")
    (inputs / "c.txt").write_bytes(b"")
    (folder / "z.jsonl").write_text("\n" + json.dumps(TEXT_ROWS[2]))
    paths = (*(inputs / name for name in ("a.csv", "b.tsv.gz", "c.txt")), folder / "z.jsonl")
    more = (str(inputs),)
    first_place = f"{paths[0]} line 2"
    return Case(str(paths[3]), TEXT_ROWS, first_place, paths=paths, more=more, rows=True)


def _paths_of_files(folder: Path) -> Case:
    (folder / "below").mkdir()
    paths = (folder / "a.png", folder / "below" / "b.txt", folder / "c")
    for path in (*paths, folder / ".hidden"):
        path.touch()
    spec, more = str(paths[2]), (str(folder), f"{folder}/*.png")
    items = list(map(str, paths))
    return Case(spec, items, items[0], 3, paths, input_format="files", more=more)


BUILDERS: dict[str, Callable[[Path], Case]] = {
    builder.__name__: builder
    for builder in (
        *(_text, _text_gz, _text_zst, _jsonl, _errors, _json, _csv, _tsv),
        *(_json_path, _json_of_lines, _nul, _text_bz2, _csv_xz, _zip, _excel),
        *(_csv_semicolon, _csv_latin_1, _csv_selected, _text_utf_16),
        *(_parquet, _parquet_directory, _glob, _sqlite, _rows_of_files, _paths_of_files),
    )
}


@pytest.fixture(params=[*BUILDERS, "_postgresql"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param in BUILDERS:
        return BUILDERS[request.param](tmp_path)
    server: Server = request.getfixturevalue("server")
    values = ", ".join(f"({row['id']}, '{row['name']}')" for row in ROWS)
    spec = server.url(f"select * from (values {values}) as people (id, name)")
    return Case(spec, ROWS, f"{server.name} row 1", fraction_at_end=None)


def test_each_reading_gives_the_same_items_bytes_and_positions(case: Case) -> None:
    source = case.open()
    assert source.repeatable
    first = list(source.records())
    assert [item for item, _, _ in first] == case.items
    assert list(source.records()) == first == list(case.open().records())


def test_positions_rise_and_places_are_words(case: Case) -> None:
    source = case.open()
    places = [where for _, _, where in source.records()]
    assert places == sorted(set(places))
    assert source.place(places[0]) == case.first_place


def test_bytes_tell_the_records_apart(case: Case) -> None:
    raws = [raw for _, raw, _ in case.open().records()]
    assert all(type(raw) is bytes for raw in raws)
    assert len(set(raws)) == len(case.items)


def test_a_total_is_given_where_it_costs_nothing(case: Case) -> None:
    assert case.open().total == case.total


def test_the_files_that_are_read_are_named(case: Case) -> None:
    assert case.open().paths == case.paths


def test_the_fraction_rises_to_1_where_it_is_known(case: Case) -> None:
    source = case.open()
    fractions = [source.fraction()]
    fractions += [source.fraction() for _ in source.records()]
    fractions.append(source.fraction())
    assert fractions[0] == (None if case.fraction_at_end is None else 0.0)
    assert fractions[-1] == case.fraction_at_end
    assert case.fraction_at_end is None or fractions == sorted(
        fractions, key=lambda share: share or 0.0
    )


def test_a_reading_that_is_given_up_leaves_nothing_behind(case: Case) -> None:
    source = case.open()
    assert [item for item, _, _ in islice(source.records(), 1)] == case.items[:1]
    assert [item for item, _, _ in source.records()] == case.items


def test_readings_at_the_same_time_do_not_disturb_each_other(case: Case) -> None:
    source = case.open()
    pairs = list(zip(source.records(), source.records(), strict=True))
    assert [(one[0], other[0]) for one, other in pairs] == [(item, item) for item in case.items]


@pytest.mark.parametrize("name", sorted(BUILDERS.keys() - {"_glob", "_paths_of_files"}))
def test_a_file_that_went_away_is_an_input_error(tmp_path: Path, name: str) -> None:
    case = BUILDERS[name](tmp_path)
    source = case.open()
    case.paths[0].unlink()
    with pytest.raises(InputError, match=str(case.paths[0])) as caught:
        list(source.records())
    assert "\n" not in str(caught.value)


def test_rows_of_postgresql_stream_from_a_cursor_on_the_server(server: Server) -> None:
    # Gathered before the first row, they would not fit into any memory.
    records = open_source(server.url("SELECT generate_series(1, 100000000000) AS n")).records()
    assert [item for item, _, _ in islice(records, 3)] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_postgresql_gives_python_values_and_dicts_of_json(server: Server) -> None:
    query = "SELECT 1.5::float8 AS x, NULL AS y, '{\"a\": [1]}'::jsonb AS z, '10% + 5'::text AS t"
    items = [item for item, _, _ in open_source(server.url(query)).records()]
    assert items == [{"x": 1.5, "y": None, "z": {"a": [1]}, "t": "10% + 5"}]


def test_other_parameters_of_the_url_reach_the_server(server: Server) -> None:
    show = "SELECT current_setting('application_name') AS name"
    for spec in (
        server.url(show, "application_name=workbook&"),
        server.url(f"{quote(show)}&application_name=workbook"),
    ):
        assert [item for item, _, _ in open_source(spec).records()] == [{"name": "workbook"}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM nowhere WHERE true", "nowhere"),
        ("SELEKT 1 AS a", "SELEKT"),
        ("SELECT 1 AS a, 2 AS a", "two columns are named 'a'; tell them apart"),
        ("SELECT 1 / (1500 - generate_series(1, 2000)) AS x", "after row 1000: division by zero"),
        (f"SELECT '{PASSWORD}'::int AS x", "invalid input syntax"),
    ],
)
def test_a_query_that_fails_is_one_line_without_the_password(
    server: Server, query: str, message: str
) -> None:
    source = open_source(server.url(query))
    with pytest.raises(InputError, match=message) as caught:
        list(source.records())
    assert str(caught.value).startswith(server.name)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value) + source.name + source.place(1)
    assert caught.value.__cause__ is None


def test_a_query_cannot_write(server: Server) -> None:
    source = open_source(server.url("SELECT current_setting('transaction_read_only') AS value"))
    assert [item for item, _, _ in source.records()] == [{"value": "on"}]


def test_a_wrong_password_is_an_input_error_that_does_not_show_it(server: Server) -> None:
    spec = server.url("SELECT 1 AS a").replace(quote(PASSWORD), "hunter2")
    with pytest.raises(InputError, match="password authentication failed") as caught:
        list(open_source(spec).records())
    assert "hunter2" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_input_error() -> None:
    spec = f"postgres://me:{PASSWORD}@127.0.0.1:{_free_port()}/db?query=SELECT 1 AS a"
    source = open_source(spec)
    with pytest.raises(InputError, match="refused") as caught:
        list(source.records())
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_value_of_postgresql_that_python_cannot_hold_costs_its_row_alone(server: Server) -> None:
    odd = "CASE n WHEN 1500 THEN 'infinity' WHEN 1501 THEN '0044-03-15 BC' ELSE '2024-05-06' END"
    query = f"SELECT n, ({odd})::timestamp AS at FROM generate_series(1, 3000) AS n"
    query = query.replace("AS at", "AS at, (CASE n WHEN 7 THEN '24:00' ELSE '1:00' END)::time AS t")
    records = list(open_source(server.url(query)).records())
    assert [where for _, _, where in records] == list(range(1, 3001))
    failed = {where: item for item, _, where in records if isinstance(item, UnreadableRecord)}
    assert list(failed) == [7, 1500, 1501]
    errors = [item.failure.error for item in failed.values()]
    assert all(word in error for word, error in zip(["24", "infinity", "BC"], errors, strict=True))
    assert all(error.endswith("cast it to text in the query") for error in errors)
    assert len({raw for _, raw, _ in records}) == 3000
    assert records[1501][0]["n"] == 1502
    assert list(open_source(server.url(query)).records()) == records


def test_json_of_postgresql_that_python_refuses_costs_its_row_alone(server: Server) -> None:
    query = f"SELECT (CASE n WHEN 2 THEN '1{'0' * 5000}' ELSE '1' END)::jsonb AS z"
    records = list(open_source(server.url(f"{query} FROM generate_series(1, 3) AS n")).records())
    assert [records[0][0], records[2][0]] == [{"z": 1}, {"z": 1}]
    assert isinstance(records[1][0], UnreadableRecord)
    assert "4300 digits" in records[1][0].failure.error

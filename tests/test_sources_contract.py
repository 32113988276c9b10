"""Sources: what each of them keeps, wherever its items come from."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from batchmap.errors import InputError
from batchmap.sources import ReadingOptions, Source, open_source

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
    reading: ReadingOptions = field(default_factory=ReadingOptions)

    def open(self) -> Source:
        return open_source(self.spec, input_format=self.input_format, reading=self.reading)


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


def _glob(folder: Path) -> Case:
    paths = tuple(folder / name for name in ("a.png", "b/c.png", "b/d/e.png"))
    for path in (*paths, folder / "b" / "no.txt"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (folder / "directory.png").mkdir()
    spec = f"{folder}/**/*.png"
    return Case(spec, list(map(str, paths)), str(paths[0]), total=3, paths=paths)


def _sqlite(folder: Path) -> Case:
    path = folder / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("create table people (id, name)")
        database.executemany("insert into people values (:id, :name)", ROWS)
    name = f"sqlite:///{path}"
    spec = f"{name}?query=select * from people order by id"
    return Case(spec, ROWS, f"{name} row 1", paths=(path,), fraction_at_end=None)


BUILDERS: dict[str, Callable[[Path], Case]] = {
    builder.__name__: builder
    for builder in (
        *(_text, _text_gz, _text_zst, _jsonl, _errors, _json, _csv, _tsv),
        *(_csv_semicolon, _csv_latin_1, _csv_selected, _text_utf_16),
        *(_parquet, _glob, _sqlite),
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
    assert places == list(range(places[0], places[0] + len(case.items)))
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


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "_glob"])
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

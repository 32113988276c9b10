"""Tables as outputs: typed columns, and rows exactly once, whenever a run is killed."""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from batchmap import OutputError, OutputHeldError, UsageError, run
from batchmap.checkpoint.table_journal import TableJournal
from batchmap.checkpoint.verification import verify_output
from batchmap.sinks import open_sink
from batchmap.storage.table_output import TableOutput
from batchmap.storage.table_url import table_url

from tests.conftest import ROOT
from tests.run_command import Place, place
from tests.test_sources_contract import PASSWORD, Server, server

__all__ = ["place", "server"]


class Table:
    """A table that runs write, and how it is asked by a client that is not ours."""

    def __init__(self, output: str, server: Server | None) -> None:
        self.output = output
        self.server = server

    def ask(self, query: str) -> list[Any]:
        if self.server is None:
            with closing(sqlite3.connect("out.db")) as connection, connection:
                return connection.execute(query).fetchall()
        psycopg: Any = pytest.importorskip("psycopg")
        with psycopg.connect(self.output.partition("?")[0], autocommit=True) as connection:
            cursor = connection.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    def rows(self, columns: str = "*") -> list[Any]:
        return sorted(self.ask(f"SELECT {columns} FROM results"), key=repr)


@pytest.fixture(params=["sqlite", "postgresql"])
def table(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Table]:
    monkeypatch.chdir(tmp_path)
    if request.param == "sqlite":
        yield Table("out.db", None)
        return
    pytest.importorskip("psycopg")
    running: Server = request.getfixturevalue("server")
    place = f"127.0.0.1:{running.port}/postgres"
    found = Table(f"postgresql://tester:{quote(PASSWORD)}@{place}?table=results", running)
    yield found
    found.ask("DROP TABLE IF EXISTS results, _batchmap_journal")


def same(item: Any) -> Any:
    if item == "bad":
        raise ValueError("no")
    return item


def failures() -> list[str]:
    [path] = Path().glob("*.errors.jsonl")
    return [json.loads(line)["error"] for line in path.read_text().splitlines()]


def test_columns_have_the_types_of_their_first_values_and_come_when_they_are_needed(
    table: Table,
) -> None:
    first = {"n": 2**63 - 1, "f": 0.1, "t": "ä\n'", "b": True, "raw": b"\0x", "none": None}
    run(same, [first, {"n": -(2**63), "list": [1, {"a": None}], "none": None}], table.output)
    names = 'n, f, t, b, raw, "list", "none"'
    assert sorted(table.ask(f"SELECT {names} FROM results")) == [
        (-(2**63), None, None, None, None, '[1, {"a": null}]', None),
        (2**63 - 1, 0.1, "ä\n'", True, b"\0x", None, None),
    ]


def test_a_bare_result_is_in_a_column_and_a_row_can_be_enriched(table: Table) -> None:
    run(len, ["a", "bc"], table.output)
    assert table.rows("result") == [(1,), (2,)]
    run(len, [{"id": 7, "%s?": "x"}], table.output, mode="overwrite", with_item=True)
    assert table.rows('id, "%s?", result'.replace("%", "%")) == [(7, "x", 2)]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([{"a": 2**63}], "a whole number of more than 64 bits"),
        ([{"a": 1j}], "a complex, which "),
        ([{}], "an empty object, which makes no row"),
        ([{"": 1}], "the key '', which is no name of a column"),
        ([{"a": 1}, {"a": "x"}], "the column 'a' holds integer values, and this result has a str"),
        ([{"a": "x"}, {"a": 1}], "the column 'a' holds text values, and this result has a int"),
        ([{"a": 0.5}, {"a": 2**53 + 1}], "holds real values, and this result has a int"),
        ([{"a": -(2**63) - 1}], "a whole number of more than 64 bits"),
    ],
)
def test_what_a_table_has_no_form_for_costs_its_item(
    table: Table, results: list[Any], message: str
) -> None:
    outcome = run(same, [*results, {"c": 1}], table.output, keep_order=True)
    assert (outcome.written, outcome.failed) == (len(results), 1)
    assert message in failures()[0]
    [path] = Path().glob("*.errors.jsonl")
    kept = json.loads(path.read_text())["result"]
    assert kept == results[-1] or "complex" in message  # which JSON holds as text
    assert len(table.rows()) == len(results)


def test_values_have_the_form_that_json_gives_them(table: Table) -> None:
    results = [{"a": {2, 1}, "b": "\ud800", "c": math.inf, "d": [math.nan]}]
    run(same, results, table.output)
    assert table.rows("a, b, c, d") == [("[1, 2]", "\ufffd{d800}", math.inf, "[null]")]
    outcome = run(same, [{"c": 0.5}, *results], table.output, strict=True, mode="overwrite")
    assert (outcome.written, outcome.failed) == (1, 1)
    assert "inf" in failures()[0]


def test_whole_numbers_and_others_share_a_column(table: Table) -> None:
    run(same, [{"a": 1}, {"a": 2.5}, {"a": 3}], table.output, keep_order=True)
    run(same, [{"a": 1}, {"a": 2.5}, {"a": 3}, {"a": 4.5}], table.output, mode="resume")
    assert table.rows("a") == [(1,), (2.5,), (3,), (4.5,)]


def test_a_column_of_large_whole_numbers_of_postgresql_takes_no_others(table: Table) -> None:
    run(same, [{"a": -(2**63)}], table.output)
    outcome = run(same, [{"a": -(2**63)}, {"a": 0.5}], table.output, mode="resume")
    is_kept = table.server is None  # in SQLite, each value has a type of its own
    assert (outcome.written, outcome.failed) == (is_kept, not is_kept)
    assert len(table.rows()) == 1 + is_kept


def test_an_existing_table_is_left_alone_unless_said_otherwise(table: Table) -> None:
    table.ask("CREATE TABLE results (mine TEXT)")
    table.ask("INSERT INTO results VALUES ('kept')")
    with pytest.raises(UsageError, match=r"table=results exists|out\.db exists"):
        run(same, [1], table.output)
    with pytest.raises(OutputError, match="has no journal, so nobody knows what it holds"):
        run(same, [1], table.output, mode="resume")
    assert table.rows() == [("kept",)]
    run(same, [1], table.output, mode="overwrite")
    assert table.rows() == [(1,)]
    with pytest.raises(UsageError, match="exists; mode='resume' goes on with it, mode='overwrite'"):
        run(same, [1], table.output)


def test_a_run_goes_on_and_failed_items_are_taken_again(table: Table) -> None:
    items: list[Any] = [{"n": 1}, "bad", {"n": 2}, {"m": "new"}]
    run(same, items, table.output, limit=2)
    outcome = run(same, items, table.output, mode="resume")
    assert (outcome.written_before, outcome.failed_before, outcome.written) == (1, 1, 2)
    assert table.rows("n, m") == [(1, None), (2, None), (None, "new")]
    assert failures() == ["no"]
    outcome = run(lambda item: 1, items, table.output, mode="resume", accept_task=True)
    assert outcome.written == 0
    run(
        lambda item: {"n": 3}, items, table.output, mode="resume", accept_task=True,
        retry_failed=True,
    )  # fmt: skip
    assert len(table.rows()) == 4


def test_a_table_that_somebody_changed_is_not_gone_on_with(table: Table) -> None:
    run(same, [1, 2, 3], table.output, limit=2)
    url = table_url(table.output)
    assert url is not None
    assert verify_output(url, url.errors_path).differences == []
    table.ask("DELETE FROM results WHERE result = 1")
    [difference] = verify_output(url, url.errors_path).differences
    assert difference.endswith("has 1 rows, and the journal 2 results")
    with pytest.raises(OutputError, match="the table has 1 rows and had 2, so it is not what"):
        run(same, [1, 2, 3], table.output, mode="resume")


def test_a_damaged_journal_is_told_and_overwrite_begins_anew(table: Table) -> None:
    run(same, [1, 2], table.output)
    table.ask("UPDATE _batchmap_journal SET events = substr(events, 1, 9) WHERE number = 2")
    with pytest.raises(OutputError, match="its journal: is damaged, or not of this program"):
        run(same, [1, 2], table.output, mode="resume")
    run(same, [3], table.output, mode="overwrite")
    assert table.rows() == [(3,)]


def test_databases_of_one_name_in_two_directories_are_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")
    url = table_url("out.db")
    assert url is not None
    with closing(TableOutput(url)) as output, closing(TableJournal(output)):
        with pytest.raises(OutputHeldError):
            run(same, [1], "out.db")
        monkeypatch.chdir(tmp_path / "b")
        assert run(same, [1], "out.db").written == 1


def test_another_session_that_holds_a_table_of_postgresql_keeps_runs_out(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    if table.server is None:
        pytest.skip("SQLite has no such locks")
    monkeypatch.setattr("batchmap.storage.databases._HELD_TIMEOUT_S", 0.05)
    url = table_url(table.output)
    assert url is not None
    holder = TableOutput(url)
    holder.acquire()
    with pytest.raises(OutputHeldError, match="another run holds postgresql://tester@127"):
        run(same, [1], table.output)
    holder.release()
    run(same, [1], table.output)
    assert table.rows() == [(1,)]


def test_without_results_there_is_no_table_and_the_run_can_go_on(table: Table) -> None:
    run(same, ["bad"], table.output)
    run(same, ["bad", 5], table.output, mode="resume")
    assert table.rows() == [(5,)]


def test_one_run_at_a_time_writes_a_table(table: Table) -> None:
    run(same, [1], table.output)
    url = table_url(table.output)
    assert url is not None
    output = TableOutput(url)
    journal = TableJournal(output)
    try:
        with pytest.raises(OutputHeldError, match="another run holds"):
            run(same, [1, 2], table.output, mode="resume")
        number, events = max(table.ask("SELECT number, events FROM _batchmap_journal"))
        table.ask("DELETE FROM _batchmap_journal WHERE number > 1")  # as a run elsewhere would
        sink = open_sink(output, "table")
        sink.start(journal.output_end)
        pieces, _ = sink.encode([1], [2], [sink.encoder(2)])
        journal.add_done(1, 1, b"x" * 16, sink.write(pieces))
        sink.sync()
        with pytest.raises(OutputHeldError, match="another run has taken it over"):
            journal.commit()
        assert (number, len(events)) > (0, 0)
    finally:
        journal.close()
        output.release()
    assert table.rows() == [(1,)]


KILLED = """
import os, signal, sys
from batchmap import run
from batchmap.sinks.table.rows import TableSink
from batchmap.storage import databases

output, at, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
TableSink.commit_every_s = 0
statements = 0
def counted(kind, name):
    before = getattr(kind, name)
    def call(self, *arguments):
        global statements
        statements += 1
        if statements == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(self, *arguments)
    setattr(kind, name, call)
for kind in (databases._Sqlite, databases._Postgresql):
    counted(kind, "execute")
    counted(kind, "insert")
def f(item):
    if item % 5 == 3:
        raise ValueError
    return {"n": item, f"c{item // 8}": 1}
run(f, list(range(24)), output, mode=mode, backend="sequential", batch_size=2)
"""


def test_a_run_that_is_killed_at_any_statement_writes_each_row_once(table: Table) -> None:
    for at in (3, 6, 9, 12, 20, 31, 44, 10_000):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, table.output, str(at), "resume"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
    assert done.returncode == 0
    numbers = [number for number in range(24) if number % 5 != 3]
    assert sorted(table.ask("SELECT n FROM results")) == [(number,) for number in numbers]
    assert len(failures()) == 5


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([{"a": 1, "A": 2}], "the columns 'a' and 'A' are one in SQLite"),
        ([{"a": None}, {"A": 1}], "the columns 'a' and 'A' are one in SQLite"),
        ([{"a": None}, {"A": None}], "the columns 'a' and 'A' are one in SQLite"),
        ([{"é": 1, "É": 2}], None),
        ([{"a": -(2**63)}], None),
    ],
)
def test_names_that_sqlite_takes_for_one_are_told_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: list[Any], message: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(lambda index: results[index], range(len(results)), "out.db")
    assert outcome.failed == (message is not None)
    if message is not None:
        [failure] = Path("out.db.errors.jsonl").read_text().splitlines()
        assert json.loads(failure)["error"] == message
    with closing(sqlite3.connect("out.db")) as connection:
        stored = connection.execute("SELECT * FROM results") if outcome.written else []
        assert list(stored) == [tuple(one.values()) for one in results[: outcome.written]]


def test_the_command_writes_a_table_and_shows_no_password(place: Place) -> None:
    done = place.run("tasks.py:row", "in.txt", "-o", "sqlite:///a b.db?table=t")
    assert (done.returncode, done.stderr) == (0, "")
    with closing(sqlite3.connect(place.directory / "a b.db")) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (10,)
    for words, code, message in (
        (["-o", "a b.db", "--sync"], 2, "--sync: a table, a b.db, can be resumed and not synced"),
        (["-o", "x.db", "--bom"], 2, "--bom: x.db is a table; leave it out"),
        (["-o", "x.db", "--output-format", "csv"], 2, "--output-format: x.db is a table"),
        (["-o", "sqlite:///x.db?query=SELECT 1"], 2, "names no table; write it as sqlite:///file"),
        (
            ["-o", "sqlite:///x.db?table=sqlite_x"],
            2,
            "sqlite_ or _batchmap_journal are not a user's",
        ),
        (["-o", "sqlite:///x.db?table=_batchmap_journal"], 2, "a user's; name another"),
        (["-o", ""], 2, "--output is empty; name a file"),
        (["-o", "x.jsonl", "--defuse-formulas"], 2, "--defuse-formulas: is for CSV and TSV, not"),
        (["--errors", "-"], 2, "--errors takes a file, and not standard output; name a file"),
        (["--export-json", "-"], 2, "--export-json takes a file, and not standard output"),
        (["--export-json", "e.json.zst"], 2, "--export-json e.json.zst: is not compressed; leave"),
        (["--errors", "e.jsonl.gz"], 2, "--errors e.jsonl.gz: is not compressed; leave .gz out"),
        (["-o", "no/x.db"], 2, "there is no directory no; make it first"),
        (["-o", "in.txt?table=x.db", "--record", "full"], 2, "a table holds results only"),
        (["-o", "postgresql://u:secret@127.0.0.1:1/x?table=t"], 3, "u@127.0.0.1:1/x?table=t: "),
        (["-o", "postgresql://u:s/ecret@h/x?table=t"], 2, "the PostgreSQL URL cannot be read"),
    ):
        done = place.run("tasks.py:row", "in.txt", *words)
        assert (done.returncode, message in done.stderr) == (code, True), done.stderr
        assert "ecret" not in done.stderr
        assert "Traceback" not in done.stderr

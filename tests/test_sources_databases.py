"""Sources: databases are asked as the URL says, and never changed."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from batchmap.errors import InputError, UsageError
from batchmap.sources import open_source
from batchmap.sources.database.url import parse_postgresql

NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current directory, with a database `a.db` in it."""
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(sqlite3.connect("a.db")) as database, database:
        database.execute("create table t (a, b)")
        database.execute(
            "insert into t values (1, 'x%41y'), (2, cast(x'61ff' as text)), (3, x'00')"
        )
    return tmp_path


def rows(spec: str) -> list[Any]:
    return [item for item, _, _ in open_source(spec).records()]


def test_a_path_is_relative_after_three_slashes_and_absolute_after_four(folder: Path) -> None:
    query = "?query=select a from t limit 1"
    assert rows(f"sqlite:///a.db{query}") == [{"a": 1}]
    assert rows(f"sqlite:///{folder}/a.db{query}") == [{"a": 1}]
    assert f"sqlite:///{folder}".startswith("sqlite:////")


def test_values_keep_their_types_and_bytes(folder: Path) -> None:
    assert rows("sqlite:///a.db?query=select * from t order by a") == [
        {"a": 1, "b": "x%41y"},
        {"a": 2, "b": "a\udcff"},
        {"a": 3, "b": b"\0"},
    ]


@pytest.mark.parametrize(
    "query",
    [
        "select a+0 as a from t where b like '%41%' and 1 + 1 = 2",
        quote("select a+0 as a from t where b like '%41%' and 1 + 1 = 2"),
        "select\na as a from t where b like 'x%41y' -- ? & #",
    ],
)
def test_a_query_may_be_plain_or_encoded(folder: Path, query: str) -> None:
    assert rows(f"sqlite:///a.db?query={query}") == [{"a": 1}]


def test_rows_are_streamed(folder: Path) -> None:
    records = open_source(f"sqlite:///a.db?query={NUMBERS}").records()
    assert [item["i"] for item, _, _ in islice(records, 3)] == [1, 2, 3]


def test_the_database_is_only_read(folder: Path) -> None:
    for query in ("delete from t", "create table u (a)", "delete from t returning a"):
        with pytest.raises(InputError, match=r"readonly|gives no rows"):
            rows(f"sqlite:///a.db?query={query}")
    assert len(rows("sqlite:///a.db?query=select * from t")) == 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sqlite:///b.db?query=select 1 as a", "sqlite:///b.db: there is no such file"),
        ("sqlite:///.?query=select 1 as a", "that is a directory"),
        ("sqlite:///c.db?query=select * from t", "sqlite:///c.db: file is not a database"),
        ("sqlite:///a.db?query=select * from u", "sqlite:///a.db: no such table: u"),
        ("sqlite:///a.db?query=selekt 1", 'near "selekt": syntax error'),
        ("sqlite:///a.db?query=select 1 as a; select 2 as b", "one statement at a time"),
        ("sqlite:///a.db?query=select a, a from t", "two columns are named 'a'"),
        ("sqlite:///a.db?query=begin immediate", "gives no rows"),
        (
            "sqlite:///a.db?query=select json(case a when 3 then '{' else '1' end) as n from t",
            "sqlite:///a.db after row 1: malformed JSON",
        ),
    ],
)
def test_what_cannot_be_read_is_an_input_error_in_one_line(
    folder: Path, spec: str, message: str
) -> None:
    (folder / "c.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError) as caught:
        rows(spec)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder / "b.db").exists()


@pytest.mark.parametrize(
    "spec",
    [
        "sqlite:///a.db",
        "sqlite:///a.db?query=",
        "sqlite:///a.db?query= ",
        "sqlite:///?query=select 1",
        "sqlite://a.db?query=select 1",
        "sqlite:///a.db?mode=rw",
    ],
)
def test_a_wrong_sqlite_url_is_a_usage_error_with_the_right_form(folder: Path, spec: str) -> None:
    with pytest.raises(UsageError, match=r"write it as sqlite:///file\.db\?query=SELECT"):
        open_source(spec)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u:secret@host:5432/db", "postgresql://u@host:5432/db"),
        ("postgres://u:secret@[::1]:5432/db", "postgresql://u@[::1]:5432/db"),
        ("postgresql://u:se%40cret@a:1,b:2/db?sslmode=disable", "postgresql://u@a:1,b:2/db"),
        ("postgresql:///db?host=/run&user=u&password=secret", "postgresql:///db"),
        ("postgresql://host", "postgresql://host"),
    ],
)
def test_a_postgresql_name_has_no_password(url: str, name: str) -> None:
    joint = "&" if "?" in url else "?"
    parsed = parse_postgresql(f"{url}{joint}query=SELECT a & 1 FROM t")
    assert (parsed.name, parsed.connection) == (name, url)
    assert parsed.query == "SELECT a & 1 FROM t"
    assert "secret" not in repr(parsed)
    assert open_source(f"{url}{joint}query=SELECT 1").name == name


def test_the_password_is_masked_in_each_spelling() -> None:
    url = parse_postgresql("postgresql://u:p%40ss@h/d?sslpassword=key%21&query=SELECT 1")
    assert url.without_secrets("p%40ss p@ss key! key%21 h") == "*** *** *** *** h"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:se@cret@host/db",
        "postgresql://u:se/cret@host/db",
        "postgresql://u:se?cret@host/db",
        "postgresql://u:se#cret@host/db",
        "postgresql://u:cret",
    ],
)
def test_a_password_that_is_not_encoded_is_a_usage_error_that_does_not_show_it(url: str) -> None:
    with pytest.raises(
        UsageError, match=r"cannot be read; write it as postgresql://.* %40"
    ) as caught:
        open_source(f"{url}?query=SELECT 1")
    assert "cret" not in str(caught.value)


def test_a_postgresql_url_without_a_query_is_a_usage_error_without_the_password() -> None:
    with pytest.raises(UsageError, match="postgresql://u@host/db has no query") as caught:
        open_source("postgresql://u:secret@host/db")
    assert "secret" not in str(caught.value)


def test_psycopg_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r'pip install "batchmap\[formats\]"$'):
        open_source("postgresql://u@host/db?query=SELECT 1")

"""What a conversion library raises at odd data is an error of input or output, and no fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import batchmap
import pytest
from batchmap.errors import InputError, OutputError
from batchmap.foreign_errors import is_own_fault
from batchmap.sinks.output_errors import output_errors
from batchmap.sources import open_source
from batchmap.sources.guarded import guarded


class Reading:
    """A source whose records end with what `fail` raises."""

    name = "rows"

    def __init__(self, fail: Any) -> None:
        self._fail = fail

    def records(self) -> Iterator[Any]:
        yield 1, b"1", 1
        self._fail()

    records_and_pauses = records


@pytest.mark.parametrize(
    "fail",
    [
        lambda: import_module("zoneinfo").ZoneInfo("tzutc()"),
        lambda: import_module("pyarrow").array(["x"], "int8"),
        lambda: import_module("pyarrow").allocate_buffer(1 << 60),
        lambda: import_module("json").loads("[" * 100_000),
        lambda: import_module("zlib").decompress(b"x"),
        lambda: int("9" * 5000),
        lambda: import_module("struct").unpack("q", b""),
    ],
)
def test_what_a_library_raises_is_an_input_error_after_the_records_before(fail: Any) -> None:
    source: Any = guarded(Reading(fail))  # type: ignore[arg-type]
    for read in (source.records, source.records_and_pauses):
        records = read()
        assert next(records) == (1, b"1", 1)
        with pytest.raises(InputError, match=r"^rows: cannot be read \(\w+") as caught:
            next(records)
        assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match=r"cannot be written \(\w+"), output_errors(Path("o")):
        fail()


def test_a_fault_of_this_library_stays_one() -> None:
    own: dict[str, Any] = {}
    code = compile("def wrong(): return [].nothing", batchmap.__file__, "exec")
    exec(code, own)
    with pytest.raises(AttributeError) as caught:
        list(guarded(Reading(own["wrong"])).records())  # type: ignore[arg-type]
    assert is_own_fault(caught.value)


def test_a_column_of_sqlite_whose_name_is_no_text_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table t (abcd)")
        database.execute("insert into t values (cast(x'61ff' as text)), (x'00'), (9e18 * 9)")
    rows = [item for item, _, _ in open_source(f"sqlite:///{path}?query=select * from t").records()]
    assert rows == [{"abcd": "a\udcff"}, {"abcd": b"\0"}, {"abcd": 8.1e19}]
    path.write_bytes(path.read_bytes().replace(b"abcd", b"a\xff\xfed"))
    with pytest.raises(InputError):
        list(open_source(f"sqlite:///{path}?query=select * from t").records())

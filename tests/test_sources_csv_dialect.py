"""CSV as its options say, or as it looks: delimiters, headers, quotes, lines before the header."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources import ReadingOptions, open_source
from batchmap.sources.csv.header import column_names
from hypothesis import given
from hypothesis import strategies as st

from tests.source_inputs import Endless, failure_of, feed, items_of, records_of, same_folder


def read(path: Path, text: str, **options: Any) -> list[Any]:
    return items_of(path, text.encode(), reading=ReadingOptions(**options))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "input"]


@pytest.mark.parametrize(
    ("name", "text", "delimiter"),
    [
        ("a.csv", "id;name;price\n1;Foo;3,50\n2;Bar;4,10\n", ";"),
        ("a.csv", "id;name\n", ";"),
        ("a.csv", "a\tb\n1\t2\n", "\t"),
        ("a.csv", "a|b|c\n1|2|3\n", "|"),
        ("a.csv", 'a;b\n"1;5";2\n', ";"),
        ("a.csv", "sep=;\na;b,c\n1;2\n", ";"),
        ("a.csv", '"sep=|"\r\na|b\r\n1|2\r\n', "|"),
        ("a.csv", "sep= \na b\n1 2\n", " "),
        ("a.csv", "a;b, c\n1;2\n3;4\n", ";"),  # rows of one cell by commas
        ("a.tsv", "a,b\n1,2\n", ","),
    ],
)
def test_a_delimiter_that_plainly_fits_is_taken_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str, delimiter: str
) -> None:
    (tmp_path / name).write_text(text)
    source = open_source(str(tmp_path / name))
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    header, *rows = [row for row in rows if not row[0].startswith("sep=")]
    for _ in range(2):
        items = [item for item, _, _ in source.records()]
        assert items == [dict(zip(header, row, strict=True)) for row in rows]
    assert told(caplog) == [f"{source.name} is read with delimiter {delimiter!r}"]


@pytest.mark.parametrize(
    ("name", "text", "items"),
    [
        ("a.csv", "comment\nyes; no\n", [{"comment": "yes; no"}]),
        (
            "a.csv",
            "id,tags\n1,a;b\n2,c;d\n",
            [{"id": "1", "tags": "a;b"}, {"id": "2", "tags": "c;d"}],
        ),
        ("a.csv", 'id,"a;b"\n1,2\n', [{"id": "1", "a;b": "2"}]),
        ("a.csv", "sep=,\na,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("a.tsv", "a\tb,c\n1\t2,3\n", [{"a": "1", "b,c": "2,3"}]),
        ("a.csv", "full name\nAnn Lee\n", [{"full name": "Ann Lee"}]),
        ("a.csv", "e-mail\na-b\n", [{"e-mail": "a-b"}]),
        ("a.csv", "a:b\n", []),
    ],
)
def test_the_usual_delimiter_is_kept_without_a_word_where_it_fits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str, items: list[Any]
) -> None:
    assert read(tmp_path / name, text) == items
    assert told(caplog) == []


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("a;b\n1;2;3\n4\n5;6;7;8\n", "';'"),  # several columns, but not the same number
        ("a;b|c\n1;2|3\n", "';' or '|'"),
        ("a;b;c,d\n1;2;3,4\n", "';'"),
        ("a:b\n1:2\n3:4\n", "':'"),
        ("a b c\n1 2 3\n", "' '"),
        ("a\x01b\n1\x012\n", r"'\x01'"),
        ("a^b~c\n1^2~3\n", "'^' or '~'"),
    ],
)
def test_a_delimiter_that_is_in_doubt_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, others: str
) -> None:
    read(tmp_path / "a.csv", text)
    (message,) = told(caplog)
    assert message.endswith(f"is read with delimiter ','; it may be {others}, as --delimiter says")


def test_options_say_delimiter_quote_and_lines_to_skip(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "Report; of today\n\n'a;1':b\n'x:y':\"z\n"
    records = records_of(
        tmp_path / "a.csv",
        text.encode(),
        reading=ReadingOptions(delimiter=":", quote="'", skip_lines=2),
    )
    assert [(item, where) for item, _, where in records] == [({"a;1": "x:y", "b": '"z'}, 4)]
    assert told(caplog) == []


@given(
    st.lists(st.tuples(*[st.text("ab'\"|;,\n ", max_size=4)] * 2), min_size=1),
    st.sampled_from(",;|"),
    st.sampled_from(["'", '"', ""]),
)
@same_folder
def test_cells_are_those_of_pythons_csv_module(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, quote: str
) -> None:
    how: dict[str, Any] = {"delimiter": delimiter, "quotechar": quote or None}
    how["quoting"] = csv.QUOTE_ALL if quote else csv.QUOTE_NONE
    if not quote:
        plain = {10: "x", ord(delimiter): "y"}
        rows = [(one.translate(plain), other.translate(plain)) for one, other in rows]
    file = io.StringIO()
    csv.writer(file, **how, lineterminator="\n").writerows([("a", "b"), *rows])
    items = read(tmp_path / "a.csv", file.getvalue(), delimiter=delimiter, quote=quote)
    expected = list(csv.reader(io.StringIO(file.getvalue()), **how))[1:]
    assert [list(item.values()) for item in items] == expected


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["", "a", "b"], ["column_1", "a", "b"]),
        (["a", " ", ""], ["a", "column_2", "column_3"]),
        (["", "column_1"], ["column_1_2", "column_1"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
    ],
)
def test_each_column_has_a_name_of_its_own(header: list[str], names: list[str]) -> None:
    assert column_names(header)[0] == names


def test_names_that_stand_twice_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path / "a.csv", "a,b,a,b\n1,2,3,4\n") == [
        {"a": "1", "b": "2", "a_2": "3", "b_2": "4"}
    ]
    (message,) = told(caplog)
    assert message.endswith("has names twice in its header: a in column 3 is a_2, and 1 more")


def test_a_file_without_a_header_loses_no_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, text = tmp_path / "a.csv", '\n1,"2\n"\n3,4\n'
    raws = [b'1,"2\n"\n', b"3,4\n"]
    for options, names in (
        ({"no_header": True}, ["column_1", "column_2"]),
        ({"columns": ("x", "y")}, ["x", "y"]),
        ({"columns": ("x", "y"), "no_header": True}, ["x", "y"]),
    ):
        reading = ReadingOptions(**options)
        records = records_of(path, text.encode(), reading=reading)
        assert [list(item) for item, _, _ in records] == [names, names]
        assert [list(item.values()) for item, _, _ in records] == [["1", "2\n"], ["3", "4"]]
        assert [raw for _, raw, _ in records] == raws
        assert [where for _, _, where in records] == [2, 4]
    assert told(caplog) == []
    read(path, "1,2\n3,4\n")
    assert "line 1 is read as the header and holds numbers only; --no-header" in told(caplog)[0]


def test_as_many_columns_as_are_named_tell_the_delimiter(tmp_path: Path) -> None:
    items = read(tmp_path / "a.csv", "1,5;2\n3,5;4\n1;2\n", columns=("x", "y"), delimiter=None)
    assert items[1] == {"x": "3,5", "y": "4"}


@pytest.mark.parametrize(
    ("name", "text", "good", "bad_line"),
    [
        ("a.tsv", 'a\tb\n1\t2\n3\t"hello\n4\t5\n6\t7\n', ["1", "4", "6"], 3),  # to the end
        ("a.tsv", 'a\tb\nx\t"hello\ny\tz\nu\t5"\nv\tw\n', ["y", "u", "v"], 2),  # to another quote
        ("a.csv", 'a,b\n1,"hello\n2,5"\n3,x\n', ["2", "3"], 2),  # numbers tell
        ("a.csv", 'a,b,c\n1,"hello,x\n2,y,z\n5",6,7\n8,9,10\n', ["2", '5"', "8"], 2),  # too long
        ("a.csv", 'a,b\n1,"x\n2,y\n"3"z,w\n4,v\n', ["2", "4"], 2),
    ],
)
def test_a_quote_that_is_text_costs_its_own_row(
    tmp_path: Path, name: str, text: str, good: list[str], bad_line: int
) -> None:
    records = records_of(tmp_path / name, text.encode())
    bad = [one for one in records if isinstance(one[0], UnreadableRecord)]
    assert [item["a"] for item, _, _ in records if not isinstance(item, UnreadableRecord)] == good
    assert bad[0][2] == bad_line
    assert b"".join(raw for _, raw, _ in records) == text.encode().split(b"\n", 1)[1]
    assert [where for _, _, where in records] == list(range(2, 2 + len(records)))
    assert failure_of(bad[0])[1].endswith(
        "on its line, and rows follow; --quote none takes quotes as text"
    )
    lines = text.splitlines()[1:]
    if name == "a.tsv":
        items = read(tmp_path / name, text, quote="")
        assert ["\t".join(item.values()) for item in items] == lines


@pytest.mark.parametrize(
    "cell", ["one\ntwo", "Dear Bob\nhow are you", "1 Main Street\nNew York\nNY", '5" and\n6"']
)
def test_text_of_several_lines_is_a_cell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cell: str
) -> None:
    quoted = cell.replace('"', '""')
    text = f'id,text\n1,"{quoted}"\n2,x\n'
    assert read(tmp_path / "a.csv", text) == [{"id": "1", "text": cell}, {"id": "2", "text": "x"}]
    assert told(caplog) == []


def test_lines_in_quotes_that_may_be_rows_are_told_and_a_given_quote_is_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, text = tmp_path / "a.csv", 'id,text\nx,"Dear Bob\nhello, Ann"\ny,"a\nb,c"\n'
    items = [{"id": "x", "text": "Dear Bob\nhello, Ann"}, {"id": "y", "text": "a\nb,c"}]
    assert read(path, text) == items
    (message,) = told(caplog)
    assert message.endswith(
        "line 2: the quotes hold 2 lines that may be rows of their own; "
        "if they are, --quote none takes quotes as text"
    )
    caplog.clear()
    assert read(path, text, quote='"') == items
    assert read(path, 'a,b\n1,"x\n2,y"\n', quote='"') == [{"a": "1", "b": "x\n2,y"}]
    assert told(caplog) == []


def test_a_quote_in_a_stream_without_end_costs_its_own_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed(monkeypatch, Endless(b'a\tb\n1\t"x\n', b"3\t4\n"))
    records = open_source("-", input_format="tsv").records()
    assert "a quote is not closed" in failure_of(next(records))[1]
    assert [next(records)[0] for _ in range(2)] == [{"a": "3", "b": "4"}] * 2


def test_rows_of_a_stream_come_before_more_is_read_than_tells_the_delimiter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [b"a;b\n", *[b"1;2\n"] * 20]
    taken: list[bytes] = []

    class Slow(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = lines[len(taken)]
            taken.append(line)
            buffer[: len(line)] = line
            return len(line)

    feed(monkeypatch, Slow())
    assert next(open_source("-", input_format="csv").records())[0] == {"a": "1", "b": "2"}


def test_a_record_does_not_depend_on_how_its_bytes_arrive(tmp_path: Path) -> None:
    from batchmap.sources.csv.dialect import CsvSettings
    from batchmap.sources.csv.rows import csv_rows
    from batchmap.sources.opening.text_encoding import BadText, TextEncoding

    class Listener:
        def note_table(self, delimiter: str, columns: list[str], remarks: list[str]) -> bytes:
            return b""

        def warn(self, line: int, message: str) -> None:
            pass

    raw = b'sep=;\r\na;b\r\n1;"x\r\ny"\r\n2;\xe9\r\n3;"z\r\n4;5\r\n'
    bad = BadText(TextEncoding("a", None))
    whole, single = (
        list(csv_rows(blocks, "a", CsvSettings(), bad, Listener()))
        for blocks in ([raw], [raw[at : at + 1] for at in range(len(raw))])
    )
    assert repr(whole) == repr(single)
    assert len(whole) == 4


def test_a_header_of_rows_that_a_quote_has_joined_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: the header cannot be read.*quote='none'"):
        read(tmp_path / "a.tsv", 'a\t"b\n1\t2"\n')
    assert read(tmp_path / "a.csv", 'a,"b\n(EUR)"\n1,2\n') == [{"a": "1", "b\n(EUR)": "2"}]

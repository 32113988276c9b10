"""A JSON array: its elements are those of `json.loads`, and come before the fault after them."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import cycle, repeat
from pathlib import Path
from typing import Any, NoReturn

import pytest
from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources.base import InputRecord
from batchmap.sources.json import array as json_array
from batchmap.sources.json.array import json_elements
from batchmap.sources.json.document import json_records
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.source_inputs import failure_of, items_of, until_fault

BLANKS = st.text(" \t\r\n", max_size=3)
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    '"\\[]{},:\n\u20ac\U0001f600'
)
STRINGS = st.text(CHARACTERS).map(lambda text: json.dumps(text, ensure_ascii=False))
ESCAPED = st.text(CHARACTERS | st.characters(categories=["Cs"])).map(json.dumps)
KEYS = STRINGS | ESCAPED
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)
BREAKERS = st.sampled_from([*'"\\[]{},:0-.eE xu\0', "NaN", "Infinity", "tru", "\\u12"])


def spaced(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}{}".format, BLANKS, inner, BLANKS)


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(parts, max_size=4).map(",".join) | BLANKS


VALUES = st.recursive(
    NUMBERS | KEYS | st.sampled_from(["true", "false", "null"]),
    lambda inner: (
        joined(spaced(inner)).map("[{}]".format)
        | joined(st.builds("{}:{}".format, spaced(KEYS), spaced(inner))).map("{{{}}}".format)
    ),
    max_leaves=8,
)
ELEMENTS = st.lists(VALUES, max_size=6)


@st.composite
def spaced_arrays(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return an array as text, and the texts of its elements."""
    elements = draw(ELEMENTS)
    parts = [draw(BLANKS) + element + draw(BLANKS) for element in elements]
    return f"{draw(BLANKS)}[{','.join(parts) or draw(BLANKS)}]{draw(BLANKS)}", elements


def cut(raw: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    at = 0
    for size in cycle(sizes):
        if at >= len(raw):
            return
        yield raw[at : at + size]
        at += size


def read(
    raw: bytes, sizes: Sequence[int], max_bytes: int = 1 << 26
) -> tuple[list[InputRecord], str]:
    """Return the records, and the message of the error that ends them, if any."""
    records: list[InputRecord] = []
    try:
        records.extend(filter(None, json_elements(cut(raw, sizes), "a.json", max_bytes)))
    except InputError as error:
        return records, str(error)
    return records, ""


def loaded(text: str) -> Any:
    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


@given(array=spaced_arrays(), sizes=SIZES)
@example(array=('[1.5,-2e+3, "\\\\","\\"",true]', []), sizes=[1])
@settings(deadline=None)
def test_elements_are_those_of_json_loads_wherever_blocks_end(
    array: tuple[str, list[str]], sizes: list[int]
) -> None:
    text, elements = array
    records, fault = read(text.encode(), sizes)
    assert fault == ""
    assert repr([item for item, _, _ in records]) == repr(loaded(text))
    assert [where for _, _, where in records] == list(range(1, len(records) + 1))
    if elements:
        assert [raw.decode() for _, raw, _ in records] == elements


@given(array=spaced_arrays(), breaker=BREAKERS | st.just(""), data=st.data(), sizes=SIZES)
@settings(deadline=None)
def test_broken_json_is_found_where_json_loads_finds_it_and_worded_alike_wherever_blocks_end(
    array: tuple[str, list[str]], breaker: str, data: st.DataObject, sizes: list[int]
) -> None:
    whole = array[0]
    start = data.draw(st.integers(0, len(whole)))
    text = whole[:start] + breaker + whole[data.draw(st.integers(start, len(whole))) :]
    try:
        expected = loaded(text)
    except ValueError:
        expected = None
    records, fault = read(text.encode(), sizes)
    if isinstance(expected, list):
        assert repr([item for item, _, _ in records]) == repr(expected)
    is_bad = any(isinstance(item, UnreadableRecord) for item, _, _ in records)
    assert (bool(fault) or is_bad) is not isinstance(expected, list)
    assert repr(read(text.encode(), [1 << 18])) == repr((records, fault))


@given(elements=ELEMENTS, garbage=st.sampled_from([b"\xff", b"\xe2\x82", b"\xed\xa0\x80"]))
def test_a_byte_that_is_not_utf_8_costs_its_element(elements: list[str], garbage: bytes) -> None:
    raw = "".join(f"{element}," for element in elements).encode()
    for size in (1, 7, 1 << 18):
        records, fault = read(b"[" + raw + b'"' + garbage + b'", 7]', [size])
        assert fault == ""
        assert (len(records), records[-1][0]) == (len(elements) + 2, 7)
        assert records[-2][1] == b'"' + garbage + b'"'
        error = f"not UTF-8: byte 2 of it is 0x{garbage[0]:02x}"
        assert failure_of(records[-2]) == ("UnicodeDecodeError", error)


@pytest.mark.parametrize("raw", [b"[]", b"\xef\xbb\xbf [\n]\n", b" " * 300_000 + b"[]"])
def test_an_empty_array_has_no_items(tmp_path: Path, raw: bytes) -> None:
    assert items_of(tmp_path / "values.json", raw) == []


@pytest.mark.parametrize(
    ("raw", "found"), [(b"", "nothing"), (b' {"a": {}}', "an object"), (b"3", "another value")]
)
def test_what_is_no_array_is_an_input_error(tmp_path: Path, raw: bytes, found: str) -> None:
    items, fault = until_fault(tmp_path / "values.json", raw)
    assert items == []
    assert f"array is expected and {found} was found" in fault
    assert ".jsonl" in fault


@pytest.mark.parametrize("raw", [b'{\n"a": 1\n}\n{\n"a": [2]\n}', b'{"a": 1}{"a": 2}'])
def test_values_that_follow_one_another_are_told_as_what_they_are(
    tmp_path: Path, raw: bytes
) -> None:
    items, fault = until_fault(tmp_path / "values.json", raw)
    assert items == []
    assert "and several values that follow one another were found; write one value a line" in fault


def test_what_begins_no_json_is_told_as_that(tmp_path: Path) -> None:
    items, fault = until_fault(tmp_path / "values.json", b"call([1, 2]);")
    assert items == []
    assert "what begins with 'c' is no JSON; check what the file is" in fault


@pytest.mark.parametrize(
    ("raw", "before"),
    [
        (b"[1, 2", [1]),
        (b'[1, 2, "a', [1, 2]),
        (b'[1, {"a": 2}, {"a"', [1, {"a": 2}]),
        (b"[1] [2]", [1]),
        (b"[1, \xff", [1]),
        (b'[1, "a\xe2\x82', [1]),
        (b"[1, " + b"9" * 5000, [1]),
        (b"[1, " + b"[" * 100_000, [1]),
        (b"[1, 2}", [1]),
        (b"[1] ]", [1]),
        (b"[1]\xe2\x82", [1]),
        (b"[", []),
        (b"[]]", []),
    ],
)
def test_a_broken_array_gives_the_elements_before_and_names_the_next(
    tmp_path: Path, raw: bytes, before: list[Any]
) -> None:
    items, fault = until_fault(tmp_path / "values.json", raw)
    assert items == before
    assert f"values.json element {len(before) + 1}: " in fault


@pytest.mark.parametrize("size", [1, 2, 1 << 18])
@pytest.mark.parametrize(
    ("end", "fault"),
    [
        ("}}", None),
        (', "c": [{"d": "}\\""}, 1]}, "e": {"f": 1}, "g": "a,}"} \n', None),
        ('}}\n{"a": {"b": [3]}}\n', "more follows after the object that the array is in"),
        ("}},", "more follows after the object that the array is in"),
        ("}}}", "more follows after the object that the array is in"),
        ("}, 1}} 2", "more follows after the object that the array is in"),
        ("}", "the input ends before the object does"),
        ('}, "c": "}', "the input ends before the object does"),
        ("", "the input ends before the object does"),
    ],
)
def test_nothing_is_lost_that_follows_the_object_around_an_array(
    end: str, fault: str | None, size: int
) -> None:
    raw = f'{{"a": {{"b": [1, 2]{end}'.encode()
    blocks = [raw[at : at + size] for at in range(0, len(raw), size)]
    found = json_records(blocks, "a.json", 99, path="a.b")
    items: list[Any] = []
    if fault is None:
        items = [record[0] for record in found if record is not None]
    else:
        with pytest.raises(InputError, match=fault):
            items.extend(record[0] for record in found if record is not None)
    assert items == [1, 2]


@pytest.mark.parametrize("size", [1, 1 << 18])
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (b'{"a":NaN}', "NaN is not JSON; write null or text instead"),
        (b"Infinity", "Infinity is not JSON; write null or text instead"),
        (b"tru", "not JSON: Expecting value at character 1"),
        (b"'2'", "not JSON: Expecting value at character 1"),
        (b"", "not JSON: Expecting value at character 1"),
        (b"2 3", "not JSON: more follows after the value at character 2"),
        (b'{"a" 2}', "not JSON: Expecting ':' delimiter at character 6"),
        (b'{"a": [1}}', "not JSON: Expecting ',' delimiter at character 9"),
        (b'"a\nb"', "not JSON: Invalid control character at character 3"),
        (b'"\\x"', "not JSON: Invalid \\escape at character 2"),
    ],
)
def test_a_bad_element_costs_itself(bad: bytes, error: str, size: int) -> None:
    records, fault = read(b'[{"a":1}, ' + bad + b' ,{"a":2}]', [size])
    assert fault == ""
    assert [records[0], records[2]] == [({"a": 1}, b'{"a":1}', 1), ({"a": 2}, b'{"a":2}', 3)]
    assert (records[1][1:], failure_of(records[1])[1]) == ((bad, 2), error)


def test_half_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    raw = b'["\\ud83d", {"\\ude00": "\\ud83d\\ude00"}]'
    assert items_of(tmp_path / "values.json", raw) == ["\ud83d", {"\ude00": "\U0001f600"}]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("shift", range(14))
def test_characters_are_kept_wherever_blocks_end(
    tmp_path: Path, shift: int, ascii_only: bool
) -> None:
    values = ["x" * ((1 << 18) - 2 - shift) + "\U0001f600" * 30_000, "\U0001f600"]
    raw = json.dumps(values, ensure_ascii=ascii_only).encode()
    assert items_of(tmp_path / "values.json", raw) == values


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b'[1, "a', "Unterminated string starting at character 1"),
        (b"[1, ", "the input ends before the array does"),
        (b"[1, 2", "the input ends before the array does"),
        (b"[1, 2}", "a bracket is closed that was not opened"),
        (b"[1] 2", "more follows after the array"),
    ],
)
def test_an_error_is_worded_by_its_position_in_the_element(raw: bytes, fault: str) -> None:
    message = (
        f"a.json element 2: the JSON is broken or cut off ({fault}); fix the file from there on"
    )
    assert read(raw, [1 << 18])[1] == read(raw, [3])[1] == message


@pytest.mark.parametrize("size", [1, 1000, 1 << 18])
@pytest.mark.parametrize(
    ("element", "error_type", "fault"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "RecursionError", "brackets are nested too deeply"),
        (b'{"a": [' * 50_000 + b"]}" * 50_000, "RecursionError", "brackets are nested too deeply"),
        (b"9" * 5000, "ValueError", "a whole number has too many digits; write it as text"),
        (b'{"a": -' + b"9" * 5000 + b"}", "ValueError", "a whole number has too many digits"),
    ],
)
def test_json_that_cannot_be_held_is_a_bad_record(
    element: bytes, error_type: str, fault: str, size: int
) -> None:
    records, fault = read(b"[1, " + element + b" , 3]", [size])
    assert fault == ""
    first, bad, last = records
    assert (first, last) == ((1, b"1", 1), (3, b"3", 3))
    assert isinstance(bad[0], UnreadableRecord)
    assert bad[1:] == (element, 2)
    assert failure_of(bad)[0] == error_type
    assert failure_of(bad)[1].startswith(fault)


@pytest.mark.parametrize("size", [1, 4900, 1 << 18])
def test_a_fraction_or_exponent_may_follow_any_number_of_digits(size: int) -> None:
    text = f"[{'9' * 5000}.5, {'9' * 5000}e-4999, 3]"
    assert [item for item, _, _ in read(text.encode(), [size])[0]] == json.loads(text)


def test_an_element_is_there_once_the_sign_after_it_is() -> None:
    arrived: list[bytes] = []

    def blocks() -> Iterator[bytes]:
        for block in (b"[1", b"2", b" ", b", {", b"}", b"]", b" "):
            arrived.append(block)
            yield block

    records = json_elements(blocks(), "a.json")
    assert (next(records), arrived) == (None, [b"[1"])
    assert (next(records), arrived) == ((12, b"12", 1), [b"[1", b"2", b" ", b", {"])
    assert (next(records), arrived[4:]) == (None, [])
    assert (next(records), arrived[4:]) == (({}, b"{}", 2), [b"}", b"]"])
    assert (list(records), arrived[6:]) == ([], [b" "])


def test_an_element_of_many_blocks_is_parsed_only_at_its_begin_and_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed_characters: list[int] = []

    def spied(name: str) -> Any:
        real = getattr(json_array, name)

        def spy(text: str, *more: int) -> Any:
            parsed_characters.append(len(text))
            return real(text, *more)

        return spy

    for name in ("first_json", "whole_json"):
        monkeypatch.setattr(json_array, name, spied(name))
    raw = json.dumps([list(range(1000))]).encode()
    assert len(read(raw, [10])[0]) == 1
    assert parsed_characters == [9, len(raw) - 2]


def test_an_element_may_be_long_and_blanks_before_it_longer(tmp_path: Path) -> None:
    values = ["\\\n" * 5_000_000, [{"a": "é"}] * 50_000, 3]
    raw = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(raw) > 20_000_000
    assert items_of(tmp_path / "values.json", raw) == values
    blanks = b" " * 20_000_000
    assert items_of(tmp_path / "values.json", b"[1," + blanks + b"2]") == [1, 2]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_an_element_over_the_limit_is_unreadable_and_the_others_are_not(size: int) -> None:
    raw = b'[ "abc", {"long": "' + b"x" * 50 + b'\xff"} , [1,2] ]'
    records, fault = read(raw, [size], 20)
    assert fault == ""
    assert [records[0][0], records[2][0]] == ["abc", [1, 2]]
    error = "the element has 63 bytes, and a record may have 20 (max_record_bytes)"
    assert failure_of(records[1]) == ("ValueError", error)
    assert repr(records) == repr(read(raw, [7], 20)[0])
    other = read(raw.replace(b"x\xff", b"y\xff"), [size], 20)[0]
    assert other[1][1] != records[1][1], "what is left out is in the digest"


@pytest.mark.parametrize("begin", [b'"', b"[", b'{"a": "'])
def test_an_element_that_never_ends_does_not_fill_the_memory(begin: bytes) -> None:
    endless = (block for block in [b"[1, " + begin, *repeat(b"x" * 4096, 5000), b""])
    tracemalloc.start()
    try:
        records = json_elements(endless, "a.json", 1 << 20)
        with pytest.raises(InputError, match=r"a\.json element 2: the JSON is broken or cut off"):
            list(records)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()

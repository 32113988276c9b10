"""What `run` makes of an input that is not as it should be."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.conftest import rest_slow
from tests.run_command import Place, ended, place, without_privileges

__all__ = ["place"]


# The input as a whole -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothere.txt", "nothere.txt: there is no such file; check the path"),
        (
            ".",
            ".: that is a directory; name a file in it, such as cut.parquet; it holds 1 of Parquet",
        ),
        ("nothere*", "no file matches nothere*; check the pattern, and quote it for the shell"),
        ("secret.txt", "secret.txt: cannot be read (Permission denied); check the path"),
        ("cut.parquet", "cut.parquet: is not Parquet, or damaged ("),
    ],
)
def test_an_input_that_cannot_be_read_leaves_an_old_output_alone(
    place: Place, name: str, message: str
) -> None:
    place.write("secret.txt", "1").chmod(0)
    pyarrow.parquet.write_table(pyarrow.table({"v": [1]}), str(place.directory / "cut.parquet"))
    os.truncate(place.directory / "cut.parquet", 50)
    place.write("out.jsonl", "precious")
    words = ["tasks.py:same", name, "-o", "out.jsonl", "--overwrite"]
    code, [line] = ended(place.run(*words, before=without_privileges))
    assert (code, line[: len(message)]) == (3, message)
    assert place.text("out.jsonl") == "precious"
    assert place.names() == {"secret.txt", "cut.parquet", "out.jsonl"}


BAD_HEADS = {
    "open.csv": (b'"a,b\n1,2\n', "line 1: the header cannot be read: a quote is not closed before"),
    "object.json": (b'{"a": 1}', "a JSON array is expected and an object was found"),
    "cut.txt.gz": (gzip.compress(b"x" * 99)[:20], "the compressed data ends too early"),
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_an_input_whose_beginning_is_wrong_is_told_and_once_mended_resumed(
    place: Place, name: str
) -> None:
    data, message = BAD_HEADS[name]
    place.write(name, data)
    words = ["tasks.py:same", name, "-o", "out.jsonl"]
    code, [line] = ended(place.run(*words))
    assert (code, name in line, message in line) == (3, True, True)
    good = {"csv": b"a,b\n1,2\n", "json": b'[{"a": 1}]', "gz": gzip.compress(b"x\n")}
    place.write(name, good[name.rpartition(".")[2]])
    assert ended(place.run(*words, "--resume")) == (0, [])
    place.check("out.jsonl", range(1))


def test_overwriting_drops_nothing_for_an_input_that_cannot_be_read(place: Place) -> None:
    place.write("open.csv", '"a,b\n1,2\n')
    place.write("out.jsonl", "precious")
    place.run("tasks.py:same", "open.csv", "-o", "out.jsonl", "--overwrite")
    assert place.text("out.jsonl") == "precious"


def test_items_before_a_cut_in_the_input_are_kept_and_the_rest_is_resumed(place: Place) -> None:
    whole = "[" + ", ".join(map(str, range(500))) + "]"
    place.write("in.json", whole[:1000])
    words = ["tasks.py:odd_fails", "in.json", "-o", "out.jsonl"]
    code, [line] = ended(place.run(*words))
    assert (code, line[:48]) == (3, "in.json element 223: the JSON is broken or cut o")
    place.check("out.jsonl", range(222))
    place.write("in.json", whole)
    assert ended(place.run(*words, "--resume")) == (1, [])
    place.check("out.jsonl", range(500))


@pytest.mark.parametrize("output", rest_slow(1, "out.parquet", "out.jsonl", "out.csv"))
@pytest.mark.parametrize(("name", "data"), [("a.txt", ""), ("a.csv", "a,b\n"), ("a.json", "[]")])
def test_an_empty_input_has_an_empty_valid_output(
    place: Place, output: str, name: str, data: str
) -> None:
    place.write(name, data)
    assert ended(place.run("tasks.py:same", name, "-o", output)) == (0, [])
    place.check(output, [])


# Records --------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_bad_line_of_json_costs_that_line_alone(place: Place, output: str) -> None:
    lines = [
        b'{"v": 0}', b'{"a":', b"[" * 200_000, b"1" * 5000, b'"\xff"', b"NaN", b"",
        b'{"v": 6}\r', '{"v": 7, "w": "\u2028\u0085"}'.encode(), b'{"a": 1}x', b'{"v": 9}',
    ]  # fmt: skip
    place.write("in.jsonl", b"\n".join(lines))
    task = place.write("pick.py", 'def pick(item): return {"v": item["v"]}\n')
    done = place.run(f"{task}:pick", "in.jsonl", "-o", output, "--backend", "process")
    assert ended(done) == (1, [])
    place.check(output, range(10))
    failures = place.failures(f"{output}.errors.jsonl")
    assert [(line["place"], line["error_type"]) for line in failures] == [
        ("in.jsonl line 2", "JSONDecodeError"),
        ("in.jsonl line 3", "RecursionError"),
        ("in.jsonl line 4", "ValueError"),
        ("in.jsonl line 5", "UnicodeDecodeError"),
        ("in.jsonl line 6", "ValueError"),
        ("in.jsonl line 10", "JSONDecodeError"),
    ]
    assert failures[1]["item"] == "[" * 200_000


def test_lines_of_text_are_cut_at_line_ends_and_nowhere_else(place: Place) -> None:
    text = "\ufeffone\r\nth\x00ree\nfo\u2028ur\n\n\x0bfi\x85\rve\nlast".encode()
    place.write("in.txt", text.replace(b"last", b"l\xffst"))
    for backend in ("sequential", "process"):
        words = ["-o", "out.jsonl", "--overwrite", "-k", "--backend", backend]
        assert ended(place.run("tasks.py:same", "in.txt", *words)) == (0, [])
        items = [line["item"] for line in place.results("out.jsonl")]
        assert items == ["one", "th\x00ree", "fo\u2028ur", "", "\x0bfi\x85\rve", "l�{ff}st"]
        assert [line["result"] for line in place.results("out.jsonl")] == items


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_ragged_row_or_an_open_quote_of_csv_costs_that_row(place: Place, output: str) -> None:
    rows = ["v,b", "0,x", "x", "x,x,x", '"3","a\r\n""b"', "", f"4,{'z' * 200_000}", '"x,y']
    place.write("in.csv", "\ufeff" + "\r\n".join(rows))
    assert ended(place.run("tasks.py:same", "in.csv", "-o", output, "-k")) == (1, [])
    failures = [(line["place"], line["error"]) for line in place.failures(f"{output}.errors.jsonl")]
    quotes_as_text = "--quote none takes quotes as text"
    assert failures == [
        ("in.csv line 3", "1 cells found, 2 expected (v, b)"),
        ("in.csv line 4", "3 cells found, 2 expected (v, b)"),
        ("in.csv line 9", f"a quote is not closed before the end of the input; {quotes_as_text}"),
    ]
    results = [line.get("result", line) for line in place.results(output)]
    assert [row["v"] for row in results] == ["0", "3", "4"]
    assert (results[1]["b"], len(results[2]["b"])) == ('a\r\n"b', 200_000)


TOO_DEEP = """
import json, pickle
depth = 300
while True:
    try:
        pickle.dumps(json.loads("[" * depth + "]" * depth))
    except RecursionError:
        print("[" * depth + "]" * depth)
        break
    depth = depth * 5 // 4
"""


@cache
def too_deep_to_pickle() -> str:
    """Return brackets that can be read, but not pickled: how many depends on Python's version."""
    words = [sys.executable, "-c", TOO_DEEP]  # here a test may have changed the recursion limit
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_an_item_nested_too_deeply_for_pickle_costs_itself_and_says_why(place: Place) -> None:
    place.write("in.jsonl", f"{too_deep_to_pickle()}\n1\n")
    place.write("in.json", f"[{too_deep_to_pickle()}, 1]")
    words = ["tasks.py:text", "in.json", "-o", "out.jsonl", "--backend"]
    lines = [words[0], "in.jsonl", *words[2:]]
    assert place.run(*words, "thread").returncode == 0
    assert place.run(*lines, "process", "--overwrite").returncode == 0, "lines travel as bytes"
    assert place.run(*words, "process", "--overwrite").returncode == 1
    [failure] = place.failures()
    assert (failure["index"], "recursion" in failure["error"]) == (0, True)
    assert [line["result"] for line in place.results("out.jsonl")] == ["1"]


def test_a_deeply_nested_item_is_recorded_as_it_came_when_the_function_changed_it(
    place: Place,
) -> None:
    place.write("in.jsonl", f'{{"v": 1, "w": {too_deep_to_pickle()}}}\n')
    place.write(
        "change.py", "def f(item):\n    item['v'] = item['w'][0] = 2\n    raise ValueError\n"
    )
    done = place.run("change.py:f", "in.jsonl", "--errors", "errors", "--backend", "thread")
    assert done.returncode == 1
    [failure] = place.failures("errors")
    assert failure["item"] == json.loads(f'{{"v": 1, "w": {too_deep_to_pickle()}}}')


# Change and identity --------------------------------------------------------------------------


CHANGES = {
    "cut short": ("os.truncate('in.txt', 6)", "in.txt ends after 3 items and had more"),
    "written to": ("open('in.txt', 'r+').write('x')", "in.txt line 1 is not what it was"),
    "replaced": ("Path('new').write_text('x'); os.replace('new', 'in.txt')", "in.txt line 1 is"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("output", ["out.jsonl", "-"])
def test_an_input_that_changes_during_the_run_is_no_success(
    place: Place, change: str, output: str
) -> None:
    act, message = CHANGES[change]
    place.write(
        "change.py",
        "import os\nfrom pathlib import Path\n"
        f"def f(item):\n    if item == '5': {act}\n    return item\n",
    )
    if output == "-":  # what each item was is not kept
        message = "in.txt is not what it was"
    code, [line] = ended(place.run("change.py:f", "in.txt", "-o", output))
    assert (code, line[: len(message)]) == (3, message)


def test_an_input_that_grows_during_the_run_is_no_success(place: Place) -> None:
    place.write("grow.py", "def f(item): open('in.txt', 'a').write('10\\n')")
    assert place.run("grow.py:f", "in.txt", "-o", "out.jsonl").returncode == 3


@pytest.mark.parametrize("option", ["-o", "--errors", "--export-json"])
def test_the_input_is_never_written_to(place: Place, option: str) -> None:
    before = place.text("in.txt")
    (place.directory / "soft.jsonl").symlink_to("in.txt")
    os.link(place.directory / "in.txt", place.directory / "hard.jsonl")
    place.write("in.jsonl", "1\n")
    label = {"-o": "--output"}.get(option, option)
    for name in ("soft.jsonl", "hard.jsonl", "./in.jsonl"):
        source = "in.jsonl" if name == "./in.jsonl" else "in.txt"
        words = ["tasks.py:odd_fails", source, option, name, "--overwrite"]
        words += [] if option == "-o" else ["-o", "out.jsonl"]
        assert ended(place.run(*words)) == (
            2,
            [f"{label} {Path(name)}: that is the input; name another file"],
        )
    assert place.text("in.txt") == before
    assert place.names() == {"soft.jsonl", "hard.jsonl", "in.jsonl"}


def test_a_run_whose_output_its_pattern_matches_can_be_resumed(place: Place) -> None:
    (place.directory / "d").mkdir()
    for name in "abc":
        place.write(f"d/{name}.jsonl", "")
    words = ["tasks.py:same", "d/*.jsonl", "-o", "d/out.jsonl"]
    assert place.run(*words, "--limit", "2").returncode == 0
    assert ended(place.run(*words, "--resume")) == (0, [])


def test_terminal_codes_in_names_do_not_reach_the_terminal(place: Place) -> None:
    done = place.run("tasks.py:same", "\x1b[31mred\nblue")
    assert (done.returncode, done.stderr.count("\n"), "\x1b" in done.stderr) == (3, 1, False)


def test_terminal_codes_in_items_and_errors_do_not_reach_the_terminal(place: Place) -> None:
    place.write("in.txt", b"\x1b[31mred\x07\n")
    done = place.run("tasks.py:all_fail", "in.txt", "-o", "\x1b[1mout.jsonl")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "in.txt line 1: ValueError: \\x1b[31mred\\x07" in done.stdout
    assert place.failures("\x1b[1mout.jsonl.errors.jsonl")[0]["item"] == "\x1b[31mred\x07"

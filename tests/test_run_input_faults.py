"""What `run` says of a wrong command line, of a function, and of an input that is not as it should be."""

from __future__ import annotations

import gzip
import os
import shlex
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.run_command import Place, ended, place, without_privileges

__all__ = ["place"]

USAGE = "main.py run --help shows"


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        ("tasks.py in.txt", ["TASK must be file.py:function or package.module:function, got 'tasks.py'"]),
        ("nothere.py:f in.txt", ["there is no file nothere.py; check the path"]),
        ("task.py:same in.txt", ["there is no file task.py; did you mean tasks.py?"]),
        ("tasks.py:smae in.txt", ["no function 'smae' in tasks.py; did you mean same?"]),
        ("tasks.py:os in.txt", ["os in tasks.py is a module, not a function"]),
        ("tasks.py:set_up in.txt", ["set_up() in tasks.py must take one argument, the item: too many positional arguments"]),
        ("nopackage.nomodule:f in.txt", ["there is no module nopackage; check its name, and that it is installed"]),
        ("tasks.py:same in.txt --setup nope", ["no function 'nope' in tasks.py"]),
        ("tasks.py:same in.txt --setup same", ["--setup same must take no argument: missing a required argument: 'item'"]),
        ("tasks.py:same in.txt --setup asynchronous", ["--setup asynchronous: must be a plain function, not an async one"]),
        ("tasks.py:same in.txt more", [f"one argument too many: 'more'; {USAGE} the usage"]),
        ("tasks.py:same in.txt -o", [f"-o needs a value; {USAGE} which"]),
        ("tasks.py:same in.txt -o x.txt", ["--output x.txt: the suffix '.txt' tells no format; use .jsonl, .csv or .parquet, or give --output-format"]),
        ("tasks.py:same in.txt -o no/x.csv", ["--output no/x.csv: there is no directory no; make it first"]),
        ("tasks.py:same in.txt -o d.csv", ["--output d.csv: a directory; name a file in it"]),
        ("tasks.py:same in.txt -o /dev/null --output-format csv", ["--output /dev/null: not a regular file; - writes to stdout"]),
        ("tasks.py:same in.txt --output-format csv", ["--output-format csv: stdout takes jsonl only; name a file with -o"]),
        ("tasks.py:same in.txt --output-format cvs -o x.csv", ["--output-format must be one of jsonl, csv, parquet, got 'cvs'; did you mean csv?"]),
        ("tasks.py:same in.txt --input-format cvs", ["--input-format must be one of text, jsonl, json, csv, parquet, errors, got 'cvs'; did you mean csv?"]),
        ("tasks.py:same *.py --input-format csv", ["the items of a pattern are its files' paths; leave out --input-format csv, or name one file"]),
        ("tasks.py:same - --input-format parquet", ["Parquet cannot be read from standard input; name the file instead of -"]),
        ("tasks.py:same ftp://host/in", ["ftp:// is not known; known are sqlite:/// and postgresql://, and other inputs are files, or - for standard input"]),
        ("tasks.py:same in.txt -o x.csv --record full", ["--record full: csv holds results only; leave it out"]),
        ("tasks.py:same in.txt --record all", ["--record must be one of full, result, got 'all'"]),
        ("tasks.py:same in.txt --errors d.csv", ["--errors d.csv: a directory; name a file in it"]),
        ("tasks.py:same in.txt -o x.csv --errors x.csv", ["--errors x.csv: that is the output; name another file"]),
        ("tasks.py:same in.txt -o x.csv --errors x.csv.journal", ["--errors x.csv.journal: that is the output; name another file"]),
        ("tasks.py:same in.txt --resume", ["--resume: what went to stdout cannot be taken up again; name a file with -o"]),
        ("tasks.py:same in.txt --retry-failed", ["--retry-failed: what went to stdout cannot be taken up again; name a file with -o"]),
        ("tasks.py:same in.txt -o x.csv --resume --overwrite", ["--resume goes on with the output and --overwrite drops it; give one of them"]),
        ("tasks.py:same in.txt -o x.csv -k --retry-failed", ["--retry-failed: what succeeds now comes after the rest, so not with --keep-order"]),
        ("tasks.py:same in.txt --halt 0", ["--halt must be a number of failures or a percentage up to 100%, got '0'; for example 10 or 5%"]),
        ("tasks.py:same in.txt --halt 101%", ["--halt must be a number of failures or a percentage up to 100%, got '101%'; for example 10 or 5%"]),
        ("tasks.py:same in.txt --limit 0", ["--limit must be at least 1, got 0; for example 100"]),
        ("tasks.py:same in.txt --limit 1.5", ["--limit must be a whole number, got '1.5'; for example 100"]),
        ("tasks.py:same in.txt --memory-floor 0", ["--memory-floor must be a size in bytes, got '0'; for example 500M or 2G"]),
        ("tasks.py:same in.txt --memory-floor 1X", ["--memory-floor must be a size in bytes, got '1X'; for example 500M or 2G"]),
        ("tasks.py:same in.txt --backend proces", ["--backend must be one of auto, sequential, thread, process, async, got 'proces'; did you mean process?"]),
        (
            "tasks.py:same in.txt -j 0 --batch-size 0 --retries -1 --timeout 0 --rate 0",
            [
                "--workers must be at least 1, got 0; leave it out to use every core",
                "--batch-size must be at least 1, got 0; leave it out to have it chosen",
                "--retries must be at least 0, got -1; 0 means one attempt",
                "--timeout must be above 0 and at most 86400 seconds, got '0'; for example 10s",
                "--rate must be above 0 items a second, got '0'; for example 10",
            ],
        ),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_told_in_a_line_each(
    place: Place, words: str, faults: list[str]
) -> None:
    (place.directory / "d.csv").mkdir()
    done = place.run(*words.split())
    assert done.stdout == ""
    assert ended(done) == (2, faults)
    assert place.names() == {"d.csv"}


@pytest.mark.parametrize("output", ["", ".", "/"])
@pytest.mark.xfail(strict=True, reason="Path.with_name refuses an empty name: exit 70")
def test_an_output_without_a_name_is_a_wrong_command_line(place: Place, output: str) -> None:
    assert ended(place.run("tasks.py:same", "in.txt", "-o", output))[0] == 2


@pytest.mark.xfail(strict=True, reason="the journal's name is longer than names may be: exit 70")
def test_a_name_too_long_for_a_journal_is_told_in_a_line(place: Place) -> None:
    code, told = ended(place.run("tasks.py:same", "in.txt", "-o", "x" * 245 + ".jsonl"))
    assert (code in (2, 3), len(told)) == (True, 1)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def f(x) return", "SyntaxError: expected ':' (broken.py, line 1)"),
        ("import nosuch", "ModuleNotFoundError: No module named 'nosuch' (line 1)"),
        ("\nraise OSError('a\\nb')", "OSError: a b (line 2)"),
        ("raise SystemExit(0)", "SystemExit: 0 (line 1)"),
    ],
)
def test_a_task_that_cannot_be_imported_is_told_before_any_input(
    place: Place, code: str, told: str
) -> None:
    place.write("broken.py", code)
    assert ended(place.run("broken.py:f", "nothere.txt", "-o", "out.jsonl")) == (
        2,
        [f"broken.py cannot be imported: {told}"],
    )
    assert place.names() == {"broken.py"}


def test_a_task_that_cannot_be_imported_in_workers_ends_the_run(place: Place) -> None:
    place.write(
        "child.py",
        "import multiprocessing, pathlib\n"
        "if multiprocessing.parent_process():\n"
        "    open('imports', 'a').write('x')\n"
        "    raise OSError('no licence')\n"
        "def f(item): return item\n",
    )
    words = "child.py:f in.txt -o out.jsonl -j 2".split()
    assert ended(place.run(*words, "--backend", "process")) == (
        3,
        ["the function cannot be loaded in a worker: OSError: no licence"],
    )
    assert len(place.text("imports")) <= 4
    assert ended(place.run(*words, "--backend", "thread", "--resume")) == (0, [])
    place.check("out.jsonl", range(10))


# The input as a whole -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothere.txt", "nothere.txt: there is no such file; check the path"),
        (".", ".: that is a directory; name a file in it"),
        ("nothere*", "no file matches nothere*; check the pattern, and quote it for the shell"),
        ("secret.txt", "secret.txt: cannot be read (Permission denied); check the path"),
        ("cut.parquet", "cut.parquet: is not Parquet, or damaged ("),
    ],
)
def test_an_input_that_cannot_be_read_leaves_an_old_output_alone(
    place: Place, name: str, told: str
) -> None:
    place.write("secret.txt", "1").chmod(0)
    pyarrow.parquet.write_table(pyarrow.table({"v": [1]}), str(place.directory / "cut.parquet"))
    os.truncate(place.directory / "cut.parquet", 50)
    place.write("out.jsonl", "precious")
    words = ["tasks.py:same", name, "-o", "out.jsonl", "--overwrite"]
    code, [line] = ended(place.run(*words, before=without_privileges))
    assert (code, line[: len(told)]) == (3, told)
    assert place.text("out.jsonl") == "precious"
    assert place.names() == {"secret.txt", "cut.parquet", "out.jsonl"}


BAD_HEADS = {
    "twice.csv": (b"a,a\n1,2\n", "line 1: the header has the name 'a' twice; rename one of them"),
    "open.csv": (b'"a,b\n1,2\n', "line 1: the header cannot be read: a quote is not closed before"),
    "object.json": (b'{"a": 1}', "a JSON array is expected and an object was found"),
    "cut.txt.gz": (gzip.compress(b"x" * 99)[:20], "the compressed data ends too early"),
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_an_input_whose_beginning_is_wrong_is_told_and_once_mended_resumed(
    place: Place, name: str
) -> None:
    data, told = BAD_HEADS[name]
    place.write(name, data)
    words = ["tasks.py:same", name, "-o", "out.jsonl"]
    code, [line] = ended(place.run(*words))
    assert (code, name in line, told in line) == (3, True, True)
    good = {"csv": b"a,b\n1,2\n", "json": b'[{"a": 1}]', "gz": gzip.compress(b"x\n")}
    place.write(name, good[name.rpartition(".")[2]])
    assert ended(place.run(*words, "--resume")) == (0, [])
    place.check("out.jsonl", range(1))


@pytest.mark.xfail(strict=True, reason="the output is dropped before the input is looked into")
def test_overwriting_drops_nothing_for_an_input_that_cannot_be_read(place: Place) -> None:
    place.write("twice.csv", "a,a\n1,2\n")
    place.write("out.jsonl", "precious")
    place.run("tasks.py:same", "twice.csv", "-o", "out.jsonl", "--overwrite")
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


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
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
    assert [(line["place"], line["error_type"]) for line in place.failures(f"{output}.errors.jsonl")] == [
        ("in.jsonl line 2", "JSONDecodeError"),
        ("in.jsonl line 3", "RecursionError"),
        ("in.jsonl line 4", "ValueError"),
        ("in.jsonl line 5", "UnicodeDecodeError"),
        ("in.jsonl line 6", "ValueError"),
        ("in.jsonl line 10", "JSONDecodeError"),
    ]  # fmt: skip
    assert all(len(str(line)) < 20_000 for line in place.failures(f"{output}.errors.jsonl"))


def test_lines_of_text_are_cut_at_line_ends_and_nowhere_else(place: Place) -> None:
    text = "\ufeffone\r\nth\x00ree\nfo\u2028ur\n\n\x0bfi\x85\rve\nlast".encode()
    place.write("in.txt", text.replace(b"last", b"l\xffst"))
    for backend in ("sequential", "process"):
        words = ["-o", "out.jsonl", "--overwrite", "-k", "--backend", backend]
        assert ended(place.run("tasks.py:same", "in.txt", *words)) == (0, [])
        items = [line["item"] for line in place.results("out.jsonl")]
        assert items == ["one", "th\x00ree", "fo\u2028ur", "", "\x0bfi\x85\rve", "l\udcffst"]
        assert [line["result"] for line in place.results("out.jsonl")] == items


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_ragged_row_or_an_open_quote_of_csv_costs_that_row(place: Place, output: str) -> None:
    rows = ["v,b", "0,x", "x", "x,x,x", '"3","a\r\n""b"', "", f"4,{'z' * 200_000}", '"x,y']
    place.write("in.csv", "\ufeff" + "\r\n".join(rows))
    assert ended(place.run("tasks.py:same", "in.csv", "-o", output, "-k")) == (1, [])
    failures = [(line["place"], line["error"]) for line in place.failures(f"{output}.errors.jsonl")]
    assert failures == [
        ("in.csv line 3", "1 cells found, 2 expected (v, b)"),
        ("in.csv line 4", "3 cells found, 2 expected (v, b)"),
        ("in.csv line 9", "a quote is not closed before the end of the input"),
    ]
    results = [line.get("result", line) for line in place.results(output)]
    assert [row["v"] for row in results] == ["0", "3", "4"]
    assert (results[1]["b"], len(results[2]["b"])) == ('a\r\n"b', 200_000)


@pytest.mark.xfail(strict=True, reason="nested items are pickled by recursion: only processes fail")
def test_a_deeply_nested_item_is_taken_by_every_backend_alike(place: Place) -> None:
    place.write("in.jsonl", "[" * 500 + "]" * 500 + "\n")
    for backend in ("thread", "process"):
        assert place.run("tasks.py:text", "in.jsonl", "--backend", backend).returncode == 0


# Change and identity --------------------------------------------------------------------------


@pytest.mark.xfail(strict=True, reason="nobody looks whether the input changes during the run")
def test_an_input_that_shrinks_during_the_run_is_no_success(place: Place) -> None:
    place.numbers(400_000)
    task = place.write(
        "cut.py", "import os\ndef cut(item):\n    os.truncate('in.txt', 100_000)\n    return item\n"
    )
    code, [told] = ended(place.run(f"{task}:cut", "in.txt", "-o", "out.jsonl"))
    assert (code, "in.txt line " in told) == (3, True)


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


@pytest.mark.xfail(strict=True, reason="the pattern matches the output of the run to be resumed")
def test_a_run_whose_output_its_pattern_matches_can_be_resumed(place: Place) -> None:
    (place.directory / "d").mkdir()
    for name in "abc":
        place.write(f"d/{name}.jsonl", "")
    words = ["tasks.py:same", "d/*.jsonl", "-o", "d/out.jsonl"]
    assert place.run(*words, "--limit", "2").returncode == 0
    assert ended(place.run(*words, "--resume")) == (0, [])


@pytest.mark.xfail(strict=True, reason="words from the command line are printed raw")
def test_terminal_codes_in_names_do_not_reach_the_terminal(place: Place) -> None:
    done = place.run("tasks.py:same", "\x1b[31mred\nblue")
    assert (done.returncode, done.stderr.count("\n"), "\x1b" in done.stderr) == (3, 1, False)


def test_terminal_codes_in_items_and_errors_do_not_reach_the_terminal(place: Place) -> None:
    place.write("in.txt", b"\x1b[31mred\x07\n")
    done = place.run("tasks.py:all_fail", "in.txt", "-o", "\x1b[1mout.jsonl")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "first at in.txt line 1: \\x1b[31mred\\x07" in done.stdout
    assert place.failures("\x1b[1mout.jsonl.errors.jsonl")[0]["item"] == "\x1b[31mred\x07"


@pytest.mark.xfail(strict=True, reason="--resume is put behind --, where it is no option")
def test_the_resuming_command_can_be_run_when_there_were_two_dashes(place: Place) -> None:
    done = place.run("tasks.py:odd_fails", "-o", "out.jsonl", "--halt", "1", "-q", "--", "in.txt")
    words = shlex.split(done.stderr.strip().removeprefix("resume with: "))
    assert words.index("--resume") < words.index("--")

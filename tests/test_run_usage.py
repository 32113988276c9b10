"""What `run` says of a wrong command line, and of a task that cannot be had."""

from __future__ import annotations

import shlex

import pytest

from tests.run_command import Place, ended, place

__all__ = ["place"]


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (
            "! tasks.py in.txt",
            ["TASK must be file.py:function or package.module:function, got 'tasks.py'"],
        ),
        ("! nothere.py:f in.txt", ["there is no file nothere.py; check the path"]),
        ("! task.py:same in.txt", ["there is no file task.py; did you mean tasks.py?"]),
        ("! tasks.py:smae in.txt", ["no function 'smae' in tasks.py; did you mean same?"]),
        ("! tasks.py:os in.txt", ["os in tasks.py is a module, not a function"]),
        (
            "! tasks.py:set_up in.txt",
            [
                "set_up() in tasks.py must take one argument, the item: too many positional "
                "arguments"
            ],
        ),
        (
            "! nopackage.nomodule:f in.txt",
            ["there is no module nopackage; check its name, and that it is installed"],
        ),
        ("--setup zzz", ["no function 'zzz' in tasks.py"]),
        (
            "--setup same",
            ["--setup same must take no argument: missing a required argument: 'item'"],
        ),
        (
            "--setup later --setup-per process",
            [
                "setup later is async, and what it makes belongs to the event loop of one worker; "
                "leave setup_per='process' out"
            ],
        ),
        (
            "--setup set_up --setup-per thread",
            ["--setup-per must be one of worker, process, got 'thread'"],
        ),
        (
            "--setup-per process",
            ["--setup-per process: says where --setup is called; add --setup NAME"],
        ),
        ("--retry-if unheard", ["no function 'unheard' in tasks.py"]),
        (
            "--retry-if set_up",
            ["--retry-if set_up must take one argument, the error: too many positional arguments"],
        ),
        (
            "--retry-if asynchronous",
            ["--retry-if asynchronous: must be a plain function, not an async one"],
        ),
        (
            "--retries 0 --retry-if same --retry-for 1m",
            [
                "--retry-if is about retries and --retries 0 allows none; leave --retries out",
                "--retry-for is about retries and --retries 0 allows none; leave --retries out",
            ],
        ),
        (
            "--retry-for 2d",
            ["--retry-for must be above 0 and at most 86400 seconds, got '2d'; for example 1m30s"],
        ),
        (
            "more",
            [
                "2 INPUTs, in.txt to more: --rows takes the rows of all these files, "
                "--input-format files their paths; a pattern needs quotes to be one INPUT"
            ],
        ),
        (
            "more --rows --input-format files",
            [
                "--input-format files: its items are paths, and --rows reads what is in the files; "
                "give one of them"
            ],
        ),
        ("-o", ["-o needs a value; main.py run --help shows which"]),
        (
            "-o x.txt",
            [
                "--output x.txt: the suffix '.txt' tells no format; use .jsonl, .csv, .tsv or "
                ".parquet, or give --output-format"
            ],
        ),
        ("-o no/x.csv", ["--output no/x.csv: there is no directory no; make it first"]),
        ("-o d.csv", ["--output d.csv: a directory; name a file in it"]),
        (
            "-o none/ --output-format csv",
            [
                "--output none/: a directory; name a file in it, or have part files made "
                "with --split-size"
            ],
        ),
        (
            "-o /dev/null --output-format csv",
            ["--output /dev/null: not a regular file; - writes to stdout"],
        ),
        (
            "--output-format csv",
            ["--output-format csv: stdout takes jsonl only; name a file with -o"],
        ),
        (
            "--output-format cvs -o x.csv",
            [
                "--output-format must be one of jsonl, csv, tsv, parquet, got 'cvs'; "
                "did you mean csv?"
            ],
        ),
        (
            "--input-format cvs",
            [
                "--input-format must be one of text, nul, jsonl, json, csv, tsv, parquet, xlsx, "
                "files, errors, got 'cvs'; did you mean csv?"
            ],
        ),
        (
            "! tasks.py:same *.py --input-format csv",
            [
                "the items of a pattern are its files' paths; leave out --input-format csv, "
                "or name one file; for a pattern, --rows reads what is in its files"
            ],
        ),
        (
            "! tasks.py:same - --input-format parquet",
            ["Parquet cannot be read from standard input; name the file instead of -"],
        ),
        (
            "! tasks.py:same postgrsql://host/in",
            [
                "postgrsql://host/in: postgrsql:// is not known; did you mean postgresql?; known "
                "are sqlite:///, postgresql://, s3://, gs://, http://, https:// and what else "
                "fsspec has"
            ],
        ),
        ("-o x.csv --record full", ["--record full: csv holds results only; leave it out"]),
        ("--record all", ["--record must be one of full, result, got 'all'"]),
        ("--errors d.csv", ["--errors d.csv: a directory; name a file in it"]),
        ("-o x.csv --errors x.csv", ["--errors x.csv: that is the output; name another file"]),
        (
            "-o x.csv --errors x.csv.journal",
            ["--errors x.csv.journal: that is the output's journal; name another file"],
        ),
        (
            "--resume",
            ["--resume: what went to stdout cannot be taken up again; name a file with -o"],
        ),
        (
            "--retry-failed",
            ["--retry-failed: what went to stdout cannot be taken up again; name a file with -o"],
        ),
        (
            "-o x.csv --resume --overwrite",
            ["--resume goes on with the output and --overwrite drops it; give one of them"],
        ),
        (
            "-o x.csv -k --retry-failed",
            [
                "--retry-failed: what succeeds now comes after the rest, so not with --keep-order; "
                "--sync --retry-failed keeps the order"
            ],
        ),
        (
            "--halt 0",
            [
                "--halt must be a number of failures or a percentage up to 100%, got '0'; "
                "for example 10 or 5%"
            ],
        ),
        (
            "--halt 101%",
            [
                "--halt must be a number of failures or a percentage up to 100%, got '101%'; "
                "for example 10 or 5%"
            ],
        ),
        (
            "--halt-now",
            ["--halt-now says what becomes of items when --halt stops; add --halt N"],
        ),
        ("--key id --select name", ["--key id: --select leaves it out; name it there, too"]),
        ("--limit 0", ["--limit must be at least 1, got 0; for example 100"]),
        ("--limit 1.5", ["--limit must be a whole number, got '1.5'; for example 100"]),
        (
            "--memory-floor 0",
            ["--memory-floor must be a size in bytes, got '0'; for example 500M or 2G"],
        ),
        (
            "--memory-floor 1X",
            ["--memory-floor must be a size in bytes, got '1X'; for example 500M or 2G"],
        ),
        (
            "--backend proces",
            [
                "--backend must be one of auto, sequential, thread, process, async, dask, got "
                "'proces'; did you mean process?"
            ],
        ),
        (
            "-j 0 --batch-size 0 --retries -1 --timeout 0 --rate 0",
            [
                "--workers must be at least 1, got 0; leave it out to have it chosen",
                "--batch-size must be at least 1, got 0; leave it out to have it chosen",
                "--retries must be at least 0, got -1; 0 means one attempt",
                "--timeout must be above 0 and at most 86400 seconds, got '0'; for example 1m30s",
                "--rate must be above 0 items a second, got '0'; for example 10 or 100/m",
            ],
        ),
    ],
)
def test_a_wrong_command_line_is_told_in_a_line_each(
    place: Place, words: str, messages: list[str]
) -> None:
    (place.directory / "d.csv").mkdir()
    done = place.run(*(words[2:] if words[0] == "!" else f"tasks.py:same in.txt {words}").split())
    assert done.stdout == ""
    assert ended(done) == (2, messages)
    assert place.names() == {"d.csv"}


@pytest.mark.parametrize("output", ["", ".", "/"])
def test_an_output_without_a_name_is_a_wrong_command_line(place: Place, output: str) -> None:
    assert ended(place.run("tasks.py:same", "in.txt", "-o", output))[0] == 2


def test_a_name_too_long_for_a_journal_is_told_in_a_line(place: Place) -> None:
    code, lines = ended(place.run("tasks.py:same", "in.txt", "-o", "x" * 245 + ".jsonl"))
    assert (code in (2, 3), len(lines)) == (True, 1)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def f(x) return", "SyntaxError: expected ':' (broken.py, line 1)"),
        ("import nosuch", "ModuleNotFoundError: No module named 'nosuch' (line 1)"),
        ("\nraise OSError('a\\nb')", "OSError: a b (line 2)"),
        ("raise SystemExit(0)", "SystemExit: 0 (line 1)"),
    ],
)
def test_a_task_that_cannot_be_imported_is_told_before_any_input(
    place: Place, code: str, message: str
) -> None:
    place.write("broken.py", code)
    assert ended(place.run("broken.py:f", "nothere.txt", "-o", "out.jsonl")) == (
        2,
        [f"broken.py cannot be imported: {message}"],
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


def test_a_missing_package_leaves_nothing_behind(place: Place) -> None:
    place.write("pyarrow.py", "raise ImportError('broken')")
    words = ["tasks.py:same", "in.txt", "-o", "out.parquet"]
    code, [line] = ended(place.run(*words, PYTHONPATH=str(place.directory)))
    assert (code, 'pip install "batchmap[formats]"' in line) == (2, True)
    assert not [name for name in place.names() if name.startswith("out")]


def test_the_resuming_command_can_be_run_when_there_were_two_dashes(place: Place) -> None:
    words = [
        "tasks.py:odd_fails",
        "-o",
        "out.jsonl",
        "--halt",
        "1",
        "--no-progress",
        "--",
        "in.txt",
    ]
    done = place.run(*words, quiet=False)
    words = shlex.split(done.stderr.strip().removeprefix("resume with: "))
    assert words.index("--resume") < words.index("--")

"""The command, run as a user runs it: exit codes, what goes where, how it ends."""

from __future__ import annotations

import ctypes
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunMain

SMALL = ("20", "4", "--latency", "0.01")

LABELS = {
    "Data Summary": ["Total items", "Data type", "Batch size", "Number of batches"],
    "Performance Results": [
        "Sequential processing time",
        "Parallel processing time",
        "Speedup",
        "Efficiency",
        "Limit",
    ],
    "Throughput": ["Sequential", "Parallel"],
    "Correctness": ["Results match", "Sequential errors", "Parallel errors"],
}

ONLY_IN_DETAIL = {"Where the Workers Went", "Other Worker Counts", "Limit", "Timeline", "Plan"}


def sections(report: str) -> dict[str, dict[str, str]]:
    """Return the labels and values of each section of a printed report."""
    found: dict[str, dict[str, str]] = {}
    for line in report.splitlines():
        if re.match(r"[A-Z]", line):
            section = found.setdefault(line, {})
        elif match := re.match(r"- ([^:]+): (.*)", line):
            section[match[1]] = match[2]
    return found


def test_the_comparison_report_has_its_sections_and_labels(run_main: RunMain) -> None:
    done = run_main("compare", *SMALL)
    assert done.returncode == 0
    title, verdict, *_ = done.stdout.splitlines()
    assert title == "Parallel Batch Processing Performance Report"
    assert re.fullmatch(
        r"\d+\.\d\dx faster on 4 threads, \d+\.\d% of what was possible; results match", verdict
    )
    assert done.stdout.count("\n") <= 24
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = sections(done.stdout)
    assert not ONLY_IN_DETAIL & report.keys()
    for heading, labels in LABELS.items():
        assert list(report[heading]) == labels
    assert report["Data Summary"]["Total items"] == "20"
    assert report["Correctness"]["Results match"] == "✓"
    assert re.fullmatch(r"\d+\.\d\ds", report["Performance Results"]["Parallel processing time"])
    assert re.fullmatch(r"\d+\.\d\dx", report["Performance Results"]["Speedup"])
    assert re.fullmatch(r"\d+\.\d%", report["Performance Results"]["Efficiency"])
    assert re.fullmatch(r"\d+\.\d items/sec", report["Throughput"]["Parallel"])
    assert re.search(r"Conclusion\n- .* speedup of \d", done.stdout)


def test_the_details_are_all_the_rest(run_main: RunMain) -> None:
    done = run_main("compare", *SMALL, "--details")
    report = sections(done.stdout)
    assert report.keys() >= ONLY_IN_DETAIL | LABELS.keys()
    assert report["Plan"]["Backend"] == "thread"
    for limit in ("items taken in order", "item times known ahead"):
        assert f"Best possible speedup, {limit}" in report["Limit"]


def test_a_piped_report_is_plain_and_alone_on_stdout(run_main: RunMain) -> None:
    done = run_main("compare", *SMALL)
    assert "\x1b" not in done.stdout + done.stderr
    assert "items/s\n" in done.stderr
    assert not re.search(r"(?m)items/s$", done.stdout)


@pytest.mark.parametrize("command", ["compare", "parallel"])
def test_quiet_says_nothing_when_all_is_well(run_main: RunMain, command: str) -> None:
    done = run_main(command, *SMALL, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_errors_are_those_that_the_failure_rate_tells(run_main: RunMain) -> None:
    done = run_main("parallel", "400", "--latency", "0", "--seed", "3")
    errors = int(sections(done.stdout)["Correctness"]["Parallel errors"])
    assert 8 <= errors <= 34
    none = run_main("parallel", "400", "--latency", "0", "--failure-rate", "0")
    assert sections(none.stdout)["Correctness"]["Parallel errors"] == "0"


def test_retries_recover_what_fails_for_a_while(run_main: RunMain) -> None:
    done = run_main("parallel", "100", "--latency", "0", "--failure-rate", "0.3", "--retries", "9")
    assert sections(done.stdout)["Correctness"]["Parallel errors"] == "0"


@pytest.mark.parametrize(
    ("words", "code", "messages"),
    [
        ("compare 0", 2, ["COUNT must be at least 1, got 0; for example 100"]),
        ("compare x", 2, ["COUNT must be a whole number, got 'x'; for example 100"]),
        (
            "compare 10 0",
            2,
            ["WORKERS must be at least 1, got 0; leave it out to have it chosen"],
        ),
        ("compare 10 4 -j 5", 2, ["WORKERS is 4 and --workers is 5; give one of them"]),
        (
            "compare 10 --batch-size 0",
            2,
            ["--batch-size must be at least 1, got 0; leave it out to have it chosen"],
        ),
        (
            "compare 10 --failure-rate 2",
            2,
            ["--failure-rate must be from 0 to 1, got 2; 0.05 is 5 %"],
        ),
        (
            "compare --input missing.txt",
            3,
            ["--input missing.txt: there is no such file; check the path"],
        ),
        (
            "comprae 10",
            2,
            [
                "no subcommand 'comprae'; subcommands are compare, parallel, benchmark, run; "
                "did you mean compare?"
            ],
        ),
        (
            "parallel 0 4 --latency -1",
            2,
            [
                "COUNT must be at least 1, got 0; for example 100",
                "--latency must be from 0 to 86400 seconds, got '-1'; for example 0.5",
            ],
        ),
        (
            "benchmark 7 --quik",
            2,
            [
                "one argument too many: '7'; main.py benchmark --help shows the usage",
                "no option '--quik'; did you mean --quick?",
            ],
        ),
    ],
)
def test_a_wrong_command_line_is_told_in_a_line_each(
    run_main: RunMain, words: str, code: int, messages: list[str]
) -> None:
    done = run_main(*words.split())
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines() == messages


@pytest.mark.parametrize("words", [[], ["--help"], ["compare", "--help"]])
def test_help_goes_to_stdout_and_is_no_error(run_main: RunMain, words: list[str]) -> None:
    done = run_main(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "compare [COUNT=100] [WORKERS]" in done.stdout


def test_help_loads_nothing_heavy() -> None:
    script = "import sys, main; main.main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"rich", "psutil", "kaygraph", "asyncio"} & set(done.stderr.split())


def test_the_lines_of_a_file_are_items_and_a_bad_one_costs_one(
    run_main: RunMain, tmp_path: Path
) -> None:
    (tmp_path / "numbers.txt").write_text("12\nno number\n97\n")
    done = run_main(
        *"compare --input numbers.txt --workload number --failure-rate 0 --backend thread".split(),
        "--details",
    )
    assert "\nFirst failure: numbers.txt line 2: ValueError: 'no number' is" in done.stdout
    report = sections(done.stdout)
    assert report["Data Summary"]["Total items"] == "3"
    assert report["Correctness"]["Parallel errors"] == "1"
    assert report["First failures"] == {
        "numbers.txt line 2": "ValueError: 'no number' is not a number"
    }


def test_an_empty_input_has_an_empty_report(run_main: RunMain, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    done = run_main("compare", "--input", "empty.txt", "--workload", "text")
    assert done.returncode == 0
    assert sections(done.stdout)["Data Summary"]["Total items"] == "0"


def test_terminal_codes_in_data_do_not_reach_the_terminal(
    run_main: RunMain, tmp_path: Path
) -> None:
    (tmp_path / "evil.txt").write_bytes(b"\x1b[31mred\x07\n")
    done = run_main("parallel", "--input", "evil.txt", "--workload", "number")
    assert "red" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_export_holds_every_figure(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main("compare", *SMALL, "-q", "--export-json", "report.json")
    assert done.returncode == 0
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["command"] == "compare"
    assert document["command_line"].endswith("-q --export-json report.json")
    started, ended = (datetime.fromisoformat(document[key]) for key in ("started", "ended"))
    assert started + timedelta(seconds=document["analysis"]["sequential_time"]) <= ended
    assert {"settings", "plan", "machine", "analysis", "host", "version"} <= document.keys()
    assert document["sequential_metrics"]["total_processed"] == 20
    assert document["parallel_metrics"]["total_processed"] == 20
    assert document["analysis"]["results_match"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_the_export_of_a_parallel_run_has_the_figures_that_apply(
    run_main: RunMain, tmp_path: Path
) -> None:
    run_main("parallel", *SMALL, "-q", "--export-json", "report.json")
    document = json.loads((tmp_path / "report.json").read_text())
    assert "sequential_metrics" not in document
    assert document["analysis"]["total_items"] == 20


@pytest.mark.slow
def test_the_benchmark_compares_four_scenarios_and_recommends(
    run_main: RunMain, tmp_path: Path
) -> None:
    done = run_main(*"benchmark --quick --latency 0.02 --export-json all.json".split())
    assert done.returncode == 0, done.stderr
    names = ["I/O small", "I/O large", "Text", "Numbers"]
    for name in names:
        assert re.search(rf"(?m)^{name} .*x .*✓$", done.stdout)
    for workload in ("io", "text", "number"):
        assert re.search(rf"(?m)^- {workload} \(.*\): \w+ backend, \d+ worker", done.stdout)
    document = json.loads((tmp_path / "all.json").read_text())
    assert [one["name"] for one in document["scenarios"]] == names
    assert [one["analysis"]["total_items"] for one in document["scenarios"]] == [50, 200, 100, 100]


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "parallel", *SMALL, "--no-progress"],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_full_disk_under_stdout_is_told_in_a_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "parallel", *SMALL, "--no-progress"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 3
    assert done.stderr == "stdout cannot be written (No space left on device)\n"


def test_without_a_stdout_nothing_runs() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, str(ROOT / "main.py"), "parallel"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 3
    assert done.stderr == "stdout is closed, so the report has nowhere to go; open it\n"


def test_characters_that_a_terminal_lacks_do_not_end_the_report(run_main: RunMain) -> None:
    done = run_main("compare", *SMALL, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0
    assert "Results match: yes" in done.stdout


def test_memory_does_not_grow_with_the_number_of_items() -> None:
    few, many = (
        peak_bytes("parallel", count, "8", *"--latency 0 --failure-rate 0 -q".split())
        for count in ("2000", "100000")
    )
    assert many - few < 20 * 2**20


def peak_bytes(*words: str) -> int:
    """Return the peak resident size of a run of the command."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *words], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


Read = Callable[[bytes], bytes]


@contextmanager
def on_a_terminal(
    *words: str, before: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[bytes], Read]]:
    """Run the command on a terminal of its own; `read(pattern)` reads to it or the end.

    `before` is a command that runs it.
    """
    terminal, its_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [*before, sys.executable, str(ROOT / "main.py"), *words],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env=environment,
        start_new_session=True,
    )
    os.close(its_end)

    def read(text: bytes) -> bytes:
        seen = b""
        while not re.search(text, seen):
            try:
                seen += os.read(terminal, 4096)
            except OSError:  # the terminal's last user has left
                break
        return seen

    try:
        yield process, read
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_on_a_terminal_a_bar_names_the_phase_and_the_report_is_styled() -> None:
    with on_a_terminal("compare", *SMALL) as (process, read):
        shown = read(b"never shown")
        assert process.wait() == 0
    assert shown.index(b"sequential") < shown.index(b"parallel") < shown.index(b"Report")
    assert b"ETA" in shown
    assert b"\x1b[1mParallel Batch Processing" in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("backend", ["thread", "process"])
def test_a_signal_ends_the_run_with_what_is_known_so_far(
    number: signal.Signals, code: int, backend: str
) -> None:
    words = ["parallel", "100000", "4", "--latency", "0.01", "--backend", backend]
    with on_a_terminal(*words) as (process, read):
        read(rb"/s ETA \d")
        os.killpg(process.pid, number)  # as a terminal does, and `timeout`
        shown = read(b"never shown")
        assert process.wait() == code
    assert b"Interrupted after" in shown
    assert b"Parallel so far" in shown
    assert b"Traceback" not in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")


def test_an_interrupted_sequential_phase_reports_what_it_knows() -> None:
    with on_a_terminal("compare", "100000", "4", "--latency", "0.01") as (process, read):
        read(rb"/s ETA \d")
        process.send_signal(signal.SIGINT)
        shown = read(b"never shown")
        assert process.wait() == 130
    assert b"Sequential so far" in shown
    assert b"Speedup" not in shown


def test_a_second_signal_gives_up_what_runs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "runs")
    (tmp_path / "in.txt").write_text("1\n2\n")
    (tmp_path / "gated.py").write_text(
        "import threading\n"
        "def f(line):\n"
        f"    open({str(tmp_path / 'runs')!r}, 'w').close()\n"
        "    threading.Event().wait()\n"
    )
    words = ["--task", f"{tmp_path / 'gated.py'}:f", "--input", str(tmp_path / "in.txt")]
    # With a time limit, items of the sequential run are in a thread, too.
    with on_a_terminal("compare", *words, "--timeout", "3600") as (process, read):
        (tmp_path / "runs").read_text()  # it ends when an item runs
        process.send_signal(signal.SIGINT)
        read(b"stopping")
        process.send_signal(signal.SIGINT)
        shown = read(b"never shown")
        assert process.wait() == 130
    assert b"Interrupted after 0 items" in shown


def test_a_signal_to_the_group_while_workers_start_leaves_a_report() -> None:
    words = ["parallel", "100000", "4", "--latency", "0.01", "--backend", "process"]
    with on_a_terminal(*words) as (process, read):
        read(b"parallel")  # the bar is there before the first worker
        os.killpg(process.pid, signal.SIGINT)
        shown = read(b"never shown")
        assert process.wait() == 130
    assert b"Interrupted after" in shown
    assert b"Traceback" not in shown


def test_signals_that_the_caller_ignores_stay_ignored() -> None:
    ignore = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    with on_a_terminal(
        "compare",
        *SMALL,
        before=[sys.executable, "-c", ignore + "os.execv(sys.argv[1], sys.argv[1:])"],
    ) as (process, read):
        read(b"sequential")
        process.send_signal(signal.SIGHUP)
        assert process.wait() == 0


def test_an_export_to_a_link_or_to_stdout_replaces_neither(
    run_main: RunMain, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("target")
    run_main("parallel", *SMALL, "-q", "--export-json", "link")
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "target").read_text())["command"] == "parallel"
    (tmp_path / "out").symlink_to("/proc/self/fd/1")
    with (tmp_path / "file").open("w") as file:
        subprocess.run(
            [
                sys.executable,
                str(ROOT / "main.py"),
                "parallel",
                *SMALL,
                "-q",
                "--export-json",
                "out",
            ],
            cwd=tmp_path,
            stdout=file,
            check=True,
        )
    assert (tmp_path / "out").is_symlink()
    assert '"command": "parallel"' in (tmp_path / "file").read_text()


def test_without_a_stderr_nothing_of_it_reaches_stdout() -> None:
    done = subprocess.run(
        [
            "sh",
            "-c",
            'exec "$@" 2>&-',
            "sh",
            sys.executable,
            str(ROOT / "main.py"),
            "compare",
            *SMALL,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0
    assert "items/s\n" not in done.stdout.replace("items/sec\n", "")


def test_words_after_two_dashes_are_no_options(run_main: RunMain) -> None:
    done = run_main("parallel", "--latency", "0", "--", "5", "2")
    assert sections(done.stdout)["Data Summary"]["Total items"] == "5"


def test_a_signal_is_heard_whichever_thread_the_kernel_gives_it_to() -> None:
    with on_a_terminal("parallel", "100", "4", "--latency", "3600") as (process, read):
        read(b"parallel")
        threads = {int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()}
        other = max(threads - {process.pid})
        assert ctypes.CDLL(None).tgkill(process.pid, other, signal.SIGINT) == 0
        assert b"stopping" in read(b"stopping")


def test_an_interruption_after_all_is_done_shows_no_traceback(tmp_path: Path) -> None:
    program = tmp_path / "late.py"
    program.write_text(
        "import sys; from batchmap.command.main import APPLICATION as application\n"
        "def main(words): raise KeyboardInterrupt\n"
        "application.main = main\n"
        "application.run_as_script()\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")

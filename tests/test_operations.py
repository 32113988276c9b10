"""docs/operations.md: each snippet is run, by what would run it or as that does."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.pages import CONSOLE_COMMAND, PATHS, TASKS, fenced
from tests.run_command import Done
from tests.waiting import WAIT_S

PAGE = (ROOT / "docs" / "operations.md").read_text()

DIRECTORY = "/srv/orders"
"""Where the page has its files."""


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """Give a directory as the page says that it is, and two orders."""
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "orders.csv").write_text("first,last\nAda,Lovelace\nGrace,Hopper\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    command = tmp_path / ".venv" / "bin" / "batchmap"
    paths = f"PYTHONPATH='{PATHS}' exec '{sys.executable}'"
    command.write_text(f"#!/bin/sh\n{paths} -c '{CONSOLE_COMMAND}' \"$@\"\n")
    command.chmod(0o755)
    return tmp_path


def snippet(kind: str, directory: Path, number: int = 0) -> str:
    """Return a snippet of the page, for files in this directory."""
    return fenced(PAGE, kind)[number].replace(DIRECTORY, str(directory))


def run(words: list[str], directory: Path, **environment: str) -> Done:
    """Run a program with nothing in its environment but this."""
    plain = {"HOME": str(directory), "LOGNAME": "orders", "SHELL": "/bin/sh", "NO_COLOR": "1"}
    return subprocess.run(
        words,
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", **plain, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def outcome(directory: Path) -> tuple[int, int]:
    """Return the exit code and the number of items that the summary tells."""
    summary = json.loads((directory / "summary.json").read_text())
    return summary["exit_code"], summary["items"]["succeeded"]


def test_the_line_for_cron_does_what_is_new_and_says_nothing(orders: Path) -> None:
    [line] = snippet("cron", orders).splitlines()
    schedule, command = re.fullmatch(r"((?:\S+ ){5})(.*)", line).groups()  # type: ignore[union-attr]
    assert re.fullmatch(r"[\d*]+ [\d*]+ \* \* \* ", schedule)
    assert "%" not in command.replace("\\%", "")
    for expected in (2, 0, 1):
        done = run(["/bin/sh", "-c", command], orders)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert outcome(orders) == (0, expected)
        with (orders / "orders.csv").open("a") as file:
            file.write("Alan,Turing\n" * (expected == 0))
    assert (orders / "names.csv").read_text().splitlines()[-1] == "Alan Turing"
    (orders / "orders.csv").unlink()
    done = run(["/bin/sh", "-c", command], orders)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("orders.csv: there is no such file")


def units(directory: Path) -> list[Path]:
    """Write the units of systemd to files called as the page says."""
    paths = []
    for number in (0, 1):
        text = snippet("ini", directory, number)
        name = re.match(r"# /etc/systemd/system/(orders\.\w+)\n", text)
        assert name is not None
        paths.append(directory / name[1])
        paths[-1].write_text(text)
    return paths


def test_the_units_are_such_as_systemd_takes(orders: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd")
    done = run(["systemd-analyze", "verify", *map(str, units(orders))], orders)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_runs_what_it_names_and_its_codes_are_ours(orders: Path) -> None:
    service, _ = units(orders)
    values = dict(re.findall(r"(?m)^(\w+)=(.*)$", service.read_text()))
    done = run(values["ExecStart"].split(), Path(values["WorkingDirectory"]))
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(orders) == (0, 2)
    listed = set(re.findall(r"\d+", values["RestartPreventExitStatus"]))
    assert listed | {values["SuccessExitStatus"]} <= codes_of_the_page()


def codes_of_the_page() -> set[str]:
    """Return the exit codes of the table."""
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", PAGE)
    return {code for row in rows for code in row.split(", ")}


def test_every_exit_code_is_explained() -> None:
    failures = (ROOT / "docs" / "failures.md").read_text()
    section = failures.partition("## Exit codes")[2]
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", section)
    assert {code for row in rows for code in row.split(", ")} | {"137"} == codes_of_the_page()


def test_make_does_what_is_left_and_only_then(orders: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("needs make")
    (orders / "Makefile").write_text(snippet("make", orders))
    assert run(["make", "report.txt"], orders).returncode == 0
    assert (orders / "report.txt").read_text().strip() == "3"
    assert "up to date" in run(["make", "report.txt"], orders).stdout

    (orders / "orders.csv").write_text("first,last\nAda,Lovelace\nGrace\n")  # it lacks a cell
    later = (orders / "names.done").stat().st_mtime + 1
    os.utime(orders / "orders.csv", (later, later))
    for _ in range(2):  # the failed item is taken again
        done = run(["make", "report.txt"], orders)
        assert done.returncode == 2
        assert "1 item failed" in done.stderr
    (orders / "orders.csv").write_text("first,last\nAda,Lovelace\nGrace,Hopper\n")
    os.utime(orders / "orders.csv", (later, later))
    assert run(["make", "report.txt"], orders).returncode == 0
    assert (orders / "report.txt").read_text().strip() == "3"


def test_the_container_copies_what_is_there_and_runs_what_it_names(orders: Path) -> None:
    lines = snippet("dockerfile", orders).splitlines()
    steps = [line.split(" ", 1) for line in lines]
    copied = {value.split()[0] for step, value in steps if step == "COPY"}
    assert copied == {"packages/batchmap", "tasks.py"}
    assert "pip install --no-cache-dir ./packages/batchmap" in dict(steps)["RUN"]
    (orders / "data").mkdir()
    (orders / "orders.csv").rename(orders / "data" / "orders.csv")
    entry, *words = json.loads(dict(steps)["ENTRYPOINT"]) + json.loads(dict(steps)["CMD"])
    assert entry == "batchmap"
    words = [word.replace("/data/", f"{orders}/data/") for word in words]
    done = run([str(orders / ".venv" / "bin" / entry), *words], orders)
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(orders / "data") == (0, 2)


def test_the_first_process_of_a_container_answers_sigterm(orders: Path) -> None:
    (orders / "held.py").write_text("def f(line):\n    return line == '1' and open(line).read()\n")
    (orders / "in.txt").write_text("0\n1\n2\n")
    os.mkfifo(orders / "1")
    command = ".venv/bin/batchmap run held.py:f in.txt -o out.jsonl -j 1 --summary-json s.json"
    words = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", f"exec {command}"]
    if run([*words[:4], "true"], orders).returncode:
        pytest.skip("only root may make a namespace of processes")
    with subprocess.Popen(words, cwd=orders, stderr=subprocess.PIPE, text=True) as outside:
        with (orders / "1").open("w"):  # once it is read from
            children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text()
            os.kill(int(children.split()[0]), signal.SIGTERM)
            assert outside.stderr is not None
            assert outside.stderr.readline().startswith("stopping: ")
        assert outside.wait(WAIT_S) == 143
    summary = json.loads((orders / "s.json").read_text())
    assert summary["exit_code"] == 143


def test_the_line_that_reads_a_summary_prints_code_and_failures(orders: Path) -> None:
    [script] = fenced(PAGE, "bash")
    [shown] = fenced(PAGE, "json")
    (orders / "summary.json").write_text(shown)
    done = run(["bash", "-c", script.replace("python", sys.executable, 1)], orders)
    assert (done.stdout, done.stderr) == ("1 1\n", "")


def test_the_summary_that_is_shown_has_the_fields_of_one(orders: Path) -> None:
    command = orders / ".venv" / "bin" / "batchmap"
    (orders / "in.txt").write_text("many\n")
    words = f"{command} run tasks.py:square in.txt -o o.jsonl -q --summary-json summary.json"
    assert run(words.split(), orders).returncode == 1
    written = json.loads((orders / "summary.json").read_text())
    [shown] = map(json.loads, fenced(PAGE, "json"))
    assert list(shown) == list(written)
    assert list(shown["items"]) == list(written["items"])
    assert list(shown["first_errors"][0]) == list(written["first_errors"][0])
    assert shown["first_errors"][0]["pattern"] == written["first_errors"][0]["pattern"]


def test_the_metrics_are_those_of_the_table_and_the_rules_know_them(orders: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    command = orders / ".venv" / "bin" / "batchmap"
    words = f"{command} run tasks.py:full_name orders.csv -o n.csv -q --metrics-file n.prom"
    assert run(words.split(), orders).returncode == 0
    types = dict(re.findall(r"(?m)^# TYPE (\S+) (\w+)$", (orders / "n.prom").read_text()))
    table = dict(re.findall(r"(?m)^\| `(batchmap_\w+)` \| (\w+) \|", PAGE))
    assert table == types
    families = list(parser.text_string_to_metric_families((orders / "n.prom").read_text()))
    assert len(families) == len(types)
    [rules] = fenced(PAGE, "yaml")
    assert set(re.findall(r"batchmap_\w+", rules)) <= set(types)
    (orders / "rules.yml").write_text(rules)
    checked("promtool", ["check", "rules", "rules.yml"], orders, lambda done: "3 rules" in done)


def checked(program: str, words: list[str], directory: Path, holds: Callable[[str], bool]) -> None:
    """Check what a program says where it is there."""
    if shutil.which(program) is not None:
        done = run([program, *words], directory)
        assert done.returncode == 0, done.stderr
        assert holds(done.stdout)

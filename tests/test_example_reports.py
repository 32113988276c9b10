"""The example `reports` through the command line: pages and PDFs, markup, killed and resumed."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.run_command import Done, command, json_lines
from tests.waiting import wait_until

EXAMPLE = ROOT / "examples" / "reports"
CUSTOMERS = 120
WORDS = (
    f"{EXAMPLE}/statements.py:write_statement",
    "sqlite:///shop.db?query=SELECT * FROM statements ORDER BY customer_id",
    "--no-progress",
)

for package in ("jinja2", "fpdf"):
    pytest.importorskip(package, reason=f"the example needs {package}", exc_type=ImportError)


class Page(HTMLParser):
    """The elements of a page, and the text of its heading and title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.heading = ""
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "h1" and not self.heading:
            self.heading = data
        if self.tags and self.tags[-1] == "td" and data.strip():
            self.rows[-1].append(data)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Make the sample database, and give the directory where the commands are run."""
    made = subprocess.run(
        [sys.executable, str(EXAMPLE / "sample.py"), "--customers", str(CUSTOMERS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (made.returncode, made.stderr) == (0, "")
    return tmp_path


def run(shop: Path, *words: str) -> Done:
    """Run `main.py run` to its end."""
    return subprocess.run(
        command(*WORDS, *words),
        cwd=shop,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def kill_once(ready: Callable[[], bool], shop: Path, *words: str) -> None:
    """Start `main.py run`, and kill it as soon as `ready`."""
    with subprocess.Popen(
        command(*WORDS, *words),
        cwd=shop,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(ready, process=process)
        process.kill()


def drawn(pdf: bytes) -> tuple[list[str], int]:
    """Return the texts that a PDF of built-in fonts shows, and the number of filled boxes."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    content = b"\n".join(zlib.decompress(stream) for stream in streams).decode("latin-1")
    texts = re.findall(r"\(((?:\\.|[^\\()])*)\) Tj", content)
    boxes = re.findall(r" re f$", content, re.MULTILINE)
    return [re.sub(r"\\(.)", r"\1", text) for text in texts], len(boxes)


def test_each_customer_gets_a_page_and_a_pdf_in_which_markup_is_text(shop: Path) -> None:
    done = run(shop, "-o", "out.jsonl")
    assert done.returncode == 1, done.stderr
    results = {r["customer_id"]: r for r in (x["result"] for x in json_lines(shop / "out.jsonl"))}
    with closing(sqlite3.connect(shop / "shop.db")) as database:
        customers = database.execute(
            "SELECT customers.id, name, sum(cents), count(*) FROM customers"
            " JOIN orders ON customer_id = customers.id"
            " WHERE name NOT LIKE '%mega%' GROUP BY customers.id"
        ).fetchall()
    assert sorted(results) == [customer[0] for customer in customers]
    assert any("<script>" in customer[1] for customer in customers)
    for number, name, cents, orders in customers:
        result, total = results[number], f"{cents / 100:,.2f} EUR"
        assert result["total"] == cents / 100
        page = Page((shop / "statements" / result["page"]).read_text(encoding="utf-8"))
        assert page.heading == f"Statement for {name}"
        assert not {"script", "b"} & set(page.tags)
        assert (page.tags.count("h1"), page.tags.count("rect")) == (1, 12)
        assert len(page.rows) == orders + 1
        texts, boxes = drawn((shop / "statements" / result["pdf"]).read_bytes())
        assert texts[:2] == [f"Statement for {name}", f"Total of {orders} orders: {total}"]
        assert boxes == 12


@pytest.mark.slow
def test_a_name_that_the_font_lacks_is_reported_and_leaves_no_file(shop: Path) -> None:
    done = run(shop, "-o", "out.jsonl")
    (failure,) = json_lines(shop / "out.jsonl.errors.jsonl")
    assert failure["item"]["name"] == "Ωmega Trading 50"
    assert failure["error_type"] == "FPDFUnicodeEncodingException"
    assert "row 50" in done.stdout
    files = {path.name for path in (shop / "statements").iterdir()}
    numbers = set(range(1, CUSTOMERS + 1)) - {50}
    assert files == {f"{number:06}.{kind}" for number in numbers for kind in ("html", "pdf")}


@pytest.mark.slow
def test_a_killed_run_is_resumed_and_equals_an_uninterrupted_one(shop: Path) -> None:
    output, sizes = shop / "killed.jsonl", set[int]()

    def has_grown_twice() -> bool:  # what came first is in the journal
        if output.exists():
            sizes.add(output.stat().st_size)
        return len(sizes - {0}) >= 2

    kill_once(has_grown_twice, shop, "-k", "-o", output.name, "--rate", "50")
    assert output.read_bytes().count(b"\n") < CUSTOMERS - 1
    done = run(shop, "-k", "-o", output.name, "--resume")
    assert done.returncode == 1, done.stderr
    assert " before" in done.stdout
    (shop / "statements").rename(shop / "first")
    run(shop, "-k", "-o", "whole.jsonl")
    assert output.read_bytes() == (shop / "whole.jsonl").read_bytes()
    first, second = (
        {path.name: path.read_bytes() for path in (shop / name).iterdir()}
        for name in ("first", "statements")
    )
    assert first == second


def test_statements_are_planned_on_processes_for_they_compute(shop: Path) -> None:
    for _ in range(5):  # other programs on the cores make computing look like waiting
        done = run(shop, "--dry-run")
        assert done.returncode == 0, done.stderr
        if "- Backend: process\n" in done.stdout:
            break
    assert "- Backend chosen: processes, it holds the GIL\n" in done.stdout

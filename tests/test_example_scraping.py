"""The example `scraping`: a small site on loopback, crawled politely, killed and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, rest_slow
from tests.run_command import Done, command, json_lines
from tests.waiting import has_lines, wait_until

pytest.importorskip("httpx", reason="the example scraping needs httpx")
pytest.importorskip("selectolax", reason="the example scraping needs selectolax")

EXAMPLE = ROOT / "examples" / "scraping"
ARTICLES = 15
RATE = 50


@contextmanager
def site() -> Iterator[str]:
    """Serve the site while the block runs, and give its address."""
    words = [sys.executable, str(EXAMPLE / "small_site.py"), "--port", "0"]
    words += ["--articles", str(ARTICLES), "--rate", str(RATE), "--latency", "0.02"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.kill()


def log_of(url: str) -> list[tuple[float, str]]:
    """Return when (in seconds) which path of the site was asked for."""
    with urllib.request.urlopen(f"{url}log") as answer:
        return [(at_s, path) for at_s, path in json.load(answer)]


def crawl(url: str, directory: Path, *words: str) -> list[str]:
    return [sys.executable, str(EXAMPLE / "crawl.py"), url, "-o", str(directory), *words]


def crawled(url: str, directory: Path, *words: str) -> Done:
    """Crawl to the end."""
    return subprocess.run(
        crawl(url, directory, *words), capture_output=True, text=True, timeout=100
    )


def left_out(directory: Path) -> dict[str, str]:
    """Return why which address was left out."""
    lines = (directory / "left-out.tsv").read_text().splitlines()
    return {address: reason for reason, address in (line.split("\t") for line in lines)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Give the address of a site that has been crawled once, and the directory of the crawl."""
    directory = tmp_path_factory.mktemp("crawl")
    with site() as url:
        done = crawled(url, directory)
        assert done.returncode == 0, done.stderr
        (directory / "log.json").write_text(json.dumps(log_of(url)))
        yield url, directory


def test_every_page_is_there_once_whatever_its_addresses(whole: tuple[str, Path]) -> None:
    url, directory = whole
    pages = {page["title"]: page for page in json_lines(directory / "pages.jsonl")}
    assert len(pages) == len(json_lines(directory / "pages.jsonl"))
    assert {f"Article {number}" for number in range(1, ARTICLES + 1)} < set(pages)
    assert {"A small site", "Flaky", "Bad & markup", "Found", "Month 1"} < set(pages)
    assert pages["Article 1"]["address"] == f"{url}articles/1"
    assert f"{url}print/1" in pages["Article 1"]["also"]


def test_no_address_is_asked_for_twice_save_for_a_retry(whole: tuple[str, Path]) -> None:
    _, directory = whole
    asked = Counter(path for _, path in json.loads((directory / "log.json").read_text()))
    assert asked.pop("/missing") == 1  # not found, which trying again does not change
    assert asked.pop("/paper.pdf") == 1  # no page, which the task says by `Permanent`
    assert asked.pop("/flaky") == 2
    assert set(asked.values()) == {1}
    assert "/only-from-bad-markup" in asked
    assert not {"/private/1", "/commented-out", "/in-a-script"} & set(asked)


def test_requests_keep_to_the_rate_that_the_site_asks_for(whole: tuple[str, Path]) -> None:
    url, directory = whole
    log = json.loads((directory / "log.json").read_text())
    spans_s = []
    for level in directory.glob("level-*.txt"):
        paths = {address.removeprefix(url[:-1]) for address in level.read_text().split()}
        times_s = [at_s for at_s, path in log if path in paths]
        spans_s.append(max(times_s) - min(times_s))
    assert sum(spans_s) > 0.5 * len(log) / RATE


def test_what_fails_is_reported_and_what_is_left_out_has_its_reason(
    whole: tuple[str, Path],
) -> None:
    url, directory = whole
    failures = json_lines(directory / "level-1.jsonl.errors.jsonl")
    assert {line["item"]: line["error_type"] for line in failures} == {
        f"{url}missing": "HTTPStatusError",
        f"{url}paper.pdf": "Permanent",
    }
    reasons = left_out(directory)
    assert reasons[f"{url}private/1"] == "robots.txt"
    assert reasons["https://example.org/"] == "another site"
    of_calendar = [why for address, why in reasons.items() if "/calendar" in address]
    assert set(of_calendar) == {"too many of this path"}


@pytest.mark.parametrize(
    ("bound", "number", "reason"),
    rest_slow(1, (["--pages", "5"], 5, "too many pages"), (["--depth", "1"], 14, "too deep")),
)
def test_a_crawl_is_bounded(
    whole: tuple[str, Path], tmp_path: Path, bound: list[str], number: int, reason: str
) -> None:
    url, _ = whole
    done = crawled(url, tmp_path, *bound)
    assert done.returncode == 0, done.stderr
    addresses = [line for path in tmp_path.glob("level-*.txt") for line in path.read_text().split()]
    assert len(addresses) == number
    assert reason in left_out(tmp_path).values()


def test_several_sites_are_crawled_together(whole: tuple[str, Path], tmp_path: Path) -> None:
    url, _ = whole
    with site() as other:
        done = crawled(url, tmp_path, other, "--depth", "0")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "level-0.txt").read_text().split() == [url, other]
    [page] = json_lines(tmp_path / "pages.jsonl")  # they show the same
    assert (page["address"], page["also"]) == (url, [other])
    assert len(list(tmp_path.glob("robots-*.txt"))) == 2
    assert set(left_out(tmp_path).values()) == {"too deep"}


@pytest.mark.slow
def test_a_crawl_killed_within_a_level_goes_on_to_the_same_files(
    whole: tuple[str, Path], tmp_path: Path
) -> None:
    url, directory = whole
    before = len(log_of(url))
    run = subprocess.Popen(
        crawl(url, tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: has_lines(tmp_path / "level-3.jsonl", 4), process=run)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "pages.jsonl").exists()
    asked = len(log_of(url)) - before
    assert crawled(url, tmp_path).returncode == 0
    asked_after = len(log_of(url)) - before - asked
    in_all = json.loads((directory / "log.json").read_text())
    assert asked_after < len(in_all)  # what was there was not asked for again
    names = {path.name for path in directory.iterdir() if path.suffix in (".jsonl", ".tsv")}
    names -= {path.name for path in directory.glob("*.errors.jsonl")}
    assert {"level-3.jsonl", "pages.jsonl", "left-out.tsv"} < names
    for name in names:
        assert (tmp_path / name).read_bytes() == (directory / name).read_bytes(), name
    here = {path.name for path in tmp_path.iterdir()}
    assert here == {path.name for path in directory.iterdir()} - {"log.json"}


def test_threads_are_planned_because_pages_are_waited_for(
    whole: tuple[str, Path], tmp_path: Path
) -> None:
    url, _ = whole
    (tmp_path / "pages.txt").write_text(f"{url}articles/1\n" * 50)
    words = [f"{EXAMPLE / 'tasks.py'}:fetch_page", str(tmp_path / "pages.txt"), "--dry-run"]
    for _ in range(5):
        done = subprocess.run(command(*words), capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        if "- Backend: thread\n" in done.stdout:
            break
    else:
        if os.getloadavg()[0] > 1:
            pytest.skip("other programs take the time in which a page is waited for")
        pytest.fail(done.stdout)
    assert "threads, they can wait side by side" in done.stdout

"""The example `api_collection`: a real API on loopback, collected, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.run_command import Done, command, json_lines
from tests.waiting import has_lines, wait_until

pytest.importorskip("httpx", reason="the example api_collection needs httpx")

EXAMPLE = ROOT / "examples" / "api_collection"
TASK = f"{EXAMPLE / 'tasks.py'}:fetch_page"
PAGES = 60
LOST = {
    "10": "404 Not Found",
    "20": "the body has over 1,000,000 bytes",
    "30": "is not a public address",
    "40": "only http and https",
}
RATE = 60
ASKING = ["--rate", str(RATE), "--timeout", "9s", "--retry-for", "2m"]


@contextmanager
def api(*words: str) -> Iterator[str]:
    """Serve the API while the block runs, and give its address."""
    words = (sys.executable, str(EXAMPLE / "server.py"), "--port", "0", *words)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.kill()


def log_of(url: str) -> list[tuple[float, int, str]]:
    """Return when (in seconds) the API answered with which status to a request for which path."""
    with urllib.request.urlopen(f"{url}/log") as answer:
        return [(at_s, status, path) for at_s, status, path in json.load(answer)]


def collected(directory: Path, url: str, *words: str) -> Done:
    """List the pages and run the example over them."""
    environment = {**os.environ, "API_URL": url}
    with (directory / "pages.txt").open("w") as pages:
        listing = [sys.executable, str(EXAMPLE / "list_pages.py")]
        subprocess.run(listing, env=environment, stdout=pages, check=True, timeout=60)
    return subprocess.run(
        command(TASK, "pages.txt", "-o", "pages.jsonl", *words, "--no-progress"),
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def items_of(path: Path) -> list[dict[str, Any]]:
    return [item for line in json_lines(path) for item in line["result"]["items"]]


@pytest.fixture(scope="module")
def quick_api() -> Iterator[str]:
    with api("--pages", str(PAGES), "--latency", "0.01", "--slow", "0.1", "--limit", "9999") as url:
        yield url


@pytest.fixture(scope="module")
def whole(quick_api: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the directory of an uninterrupted run."""
    directory = tmp_path_factory.mktemp("whole")
    done = collected(directory, quick_api, *ASKING)
    assert done.returncode == 1, done.stderr
    (directory / "log.json").write_text(json.dumps(log_of(quick_api)))
    return directory


def test_every_record_that_is_to_be_had_is_there_once(whole: Path) -> None:
    first_of = {(int(page) - 1) * 20 + 1 for page in LOST}
    lost = {number for first in first_of for number in range(first, first + 20)}
    wanted = [number for number in range(1, PAGES * 20 + 1) if number not in lost]
    items = items_of(whole / "pages.jsonl")
    assert sorted(item["id"] for item in items) == wanted
    assert all(item["name"] == f"item {item['id']}" for item in items)


def test_pages_that_are_not_to_be_had_are_reported_with_the_reason(whole: Path) -> None:
    failures = {line["item"]: line for line in json_lines(whole / "pages.jsonl.errors.jsonl")}
    assert set(failures) == set(LOST)
    for page, reason in LOST.items():
        assert reason in failures[page]["error"]
        assert failures[page]["attempts"] == 1


def test_requests_keep_to_the_rate_and_what_failed_is_tried_again(whole: Path) -> None:
    log = json.loads((whole / "log.json").read_text())
    assert {200, 307, 404, 429, 500, 503} == {status for _, status, _ in log}
    first_s: dict[str, float] = {}
    for at_s, _, path in log:
        if path.startswith("/items"):
            first_s.setdefault(path, at_s)
    assert len(first_s) == PAGES
    assert max(first_s.values()) - min(first_s.values()) > 0.5 * PAGES / RATE


@pytest.mark.slow
def test_what_the_rate_limit_refuses_is_had_after_the_pause(tmp_path: Path) -> None:
    with api("--pages", "9", "--latency", "0", "--slow", "0", "--limit", "5") as url:
        done = collected(tmp_path, url, "--retry-for", "2m")
        assert done.returncode == 0, done.stderr
        assert [status for _, status, _ in log_of(url)].count(429) >= 3
    assert sorted(item["id"] for item in items_of(tmp_path / "pages.jsonl")) == [*range(1, 181)]


def test_a_killed_run_is_resumed_to_what_an_uninterrupted_one_writes(
    whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "pages.jsonl"
    slowly = ["--rate", "20", "--retry-for", "2m"]
    words = [TASK, "pages.txt", "-o", "pages.jsonl"]
    (tmp_path / "pages.txt").write_text("".join(f"{page + 1}\n" for page in range(PAGES)))
    with api("--pages", str(PAGES), "--latency", "0.01", "--slow", "0.1", "--limit", "9999") as url:
        run = subprocess.Popen(
            command(*words, *slowly, "--no-progress"),
            cwd=tmp_path,
            env={**os.environ, "API_URL": url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: has_lines(output, 10), process=run)
        os.killpg(run.pid, signal.SIGKILL)
        assert run.wait(60) == -signal.SIGKILL
        assert output.read_bytes().count(b"\n") < PAGES - len(LOST)
        asked = len(log_of(url))
        done = collected(tmp_path, url, *ASKING, "--resume")
        assert done.returncode == 1, done.stderr
        assert len(log_of(url)) - asked < len(
            json.loads((whole / "log.json").read_text())
        )  # what was there was not asked for
    assert set(output.read_text().splitlines()) == set(
        (whole / "pages.jsonl").read_text().splitlines()
    )
    assert len(json_lines(output)) == PAGES - len(LOST)


def test_a_token_that_is_refused_stops_the_run(tmp_path: Path) -> None:
    with api("--pages", "50", "--latency", "0", "--token", "another") as url:
        (tmp_path / "pages.txt").write_text("".join(f"{page + 1}\n" for page in range(50)))
        done = subprocess.run(
            command(TASK, "pages.txt", "-o", "pages.jsonl", "--rate", "5", "--no-progress"),
            cwd=tmp_path,
            env={**os.environ, "API_URL": url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        asked = [status for _, status, _ in log_of(url)]
    assert done.returncode == 4
    assert f"{url} refuses the token; set API_TOKEN and go on" in done.stdout + done.stderr
    assert set(asked) == {401}
    assert len(asked) < 50
    assert (tmp_path / "pages.jsonl").read_text() == ""


def test_coroutines_are_planned_because_the_task_is_one(quick_api: str, tmp_path: Path) -> None:
    done = collected(tmp_path, quick_api, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "- Backend: async\n" in done.stdout
    assert "`async def`" in done.stdout

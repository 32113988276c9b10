"""The command with an API on loopback that asks for patience."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.http_server import Server, serving
from tests.run_command import Place, place

__all__ = ["place"]

TASKS = """
import urllib.request
from urllib.error import HTTPError

from batchmap import Permanent, RetryAfter

def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()

async def fetch_async(url):
    return fetch(url)

def translated(url):
    try:
        return fetch(url)
    except HTTPError as error:
        if error.code == 418:
            raise Permanent("a teapot") from error
        raise RetryAfter(0.001, f"{error.code}") from error

class Refused(Exception):
    pass

def refused(url):
    try:
        return fetch(url)
    except HTTPError:
        raise Refused from None

def of_own_class(error):
    return isinstance(error, Refused) and 0.001

def patience(error):
    return isinstance(error, HTTPError) and error.code in (404, 500) and 0.001
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.parametrize(
    ("task", "backend"),
    [("fetch", "auto"), ("fetch", "process"), ("fetch_async", "async")],
)
def test_a_function_of_the_task_says_what_is_tried_again(
    place: Place, server: Server, task: str, backend: str
) -> None:
    place.write("api.py", TASKS)
    names = [f"{task}-{backend}-{status}" for status in (404, 500, 503)]
    urls = [
        server.url(name, status=status, times=2)
        for name, status in zip(names, (404, 500, 503), strict=True)
    ]
    place.write("urls.txt", "\n".join(urls))
    words = f"api.py:{task} urls.txt -o out.jsonl --retry-if patience -j 2 --backend {backend}"
    assert place.run(*words.split()).returncode == 1
    assert [server.requests[name] for name in names] == [3, 3, 1]
    assert [line["result"] for line in place.results("out.jsonl")] == ["3", "3"]
    [failure] = place.failures()
    assert (failure["error_type"], failure["attempts"]) == ("HTTPError", 1)


def test_a_task_says_itself_how_its_items_go_on(place: Place, server: Server) -> None:
    place.write("api.py", TASKS)
    urls = [server.url("busy", status=503, times=2), server.url("teapot", status=418)]
    place.write("urls.txt", "\n".join(urls))
    done = place.run(*"api.py:translated urls.txt -o out.jsonl --export-json out.json".split())
    assert done.returncode == 1
    assert (server.requests["busy"], server.requests["teapot"]) == (3, 1)
    [failure] = place.failures()
    assert (failure["error_type"], failure["error"]) == ("Permanent", "a teapot")
    assert "HTTP Error 418" in failure["traceback"]
    assert json.loads(place.text("out.json"))["parallel_metrics"]["retries"] == 2


def test_an_item_is_tried_again_for_so_long_alone(place: Place, server: Server) -> None:
    place.write("api.py", TASKS)
    urls = [server.url("hour", status=429, after=3600), server.url("once", status=500, times=1)]
    place.write("urls.txt", "\n".join(urls))
    done = place.run(*"api.py:fetch urls.txt -o out.jsonl --retry-for 10m".split())
    assert done.returncode == 1
    assert (server.requests["hour"], server.requests["once"]) == (1, 2)
    assert "HTTP Error 429" in done.stdout


def test_a_task_that_changes_its_process_is_asked_in_the_workers(
    place: Place, server: Server
) -> None:
    changed = "import time\ntime.monotonic = lambda: 0.0\n"
    more = (
        "\ndef keyed(url, *, key): return fetch(url) + key\ndef hang(url):\n    while True: pass\n"
    )
    place.write("api.py", changed + TASKS + more)
    place.write("urls.txt", server.url("changed", status=404, times=1))
    words = "urls.txt -o out.jsonl --overwrite -j 1".split()
    patience = ["--retry-if", "patience"]
    done = place.run("api.py:keyed", *words, *patience, "--arg", "key=k", quiet=False)
    assert "imported in worker processes alone" in done.stderr
    assert (done.returncode, server.requests["changed"]) == (0, 2)
    assert [line["result"] for line in place.results("out.jsonl")] == ["2k"]
    place.write("urls.txt", server.url("refused", status=404, times=1))
    done = place.run("api.py:refused", *words, "--retry-if", "of_own_class")
    assert (done.returncode, server.requests["refused"]) == (0, 2)
    done = place.run("api.py:hang", *words, *patience, "--timeout", "0.05")
    [failure] = place.failures()
    assert (failure["error_type"], failure["attempts"]) == ("TimeoutError", 1)


def test_each_status_is_counted_by_itself(place: Place, server: Server) -> None:
    place.write("api.py", TASKS)
    statuses = [429] * 4 + [500] * 2
    urls = [server.url(f"kind-{n}", status=status) for n, status in enumerate(statuses)]
    place.write("urls.txt", "\n".join(urls))
    done = place.run(*"api.py:translated urls.txt -o out.jsonl --retries 0".split())
    text, after = " ".join(done.stdout.split()), "RetryAfter: to be tried again after 0.001 s"
    assert f"Error: 4 times, first at urls.txt line 1: {after}: 429" in text
    assert f"Error: 2 times, first at urls.txt line 5: {after}: 500" in text

"""What is read off the errors of HTTP clients, and what they have tried again."""

from __future__ import annotations

import asyncio
import importlib
import pickle
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import pytest
from batchmap import ItemRecord, RetryAfter, parallel_map, stream_map
from batchmap.error_kinds import ErrorKinds
from batchmap.worker.failures import describe_failure
from batchmap.worker.http_errors import HttpError, http_error

from tests.http_server import Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def with_urllib(url: str) -> str:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.read().decode()  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        error.close()
        raise


def with_httpx(url: str) -> str:
    return _text(importlib.import_module("httpx").get(url))


def with_requests(url: str) -> str:
    return _text(importlib.import_module("requests").get(url))


def _text(answer: Any) -> str:
    answer.raise_for_status()
    return answer.text  # type: ignore[no-any-return]


async def with_httpx_async(url: str) -> str:
    async with importlib.import_module("httpx").AsyncClient() as client:
        return _text(await client.get(url))


async def with_aiohttp(url: str) -> str:
    aiohttp = importlib.import_module("aiohttp")
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(url) as answer:
        return await answer.text()  # type: ignore[no-any-return]


def with_own_error(url: str) -> str:
    try:
        return with_urllib(url)
    except OSError as error:
        raise LookupError(url) from error


CLIENTS = [with_urllib, with_httpx, with_requests, with_httpx_async, with_aiohttp, with_own_error]


def error_of(client: Callable[[str], Any], url: str) -> BaseException:
    for name in ("httpx", "requests", "aiohttp"):
        if name in client.__name__:
            pytest.importorskip(name)
    try:
        result = client(url)
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("client", CLIENTS)
def test_status_and_wait_are_read_off_the_errors_of_every_client(
    server: Server, client: Callable[[str], Any]
) -> None:
    def told(**query: object) -> HttpError | None:
        return http_error(error_of(client, server.url("told", **query)), now_s=lambda: 1e9)

    assert told(status=404) == (404, None)
    assert told(status=429, after=7) == (429, 7.0)
    assert told(status=503, after="0.5") == (503, 0.5)
    assert told(status=503, after=formatdate(1e9 + 90, usegmt=True)) == (503, 90.0)
    assert told(status=503, after=formatdate(1e9 - 90, usegmt=True)) == (503, 0.0)
    assert told(status=503, after="soon") == (503, None)
    assert [told(status=503, after=no) for no in ("-5", "inf", "nan")] == [(503, None)] * 3
    date = formatdate(2e9, usegmt=True)  # the server's clock counts, where it tells it
    assert told(status=503, date=date, after=formatdate(2e9 + 60, usegmt=True)) == (503, 60.0)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_asks_for_patience_gets_it(
    server: Server, client: Callable[[str], Any]
) -> None:
    error_of(client, server.url("skipped", status=500))
    name = f"patient-{client.__name__}"
    url = server.url(name, status=429, times=2, after=0)
    assert parallel_map(client, [url], retries=2) == ["3"]
    hasty, patient = f"hasty-{client.__name__}", f"long-{client.__name__}"
    urls = [server.url(hasty, status=429), server.url(patient, status=429, after=3600)]
    records = sorted(stream_map(client, urls, retries=1, retry_for="20m"), key=_index)
    assert [record.attempts for record in records] == [2, 1]  # an hour is more than it may take
    assert (server.requests[hasty], server.requests[patient]) == (2, 1)


def _index(record: ItemRecord) -> int:
    return record.index


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 451])
def test_a_fault_of_the_request_is_not_tried_again(server: Server, status: int) -> None:
    urls = [server.url(f"fault-{status}", status=status)]
    [record] = stream_map(with_urllib, urls, retries=5)
    assert record.attempts == server.requests[f"fault-{status}"] == 1
    assert record.failure is not None
    assert type(record.failure.exception).__name__ == "HTTPError"


@pytest.mark.parametrize("backend", ["sequential", "thread"])
@pytest.mark.parametrize("direct", [True, False])
def test_the_answer_of_an_attempt_is_closed_before_the_next_and_the_last_can_be_read(
    server: Server, backend: Any, direct: bool
) -> None:
    errors: list[urllib.error.HTTPError] = []

    def fetch(url: str) -> None:
        assert all(error.fp.closed for error in errors)
        try:
            urllib.request.urlopen(url)
        except urllib.error.HTTPError as error:
            errors.append(error)
            if direct:
                raise
            raise LookupError(url) from error

    url = server.url(f"open-{backend}-{direct}", status=503, after=0)
    [failed] = parallel_map(fetch, [url], retries=2, backend=backend, on_error="record")
    assert failed is not None
    assert (failed.attempts, len(errors)) == (3, 3)
    with errors[-1] as last:
        assert last.read() == b"3"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(server: Server, status: int) -> None:
    urls = [server.url(f"passes-{status}", status=status, times=1)]
    assert parallel_map(with_urllib, urls, retries=1) == ["2"]


def test_a_forbidden_request_is_tried_again_where_the_server_says_when(server: Server) -> None:
    assert parallel_map(
        with_urllib, [server.url("x", status=403, times=1, after=0)], retries=1
    ) == ["2"]


class Odd(Exception):
    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.__dict__.update(attributes)


class Closed:
    """What raises at every look, as a response does that was never read."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("429"),
        SystemExit(404),
        Odd(code=404),
        Odd(status=404),
        Odd(headers={"Retry-After": "5"}),
        Odd(code=True, headers={}),
        Odd(code="404", headers={}),
        Odd(response=None, status=7, headers=None),
        Odd(response=Closed()),
    ],
)
def test_other_errors_are_not_taken_for_http(error: BaseException) -> None:
    assert http_error(error) is None


def test_a_plain_dict_of_headers_is_read_in_either_case() -> None:
    assert http_error(Odd(code=429, headers={"retry-after": "5"})) == (429, 5.0)
    assert http_error(Odd(code=429, headers=None)) == (429, None)


def test_causes_that_go_round_are_looked_at_once() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert http_error(first) is None


def with_own_words(url: str) -> None:
    try:
        with_urllib(url)
    except OSError as error:
        raise RetryAfter(1, "busy") from error


@pytest.mark.parametrize("client", [*CLIENTS, with_own_words])
def test_each_status_is_a_kind_of_error_of_its_own(
    server: Server, client: Callable[[str], Any]
) -> None:
    kinds = ErrorKinds()
    statuses = [429] * 6 + [500] * 3 + [503]
    for number, code in enumerate(statuses):
        error = error_of(client, server.url(f"page-{number}", status=code))
        failure = pickle.loads(pickle.dumps(describe_failure(error)))  # as from another process
        kinds.add(failure, number)
    found = kinds.most_frequent(9)
    assert [one.number for one in found] == [6, 3, 1]
    for one, status in zip(found, ("429", "500", "503"), strict=True):
        assert status in one.pattern
        assert status in one.error

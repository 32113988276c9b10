"""`--live`: a page on this machine while a run goes on, for those who have its token."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.run_command import Place, ended, place, reached, released
from tests.waiting import wait_until

__all__ = ["place"]

pytest.importorskip("waitress", reason="needs requirements-operations.txt")

GATED = "tasks.py:gated in.txt -o out.jsonl -j 1 --batch-size 1 --no-progress --backend".split()


class Page:
    """The page of a running command, as its first line on stderr says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.line = process.stderr.readline()
        told = re.fullmatch(r"live: (http://127\.0\.0\.1:\d+/\?token=([\w-]{43}))\n", self.line)
        assert told is not None, self.line
        self.token = told[2]
        port = urlsplit(told[1]).port
        assert port is not None
        self.port = port

    def ask(
        self, path: str = "/", *, method: str = "GET", token: str | None = "", host: str = ""
    ) -> tuple[int, str, dict[str, str]]:
        """Return the status, the text and the headers of an answer; by default with the token."""
        query = "" if token is None else f"?token={token or self.token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Host": host} if host else {}
            connection.request(method, path + query, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()


@contextmanager
def running(place: Place, *words: str) -> Iterator[tuple[subprocess.Popen[str], Page]]:
    """Run the task `gated` up to its gate, with a page."""
    place.gates()
    with place.running(*GATED, *(words or ("thread",)), "--live") as process:
        page = Page(process)
        reached(place, process)
        yield process, page


def test_the_page_is_for_those_who_have_the_token_and_only_to_be_read(place: Place) -> None:
    with running(place) as (process, page):
        status, text, headers = page.ask()
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "<h1>tasks.py:gated</h1>" in text
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
        assert nonce is not None
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert f'<script nonce="{nonce[1]}">' in text
        assert nonce[1] not in page.ask()[1]
        assert page.token not in text

        assert page.ask(method="HEAD")[:2] == (200, "")
        for token in (None, "x", page.token[:-1], page.token + "x", "%C3%A9"):
            status, text, _ = page.ask(token=token)
            assert (status, "tasks.py" in text) == (403, False)
            assert page.ask("/figures", token=token)[0] == 403
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            status, text, headers = page.ask(method=method)
            assert (status, headers["Allow"], "tasks.py" in text) == (405, "GET, HEAD", False)
        for host in ("evil.example", f"evil.example:{page.port}", "127.0.0.1.evil.example"):
            assert page.ask(host=host)[0] == 403
        for host in ("localhost", f"localhost:{page.port}", "127.0.0.1:1"):
            assert page.ask(host=host)[0] == 200
        for path in ("/nothing", "/../etc/passwd", "/figures/"):
            assert page.ask(path)[0] == 404
        assert released(place, process) == 0


def test_it_shows_how_far_the_run_is_and_the_open_page_is_told_of_its_end(place: Place) -> None:
    with running(place) as (process, page):
        wait_until(lambda: "<strong>5</strong> <span>of 10 items done" in page.ask()[1])
        text = page.ask()[1]
        assert "5 left" in text
        assert "1 of 1</dd>" in text
        assert "thread at work; " in text
        assert "data-ended" not in text
        with ThreadPoolExecutor() as waiting:
            asked = [waiting.submit(page.ask, "/figures") for _ in range(3)]
            wait_until(lambda: all(one.running() for one in asked))
            assert released(place, process) == 0
            told = [one.result(60)[1] for one in asked]
        last = told if all("data-ended" in text for text in told) else [page_at_end(told)]
        for text in last:
            assert "Run complete</p>" in text
            assert "<strong>10</strong> <span>of 10 items done" in text
    with pytest.raises(ConnectionRefusedError):
        page.ask()


def page_at_end(told: list[str]) -> str:
    """Return the answer that tells of the end; another one may have come a moment before it."""
    return next(text for text in told if "data-ended" in text)


def test_errors_and_slow_items_are_shown_as_text(place: Place) -> None:
    place.write(
        "bad.py",
        "import time\n"
        "from tasks import gated\n"
        "class Bad(Exception): pass\n"
        "def f(item):\n"
        "    if item == '2': time.sleep(0.02); raise Bad('<script>1\\x1b[2J\\ud800</script>')\n"
        "    return gated(item)\n",
    )
    place.gates()
    words = ["bad.py:f", *GATED[1:], "thread"]
    with place.running(*words, "--live") as process:
        page = Page(process)
        reached(place, process)
        wait_until(lambda: "Most frequent errors" in page.ask()[1])
        text = page.ask()[1]
        assert "Bad: &lt;script&gt;1\\x1b[2J\\ud800&lt;/script&gt;" in text
        assert "<td>in.txt line 3</td>" in text
        assert text.count("<script") == 1
        assert released(place, process) == 1


@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_ends_the_command_though_pages_are_open(place: Place, times: int) -> None:
    with running(place) as (process, page):
        assert page.ask()[0] == 200
        connections = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(3)]
        connections[0].sendall(b"GET /figures HTTP/1.1\r\n")  # which never says more
        with ThreadPoolExecutor() as waiting:
            asked = waiting.submit(page.ask, "/figures")
            wait_until(asked.running)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert process.stderr.readline().startswith("stopping: ")
            if times == 1:
                (place.directory / "go").write_text("")
            for _ in range(times - 1):
                process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert asked.exception(60) is None or times > 1
        for connection in connections:
            connection.close()
    place.check_no_process()


def test_the_page_goes_on_where_an_item_has_ended_the_process(place: Place) -> None:
    place.write(
        "crash.py",
        "import os\n"
        "from tasks import gated\n"
        "def f(item):\n"
        "    if item == '3': os._exit(7)\n"
        "    return gated(item)\n",
    )
    place.gates()
    with place.running("crash.py:f", *GATED[1:], "thread", "--live") as process:
        page = Page(process)
        reached(place, process)
        wait_until(lambda: re.search(r"process(es)? at work", page.ask()[1]))
        assert released(place, process) == 1
        assert process.stderr is not None
        assert "live:" not in process.stderr.read()


def test_neither_workers_nor_what_items_fork_have_its_sockets(place: Place) -> None:
    place.write(
        "forks.py",
        "import json, os\n"
        "from tasks import gated\n"
        "def sockets():\n"
        "    found = []\n"
        "    for name in os.listdir('/proc/self/fd'):\n"
        "        try: found.append(os.readlink(f'/proc/self/fd/{name}'))\n"
        "        except OSError: pass\n"
        "    return found\n"
        "def f(item):\n"
        "    if item == '5':\n"
        "        if not (child := os.fork()):\n"
        "            with open(f'forked-{os.getpid()}', 'w') as file: json.dump(sockets(), file)\n"
        "            os._exit(0)\n"
        "        os.waitpid(child, 0)\n"
        "        with open(f'worker-{os.getpid()}', 'w') as file: json.dump(sockets(), file)\n"
        "    return gated(item)\n",
    )
    place.gates()
    for backend, kinds in (("process", {"worker", "forked"}), ("thread", {"forked"})):
        words = [*GATED[1:], backend, "--live", "--overwrite"]
        with place.running("forks.py:f", *words) as process:
            page = Page(process)
            reached(place, process)
            assert page.ask()[0] == 200
            inode = listening_inode(page.port)
            assert released(place, process) == 0
        for kind in kinds:
            [path] = place.directory.glob(f"{kind}-*")
            assert f"socket:[{inode}]" not in json.loads(path.read_text()), (backend, kind)
        for path in place.directory.glob("*-[0-9]*"):
            path.unlink()
        (place.directory / "passed").unlink(missing_ok=True)


def listening_inode(port: int) -> str:
    """Return the inode of the socket that listens at a port of this machine."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    [inode] = [line[9] for line in lines if line[1] == f"0100007F:{port:04X}" and line[3] == "0A"]
    return inode


def test_a_port_of_ones_own_is_taken_and_one_in_use_is_refused(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = "tasks.py:counted in.txt -o out.jsonl".split()
        told = f"--live {port}: the port cannot be had (Address already in use); "
        assert ended(place.run(*words, "--live", str(port))) == (
            2,
            [f"{told}leave the number out for a free one"],
        )
        assert place.names() == set()
    done = place.run("--live", str(port), *words)
    assert done.returncode == 0
    assert done.stderr.startswith(f"live: http://127.0.0.1:{port}/?token=")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("--live 65536", "--live must be at most 65535, got 65536; leave the number out for a "
         "free port"),
        ("--live -1", "--live must be at least 0, got -1; leave the number out for a free port"),
        ("--live=", "--live must be a whole number, got ''; leave the number out for a free port"),
        ("--live=80x", "--live must be a whole number, got '80x'; leave the number out for a free "
         "port"),
        ("--live -q", "--live prints where the page is and --quiet nothing; leave one out"),
        ("--live --dry-run", "--live is about a run and --dry-run does none; leave one out"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_in_a_line(place: Place, words: str, fault: str) -> None:
    done = place.run("tasks.py:counted", "in.txt", "-o", "out.jsonl", *words.split())
    assert ended(done) == (2, [fault])
    assert place.names() == set()


@pytest.mark.parametrize(
    "words",
    ["--live tasks.py:same in.txt -o out.jsonl", "tasks.py:same in.txt -o out.jsonl --live",
     "tasks.py:same --live 0 in.txt -o out.jsonl", "tasks.py:same --live=0 in.txt -o out.jsonl"],
)  # fmt: skip
def test_the_port_may_be_left_out_wherever_the_option_stands(place: Place, words: str) -> None:
    done = place.run(*words.split())
    assert done.returncode == 0
    assert done.stderr.startswith("live: http://127.0.0.1:")
    assert len(place.results("out.jsonl")) == 10

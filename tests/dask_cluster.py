"""A Dask cluster for tests, each part a process of its own; and the tasks that it runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.waiting import WAIT_S, wait_until

TASKS = """
import os, threading, time
from pathlib import Path
import neighbour

ready = None

def set_up():
    global ready
    ready = f"{os.getpid()}-{time.monotonic_ns()}"

def square(line):
    time.sleep(0.002)
    return neighbour.square(int(line))

def import_late(line):
    import late
    return late.VALUE

def in_process(line):
    time.sleep(0.002)
    return ready, __file__

def misbehave(line):
    number = int(line)
    time.sleep(0.001)
    if number == 70: os._exit(7)
    if number == 80: threading.Event().wait()
    if number == 90: raise ValueError("no")
    if number == 100: return threading.Lock()
    return number

def sign(line):
    (HERE / f"item-{line}-{os.getpid()}").touch()
    return int(line)

def wait_for_file(line):
    if int(line) == 20:
        (HERE / "reached").touch()
        while not (HERE / "go").exists(): time.sleep(0.01)
    return int(line)
"""


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(
        self,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        protocol: str = "tcp",
        options: Sequence[str] = (),
        python: str | Path = sys.executable,
    ) -> None:
        self._python = str(python)
        self._directory = directory
        self._options = options
        self._file = directory / "scheduler.json"
        self._started: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "scheduler", "--host", f"{protocol}://{host}", "--port", "0",
            "--scheduler-file", str(self._file),
        )  # fmt: skip
        wait_until(lambda: self._file.exists() and self._file.read_text())  # written in one go
        self._url = str(json.loads(self._file.read_text())["address"])
        self.address = self._url.rpartition("://")[2]

    def add_worker(
        self, *, within: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker, by the command `within` if there is one."""
        return self._start(
            "worker", self._url, "--nthreads", "1", "--local-directory", str(self._directory),
            within=within, **environment,
        )  # fmt: skip

    def wait_for_workers(self, number: int) -> None:
        """Return when so many workers are there, however busy the machine is."""
        with self.client() as client:
            client.wait_for_workers(number, timeout=WAIT_S)

    def client(self) -> Any:
        """Return a client of the cluster."""
        import distributed

        named = dict(zip(self._options[::2], self._options[1::2], strict=True))
        security = distributed.Security(  # type: ignore[no-untyped-call]
            tls_ca_file=named.get("--tls-ca-file"),
            tls_client_cert=named.get("--tls-cert"),
            tls_client_key=named.get("--tls-key"),
            require_encryption=bool(named),
        )
        return distributed.Client(  # type: ignore[no-untyped-call]
            self._url, security=security, timeout=WAIT_S, set_as_default=False
        )

    def end(self) -> None:
        """Kill what was started."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(
        self, what: str, *words: str, within: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*within, self._python, "-m", f"distributed.cli.dask_{what}", *words,
             *self._options, "--no-dashboard"],
            cwd=self._directory,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self._started.append(process)
        return process


def results(path: Path) -> dict[int, object]:
    """Return the results of an output by the index of their items, each of which is there once."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    by_index = {line["index"]: line["result"] for line in lines}
    assert len(by_index) == len(lines)
    return by_index


def write_tasks(directory: Path) -> Path:
    """Write tasks, the modules that they import, and an input of 400 lines."""
    (directory / "tasks.py").write_text(TASKS + f"HERE = Path({str(directory)!r})\n")
    (directory / "neighbour.py").write_text("def square(number): return number * number\n")
    (directory / "late.py").write_text("VALUE = 1\n")
    (directory / "lines.txt").write_text("".join(f"{number}\n" for number in range(400)))
    return directory

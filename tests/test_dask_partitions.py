"""Runs on a Dask cluster that a worker is cut off from, each in a network namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.dask_cluster import Cluster, write_tasks
from tests.waiting import wait_until

pytest.importorskip("distributed")

NUMBER = 100_000
BRIDGE = "pbp-bridge"
NETWORK = "10.213.77"


class Network:
    """A bridge, and three namespaces that a cable leads to from it."""

    def __init__(self) -> None:
        self._run(f"link add {BRIDGE} type bridge")
        self._run(f"addr add {NETWORK}.1/24 dev {BRIDGE}")
        self._run(f"link set {BRIDGE} up")
        for number in range(3):
            self._run(f"netns add pbp-{number}")
            self._run(
                f"link add pbp-here-{number} type veth peer name pbp-there netns pbp-{number}"
            )
            self._run(f"link set pbp-here-{number} master {BRIDGE} up")
            self._run(f"-n pbp-{number} addr add {NETWORK}.{10 + number}/24 dev pbp-there")
            self._run(f"-n pbp-{number} link set lo up")
            self._run(f"-n pbp-{number} link set pbp-there up")

    @staticmethod
    def within(number: int) -> list[str]:
        """Return the command that runs another one in a namespace."""
        return ["ip", "netns", "exec", f"pbp-{number}"]

    def take_down(self) -> None:
        """Take the interface of the first worker down, which it notices."""
        self._run("-n pbp-0 link set pbp-there down")

    def take_up(self) -> None:
        """Take it up again."""
        self._run("-n pbp-0 link set pbp-there up")

    def unplug(self) -> None:
        """Have all packets from and to the first worker dropped, of which nothing is notified."""
        self._run("link set pbp-here-0 nomaster")

    def plug_in(self) -> None:
        """Have them passed on again."""
        self._run(f"link set pbp-here-0 master {BRIDGE}")

    @classmethod
    def remove(cls) -> None:
        """Remove all that may be there."""
        for number in range(3):
            with suppress(subprocess.CalledProcessError):
                cls._run(f"link del pbp-here-{number}")
            with suppress(subprocess.CalledProcessError):
                cls._run(f"netns del pbp-{number}")
        with suppress(subprocess.CalledProcessError):
            cls._run(f"link del {BRIDGE}")

    @staticmethod
    def _run(words: str) -> None:
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)


@pytest.fixture
def network() -> Iterator[Network]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("only root may make network namespaces, with `ip`")
    Network.remove()
    try:
        try:
            made = Network()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr}")
        yield made
    finally:
        Network.remove()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("comes_back", [False, True], ids=["permanently", "for a while"])
@pytest.mark.parametrize("how", ["take_down", "unplug"])
def test_a_worker_that_is_cut_off_changes_nothing(
    tmp_path: Path, network: Network, how: str, comes_back: bool
) -> None:
    tasks = write_tasks(tmp_path)
    (tasks / "many.txt").write_text("".join(f"{number}\n" for number in range(NUMBER)))
    output = tasks / "out.jsonl"
    cut_off: Callable[[], None] = getattr(network, how)
    reconnect = network.take_up if how == "take_down" else network.plug_in
    cluster = Cluster(tmp_path, host=f"{NETWORK}.1")
    try:
        for number in range(3):
            cluster.add_worker(within=network.within(number))

        def disturb() -> None:
            wait_until(lambda: output.exists() and written() > NUMBER // 10, seconds=120)
            cut_off()
            if comes_back:
                wait_until(lambda: written() > NUMBER // 2, seconds=300)
                reconnect()

        def written() -> int:
            return output.read_bytes().count(b"\n")

        disturber = threading.Thread(target=disturb)
        disturber.start()
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "run", "tasks.py:square", "many.txt", "-q",
             "-k", "-o", "out.jsonl", "--backend", "dask", "--address", cluster.address],
            cwd=tasks, capture_output=True, text=True, check=False,
        )  # fmt: skip
        disturber.join()
    finally:
        cluster.end()
    assert done.returncode == 0, done.stderr
    lines = output.read_text().splitlines()
    assert [json.loads(line)["result"] for line in lines] == [n * n for n in range(NUMBER)]

"""Whether items that wait may wait for another side is seen while they run."""

from __future__ import annotations

import subprocess
import sys

from batchmap.tuning.other_side import OtherSideWatch

from tests.fakes import FakeClock


class Watch(OtherSideWatch):
    """A watch that sees what it is told."""

    def __init__(self, clock: FakeClock, *, is_there: bool = False) -> None:
        self.may = is_there
        self.wanted_s = 0.0
        super().__init__(clock=clock, wanted_s=lambda: self.wanted_s, may_be_there=lambda: self.may)


def looked_for(watch: Watch, clock: FakeClock, seconds: float, *, cpu_share: float = 0.0) -> None:
    until_s = clock.now() + seconds
    while clock.now() < until_s:
        watch.look()
        watch.wanted_s += 0.001 * cpu_share
        clock.sleep(0.001)


def test_no_other_side_is_known_once_items_have_waited_without_one() -> None:
    clock = FakeClock()
    watch = Watch(clock)
    looked_for(watch, clock, 0.008)
    assert watch.is_there is None
    looked_for(watch, clock, 0.02)
    assert watch.is_there is False


def test_what_computes_may_connect_later() -> None:
    clock = FakeClock()
    watch = Watch(clock)
    looked_for(watch, clock, 0.2, cpu_share=0.9)
    assert watch.is_there is None
    watch.may = True
    looked_for(watch, clock, 0.01)
    assert watch.is_there is True


def test_one_that_is_seen_later_counts_from_then_on() -> None:
    clock = FakeClock()
    watch = Watch(clock)
    watch.look(has_waited=True)
    assert watch.is_there is False
    watch.may = True
    looked_for(watch, clock, 0.3)
    assert watch.is_there is True


SEEN = """
import socket, subprocess, sys
from batchmap import parallel_map
from batchmap.tuning.other_side import may_have_other_side as seen

assert not seen()
pair = socket.socketpair()
listening = socket.create_server(("127.0.0.1", 0))
assert not seen(), "a pair and a socket that listens are no connections"
with socket.create_connection(listening.getsockname()):
    assert seen()
assert not seen()
waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
with subprocess.Popen(waits, stdin=subprocess.PIPE) as child:
    assert seen(), "a child may be waited for"
    child.communicate()
assert not seen()
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
assert parallel_map(abs, [-1, -2], backend="process", workers=2) == [1, 2]
assert not seen(), "the server of our worker processes is none"
"""


def test_connections_and_children_are_seen_and_nothing_of_our_own() -> None:
    done = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True)
    assert done.stderr == ""

"""The fork server: a process without threads that forks workers for one that has some.

    caller:  control --- a channel for each pool --> server
             channel --- START, with descriptors --> fork --> worker
                     <-- STARTED, EXITED ---------- wait

It knows nothing of the caller's program; a worker gets that with its first frame. It ends with the
caller, and a pool's workers end with the pool's channel.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import IntEnum
from importlib import import_module
from typing import NamedTuple, NoReturn, cast

from batchmap.executors.process.process_tree import kill_trees
from batchmap.executors.process.worker_process import (
    WorkerDescriptors,
    enter_served_worker,
    preload,
)

__all__ = ["MESSAGE", "Message", "serve"]

MESSAGE = struct.Struct("!BIq")


class Message(IntEnum):
    """What a message on a channel says of a worker, whose key and a value follow."""

    START = 0
    """To the server: fork it; `WorkerDescriptors` come with the message."""
    KILL = 1
    """To the server: kill it; and all that it has started, unless the value is 0."""
    STARTED = 2
    """From the server: the value is the process id."""
    EXITED = 3
    """From the server: the value is the exit code."""
    FAILED = 4
    """From the server: it could not be forked; the value is the error number."""


class _Child(NamedTuple):
    """A worker that runs."""

    channel: socket.socket
    key: int


def serve(caller: int, modules: Sequence[str] = ()) -> None:
    """Fork workers for the process `caller`, whose control socket is standard input.

    `modules` are those of this library that workers will need, beside what all of them do.
    """
    control = _take_descriptors()
    preload()
    for name in modules:
        import_module(name)
    _Server(control, caller).run()


def _take_descriptors() -> socket.socket:
    """Return the control socket; all other descriptors that were inherited are closed."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    safe = control.detach()
    os.closerange(3, safe)
    os.closerange(safe + 1, os.sysconf("SC_OPEN_MAX"))
    return socket.socket(fileno=safe)


class _Server:
    def __init__(self, control: socket.socket, caller: int) -> None:
        self._caller = caller
        self._children: dict[int, _Child] = {}
        """By process id."""
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, self._add_channel)
        self._watch_caller()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._reap)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                act: Callable[[], object] = key.data
                act()

    def _watch_caller(self) -> None:
        """End with the caller, even where a process that it forked holds its sockets."""
        if hasattr(os, "pidfd_open"):
            with suppress(OSError):
                descriptor = os.pidfd_open(self._caller)
                self._selector.register(descriptor, selectors.EVENT_READ, self._end)
        if os.getppid() != self._caller:
            self._end()

    def _end(self) -> NoReturn:
        kill_trees(self._children)
        os._exit(0)

    def _add_channel(self) -> None:
        received, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        if not received:
            self._end()
        for descriptor in descriptors:
            channel = socket.socket(fileno=descriptor)
            self._selector.register(
                channel, selectors.EVENT_READ, lambda channel=channel: self._answer(channel)
            )

    def _answer(self, channel: socket.socket) -> None:
        """Do what the message on the channel asks for."""
        try:
            received, descriptors, _, _ = socket.recv_fds(
                channel, MESSAGE.size, len(WorkerDescriptors._fields)
            )
        except ConnectionError:
            received, descriptors = b"", []
        if len(received) < MESSAGE.size:
            kill_trees([pid for pid, child in self._children.items() if child.channel is channel])
            self._selector.unregister(channel)
            channel.close()
            return
        kind, key, value = MESSAGE.unpack(received)
        if kind == Message.START:
            if len(descriptors) == len(WorkerDescriptors._fields):
                self._start(channel, key, WorkerDescriptors(*descriptors))
                return
            for descriptor in descriptors:  # there was no room for all of them
                os.close(descriptor)
            _tell(channel, Message.FAILED, key, errno.EMFILE)
            return
        pids = [pid for pid, child in self._children.items() if child == (channel, key)]
        if value:
            kill_trees(pids)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def _start(self, channel: socket.socket, key: int, descriptors: WorkerDescriptors) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            _tell(channel, Message.FAILED, key, error.errno or 0)
        else:
            if not pid:
                self._leave_to_worker(descriptors)
            self._children[pid] = _Child(channel, key)
            _tell(channel, Message.STARTED, key, pid)
        for descriptor in descriptors:
            os.close(descriptor)

    def _leave_to_worker(self, descriptors: WorkerDescriptors) -> NoReturn:
        """Become a worker, in the process that was forked."""
        server = os.getppid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, int):
                os.close(key.fileobj)
            else:
                cast(socket.socket, key.fileobj).close()
        self._wake_write.close()
        self._selector.close()
        enter_served_worker(descriptors, server=server, caller=self._caller)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if (child := self._children.pop(pid, None)) is not None:
                code = os.waitstatus_to_exitcode(status)
                _tell(child.channel, Message.EXITED, child.key, code)


def _tell(channel: socket.socket, message: Message, key: int, value: int) -> None:
    with suppress(OSError):  # its pool has ended
        channel.sendall(MESSAGE.pack(message, key, value))


if __name__ == "__main__":
    serve(int(sys.argv[1]))

"""Workers that are forked by the fork server of this process, which starts when first needed."""

from __future__ import annotations

import errno
import multiprocessing.spawn
import multiprocessing.util
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from batchmap.executors.process.fork_server import MESSAGE, Message
from batchmap.executors.process.sockets import NO_SIGNAL, safe_socketpair, send_descriptors
from batchmap.executors.process.spawn import BLOCKED_SIGNALS
from batchmap.executors.process.worker_process import WorkerDescriptors

__all__ = ["ServedProcess", "ServerChannel", "server_pid", "start_server_early"]

_CODE = """\
import sys
if "" in sys.path: sys.path.remove("")
sys.path.insert(0, sys.argv[2])
sys.path += [entry for entry in sys.argv[4:] if entry not in sys.path]
from batchmap.executors.process.fork_server import serve
serve(int(sys.argv[1]), sys.argv[3].split())
"""
"""What the server runs. It imports this library and nothing of the user's: modules beside the
script, which may be named like others, come last."""


_PRELOADED = ("batchmap.sources", "batchmap.sinks")
"""What the server loads for all workers, where it is loaded here."""


class _Server:
    """The server of this process."""

    control: socket.socket | None = None
    pid = 0
    lock = threading.Lock()


def _forget_server() -> None:
    """In a forked child, which needs a server of its own."""
    if _Server.control is not None:
        _Server.control.close()
    _Server.control, _Server.lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_server)


def server_pid() -> int:
    """Return the process id of the server that was started last; 0 before any was."""
    return _Server.pid


def start_server_early() -> None:
    """Start the server where there is none, so that it is ready when workers are wanted of it."""
    if _Server.control is None:
        with suppress(OSError):  # which is told when workers are wanted
            _new_channel().close()


class ServedProcess:
    """A worker that the server has forked; how it ended comes over the channel."""

    def __init__(self, channel: ServerChannel, key: int) -> None:
        self.key = key
        self.pid: int | None = None
        """`None` until the server has said it."""
        self.exit_code: int | None = None
        """How it ended: negative for a signal; `None` before, and where that is not known."""
        self.ended = False
        self.channel = channel


class ServerChannel:
    """What one pool asks of the server, and what it is told."""

    def __init__(self) -> None:
        """Raises `OSError` where the server cannot be started."""
        self._socket = _new_channel()
        self._processes: dict[int, ServedProcess] = {}
        self._next_key = 0
        self.ended = False
        """Whether the server has ended, and with it all processes of this channel."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there is something to be told."""
        return self._socket.fileno()

    def start(self, sock: socket.socket, running: int, tracker: int) -> ServedProcess:
        """Have a worker started that gets the other end of its socket, and these descriptors.

        Raises `OSError` where that cannot be asked for.
        """
        process = ServedProcess(self, self._next_key)
        with ExitStack() as opened:
            descriptors = WorkerDescriptors(
                socket=sock.fileno(),
                running=running,
                directory=_opened(opened, ".", getattr(os, "O_PATH", os.O_RDONLY)),
                stdout=_stream_descriptor(opened, 1),
                stderr=_stream_descriptor(opened, 2),
                tracker=tracker,
            )
            message = MESSAGE.pack(Message.START, process.key, 0)
            with suppress(ConnectionError):  # it has ended, which is seen when this is read
                send_descriptors(self._socket, message, descriptors)
        self._processes[process.key] = process
        self._next_key += 1
        return process

    def kill(self, process: ServedProcess, *, with_descendants: bool = True) -> None:
        """Have a process killed, and all that it has started."""
        with suppress(OSError):
            message = MESSAGE.pack(Message.KILL, process.key, with_descendants)
            self._socket.sendall(message, NO_SIGNAL)

    def collect(self) -> Iterator[tuple[ServedProcess, OSError | None]]:
        """Take note of what the server has told; yield the processes that have ended.

        With each comes the error where it could not be started.
        """
        try:
            received = self._socket.recv(MESSAGE.size, socket.MSG_WAITALL)
        except ConnectionError:
            received = b""
        if len(received) < MESSAGE.size:
            self.ended = True
            left, self._processes = self._processes, {}
            for process in left.values():
                process.ended = True
                yield process, None
            return
        message, key, value = MESSAGE.unpack(received)
        process = self._processes[key]
        if message == Message.STARTED:
            process.pid = value
            return
        del self._processes[key]
        process.ended = True
        if message == Message.EXITED:
            process.exit_code = value
            yield process, None
        else:
            yield process, OSError(value, os.strerror(value))

    def close(self) -> None:
        """End the processes that are left."""
        self._socket.close()


def _opened(opened: ExitStack, path: str, flags: int) -> int:
    descriptor = os.open(path, flags)
    opened.callback(os.close, descriptor)
    return descriptor


def _stream_descriptor(opened: ExitStack, number: int) -> int:
    """Return the descriptor of a standard stream, or one of nothing where it was closed.

    Its number may have been given to some other file then.
    """
    stream = sys.__stdout__ if number == 1 else sys.__stderr__
    try:
        os.fstat(number)
        if stream is not None:
            return number
    except OSError:
        pass
    return _opened(opened, os.devnull, os.O_WRONLY)


def _new_channel() -> socket.socket:
    """Return a new channel to the server, which is started where there is none."""
    ours, theirs = safe_socketpair()
    try:
        with theirs, _Server.lock:
            if _Server.control is not None:
                try:
                    send_descriptors(_Server.control, b"\0", [theirs.fileno()])
                    return ours
                except OSError as error:
                    if error.errno in (errno.EBADF, errno.ENOTSOCK):  # closed by this program
                        _Server.control.detach()
                    elif not isinstance(error, ConnectionError):
                        raise
                    _Server.control.close()  # it was killed
                    _Server.control = None
                    with suppress(ChildProcessError):
                        os.waitpid(_Server.pid, os.WNOHANG)
            _Server.control = _start_server()
            send_descriptors(_Server.control, b"\0", [theirs.fileno()])
            return ours
    except BaseException:
        ours.close()
        raise


def _start_server() -> socket.socket:
    ours, theirs = safe_socketpair()
    library = str(Path(__file__).parents[3])
    null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), null]
    if sys.__stderr__ is None:
        actions.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
    executable = os.fsdecode(multiprocessing.spawn.get_executable() or "")
    flags = multiprocessing.util._args_from_interpreter_flags()  # type: ignore[attr-defined]
    preloaded = " ".join(name for name in _PRELOADED if name in sys.modules)
    path = [entry for entry in sys.path if type(entry) is str and entry]
    try:
        _Server.pid = os.posix_spawn(
            executable,
            [executable, *flags, "-c", _CODE, str(os.getpid()), library, preloaded, *path],
            os.environ,
            file_actions=actions,
            setsigmask=BLOCKED_SIGNALS,
            setsigdef=[signal.SIGCHLD],
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours

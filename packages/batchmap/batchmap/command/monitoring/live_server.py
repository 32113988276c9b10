"""Serves the page of a run on this machine's own address, in threads that sleep until asked."""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from typing import Any, Self

from batchmap.command.monitoring.live_answers import LiveAnswers
from batchmap.errors import UsageError
from batchmap.optional import require
from batchmap.threads import start_thread

__all__ = ["LiveServer", "listening_socket"]

_logger = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"

BEGIN_AFTER_S = 1.0

LAST_ANSWERS_S = 0.5
"""How long the end of a run may wait until pages that are open have been told of it."""

_SETTINGS = {
    "threads": 4,
    "ident": None,
    "connection_limit": 50,
    "max_request_header_size": 16_384,
    "max_request_body_size": 1024,
    "asyncore_use_poll": True,
    "asyncore_loop_timeout": 3600,  # it wakes up for a request, and not to look around
    "log_socket_errors": False,
}


def listening_socket(port: int) -> socket.socket:
    """Return a socket that waits for connections at `port` of this machine, 0 for a free one.

    No process that is started inherits it. Raises `UsageError` where the port cannot be had.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{port}: the port cannot be had ({error.strerror})",
            option="live",
            advice="leave the number out for a free one",
        ) from error
    return listening


class LiveServer:
    """Serve `answers` at a listening socket while the `with` block runs.

    It begins a second later, with what has been asked for by then: what serves is loaded late, so
    as not to disturb how the first items of the run are measured.
    """

    def __init__(self, listening: socket.socket, answers: LiveAnswers) -> None:
        self._listening = listening
        self._answers = answers
        self._map: dict[int, Any] = {}
        """The connections, by their descriptors."""
        self._server: Any = None
        self._has_ended = threading.Event()
        self._beginning = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="live page", daemon=True)

    def __enter__(self) -> Self:
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._close_here)
        start_thread(self._thread)
        return self

    def __exit__(self, *error: object) -> None:
        with self._beginning:
            self._has_ended.set()
        if self._server is not None:
            self._answers.end(LAST_ANSWERS_S)
            with suppress(OSError):  # it has ended by itself
                self._server.trigger.pull_trigger(self._close)
        self._thread.join(LAST_ANSWERS_S)

    def _serve(self) -> None:
        if self._has_ended.wait(BEGIN_AFTER_S):
            return
        logging.getLogger("waitress").setLevel(logging.CRITICAL)  # who looks on is no news
        try:
            waitress: Any = require("waitress.server", "operations", "--live")
        except UsageError as error:  # it was there when the options were checked
            _logger.warning("%s", error)
            return
        with self._beginning:
            if self._has_ended.is_set():
                return
            self._server = waitress.create_server(
                self._answers, map=self._map, sockets=[self._listening], **_SETTINGS
            )
        self._server.run()

    def _close(self) -> None:
        """Close all connections; this is called in the server's own thread, which then ends."""
        self._server.task_dispatcher.set_thread_count(0)
        self._server.asyncore.close_all(self._map)

    def _close_here(self) -> None:
        """Close the sockets in a process that an item has forked, which might outlive the run."""
        self._listening.close()
        for one in list(self._map.values()):
            with suppress(OSError):
                one.socket.close()

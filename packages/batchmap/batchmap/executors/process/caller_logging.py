"""Log records of a worker are handled where the caller has set up its handlers: in its process.

    worker: logger -> ForwardingHandler -> a frame -> caller: the handlers of the logger so named

A handler may write to a file that it rotates, to a notebook, to a list: only there is it right.
"""

from __future__ import annotations

import copy
import logging
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

__all__ = [
    "captures_warnings",
    "describe_logging",
    "forward_logs",
    "handle_forwarded",
    "set_up_loggers",
]


class _LoggerSetUp(NamedTuple):
    """How a logger is set up in the caller."""

    name: str
    level: int
    propagate: bool
    disabled: bool
    handler_level: int | None
    """Least level of its handlers, `None` where there are none."""


class ForwardingHandler(logging.Handler):
    """Stands for the handlers that the logger `name` has in the caller."""

    def __init__(self, name: str, level: int) -> None:
        super().__init__(level)
        self.logger_name = name

    send: Callable[[bytes], None] | None = None
    """Sends a record to the caller; `None` in a process that an item forked."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record, its text and traceback ready to be read."""
        send = type(self).send
        if send is None:
            if sys.stderr is not None:
                sys.stderr.write(self.format(record) + "\n")
            return
        try:
            send(pickle.dumps((self.logger_name, _plain(record))))
        except Exception:
            self.handleError(record)


def _plain(record: logging.LogRecord) -> dict[str, Any]:
    """Return the attributes of a record, all of which can be unpickled anywhere."""
    record = copy.copy(record)
    record.msg = record.getMessage()
    record.args = None
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_info = None
    values = dict(vars(record))
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool | None):
            try:
                pickle.dumps(value)
            except Exception:
                values[name] = repr(value)
    return values


def handle_forwarded(payload: bytes) -> None:
    """Hand a record on to the handlers, in this process, of the logger that it came from."""
    with suppress(BaseException):  # a handler's own error, which would end what reads from workers
        name, values = pickle.loads(payload)
        record = logging.makeLogRecord(values)
        # The filters of the first logger act on a record, those of its parents do not.
        if not logging.getLogger(record.name).filter(record):
            return
        for handler in (logging.getLogger(name) if name else logging.root).handlers:
            if record.levelno >= handler.level:
                handler.handle(record)


def captures_warnings() -> bool:
    """Tell whether warnings are logged, as `logging.captureWarnings` has it."""
    return getattr(logging, "_warnings_showwarning", None) is not None


def describe_logging() -> tuple[int, bool, list[_LoggerSetUp]]:
    """Return the level disabled for all, whether warnings are captured, and each logger set up."""
    usual = (logging.NOTSET, True, False, None)
    described = map(_described, _loggers())
    return (
        logging.root.manager.disable,
        captures_warnings(),
        [one for one in described if one[1:] != usual],
    )


def _described(logger: logging.Logger) -> _LoggerSetUp:
    levels = [
        handler.level for handler in logger.handlers if not isinstance(handler, logging.NullHandler)
    ]
    return _LoggerSetUp(
        logger.name if logger is not logging.root else "",
        logger.level,
        logger.propagate,
        logger.disabled,
        min(levels, default=None),
    )


def _loggers() -> Iterator[logging.Logger]:
    yield logging.root
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def set_up_loggers(description: tuple[int, bool, list[_LoggerSetUp]]) -> None:
    """Set the loggers of a worker up as they are in the caller, without its handlers."""
    disable, captures, loggers = description
    logging.disable(disable)
    logging.captureWarnings(captures)
    for described in loggers:
        logger = logging.getLogger(described.name or None)
        logger.setLevel(described.level)
        logger.propagate, logger.disabled = described.propagate, described.disabled
        if described.handler_level is not None:
            logger.handlers = [ForwardingHandler(described.name, described.handler_level)]


def forward_logs(send: Callable[[bytes], None] | None) -> None:
    """Send what loggers with handlers get from now on; with `None`, write it to stderr again.

    In a forked worker the handlers of the caller are replaced.
    """
    ForwardingHandler.send = staticmethod(send) if send is not None else None
    for logger in _loggers():
        described = _described(logger)
        if described.handler_level is not None:
            logger.filters = []  # the caller's own are asked again
            logger.handlers = [ForwardingHandler(described.name, described.handler_level)]

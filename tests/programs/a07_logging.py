"""What items log goes to the handlers that the caller has set up, whatever they are."""

import logging
import os
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

from batchmap import parallel_map

BACKENDS = ("auto", "thread", "process")

logger = logging.getLogger("a07.logging")


class Kept(logging.Handler):
    """Keeps the records in a list, as tests and notebooks do."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


def work(number):
    time.sleep(0.001)
    logger.debug("not wanted")
    logger.info("item %d", number, extra={"number": number, "odd": threading.Lock()})
    logging.getLogger("a07.quiet").warning("not wanted")
    if number == 3:
        try:
            raise LookupError("three")
        except LookupError:
            logger.exception("failed")
    if number == 4:
        warnings.warn("four", UserWarning, stacklevel=1)
    return number


def once(backend):
    kept, quiet = Kept(), Kept()
    with tempfile.TemporaryDirectory() as directory:
        file = logging.FileHandler(Path(directory, "log"))
        file.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        root = logging.getLogger()
        before = root.level, root.handlers[:]
        root.handlers[:] = [kept, file]
        root.setLevel(logging.INFO)
        logging.getLogger("a07.quiet").propagate = False
        logging.getLogger("a07.quiet").addHandler(quiet)
        logging.getLogger("a07.quiet").setLevel(logging.ERROR)
        logging.captureWarnings(True)
        warnings.simplefilter("always")
        try:
            assert parallel_map(work, range(8), backend=backend, workers=2) == list(range(8))
        finally:
            logging.captureWarnings(False)
            root.setLevel(before[0])
            root.handlers[:] = before[1]
            file.close()
        lines = Path(directory, "log").read_text().splitlines()
    mine = [record for record in kept.records if record.name == "a07.logging"]
    items = sorted(record.number for record in mine if record.levelno == logging.INFO)
    assert items == list(range(8)), items
    assert not quiet.records
    assert sorted(line for line in lines if line.startswith("INFO a07")) == [
        f"INFO a07.logging item {number}" for number in range(8)
    ]
    assert lines.count("ERROR a07.logging failed") == 1
    assert lines.count("LookupError: three") == 1
    assert sum("UserWarning: four" in line for line in lines) == 1, lines
    assert len({record.process for record in mine} - {os.getpid()}) == (
        0 if backend != "process" else len({record.process for record in mine})
    )


class Exits(logging.Handler):
    def emit(self, record):
        raise SystemExit("handler")


def log(number):
    logging.getLogger("a07.exits").warning("item %d", number)
    return number


def handler_that_exits():
    """What it raises would be the item's in a loop; from another process, it is nobody's."""
    logger, handler = logging.getLogger("a07.exits"), Exits()
    logger.addHandler(handler)
    try:
        assert parallel_map(log, range(8), backend="process", workers=2) == list(range(8))
    finally:
        logger.removeHandler(handler)


def check(backend):
    once(backend)
    if backend == "process":
        handler_that_exits()
    keep = threading.Event()
    threading.Thread(target=keep.wait).start()
    try:
        once(backend)
    finally:
        keep.set()


if __name__ == "__main__":
    check(sys.argv[1])

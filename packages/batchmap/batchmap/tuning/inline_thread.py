"""The thread that runs chunks of items, while the calling thread looks on."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue

from batchmap.threads import started_if_possible
from batchmap.tuning.inline_chunk import Chunk
from batchmap.tuning.long_item import LONG_S
from batchmap.worker.call_context import copied_context

__all__ = ["ChunkThread"]


class ChunkThread:
    """Runs chunks, one after another, in a thread that starts with the first of them."""

    def __init__(self) -> None:
        self._chunks: SimpleQueue[Chunk | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._is_started = False

    def start(self) -> bool:
        """Start the thread, if it has not started; `False` where none can be had."""
        if not self._is_started:
            act = copied_context().run
            thread = threading.Thread(target=act, args=(self._work,), name="worker", daemon=True)
            self._is_started = started_if_possible(thread)
        return self._is_started

    def run(self, chunk: Chunk) -> None:
        """Run a chunk to its end, or cut it short when it takes long; the thread has started."""
        self._chunks.put(chunk)
        try:
            while True:
                try:
                    self._done.get(timeout=LONG_S)
                    return
                except Empty:
                    if chunk.cut():
                        return
        except BaseException:
            chunk.give_up()
            raise

    def end(self) -> None:
        """Have the thread end when it has nothing more to do."""
        self._chunks.put(None)

    def _work(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            chunk.run()
            is_last = chunk.is_last
            self._done.put(None)
            if is_last:
                return

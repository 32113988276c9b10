"""Record batches as bytes, on their way from one process to another."""

from __future__ import annotations

from typing import Any

from batchmap.optional import require

__all__ = ["received", "sent"]


def sent(batch: Any) -> bytes:
    """Return a record batch, of a slice its own rows alone, as bytes of Arrow's IPC format."""
    sink = _pyarrow().BufferOutputStream()
    with _pyarrow("pyarrow.ipc").new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def received(data: bytes) -> Any:
    """Return the record batch that was sent as bytes."""
    return _pyarrow("pyarrow.ipc").open_stream(data).read_next_batch()


def _pyarrow(module: str = "pyarrow") -> Any:
    return require(module, "formats", "Parquet")

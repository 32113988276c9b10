"""Starts a local Dask cluster, or connects to one that runs already."""

from __future__ import annotations

import logging
import socket
import warnings
from typing import Any

import dask
import distributed

from batchmap.errors import UsageError, WorkersLostError
from batchmap.executors.dask.address import DaskAddress, TlsFiles
from batchmap.executors.dask.local_processes import signals_blocked_for_dask
from batchmap.optional import require

__all__ = ["CONNECT_S", "connect", "silence_logs", "start_local"]

CONNECT_S = 10.0
"""How long a scheduler, and then its workers, may take to answer."""

_MAX_CRASHES = 1
"""After so many crashes of the workers that ran it, a local cluster gives a batch up, and the
scheduler of batches finds the item that caused them."""


def silence_logs() -> None:
    """Keep Dask from logging; what matters becomes an error or a result here."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def start_local(name: str, workers: int) -> Any:
    """Start a cluster of so many workers on this machine; errors say `name`.

    It has certificates of its own, made for it, for its ports are open to every user of the
    machine, and who reaches a scheduler can have it run anything. Raises `WorkersLostError` when it
    does not start, `UsageError` when the package for certificates is missing.
    """
    require("cryptography", "dask", "a local Dask cluster")
    try:
        with (
            signals_blocked_for_dask(),
            dask.config.set({"distributed.scheduler.allowed-failures": _MAX_CRASHES}),
        ):
            return distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                host="127.0.0.1",
                security=distributed.Security.temporary(),  # type: ignore[no-untyped-call]
                silence_logs=50,
                memory_limit=0,
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkersLostError(
            f"{name} does not start ({type(error).__name__}: {error!s:.200})",
            advice="{backend:process} needs none",
        ) from error


def connect(name: str, scheduler: DaskAddress | None, local: Any) -> Any:
    """Return a client of the cluster of `scheduler`, or of the `local` one; errors say `name`.

    Raises `WorkersLostError` when it does not answer, `UsageError` for unusable certificates.
    """
    security = _security(scheduler.tls) if scheduler and scheduler.tls else None
    try:
        if scheduler is not None:
            _check_answers(scheduler.address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dask compares more versions than matter here
            client: Any = distributed.Client(  # type: ignore[no-untyped-call]
                scheduler.url if scheduler else local,
                security=security,
                timeout=CONNECT_S,
                set_as_default=False,
            )
    except (OSError, ValueError) as error:
        raise WorkersLostError(
            f"{name} does not answer ({type(error).__name__}: {error!s:.200})",
            advice="check {address:}, and {tls_ca_file:}, {tls_cert:} and {tls_key:} where it "
            "speaks TLS",
        ) from error
    # As for `silence_logs`: Dask leaves futures behind when it closes, which asyncio would report.
    client.loop.asyncio_loop.set_exception_handler(lambda _loop, _context: None)
    return client


def _security(tls: TlsFiles) -> Any:
    security = distributed.Security(  # type: ignore[no-untyped-call]
        tls_ca_file=str(tls.ca_file),
        tls_client_cert=str(tls.cert),
        tls_client_key=str(tls.key),
        require_encryption=True,
    )
    try:
        security.get_connection_args("client")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{tls.ca_file}, {tls.cert} and {tls.key} are no certificates with their key "
            f"({error!s:.200})",
            advice="give {tls_ca_file:}, {tls_cert:} and {tls_key:} PEM files that belong together",
        ) from error
    return security


def _check_answers(address: str) -> None:
    """Raise `OSError` at once where nobody listens; Dask would go on trying."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()

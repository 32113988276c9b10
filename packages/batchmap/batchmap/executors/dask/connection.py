"""The way to a Dask cluster: one is started here, or one is there already."""

from __future__ import annotations

import logging
import socket
import warnings
from typing import Any

import dask
import distributed

from batchmap.errors import UsageError, WorkersLostError
from batchmap.executors.dask.address import DaskAddress, TlsFiles
from batchmap.executors.process.spawn import safe_context, signals_held

__all__ = ["CONNECT_S", "connect", "silence_logs", "start_local"]

CONNECT_S = 10.0
"""How long a scheduler, and then its workers, may take to answer."""

_DEATHS_ALLOWED = 1
"""After how many crashes of its workers a local cluster gives a batch up; the engine then looks
for the item that is to blame."""


def silence_logs() -> None:
    """Keep Dask from logging: we tell what matters."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def start_local(told: str, workers: int) -> Any:
    """Start a cluster of so many workers on this machine, called `told` in what goes wrong.

    Raises `WorkersLostError` when it does not start.
    """
    try:
        with (
            signals_held(safe_context()),
            dask.config.set({"distributed.scheduler.allowed-failures": _DEATHS_ALLOWED}),
        ):
            return distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                host="127.0.0.1",
                silence_logs=50,
                memory_limit=0,
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkersLostError(
            f"{told} does not start ({type(error).__name__}: {error!s:.200}); "
            "--backend process needs none"
        ) from error


def connect(told: str, scheduler: DaskAddress | None, local: Any) -> Any:
    """Return a client of the cluster of `scheduler`, or of the `local` one.

    Raises `WorkersLostError` when it does not answer, `UsageError` for unusable certificates.
    """
    security = _security(scheduler.tls) if scheduler and scheduler.tls else None
    try:
        if scheduler is not None:
            _check_answers(scheduler.address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are looked at below
            return distributed.Client(  # type: ignore[no-untyped-call]
                scheduler.url if scheduler else local,
                security=security,
                timeout=CONNECT_S,
                set_as_default=False,
            )
    except (OSError, ValueError) as error:
        raise WorkersLostError(
            f"{told} does not answer ({type(error).__name__}: {error!s:.200}); "
            "check --address, and the --tls options where it speaks TLS"
        ) from error


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
            f"--tls-ca-file {tls.ca_file}, --tls-cert {tls.cert} and --tls-key {tls.key} are no "
            f"certificates with their key ({error!s:.200}); name PEM files that belong together"
        ) from error
    return security


def _check_answers(address: str) -> None:
    """Raise `OSError` at once where nobody listens; Dask goes on trying."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
